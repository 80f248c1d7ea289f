"""The controller and the web as two processes: what passes between them through a real PostgreSQL."""

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from controller.clock import SystemClock
from controller.consent import consent_to
from controller.database import Database, DatabaseUnavailable
from controller.database.deployments import note_deployment
from controller.database.drains import answer_drained, ask_drained, open_drains
from controller.database.fleets import ensure_fleet
from controller.database.keys import shared_key
from controller.database.notices import Channel
from controller.database.pending_reports import load_reports
from controller.database.requests import Request, add_request, find_request, take_requests
from controller.database.revisions import save_revision
from controller.plan import Action, ActionKind, Plan
from controller.records import (
    Adoptable,
    Adoption,
    Change,
    ChangeState,
    OtherJob,
    RevisionRecord,
    RevisionState,
    RunRecord,
    Suspension,
)
from controller.remote.asking import Asking
from controller.remote.bell import Bell, rung
from controller.remote.controller import RemoteController
from controller.remote.leadership import Leadership
from controller.remote.mirror import Mirror
from controller.remote.receiving import Receiving
from controller.remote.serving import Serving
from controller.remote.showing import Showing
from controller.remote.trouble import NoController
from controller.rollback.records import FLEET
from controller.schedulers.protocol import Placed
from controller.state.changing import StateChange
from controller.state.folder import FolderStore
from controller.state.saved import SavedStates
from controller.status import Health, HeldBy, Hold
from schemas.errors import Conflict, HerdsmanError, NotFound, QueryFailed, SchedulerUnavailable
from schemas.fleet import FleetSettings
from schemas.log_rules import FieldKind, LogRule, RuleField
from schemas.state import StateFile
from tests.fakes.controller import FakeController, bot_status
from tests.unit.controller.examples import NOW, desired, entry, exited, labels, revision, spec, started

BOT = spec("sma-btc")
RULES = (LogRule("fill", "filled (?P<ms>.+)", (RuleField("ms", FieldKind.HISTOGRAM, "ms"),), file="a.yaml"),)


class Heard:
    """A listener that notes what it hears, and can be waited for."""

    def __init__(self):
        self.told = asyncio.Queue()

    def status_changed(self, status):
        self.told.put_nowait(("status", status.name, status.health))

    def bot_removed(self, name):
        self.told.put_nowait(("removed", name))

    def revision_changed(self, record):
        self.told.put_nowait(("revision", record))

    def run_changed(self, bot, run):
        self.told.put_nowait(("run", bot, run.id))

    async def next(self, kind):
        while True:
            one = await asyncio.wait_for(self.told.get(), 90)
            if one[0] == kind:
                return one


class Pair:
    """A leader over a fake controller, and the web that asks it."""

    def __init__(self, address, leaders, webs):
        self.address, self.leaders, self.webs = address, leaders, webs
        state = replace(desired([BOT]), settings=FleetSettings(rules=RULES))
        self.controller = FakeController({"sma-btc": bot_status()}, state=state)
        self.bells = (Bell(address), Bell(address))
        self.heard = Heard()
        self.mirror = Mirror(webs, self.bells[1])
        self.mirror.listener = self.heard
        self.asking = Asking(webs, self.bells[1], patience=90.0)
        self.web = RemoteController(self.mirror, self.asking, webs, "desk-abc123")
        self.reports = []
        self.recorded = asyncio.Event()

    async def record(self, reports):
        self.reports += reports
        self.recorded.set()

    async def have_reports(self, count):
        """Wait until so many reports were handed on, and are forgotten where they waited."""
        while len(self.reports) < count or await self.webs.run(lambda db: load_reports(db, 1)):
            self.recorded.clear()
            await rung(self.recorded, 0.1)

    @asynccontextmanager
    async def leading(self, *, serve=True):
        """Lead for the length of a block; yield what hears of the controller."""
        clock = SystemClock()
        lead = await Leadership(self.address, "leader", "http://leader").win()
        self.leaders.guard = lead.guard
        showing = Showing(self.controller, self.leaders, clock)
        parts = [showing, Receiving(self.record, self.leaders, self.bells[0], clock)]
        if serve:
            parts.append(Serving(self.controller, self.leaders, self.bells[0], clock, lead.epoch))
        tasks = [asyncio.create_task(part.run()) for part in (*parts, lead)[:-1]]
        tasks.append(asyncio.create_task(lead.hold()))
        try:
            yield showing
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await lead.close()


@pytest.fixture
async def pair(postgres):
    address = postgres.new_database()
    leaders, webs = await asyncio.gather(Database.open(address), Database.open(address))
    made = Pair(address, leaders, webs)
    bells = [asyncio.create_task(bell.run()) for bell in made.bells]
    yield made
    for task in bells:
        task.cancel()
    await made.web.close()
    await leaders.close()
    await webs.close()


@asynccontextmanager
async def following(pair):
    """Let the web follow for the length of a block."""
    await pair.mirror.load()
    task = asyncio.create_task(pair.mirror.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_the_leader_shows_the_web_says(pair):
    """Status, spec, suspension, revision and problems are the same in both processes, and told of live."""
    pair.controller.own["sma-btc"] = Suspension("sma-btc", "ada", "maintenance", NOW)
    change = Change("sma-btc", "create", "new")
    record = RevisionRecord(revision(1), RevisionState.RUNNING, NOW, changes=(change,))
    pair.controller.records = [record]
    async with pair.leading() as leader, following(pair):
        await pair.heard.next("status")
        await pair.heard.next("revision")
        assert pair.web.statuses() == pair.controller.statuses()
        assert pair.web.spec("sma-btc") == BOT
        assert pair.web.log_rules == RULES
        assert pair.web.suspended("sma-btc")[0].reason == "maintenance"
        assert pair.web.revision() == record
        assert pair.web.desired().bots.keys() == {"sma-btc"}
        with pytest.raises(NotFound):
            pair.web.status("other")

        worse = bot_status(health=Health.DEGRADED)
        pair.controller.bots["sma-btc"] = worse
        leader.status_changed(worse)
        assert await pair.heard.next("status") == ("status", "sma-btc", Health.DEGRADED)
        done = change.to(ChangeState.HEALTHY, "", 1.0)
        leader.revision_changed(replace(record, changes=(done,)))
        assert (await pair.heard.next("revision"))[1].changes == (done,)
        leader.run_changed("sma-btc", RunRecord("r1", "sma-btc", "a1", "n1", "r"))
        assert await pair.heard.next("run") == ("run", "sma-btc", "r1")
        pair.controller.troubles.append("the source does not answer")
        del pair.controller.bots["sma-btc"]
        leader.bot_removed("sma-btc")
        await pair.heard.next("removed")
        assert not pair.web.statuses()
        assert pair.web.problems() == ["the source does not answer"]


async def test_scopes_that_are_held_are_the_same_in_both_processes(pair):
    """Also once one was ended; a kill switch, and what ends by itself, hold in other ways."""
    held = Suspension("", "ada", "loss", NOW, None, "live-account=main")
    others = [
        Suspension("", "ada", "pause", NOW, NOW + 60, "live-account=other"),
        Suspension("", "ada", "stop", NOW, None, "program=sma", kill=True),
    ]
    pair.controller.own["sma-btc"] = Suspension("sma-btc", "ada", "maintenance", NOW)
    pair.controller.rules = [held, *others]
    async with pair.leading(), following(pair):
        while not pair.web.suspensions():
            await pair.mirror.load()
        assert pair.web.held_scopes() == pair.controller.held_scopes() == {held.scope}
        pair.controller.rules = others
        while held in pair.web.suspensions():
            await pair.mirror.load()
        assert pair.web.held_scopes() == frozenset()


async def test_revisions_of_several_sources_are_told_apart(pair):
    """Two sources at one commit are two revisions, and the older ones follow page by page."""
    one, other = (replace(revision(1), origin=source) for source in ("desk", "research"))
    records = [
        RevisionRecord(one, RevisionState.APPLIED, NOW, changes=(Change("a", "create", "new"),)),
        RevisionRecord(other, RevisionState.RUNNING, NOW + 1, changes=(Change("b", "create", "new"),)),
    ]
    for record in records:
        await pair.webs.run(lambda connection, record=record: save_revision(connection, record))
    async with pair.leading() as leader, following(pair):
        for record in records:
            leader.revision_changed(record)
            heard = await pair.heard.next("revision")
            while heard[1] != record:
                heard = await pair.heard.next("revision")
        shown = await pair.web.revisions()
        assert [(record.revision.key, record.changes[0].bot) for record in shown] == [
            (other.key, "b"),
            (one.key, "a"),
        ]
        older = await pair.web.revisions(before=other.key)
        assert [record.revision.key for record in older] == [one.key]


async def test_a_new_leader_shows_what_differs_and_what_is_gone(pair):
    """A leader that died before it showed everything leaves nothing wrong behind for ever."""
    pair.controller.bots["gone"] = bot_status("gone")
    async with pair.leading(), following(pair):
        while len(pair.web.statuses()) < 2:
            await pair.heard.next("status")
    del pair.controller.bots["gone"]
    pair.controller.bots["sma-btc"] = bot_status(health=Health.UNKNOWN)
    async with pair.leading(), following(pair):
        assert await pair.heard.next("removed") == ("removed", "gone")
        assert [status.health for status in pair.web.statuses()] == [Health.UNKNOWN]


async def test_a_web_that_starts_later_knows_everything(pair):
    """What was shown before is read at the start, also where nobody leads any more."""
    async with pair.leading(), following(pair):
        await pair.heard.next("status")
    later = Mirror(pair.webs, pair.bells[1])
    await later.load()
    while later.leader:  # the server ends a closed session when it comes to it
        await later.load()
    assert [view.status for view in later.bots.values()] == pair.controller.statuses()
    assert "no controller leads" in later.problems()[0]


async def test_requests_are_carried_out_with_who_and_why(pair):
    """Each thing that an operator asks for reaches the leader's controller whole."""
    async with pair.leading(), following(pair):
        await pair.web.suspend("sma-btc", "ada", "maintenance", 5.0, token="t")
        await pair.web.resume("sma-btc", "ada", "done")
        await pair.web.restart("sma-btc", "ada", "stuck")
        assert await pair.web.recover("ada", "lost") == ["sma-btc"]
        assert await pair.web.plan() == pair.controller.next_plan
    assert pair.controller.asked == [
        ("suspend", "sma-btc", "ada", "maintenance", 5.0),
        ("resume", "sma-btc", "ada", "done"),
        ("restart", "sma-btc", "ada", "stuck"),
        ("recover", "ada", "lost"),
    ]


async def test_adoption_reaches_the_leader_whole(pair):
    """What runs beside the fleet comes back; a word about it, and its end, arrive as they were said."""
    pair.controller.adoptable = Adoptable(
        (OtherJob("momentum", "service", "running", "7", 1),), (Adoption("a", "old", "3", "ada", "why", 1.0),)
    )
    async with pair.leading(), following(pair):
        assert await pair.web.adopting.adoptable() == pair.controller.adoptable
        await pair.web.adopting.adopt("a", "momentum", "7", "ada", "why", token="t")
        await pair.web.adopting.cancel("a", "ada", "", token="t")
        await pair.web.adopting.cancel("a", "ada", "", beside=True, token="t")
    assert pair.controller.asked == [
        ("adopt", "a", "momentum", "7", "ada", "why"),
        ("adopt_cancel", "a", "ada", False),
        ("adopt_cancel", "a", "ada", True),
    ]


async def test_going_back_reaches_the_leader_whole(pair):
    """A rollback, its end and a new try arrive with all that was said, and what follows comes back."""
    pair.controller.holds = [Hold(HeldBy.FLEET, "a" * 40, "b" * 40, "ada", "bad", 1.0, None, "pinned")]
    one = entry(BOT, applied_at=NOW)
    async with pair.leading(), following(pair):
        back = pair.web.rollbacks
        went = await back.roll_back("sma-btc", "3f9", "ada", "loses", 5.0, allow_major=True, token="t")
        assert went.changing == 1
        went = await back.roll_back_all("3f9", "ada", "bad", confirm_prune=True)
        assert went.held == "3 of 5 bots would be removed"
        await back.unpin(FLEET, "ada", "fixed", confirm_prune=True)
        await back.retry("sma-btc", "ada", "again")
        await pair.leaders.run(lambda db: note_deployment(db, one, revision(), NOW, 5))
        assert [found.spec for found in await back.deployments("sma-btc")] == [BOT]
        while back.fleet_holds() != pair.controller.holds:
            await pair.mirror.load()
    assert pair.controller.asked == [
        ("roll_back", "sma-btc", "3f9", "ada", "loses", 5.0, True),
        ("roll_back_all", "3f9", "ada", "bad", None, False, True),
        ("unpin", "*", "ada", "fixed", True),
        ("retry", "sma-btc", "ada", "again"),
    ]


@pytest.mark.parametrize("error", [NotFound("no bot"), Conflict("busy"), QueryFailed("no", "trace", ("/a",))])
async def test_errors_of_the_leader_are_raised_as_they_are(pair, error):
    """Whoever asks hears the leader's own words, by the same kind of error."""

    async def fails(*_args, **_more):
        raise error

    pair.controller.restart = fails
    async with pair.leading(), following(pair):
        with pytest.raises(type(error), match=str(error)) as raised:
            await pair.web.restart("sma-btc", "ada", "")
    assert vars(raised.value) == vars(error)


async def test_an_unforeseen_error_tells_only_its_kind(pair):
    """A defect of the controller's shows nothing of its inside, and keeps nobody else from being served."""

    async def fails(*_args, **_more):
        raise KeyError("secret")

    pair.controller.restart = fails
    async with pair.leading(), following(pair):
        with pytest.raises(HerdsmanError, match=r"KeyError.*log") as raised:
            await pair.web.restart("sma-btc", "ada", "")
        assert "secret" not in str(raised.value)
        await pair.web.resume("sma-btc", "ada")


async def test_a_sync_is_followed_to_its_end(pair):
    """The pass that the web returns has the leader's plan, then each change as it happens."""
    change = Change("sma-btc", "create", "new")
    plan = Plan(revision(1), (Action("sma-btc", ActionKind.CREATE, "new"),), total=1)
    pair.controller.plan_at_once = (plan, [change])
    async with pair.leading(), following(pair):
        await pair.mirror._read()
        asked = pair.web.request_pass("operator", by="ada", consent=consent_to("3f9"))
        assert await asyncio.wait_for(asked.planned(), 90) == plan
        assert asked.changes == [change]
        assert not asked.ended
        pair.controller.passes[0].update(change.to(ChangeState.RUNNING, "", 0.5))
        (running,) = await asyncio.wait_for(asked.wait(), 90)
        assert running.state is ChangeState.RUNNING
    assert (pair.controller.passes[0].by, pair.controller.passes[0].consent) == ("ada", consent_to("3f9"))


async def test_without_a_leader_requests_are_withdrawn(pair):
    """Nobody carries out later what was refused: the text says so, and the row says withdrawn."""
    pair.asking._patience = 0.1
    with pytest.raises(NoController, match="was not done and will not be"):
        await pair.web.restart("sma-btc", "ada", "stuck")
    with pytest.raises(NoController, match="nothing was begun"):
        pair.web.request_pass("operator")
    async with pair.leading():
        await pair.web.record([(labels(BOT), started())])
        await pair.have_reports(1)
    assert not pair.controller.asked


async def test_what_a_dead_leader_had_taken_is_answered_by_the_next(pair):
    """A request whose leader died is neither lost in silence nor carried out twice."""
    request = Request("1", "restart", '{"name": "sma-btc"}', "ada", "", "", NOW)
    await pair.webs.run(lambda connection: add_request(connection, request))
    await pair.webs.run(lambda connection: take_requests(connection, 0))
    async with pair.leading():
        ended = pair.bells[1].next(Channel.ANSWERS)
        found = await pair.webs.run(lambda connection: find_request(connection, "1"))
        if not found.error:
            await asyncio.wait_for(ended.wait(), 90)
    found = await pair.webs.run(lambda connection: find_request(connection, "1"))
    assert "look whether it was done" in found.error
    assert not pair.controller.asked


async def test_an_answer_that_could_not_be_written_is_written_later(pair, monkeypatch):
    """Whoever asked hears that it was done, also where the database was away for a moment just then."""
    run, restart, broken = pair.leaders.run, pair.controller.restart, []

    async def running(function):
        if broken:
            raise broken.pop()
        return await run(function)

    async def restarted(*arguments, **named):
        await restart(*arguments, **named)
        broken.extend(DatabaseUnavailable("it does not answer") for _ in range(2))

    monkeypatch.setattr(pair.leaders, "run", running)
    monkeypatch.setattr(pair.controller, "restart", restarted)
    async with pair.leading(), following(pair):
        await asyncio.wait_for(pair.web.restart("sma-btc", "ada", "why"), 90)


async def test_a_report_that_cannot_be_kept_holds_up_no_other(pair):
    """Whatever a bot made its node report, the leader goes on leading and takes in the rest."""
    kept = pair.record

    async def record(reports):
        if any(report.attempt == 2 for _, report in reports):
            raise ValueError("a number that no database can keep")
        await kept(reports)

    pair.record = record
    await pair.web.record([(labels(BOT), started(attempt)) for attempt in (1, 2, 3)])
    async with pair.leading():
        await asyncio.wait_for(pair.have_reports(2), 90)
    assert [report.attempt for _, report in pair.reports] == [1, 3]


async def test_reports_wait_for_a_leader_and_keep_their_order(pair):
    """What was acknowledged while nobody led is taken in by the next leader, once and in order."""
    first = [(labels(BOT), started(1)), (labels(BOT), exited(1))]
    await pair.web.record(first)
    await pair.web.record([(labels(BOT), started(2))])
    async with pair.leading():
        await pair.have_reports(3)
    assert pair.reports == [*first, (labels(BOT), started(2))]
    assert await pair.webs.run(lambda connection: load_reports(connection, 10)) == []


async def test_drained_lines_are_asked_for_and_answered(pair):
    """The leader hears that a stopped bot's lines have arrived only after the web has said so."""

    async def asked(now):
        return await pair.leaders.run(lambda connection: ask_drained(connection, "a", now))

    assert not await asked(NOW)
    assert not await asked(NOW)
    assert await pair.webs.run(open_drains) == ["a"]
    await pair.webs.run(lambda connection: answer_drained(connection, "a", NOW))
    assert await asked(NOW)
    assert not await asked(NOW)


async def test_an_old_answer_about_drained_lines_is_none(pair):
    """A bot that was wanted again meanwhile has printed since: it is asked about anew at its next end."""

    async def asked(now):
        return await pair.leaders.run(lambda connection: ask_drained(connection, "a", now))

    assert not await asked(NOW)
    await pair.webs.run(lambda connection: answer_drained(connection, "a", NOW))
    assert not await asked(NOW + 600)
    assert await pair.webs.run(open_drains) == ["a"]
    await pair.webs.run(lambda connection: answer_drained(connection, "a", NOW + 601))
    assert await asked(NOW + 602)


async def test_what_is_made_once_is_made_once(pair):
    """Processes that start at the same moment agree on the fleet's id and on the shared key."""

    async def both(function):
        return await asyncio.gather(pair.leaders.run(function), pair.webs.run(function))

    ids = await both(lambda connection: ensure_fleet(connection, "desk", NOW))
    keys = await both(lambda connection: shared_key(connection, "bundles"))
    assert ids[0] == ids[1]
    assert keys[0] == keys[1]


async def test_whose_an_allocation_is_the_leader_says(pair):
    """The web has no scheduler of its own: it asks, and is told also where nothing is known."""
    pair.controller.scheduler.placements["a1"] = Placed("sma-btc", "sma-old")
    async with pair.leading():
        assert await pair.web.placed("a1") == Placed("sma-btc", "sma-old")
        assert await pair.web.placed("a2") is None
        pair.controller.scheduler.down = True
        with pytest.raises(SchedulerUnavailable):
            await pair.web.placed("a3")


async def test_a_change_of_a_state_is_carried_out_by_the_leader(pair, tmp_path):
    """Its contents are in the store before; the version, or why there is none, comes back as it is."""
    pair.controller.saved = SavedStates(FolderStore(tmp_path), "desk-abc123")
    content = b"42"
    file = StateFile("counter.json", hashlib.sha256(content).hexdigest(), len(content), NOW)
    await pair.controller.saved.upload("sma-btc", file.sha256, content)
    async with pair.leading():
        change = StateChange(put={file.path: file})
        made = await pair.web.change_state("sma-btc", change, "ada", "a test", token="t1")
        assert (made.number, made.files, made.by) == (1, (file,), "ada")
        assert made == await pair.controller.saved.newest("sma-btc")
        with pytest.raises(NotFound, match="other"):
            await pair.web.change_state("sma-btc", StateChange(remove=("other",)), "ada", "")
