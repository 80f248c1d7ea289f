"""What rules compare with survives a restart: it is read from the store; nothing false fires meanwhile."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.conditions import FIGURES
from schemas.errors import StoreUnavailable
from telemetry.alert_desk import AlertDesk
from telemetry.alert_past import Stored
from telemetry.alerts.past import FIGURE_SERIES, figure_values, span_of
from telemetry.alerts.ports import Setup, What
from telemetry.embedded import EmbeddedSeriesStore, TelemetryDatabase
from telemetry.embedded.kept import EmbeddedKeptStates
from telemetry.records import Sample
from telemetry.stores import SeriesQuery
from telemetry.trading.derived import DERIVED
from tests.unit.telemetry.alerts.desk import NOW, PROFILE, rule
from tests.unit.telemetry.alerts.test_desk import Book, FakeHands, Risks, Service, living

FELL = rule({"metric": "bot_x", "falls": "50%", "over": "7d"}, "fell")
ODD = rule({"metric": "bot_x", "anomaly": 6, "over": "1h"}, "odd")
SHARPE = rule({"figure": "sharpe", "falls": "50%", "over": "7d"}, "sharpe")
DAY = 86400.0


class Slow(EmbeddedSeriesStore):
    """A store that answers once it may, or not at all."""

    def __init__(self, database: TelemetryDatabase) -> None:
        super().__init__(database)
        self.may = asyncio.Event()
        self.may.set()
        self.asked = 0
        self.away = False
        self.refuses = ""
        """The bot of whom it answers nothing."""

    async def query(self, query: SeriesQuery):  # type: ignore[no-untyped-def]
        self.asked += 1
        if self.away or query.bot == self.refuses:
            raise StoreUnavailable("it is away")
        await self.may.wait()
        return await super().query(query)


class Remembering(Service):
    """A life of a desk over a book and a real embedded store."""

    def __init__(self, book: Book, store: Slow, kept: EmbeddedKeptStates, *rules, profile=PROFILE) -> None:
        super().__init__(book, FakeHands())
        self.setups = {"sma": Setup(profile, rules)}
        self.desk = AlertDesk(
            book, FakeHands(), Risks(), clock=lambda: self.now, built_in=(), stored=Stored(store, kept)
        )
        self.desk.setup, self.desk.bots = self.setups.get, lambda: list(self.setups)
        self.desk.fleet = lambda fleet=(): fleet
        self.desk.told = self.told.extend

    @property
    def whole(self) -> bool:
        """Whether what is stored was brought to every rule."""
        return self.whole_of("sma")

    def whole_of(self, bot: str) -> bool:
        """Whether what is stored was brought to every rule of a bot."""
        slots = self.desk.engine.watches[bot].slots.values()
        return all(history.whole for slot in slots for history in slot.histories.values())


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[tuple[Slow, EmbeddedKeptStates]]:
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    yield Slow(database), EmbeddedKeptStates(database, "trades_since")
    await database.close()


@asynccontextmanager
async def lived_for_a_week(stored, *rules, profile=PROFILE):
    """Have a bot known since a week ago, then begin another life of herdsman."""
    book = Book()
    first = Remembering(book, *stored, *rules, profile=profile)
    first.now = NOW - 8 * DAY
    async with living(first):
        await first.until(lambda: first.whole)
    again = Remembering(book, *stored, *rules, profile=PROFILE)
    async with living(again):
        yield again


def of_bot(name: str, at: float, value: float, **labels: str) -> Sample:
    return Sample(name, {"fleet": "f", "bot": "sma", "program": "trend", "env": "prod", **labels}, at, value)


async def test_change_within_a_week_fires_right_after_a_restart(stored) -> None:
    """What the store kept before the restart is what a value is compared with."""
    store, _ = stored
    await store.write([of_bot("bot_x", NOW - hours * 3600, 100) for hours in range(48, 0, -1)])
    async with lived_for_a_week(stored, FELL) as service:
        await service.until(lambda: service.whole)
        service.value(40)
        await service.until(lambda: bool(service.told))
    assert service.told[0].text == "bot_x fell by 60% within 7 d, from 100 to 40"


async def test_change_fires_also_where_the_value_came_before_the_past(stored) -> None:
    """A value that is printed while the store is still being read is judged again once it was."""
    store, _ = stored
    await store.write([of_bot("bot_x", NOW - 3600, 100)])
    async with lived_for_a_week(stored, FELL) as service:
        await service.until(lambda: service.whole)
    store.may.clear()
    asked = store.asked
    again = Remembering(Book(), *stored, FELL)
    async with living(again):
        await again.until(lambda: store.asked > asked)
        again.value(40)
        assert again.desk.engine.watches["sma"].states[0].state == "ok"
        store.may.set()
        await again.until(lambda: bool(again.told))
    assert again.told[0].what is What.FIRED


async def test_bot_whose_past_cannot_be_read_keeps_no_other_from_its_own(stored, caplog) -> None:
    """It waits behind the others, is said once, and has its own once the store answers."""
    store, _ = stored
    async with lived_for_a_week(stored, FELL) as service:
        await service.until(lambda: service.whole)
    store.refuses = "sma"
    again = Remembering(Book(), *stored, FELL)
    for bot in ("zig", "zag"):
        again.setups[bot] = Setup(dataclasses.replace(PROFILE, bot=bot), (FELL,))
    again.now = NOW + 60
    async with living(again):
        await again.until(lambda: again.whole_of("zig") and again.whole_of("zag"))
        assert not again.whole
        assert again.desk.past is not None
        with pytest.raises(StoreUnavailable):
            await again.desk.past.read()
        store.refuses = ""
        await again.desk.past.read()
        await again.until(lambda: again.whole)
    assert [record.message for record in caplog.records if "compare with" in record.message] == [
        "what alert rules compare with cannot be read yet: it is away"
    ]


async def test_what_is_wanted_while_a_past_is_read_is_read_as_well(stored) -> None:
    """A push that brings another rule meanwhile has what that one looks back on read, too."""
    store, _ = stored
    async with lived_for_a_week(stored, FELL) as service:
        await service.until(lambda: service.whole)
    store.may.clear()
    asked = store.asked
    again = Remembering(Book(), *stored, FELL)
    again.now = NOW + 60
    again.desk.limits.accounts = lambda accounts={}: accounts
    async with living(again):
        await again.until(lambda: store.asked > asked)
        other = rule({"metric": "bot_y", "falls": "50%", "over": "7d"}, "other")
        again.setups["sma"] = Setup(PROFILE, (FELL, other))
        again.desk.attend("sma")
        await again.until(lambda: "bot_y" in again.desk.engine.watches["sma"].slots)
        store.may.set()
        await again.until(lambda: again.whole)


async def test_bot_that_went_while_herdsman_was_down_leaves_no_past(stored) -> None:
    """One of its name that comes later begins anew: what the other one had is none of its own."""
    _, kept = stored
    async with lived_for_a_week(stored, FELL) as service:
        await service.until(lambda: service.whole)
    gone = Remembering(Book(), *stored, FELL)
    gone.setups.clear()
    async with living(gone):
        async with asyncio.timeout(90):
            while (await kept.load())[1]:
                gone.desk._end_unknown()
                await asyncio.sleep(0.01)


async def test_figure_within_a_week_fires_right_after_a_restart(stored) -> None:
    """Sharpe down by half in a week: of the account and currency that it is of, and of no other."""
    store, _ = stored
    dollars, euros = {"account": "main", "currency": "USDT"}, {"account": "main", "currency": "EUR"}
    await store.write([of_bot("bot_trading_sharpe", NOW - 5 * DAY, 2.0, **dollars)])
    async with lived_for_a_week(stored, SHARPE) as service:
        await service.until(lambda: service.whole)
        service.desk.engine.figures("sma", [(euros, {"sharpe": 0.5})], NOW)
        await service.desk.flush()
        assert service.told == []
        service.desk.engine.figures("sma", [(dollars, {"sharpe": 0.5})], NOW)
        await service.until(lambda: bool(service.told))
    assert "fell by 75% within 7 d, from 2 to 0.5" in service.told[0].text


async def test_another_mode_is_not_a_bots_past(stored) -> None:
    """A bot that traded on paper before, with a hundred times the money, lost nothing by going live."""
    store, _ = stored
    await store.write([of_bot("bot_x", NOW - 3600, 100_000)])
    async with lived_for_a_week(stored, FELL, profile=dataclasses.replace(PROFILE, mode="dry")) as service:
        await service.until(lambda: service.whole)
        service.value(1000)
        await service.desk.flush()
        assert service.told == []
    again = Remembering(Book(), *stored, FELL)
    again.now = NOW + 60
    async with living(again):
        await again.until(lambda: again.whole)
        again.value(900)
        await again.desk.flush()
    assert again.told == []


async def test_nothing_is_unusual_before_the_past_is_read(stored) -> None:
    """Of a few values of this life alone nothing counts as far from what it was; with the past it does."""
    store, _ = stored
    await store.write([of_bot("bot_x", NOW - minutes * 60, 90 + minutes) for minutes in range(40, 0, -1)])
    async with lived_for_a_week(stored, ODD) as service:
        await service.until(lambda: service.whole)
    store.away, asked = True, store.asked
    first = Remembering(Book(), *stored, ODD)
    async with living(first):
        await first.until(lambda: store.asked > asked)
        for number in range(15):
            first.now += 61
            first.value(0.5 + number / 100)
        first.value(200)
        await first.desk.flush()
        assert first.told == []
    store.away = False
    again = Remembering(Book(), *stored, ODD)
    async with living(again):
        await again.until(lambda: again.whole)
        again.value(110)
        await again.desk.flush()
        assert again.told == []
        again.now += 61
        again.value(1000)
        await again.until(lambda: bool(again.told))
    assert again.told[0].rule == "odd"


async def test_change_that_is_over_by_what_is_stored_ends_after_a_restart(stored) -> None:
    """An alert of before the restart does not go on for a week where the store says that it is over."""
    store, _ = stored
    await store.write([of_bot("bot_x", NOW - 6 * DAY, 100), of_bot("bot_x", NOW - 3600, 100)])
    async with lived_for_a_week(stored, FELL) as service:
        await service.until(lambda: service.whole)
        service.value(40)
        await service.until(lambda: bool(service.told))
        book = service.desk._book
    again = Remembering(book, *stored, FELL)
    again.now = NOW + 60
    async with living(again):
        await again.until(lambda: again.whole)
        again.value(99)
        await again.until(lambda: bool(again.told))
    assert again.told[0].what is What.RECOVERED


@pytest.mark.parametrize("ago", [20.0, 700.0, 90_000.0])
def test_no_step_reaches_back_to_another_mode(ago: float) -> None:
    """Where a bot trades as it does for less than the time, the first step begins after that moment."""
    start, step = span_of(NOW, 7 * DAY, NOW - ago)
    assert NOW - ago <= start <= NOW - ago * 0.95
    assert not step or (start - 0.001) % step == 0
    assert span_of(NOW, 7 * DAY, NOW - 8 * DAY) == (NOW - 7 * DAY, 10_080)


def test_every_figure_is_kept_in_a_series() -> None:
    """Whatever a rule may compare with its past is written down, so that there is a past."""
    assert FIGURES.keys() == FIGURE_SERIES.keys()
    assert set(FIGURE_SERIES.values()) <= DERIVED.keys()


def test_figures_are_read_as_rules_speak_of_them() -> None:
    """Drawdowns and losses are positive in rules; what the day began with is made of two series."""
    kept = {"bot_trading_equity": 900.0, "bot_trading_change_today": -100.0, "bot_trading_drawdown": -0.1}
    found = figure_values(("daily_loss", "drawdown", "day_equity", "sharpe"), kept)
    assert found == {"daily_loss": 100.0, "drawdown": 0.1, "day_equity": 1000.0, "sharpe": None}
