"""What a trial holds of lines: one may be a megabyte, and a bot may print many of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.risk import read_risk
from telemetry.alerts.limits.breaches import OF_BOT, limit_rules
from telemetry.alerts.watch import BotProfile, Watch
from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, TelemetryDatabase
from telemetry.errors.groups import ErrorGroup
from telemetry.records import Event
from telemetry.stores import EventPage, EventQuery
from telemetry.trial_lines import FIRST_PAGE, next_page, of_trading
from telemetry.trial_reading import Allowance, Bounds, Reader

FILL = {"symbol": "BTC/USDT", "side": "buy", "quantity": 1.0, "price": 100.0}


class Asked(EmbeddedEventStore):
    """A store that notes how many lines it was asked for at once."""

    def __init__(self, database: TelemetryDatabase) -> None:
        super().__init__(database)
        self.limits: list[int] = []

    async def search(self, query: EventQuery) -> EventPage:
        self.limits.append(query.limit)
        return await super().search(query)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[TelemetryDatabase]:
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    yield database
    await database.close()


def line(number: int, **data: object) -> Event:
    """Return a fill of a bot."""
    return Event(f"a/stdout/0/{number}", "sma", 100.0 + number, "trade", "info", "", mode="live", data=data)


def _reader(database: TelemetryDatabase, store: EmbeddedEventStore) -> Reader:
    async def none(_bot: str) -> list[ErrorGroup]:
        return []

    return Reader(EmbeddedSeriesStore(database), store, none, 0.0, 100_000)


async def held(database: TelemetryDatabase, *lines: Event) -> tuple[list[int], list[Event]]:
    """Return how many lines were asked for at once, and what is held of a bot's past."""
    store = Asked(database)
    await store.append(lines)
    found = await _reader(database, store).held(BotProfile("sma", mode="live"), 5000.0, Allowance(Bounds()))
    return store.limits, found


async def test_lines_with_long_fields_are_read_in_short_pages(database: TelemetryDatabase) -> None:
    """What is in their fields counts, not their messages alone; long ones are not held."""
    long = [line(number, **FILL, junk="x" * 20_000) for number in range(FIRST_PAGE + 50)]
    limits, found = await held(database, *long)
    assert limits[:2] == [FIRST_PAGE, FIRST_PAGE]
    assert [one.data for one in found] == [FILL] * len(long)
    assert [one.time for one in found] == [one.time for one in long]


async def test_short_lines_are_read_in_long_pages(database: TelemetryDatabase) -> None:
    """The first page is short all the same: nobody knows yet what comes."""
    limits, found = await held(database, *[line(number, **FILL) for number in range(FIRST_PAGE + 50)])
    assert limits[0] == FIRST_PAGE < limits[1]
    assert len(found) == FIRST_PAGE + 50


async def test_more_is_held_of_lines_the_longer_their_fields_are(database: TelemetryDatabase) -> None:
    """A piece is full by what its lines say: thousands of long ones are not held at once."""
    store = EmbeddedEventStore(database)
    await store.append([line(number, **FILL, note="x" * 10) for number in range(20)])
    await store.append([line(1000 + number, **FILL, note="x" * 900) for number in range(20)])
    reader, allowance = _reader(database, store), Allowance(Bounds())
    rules = limit_rules(read_risk({"exposure": 5}), OF_BOT)
    watch = Watch(BotProfile("sma", mode="live"), rules, 0.0)
    short = await reader.piece([watch], 99.0, 999.0, allowance)
    long = await reader.piece([watch], 1099.0, 1999.0, allowance)
    assert 20 <= short.held <= long.held / 2


def test_page_of_nested_fields_is_a_long_one() -> None:
    """Lists and what is in them are said as well."""
    assert next_page([line(1, junk=["x" * 600_000, {"y": "z" * 600_000}])]) == FIRST_PAGE


def test_of_many_fields_those_that_trading_goes_by_are_held() -> None:
    """They are short; many long ones are cut off, wherever they stand."""
    many = {f"junk{number}": "x" * 900 for number in range(1000)}
    kept = of_trading(line(1, **many, **FILL)).data
    assert kept.items() >= FILL.items()
    assert len(kept) < 20
