"""From what the controller tells to messages that wait: routes of git, authors, audit, parts, restarts."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.database import Database
from controller.database.alerts import AlertRow, save_alerts
from controller.database.audit import add_audit
from controller.database.notifications import newest_audit
from controller.notifications.destinations import Destination
from controller.notifications.facts import Event
from controller.notifications.herald import Herald
from controller.notifications.post import Post
from controller.notifications.wording import Message
from controller.records import AuditEntry, RevisionRecord, RevisionState
from controller.status import BotStatus
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.alerts import AlertSettings, Route, Severity
from schemas.bot import BotSpec
from schemas.errors import NotFound
from schemas.fleet import FleetSettings
from tests.fakes.clock import FakeClock, settle
from tests.unit.controller.notifications.examples import CRASHING, NOW, WELL, status

ONE = Revision("a" * 40, "Ann <ann@desk.example>", "Raise the grid's size")


class FakeController:
    """Fulfils `herald.Told` with what a test says."""

    def __init__(self, alerts: AlertSettings) -> None:
        self.bots: dict[str, BotStatus] = {}
        self.problems: dict[str, str] = {}
        self.record = RevisionRecord(ONE, RevisionState.RUNNING, NOW)
        self.asked = DesiredState(ONE, FleetSettings(alerts=alerts))

    async def ready(self) -> None:
        """Be ready at once."""

    def statuses(self) -> list[BotStatus]:
        return list(self.bots.values())

    def status(self, name: str) -> BotStatus:
        if name not in self.bots:
            raise NotFound(name)
        return self.bots[name]

    def spec(self, name: str) -> BotSpec | None:
        return None

    def desired(self) -> DesiredState | None:
        return self.asked

    def revision(self) -> RevisionRecord | None:
        return self.record

    async def find_revision(self, revision: str) -> RevisionRecord:
        return self.record

    def troubles(self) -> dict[str, str]:
        return self.problems


class Inbox:
    """A sender that keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[Message] = []

    async def send(self, message: Message) -> str:
        self.taken.append(message)
        return ""

    def to(self, destination: str) -> list[str]:
        return [one.title for one in self.taken if one.destination == destination]


class Life:
    """One process's herald on a database."""

    def __init__(
        self, database: Database, controller: FakeController, clock: FakeClock, inbox: Inbox
    ) -> None:
        self.controller, self.clock, self.database = controller, clock, database
        names = [Destination("desk", "json://x"), Destination("phone", "json://y")]
        self.herald = Herald(
            controller,
            database,
            Post(database, inbox, clock, lambda: 0.5),
            clock,
            names,
            fleet="desk-1",
            link="http://h:1",
            started=Event(f"started:{clock.time()}", clock.time(), Severity.INFO, "herdsman started"),
        )

    async def __aenter__(self) -> "Life":
        self.task = asyncio.create_task(self.herald.run())
        await self.pass_time(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def pass_time(self, seconds: int) -> None:
        """Let time pass, and at each step whatever goes to the database come back."""
        for _ in range(seconds):
            await self.clock.advance(1, step=1.0)
            for _ in range(4):
                await self.database.run(newest_audit)
                await settle()

    def become(self, made: BotStatus) -> None:
        self.controller.bots[made.name] = made
        self.herald.status_changed(made)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(str(tmp_path / "herdsman.db"))
    yield opened
    await opened.close()


ROUTES = AlertSettings(
    routes=(
        Route(("desk",)),
        Route(("phone",), Severity.CRITICAL, environments=("prod",), fleet=False),
    )
)


async def test_a_crash_is_told_to_whom_git_says_with_its_author_and_its_end(database: Database) -> None:
    """Two destinations hear of a bot in prod, one of a bot elsewhere; both hear of the end."""
    inbox, clock = Inbox(), FakeClock(NOW)
    async with Life(database, FakeController(ROUTES), clock, inbox) as life:
        life.become(status("grid-1", *CRASHING))
        life.become(status("other", *CRASHING, environment="staging"))
        await life.pass_time(15)
        assert inbox.to("phone") == ["[desk-1] grid-1 Degraded: CrashLoop"]
        assert inbox.to("desk") == ["[desk-1] 2 bots Degraded: CrashLoop, program grid 1.4.2"]
        assert 'by Ann: "Raise the grid\'s size"' in inbox.taken[0].body
        life.become(status("grid-1", *WELL))
        await life.pass_time(15)
        assert inbox.to("phone")[1:] == inbox.to("desk")[1:] == ["[desk-1] grid-1 well again"]


async def test_operators_and_parts_of_herdsman_are_told_to_whom_hears_of_the_fleet(
    database: Database,
) -> None:
    """What stands in the audit, and a scheduler that is away and comes back; nothing of before the start."""
    earlier = AuditEntry(NOW - 60, "ann", "suspend", "grid-1", "before")
    await database.run(lambda connection: add_audit(connection, earlier))
    inbox, clock, controller = Inbox(), FakeClock(NOW), FakeController(ROUTES)
    async with Life(database, controller, clock, inbox) as life:
        killed = AuditEntry(NOW, "ann", "kill", "all", "the exchange is down")
        await database.run(lambda connection: add_audit(connection, killed))
        controller.problems = {"scheduler": "connection refused"}
        await life.pass_time(20)
        controller.problems = {}
        await life.pass_time(20)
    assert inbox.to("phone") == []
    assert inbox.to("desk") == [
        "[desk-1] the scheduler does not answer; KILL SWITCH on: all",
        "[desk-1] scheduler well again",
    ]


async def test_a_restart_tells_nothing_twice_and_misses_nothing(database: Database) -> None:
    """What was told stays told; what broke and what ended while nobody listened is told after it."""
    inbox, clock, controller = Inbox(), FakeClock(NOW), FakeController(ROUTES)
    async with Life(database, controller, clock, inbox) as life:
        life.become(status("grid-1", *CRASHING))
        life.become(status("grid-2", *CRASHING))
        await life.pass_time(15)
        life.become(status("grid-3", *CRASHING))  # killed before its group is closed
    controller.bots["grid-2"] = status("grid-2", *WELL)
    inbox.taken.clear()
    async with Life(database, controller, clock, inbox) as life:
        await life.pass_time(30)
    assert inbox.to("desk") == ["[desk-1] grid-3 Degraded: CrashLoop; grid-2 well again"]


async def test_alerts_of_another_process_are_told_once_and_when_they_are_over(database: Database) -> None:
    """What the web judged goes the way of its bot's routes; muted or looked after, nobody hears of it."""
    inbox, clock, controller = Inbox(), FakeClock(NOW), FakeController(ROUTES)
    controller.bots["grid-1"] = status("grid-1", *WELL)

    async def become(rule: str, state: str, **more: object) -> None:
        standing = {"state": state, "since": clock.time(), "text": "memory is 95, above 90", **more}
        alert = {"bot": "grid-1", "rule": rule, "severity": "critical", "state": standing}
        text = json.dumps(alert | {"muted": rule == "muted", "risk": rule == "risk-drawdown"})
        row = AlertRow("grid-1", rule, state, clock.time(), text)
        await database.run(lambda connection: save_alerts(connection, [row], [row]))

    async with Life(database, controller, clock, inbox) as life:
        await become("memory", "firing")
        await become("muted", "firing")
        await become("looked-after", "firing", acked_by="ann")
        await become("risk-drawdown", "firing", action_text="suspended")
        await life.pass_time(20)
    inbox.taken, before = [], inbox.taken
    async with Life(database, controller, clock, inbox) as life:
        await become("memory", "ok")
        await life.pass_time(20)
    first = next(one for one in before if one.destination == "desk")
    assert first.title == "[desk-1] grid-1 alert memory; grid-1 alert risk-drawdown"
    assert "why: memory is 95, above 90 (suspended)" in first.body
    assert "herdsman resume grid-1" in first.body
    assert "http://h:1/bots/grid-1" in first.body
    assert inbox.to("desk") == ["[desk-1] grid-1: memory well again"]


async def test_an_alert_of_this_process_is_told_as_soon_as_it_is_kept(database: Database) -> None:
    """Whoever kept it rings, and what waits for no others is sent before the next look."""
    inbox, clock = Inbox(), FakeClock(NOW)
    settings = AlertSettings(group_wait=0.0, routes=(Route(("desk",)),))
    async with Life(database, FakeController(settings), clock, inbox) as life:
        life.become(status("grid-1", *WELL))
        await life.pass_time(2)
        standing = {"state": "firing", "since": clock.time(), "text": "memory is 95, above 90"}
        alert = {"bot": "grid-1", "rule": "memory", "severity": "critical", "state": standing}
        row = AlertRow("grid-1", "memory", "firing", clock.time(), json.dumps(alert))
        await database.run(lambda connection: save_alerts(connection, [row], [row]))
        before = clock.time()
        life.herald.ring()
        while not inbox.taken and clock.time() < before + 0.9:
            await clock.advance(0.05, step=0.05)
            for _ in range(4):
                await database.run(newest_audit)
                await settle()
    assert inbox.to("desk") == ["[desk-1] grid-1 alert memory"]


async def test_alert_that_is_over_before_it_is_told_is_told_as_that(database: Database) -> None:
    """Within three seconds, between two looks: people hear of it once; not where it is muted."""
    inbox, clock, controller = Inbox(), FakeClock(NOW), FakeController(ROUTES)
    controller.bots["grid-1"] = status("grid-1", *WELL)

    async def become(rule: str, state: str, what: str) -> None:
        standing = {"state": state, "since": clock.time(), "text": "price is 95, above 90"}
        alert = {"bot": "grid-1", "rule": rule, "severity": "critical", "state": standing, "what": what}
        text = json.dumps(alert | {"muted": rule == "muted"})
        row = AlertRow("grid-1", rule, state, clock.time(), text)
        await database.run(lambda connection: save_alerts(connection, [row], [row]))

    async with Life(database, controller, clock, inbox) as life:
        await life.pass_time(20)
        for rule in ("spike", "muted"):
            await become(rule, "firing", "fired")
            await life.pass_time(3)
            await become(rule, "ok", "recovered")
        await become("between", "firing", "fired")
        await become("between", "ok", "recovered")
        await life.pass_time(60)
    told = [one for one in inbox.taken if one.destination == "desk"]
    heads = " ".join(one.title for one in told)
    assert heads.count("alert spike fired and is over") == 1
    assert heads.count("alert between fired and is over") == 1
    assert "muted" not in heads
    assert any("price is 95, above 90" in one.body for one in told)
