"""Pushes over HTTP with git itself: refused with every new mistake, or let in and followed."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.consent import consent_to
from controller.plan import Action, ActionKind, Plan
from controller.records import BUILDING, Change, ChangeState, Wishes
from gitops.hosted import HostedRepository
from gitops.reading import CommitReader
from gitops.remote import GitRemote
from gitops.sources import HostedSource
from gitops.states import FleetStates
from gitops.trust.trust import Trust
from schemas.errors import ManifestError, SourceUnavailable
from tests.fakes.controller import FakeController
from tests.fakes.web import Running, make_services
from tests.unit.gitops.fleets import Clone, bot_file, program_files
from web.access.listen import Listen
from web.access.scopes import Scope
from web.app import create_app
from web.git_gate import GitGate
from web.push_lines import Verdict, final_line, verdict_lines
from web.server import address_of, bind, serve

SOUND = {**program_files(), "bots/one.yaml": bot_file("one"), "bots/two.yaml": bot_file("two")}


class Desk:
    """A clone, the service that it pushes to, and the controller behind that."""

    def __init__(self, clone: Clone, web: Running, states: FleetStates, repository: Path) -> None:
        self.clone = clone
        self.web = web
        self.states = states
        self.repository = repository

    @property
    def controller(self) -> FakeController:
        return self.web.controller

    async def push(
        self, *arguments: str, scope: Scope | None = Scope.OPERATE, ref: str = "main"
    ) -> tuple[int, str]:
        """Push, and return git's exit code and what it said."""
        secret = f"herdsman:{self.web.secrets[scope]}@" if scope else ""
        url = self.web.url.replace("http://", f"http://{secret}") + "/git/fleet.git"
        done = await asyncio.to_thread(
            self.clone.git, "push", *arguments, url, ref, check=False, GIT_TERMINAL_PROMPT="0"
        )
        said = "\n".join(line.removeprefix("remote: ").rstrip() for line in done.stderr.splitlines())
        return done.returncode, said

    def deploy(self) -> None:
        """Make the pushed revision the controller's desired state."""
        with CommitReader(self.repository, "refs/heads/main") as reader:
            self.controller.state = self.states.build_from(reader, self.controller.state)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Run a service with its own git remote, over a controller that a test answers for."""
    async with opened(tmp_path) as desk:
        yield desk


@asynccontextmanager
async def opened(folder: Path, trust: Trust | None = None) -> AsyncIterator[Desk]:
    repository = HostedRepository(folder / "fleet.git")
    repository.create()
    states = FleetStates(HostedSource(repository.path))
    controller = FakeController()
    sock = bind(Listen("127.0.0.1", 0))
    url = address_of(sock).url(tls=False)
    services, secrets = await make_services(folder, url, controller=controller)
    settings = replace(services.settings, push_wait=1.0, push_wait_healthy=1.0)
    remote = GitRemote(repository, GitGate(controller, states.build_from, settings, trust))
    services = replace(services, git=remote)
    stop, started = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        serve(create_app(services), sock, stop, end_streams=services.live.close, started=started)
    )
    await started.wait()
    web = Running(url, services, controller, secrets, stop, serving)
    try:
        yield Desk(Clone(folder / "clone"), web, states, repository.path)
    finally:
        stop.set()
        await serving
        await remote.close()


def planned(change: Change) -> Action:
    """Return the action of a plan that a change carries out."""
    return Action(change.bot, ActionKind(change.action), change.summary)


def plan_for(desk: Desk, *changes: Change) -> None:
    """Let the next pass plan these changes for what is pushed."""

    def begin(asked) -> None:
        with CommitReader(desk.repository, "refs/heads/main") as reader:
            plan = Plan(reader.revision, tuple(map(planned, changes)), total=214)
        asked.begin(plan, changes)
        for change in changes:
            asked.update(change.to(ChangeState.RUNNING, "", 0.7))

    desk.controller.on_pass = begin


async def test_push_is_let_in_and_followed_to_running_bots(desk: Desk):
    """A good push prints what changes, each bot as it runs, how long it took, and where to look."""
    desk.clone.commit(SOUND, "tighter stops")
    plan_for(desk, Change("one", "create", "realtime"), Change("two", "update", "size 1 -> 2"))
    code, said = await desk.push()
    assert code == 0, said
    head = desk.clone.head[:7]
    assert f'herdsman  revision {head} "tighter stops"  2 of 214 bots change' in said
    assert "  one  new      realtime     running   0.7 s" in said
    assert "  two  update   size 1 -> 2  running   0.7 s" in said
    assert f"Watch: herdsman status --watch   {desk.web.url}/r/{head}" in said
    assert desk.controller.passes[0].by == "operate"
    assert desk.controller.passes[0].trigger == "push"


async def test_a_push_shows_builds_and_why_one_failed(desk: Desk):
    """How far a build is, once for the bots that share it, and then the compiler's own lines."""
    desk.clone.commit(SOUND, "faster")
    one, two = Change("one", "create", "realtime"), Change("two", "create", "realtime")

    def begin(asked) -> None:
        with CommitReader(desk.repository, "refs/heads/main") as reader:
            plan = Plan(reader.revision, (planned(one), planned(two)), total=2)
        asked.begin(plan, [one, two])
        for change in (one, two):
            asked.update(change.to(ChangeState.WAITING, f"{BUILDING}with rustc 1.95.0", 0.1))
        failure = "The build failed: no such price (src/main.rs:1:2)\n" + "\n".join("abcdefghijkl")
        asked.update(one.to(ChangeState.FAILED, failure, 3.0))
        asked.update(two.to(ChangeState.RUNNING, "", 3.1))

    desk.controller.on_pass = begin
    code, said = await desk.push()
    assert code == 0, said
    assert said.count("building: with rustc 1.95.0") == 1
    assert "  one  new      building: with rustc 1.95.0" in said
    assert "    The build failed: no such price (src/main.rs:1:2)\n    a\n" in said
    assert "\n    l\n" in said
    assert "  two  new      realtime  running   3.1 s" in said


async def test_a_push_shows_waves_and_what_waits(desk: Desk):
    """The sizes of the waves, each that is through, and once for all what the held ones wait for."""
    desk.clone.commit(SOUND, "grid 1.4")
    changes = [Change(name, "update", "1.3 -> 1.4") for name in ("one", "two", "three")]

    def begin(asked) -> None:
        actions = tuple(replace(planned(one), wave=number) for number, one in enumerate(changes, 1))
        with CommitReader(desk.repository, "refs/heads/main") as reader:
            plan = Plan(reader.revision, actions, total=3, waves=(1, 1, 1))
        asked.begin(plan, changes)
        asked.update(changes[0].to(ChangeState.RUNNING, "", 0.7))
        asked.update(changes[0].to(ChangeState.HEALTHY, "", 10.7))
        for one in changes[1:]:
            asked.update(one.to(ChangeState.HELD, "waits for the window at 22:00 UTC, in 3 h", 0.1))

    desk.controller.on_pass = begin
    code, said = await desk.push()
    assert code == 0, said
    assert "  in waves of 1, 1 and 1 bots, each once the last is healthy" in said
    assert "  wave 1 of 3: 1 of 1 healthy" in said
    assert said.count("  2 changes: waits for the window at 22:00 UTC, in 3 h") == 1
    assert "1 applied, 2 changes wait." in said


async def test_push_options_say_how_a_revision_reaches_its_bots(desk: Desk):
    """Without waves, on with a halted rollout, through closed windows with a reason: each by its option."""
    desk.clone.commit(SOUND, "urgent")
    plan_for(desk, Change("one", "create", "realtime"))
    code, said = await desk.push("-o", "no-waves", "-o", "continue", "-o", "override-window=keys leaked")
    assert code == 0, said
    assert "unknown push option" not in said
    assert desk.controller.passes[0].wishes == Wishes(
        no_waves=True, go_on=True, override_window="keys leaked"
    )


async def test_large_push_gets_through(desk: Desk):
    """A push may be larger than any other request."""
    desk.clone.commit({**SOUND, "docs/figures.bin": os.urandom(5 * 1024 * 1024)})
    plan_for(desk, Change("one", "create", "realtime"))
    code, said = await desk.push()
    assert code == 0, said


async def test_push_with_a_misspelled_key_is_refused_in_words(desk: Desk):
    """The refusal names file, line, column and the likely key, and says that nothing was changed."""
    desk.clone.commit({**SOUND, "bots/one.yaml": bot_file("one", sizee=2)}, "typo")
    code, said = await desk.push()
    assert code != 0
    assert "error: bots/one.yaml:5:1  " in said
    assert 'did you mean "size"?' in said
    assert "refused: 1 error in 1 of 2 bots; nothing was changed, all bots run on as they were." in said
    assert desk.controller.passes == []
    ((revision, errors, by),) = desk.controller.refusals
    assert (revision, by, len(errors)) == (desk.clone.head, "operate", 1)


async def test_broken_yaml_is_refused_with_its_line(desk: Desk):
    """A document that cannot even be read is a mistake with a place like any other."""
    desk.clone.commit({**SOUND, "bots/one.yaml": "name: one\n  bad: [1,\n"}, "broken")
    code, said = await desk.push()
    assert code != 0
    assert "error: bots/one.yaml:" in said
    assert "refused: 1 error in 1" in said


async def test_older_mistake_warns_and_lets_an_unrelated_fix_in(desk: Desk):
    """An emergency fix gets through beside a mistake that was there before, also when lines have moved."""
    desk.clone.commit({**SOUND, "bots/one.yaml": bot_file("one", sizee=2)}, "typo")
    # Past the gate, as if herdsman had learned to see this mistake only later.
    into = ("--git-dir", str(desk.repository))
    desk.clone.git(*into, "fetch", "-q", str(desk.clone.path), "main:main")
    moved = "# a comment above moves every line\n" + bot_file("one", sizee=2)
    desk.clone.commit({"bots/one.yaml": moved, "bots/two.yaml": bot_file("two", size=3)}, "fix two")
    plan_for(desk, Change("two", "update", "size 1 -> 3"))
    code, said = await desk.push()
    assert code == 0, said
    assert "warning: bots/one.yaml:6:1" in said
    assert "1 error from before this push" in said
    desk.deploy()
    desk.clone.commit({"bots/two.yaml": bot_file("two", sized=3)}, "another mistake")
    code, said = await desk.push()
    assert code != 0
    assert "refused: 1 error in 1 of 2 bots" in said


async def test_other_branches_are_kept_and_not_deployed(desk: Desk):
    """A branch of one's own is stored without a check, and the push says that it does nothing."""
    desk.clone.commit({"bots/one.yaml": "not: [a bot"}, "draft")
    desk.clone.git("branch", "draft")
    code, said = await desk.push(ref="draft")
    assert code == 0, said
    assert "draft: kept, and not deployed; only main is" in said
    assert desk.controller.passes == []


async def test_push_options_confirm_a_prune_and_wait_for_health(desk: Desk):
    """`-o confirm-prune` reaches the pass, `-o wait=healthy` waits for more, any other is named."""
    desk.clone.commit(SOUND)
    plan_for(desk, Change("one", "create", "realtime"))
    code, said = await desk.push("-o", "confirm-prune", "-o", "wait=healthy", "-o", "fast")
    assert code == 0, said
    assert desk.controller.passes[0].consent == consent_to(desk.clone.head)
    assert 'unknown push option "fast"' in said
    assert "1 of 1 bot not there after" in said


async def test_trouble_after_the_push_is_told_and_the_push_stays(desk: Desk):
    """What keeps a pass from being made is told; the revision is in and is applied by a later pass."""
    desk.clone.commit(SOUND)
    desk.controller.on_pass = lambda asked: asked.fail(SourceUnavailable("the disk is full"))
    code, said = await desk.push()
    assert code == 0, said
    assert "the push is in, but could not be applied yet: the disk is full" in said


async def test_failed_bot_is_shown_with_its_reason(desk: Desk):
    """A bot that does not come up is a line with its reason under it, and the last line counts it."""
    desk.clone.commit(SOUND)

    def begin(asked) -> None:
        change = Change("one", "create", "realtime")
        revision = CommitReader(desk.repository, "refs/heads/main").revision
        asked.begin(Plan(revision, (planned(change),)), [change])
        asked.update(change.to(ChangeState.FAILED, "crashed: ValueError: boom", 1.1))

    desk.controller.on_pass = begin
    _, said = await desk.push()
    assert "  one  new      realtime  failed    1.1 s" in said
    assert "    crashed: ValueError: boom" in said
    assert "1 of 1 bot failed. See: herdsman status" in said


@pytest.mark.parametrize(
    ("scope", "why"), [(None, "Authentication failed"), (Scope.READ, "403"), (Scope.INGEST, "403")]
)
async def test_pushing_needs_the_scope_operate(desk: Desk, scope: Scope | None, why: str):
    """Without a credential git asks for one; with too little it is refused."""
    desk.clone.commit(SOUND)
    code, said = await desk.push(scope=scope)
    assert code != 0
    assert why in said or "could not read Username" in said


async def test_reading_needs_the_scope_read(desk: Desk):
    """A clone works with a reading token, and not without one."""
    desk.clone.commit(SOUND)
    assert (await desk.push())[0] == 0
    for scope, works in ((Scope.READ, True), (Scope.INGEST, False)):
        url = desk.web.url.replace("http://", f"http://herdsman:{desk.web.secrets[scope]}@")
        done = await asyncio.to_thread(
            desk.clone.git, "ls-remote", f"{url}/git/fleet.git", check=False, GIT_TERMINAL_PROMPT="0"
        )
        assert (done.returncode == 0) is works, done.stderr
    async with desk.web.client(None) as client:
        answer = await client.get("/git/fleet.git/info/refs?service=git-upload-pack")
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_refusal_counts_files_where_no_bot_is_known():
    """A mistake in the fleet's own settings is no bot's; many mistakes are cut, with their number."""
    errors = tuple(ManifestError("herdsman.yaml", n, 1, f"/{n}", "is wrong") for n in range(1, 61))
    lines = verdict_lines(Verdict(errors, (), (), 3))
    assert lines[-1].startswith("refused: 60 errors in 1 file; ")
    assert "... and 10 more" in lines[-2]
    assert verdict_lines(Verdict((), (), (), 3)) == []


async def test_bots_that_stay_as_they_are_are_told_of(desk: Desk):
    """A push says which bots it does not change though it asks for it, and why; of many the first."""
    desk.clone.commit(SOUND)
    kept = {f"bot-{number}": "pinned to 1a2b3c4 by desk" for number in range(7)}
    plans = iter([{"kept": kept}, {"kept": kept, "pinned": {"": "all bots are pinned to 1a2b3c4"}}])

    def begin(asked) -> None:
        with CommitReader(desk.repository, "refs/heads/main") as reader:
            asked.begin(Plan(reader.revision, total=7, **next(plans)), [])

    desk.controller.on_pass = begin
    _, said = await desk.push()
    assert "bot-0  stays as it is: pinned to 1a2b3c4 by desk" in said
    assert "and 2 more stay as they are" in said
    desk.clone.commit({"notes.txt": "x"})
    _, said = await desk.push()
    assert "held: all bots are pinned to 1a2b3c4" in said
    assert "stays as it is" not in said


async def test_held_prune_is_told_as_held(desk: Desk):
    """What is held is counted apart from what changes, with how to confirm it; nothing is called applied."""
    desk.clone.commit(SOUND)

    def begin(asked) -> None:
        with CommitReader(desk.repository, "refs/heads/main") as reader:
            held = tuple(Action(name, ActionKind.REMOVE, "", held=True) for name in ("x", "y"))
            asked.begin(Plan(reader.revision, held, held="too many", total=3), [])

    desk.controller.on_pass = begin
    _, said = await desk.push()
    assert "0 of 5 bots change, 2 are held" in said
    assert "held: too many" in said
    assert "0 applied, 2 changes wait to be confirmed" in said
    assert "applied in" not in said


def test_last_line_says_how_it_went():
    """All there, some failed, some still on their way: three different endings."""
    done = Change("a", "update", "", ChangeState.RUNNING)
    failed = Change("b", "update", "", ChangeState.FAILED)
    assert final_line([done], 1, 1.24, "U") == "applied in 1.2 s. Watch: herdsman status --watch   U"
    assert final_line([done, failed], 2, 1.0, "U") == "1 of 2 bots failed. See: herdsman status   U"
    assert final_line([done, failed], 1, 30.0, "U").startswith(
        "1 of 2 bots not there after 30.0 s; it goes on."
    )
