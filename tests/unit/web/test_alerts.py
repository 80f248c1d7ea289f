"""Alerts in the database that all processes share."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.database import Database
from controller.database.alerts import save_mute
from controller.database.audit import add_audit
from controller.records import AuditEntry, Suspension
from schemas.errors import InvalidManifests, TooBusy
from telemetry.account_holds import AccountHolds
from telemetry.alert_desk import AlertDesk
from telemetry.alert_trials import AlertTrials
from telemetry.alerts.limits.guard import Guard
from telemetry.alerts.limits.together import Together
from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, TelemetryDatabase
from telemetry.embedded.risk import EmbeddedRiskStore
from telemetry.errors.groups import ErrorGroup
from tests.fakes.controller import FakeController
from web.alerts import Alerts, ControllersHands, DatabaseAlerts
from web.trial_documents import TrialBot, TrialRequest

NOW = 1_760_000_000.0


class AskedController(FakeController):
    """Counts how often it is asked what is in force."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def suspensions(self) -> list[Suspension]:
        self.asked += 1
        return super().suspensions()

    def held_scopes(self) -> frozenset[str]:
        self.asked += 1
        return super().held_scopes()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(str(tmp_path / "herdsman.sqlite"))
    yield opened
    await opened.close()


async def test_mute_that_cannot_be_read_is_passed_over(database: Database) -> None:
    """One that another release wrote keeps nobody from learning how alerts stand."""
    book = DatabaseAlerts(database, lambda: NOW)
    await database.run(lambda connection: save_mute(connection, "m1", NOW + 60, '{"id": 7}'))
    assert await book.load() == ([], [])


async def test_action_of_an_earlier_life_is_found_however_much_was_done_since(database: Database) -> None:
    """What a rule did to the bot is found by its author and time; an earlier act, or another's, is not it."""

    def write(count: int, who: str, subject: str, at: float) -> AuditEntry:
        return AuditEntry(at + count, who, "suspend", subject, "", "")

    entries = [write(0, "alert one", "sma", NOW), *(write(n, "ann", "other", NOW) for n in range(600))]
    await database.run(lambda connection: [add_audit(connection, entry) for entry in entries])
    hands = ControllersHands(FakeController(), database)
    assert await hands.acted_since("sma", "alert one", NOW)
    assert not await hands.acted_since("sma", "alert one", NOW + 10)
    assert not await hands.acted_since("other", "alert one", NOW)


async def test_a_suspension_that_ends_by_itself_is_no_hold(database: Database) -> None:
    """An account whose limit breaks while a person has it suspended for an hour is held beyond that hour."""
    controller = FakeController()
    hands = ControllersHands(controller, database)
    for until, kill, holds in ((NOW + 3600, False, False), (None, True, False), (None, False, True)):
        controller.rules = [Suspension("", "ann", "pause", NOW, until, "live-account=main", kill)]
        found = hands.held_accounts([("main", "live"), ("main", "dry"), ("other", "live")])
        assert found == ({("main", "live")} if holds else set())


async def test_one_look_at_held_accounts_asks_once_what_is_in_force(database: Database) -> None:
    """However many there are: a market that breaks the limits of all must not stop the service."""
    controller = AskedController()
    controller.rules = [Suspension("", "ann", "loss", NOW, None, f"live-account=a{n}") for n in range(50)]
    accounts = [Together(f"a{n}", "live", held="loss", held_at=NOW) for n in range(50)]
    guard = Guard(lambda *_told: None)
    guard.restore(accounts)
    hands = ControllersHands(controller, database)
    holds = AccountHolds(guard, hands, lambda: NOW, lambda: 0.0, lambda: None)
    async with asyncio.TaskGroup() as group:
        holds.start(group)
        holds.look()
        controller.rules = []
        holds.look()
    assert [one.held_at for one in accounts] == [None] * 50
    assert controller.asked == 2


async def test_what_is_sent_is_not_read_while_rules_are_tried(database: Database, tmp_path: Path) -> None:
    """To read much takes seconds: many who ask at once are not to hold up the service together."""
    stored = TelemetryDatabase(tmp_path / "telemetry.db")
    book, series, events = (
        DatabaseAlerts(database, lambda: NOW),
        EmbeddedSeriesStore(stored),
        EmbeddedEventStore(stored),
    )

    async def groups(_bot: str) -> list[ErrorGroup]:
        return []

    desk = AlertDesk(book, ControllersHands(FakeController(), database), EmbeddedRiskStore(stored))
    trials = AlertTrials(series, events, groups, lambda _calendar: None)
    alerts = Alerts(desk, book, lambda: NOW, trials)
    sound = TrialRequest({"high": {"when": {"metric": "bot_x", "above": 1}}}, {"sma": TrialBot()})
    wrong = TrialRequest({"high": 7}, {"sma": TrialBot()})
    first, second = await asyncio.gather(
        *(alerts.try_rules(asked, NOW - 60, NOW) for asked in (sound, wrong)), return_exceptions=True
    )
    assert not isinstance(first, BaseException)
    assert [one.rule for one in first.rules] == ["high"]
    assert isinstance(second, TooBusy)
    with pytest.raises(InvalidManifests):
        await alerts.try_rules(wrong, NOW - 60, NOW)
    await stored.close()
