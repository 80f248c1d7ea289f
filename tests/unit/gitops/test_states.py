import asyncio
import random
import threading

import pytest

from gitops.build import build_desired_state
from gitops.history import ProgramHistory
from gitops.hosted import HostedRepository
from gitops.push import Push
from gitops.reading import CommitReader
from gitops.revision import Revision
from gitops.sources import HostedSource
from gitops.states import FleetStates
from schemas.errors import SourceUnavailable
from tests.unit.gitops.fleets import Clone, bot_file, program_files


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def hosted(clone: Clone, tmp_path, subfolder: str = "") -> HostedSource:
    repository = HostedRepository(tmp_path / "fleet.git")
    repository.create()
    clone.git("--git-dir", str(repository.path), "fetch", "-q", str(clone.path), "+main:main")
    return HostedSource(repository.path, subfolder=subfolder)


async def test_the_states_of_a_source_follow_each_other(clone, tmp_path):
    """A fetched revision is built, and the next one from it, with the versions of its history."""
    clone.commit({**program_files(), "bots/a.yaml": bot_file("alpha"), "bots/b.yaml": bot_file("beta")})
    source = hosted(clone, tmp_path)
    states = FleetStates(source)
    first = await states.build(await source.fetch(), None)
    clone.commit({**program_files(version="1.1.0"), "bots/a.yaml": bot_file("alpha", version="1.1.0")})
    hosted(clone, tmp_path)
    second = await states.build(await source.fetch(), first)
    assert second.errors == ()
    assert [second.bots[name].program.version for name in ("alpha", "beta")] == ["1.1.0", "1.0.0"]


async def test_what_ran_is_asked_at_each_build(clone, tmp_path):
    """The record of what ran decides, as it is at the moment."""
    clone.commit({**program_files(), "bots/a.yaml": bot_file("alpha")})
    source = hosted(clone, tmp_path)
    ran: dict[tuple[str, str], str] = {}
    states = FleetStates(source, lambda: ran)
    revision = await source.fetch()
    assert (await states.build(revision, None)).errors == ()
    ran["maker", "1.0.0"] = "f" * 40
    (error,) = (await states.build(revision, None)).errors
    assert "bump the version" in error.message


async def test_what_ran_is_read_on_the_loop(clone, tmp_path):
    """The record is never read by another thread while the loop changes it."""
    commit = clone.commit({**program_files(), "bots/a.yaml": bot_file("alpha")})
    source = hosted(clone, tmp_path)
    threads: set[int] = set()
    states = FleetStates(source, lambda: threads.add(threading.get_ident()) or {})
    await states.build(await source.fetch(), None)
    with CommitReader(source.repository, commit) as reader:
        await asyncio.to_thread(states.build_from, reader, None)
        states.build_from(reader, None)
    assert threads == {threading.get_ident()}


async def test_a_pushed_commit_is_read_in_the_sources_subfolder(clone, tmp_path):
    """The gate's reader, which knows nothing of the fleet's folder, is made to read it."""
    inner = {**program_files(), "bots/a.yaml": bot_file("alpha")}
    commit = clone.commit({f"fleet/{path}": text for path, text in inner.items()})
    source = hosted(clone, tmp_path, "fleet")
    with Push((), (), "ada", source.repository, "main").reader(commit) as reader:
        assert set(FleetStates(source).build_from(reader, None).bots) == {"alpha"}


async def test_a_revision_that_is_not_there_is_unavailable(clone, tmp_path):
    """Asking for a commit that the repository lacks can be tried again later."""
    clone.commit(program_files())
    with pytest.raises(SourceUnavailable, match="not in the repository"):
        await FleetStates(hosted(clone, tmp_path)).build(Revision("f" * 40), None)


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_of_edits_builds_the_same_step_by_step(clone, seed):
    """After any edits, building on the state before gives what building anew gives."""
    chance = random.Random(seed)
    known = ProgramHistory()
    state = None
    clone.commit({"README": "x"})
    for _ in range(12):
        for _ in range(chance.randint(1, 4)):
            edit(clone, chance)
        clone.commit()
        with CommitReader(clone.store, clone.head) as reader:
            state = build_desired_state(reader, state, known.at(reader))
            assert state == build_desired_state(reader, None, ProgramHistory().at(reader))


def edit(clone: Clone, chance: random.Random) -> None:
    """Make one change that people make."""
    name = chance.choice(["maker", "taker"])
    version = chance.choice(["1.0.0", "1.1.0", "1.2.0"])
    bot = chance.choice(["a", "b", "c", "d"])
    path = f"bots/{chance.choice(['', 'live/'])}{bot}.yaml"
    kind = chance.randrange(9)
    if kind <= 2:
        size = chance.randint(1, 3)
        clone.write({path: bot_file(chance.choice(["alpha", "beta", bot * 3]), name, version, size=size)})
    elif kind == 3:
        clone.write({path: chance.choice(["name: [", bot_file(bot * 3, sise=1), ""])})
    elif kind <= 5:
        clone.write(program_files(name, version, code=f"x = {chance.randint(1, 3)}\n"))
    elif kind == 6:
        clone.write({f"programs/{name}/{chance.choice(['README.md', 'bot-config.yaml', 'lib.py'])}": "short"})
    elif kind == 7:
        clone.write({"herdsman.yaml": f"defaults:\n  memory_limit: {chance.choice(['64Mi', '128Mi'])}\n"})
    else:
        there = [
            found for found in clone.path.glob("*/**/*") if found.is_file() and ".git" not in found.parts
        ]
        for found in sorted(there)[chance.randrange(5) :][:1]:
            found.unlink()
