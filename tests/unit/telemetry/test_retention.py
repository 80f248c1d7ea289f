"""What the embedded stores forget, and that nothing else goes with it."""

import sqlite3
from pathlib import Path

import pytest

from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, Retention, TelemetryDatabase
from telemetry.embedded.retention import RetentionWork
from telemetry.records import Event, Sample
from telemetry.stores import EventQuery, SeriesQuery

DAY = 86400.0
NOW = 1_790_000_000.0


def event(number: int, at: float) -> Event:
    return Event(f"a{number}/stdout/0/0", "alpha", at, "log", "info", f"line number{number}", size=10)


async def one_round(database: TelemetryDatabase, retention: Retention) -> None:
    """Do everything that a round of forgetting does."""
    work = RetentionWork(retention, database._forget_ids, clock=lambda: NOW)
    work._next = 0.0

    def whole(connection: sqlite3.Connection) -> None:
        while work.work(connection):
            pass

    await database.write(whole)


@pytest.fixture
async def database(tmp_path: Path):
    opened = TelemetryDatabase(tmp_path / "telemetry.db")
    yield opened
    await opened.close()


async def test_old_events_go_with_their_text(database: TelemetryDatabase) -> None:
    """Events over their age are gone, cannot be found by their text, and their ids may come again."""
    store = EmbeddedEventStore(database)
    await store.append([event(number, NOW - number * DAY) for number in range(60)])
    assert len((await store.search(EventQuery(text="number59"))).events) == 1
    await one_round(database, Retention(events_days=30))
    left = (await store.search(EventQuery(limit=100))).events
    assert sorted(int(one.message[11:]) for one in left) == [*range(31), 59], "the last row written stays"
    assert (await store.search(EventQuery(text="number45"))).events == []
    assert len((await store.search(EventQuery(text="number30"))).events) == 1
    await store.append([event(45, NOW), event(100, NOW)])
    assert len((await store.search(EventQuery(text="number45"))).events) == 1
    assert len((await store.search(EventQuery(text="number100"))).events) == 1


async def test_raw_samples_go_and_their_steps_stay(database: TelemetryDatabase) -> None:
    """A range older than the raw samples' age is still shown in steps."""
    store = EmbeddedSeriesStore(database)
    labels = {"bot": "alpha"}
    times = [NOW - 10 * DAY + second for second in range(120)] + [NOW - 5]
    await store.write([Sample("bot_equity", labels, at, at) for at in times])
    query = SeriesQuery("alpha", "bot_equity", NOW - 11 * DAY, NOW, step=60)
    before = await store.query(query)
    await one_round(database, Retention(raw_days=7))
    assert await store.query(query) == before
    (raw,) = await store.query(SeriesQuery("alpha", "bot_equity", NOW - 11 * DAY, NOW))
    assert raw.points == [(NOW - 5, NOW - 5)]


async def test_a_bot_that_floods_its_log_costs_nobody_else_his(database: TelemetryDatabase) -> None:
    """Where the file grows too large, the loudest bot loses its oldest events; older ones of others stay."""
    store = EmbeddedEventStore(database)
    quiet = [
        Event(f"q/stdout/0/{number * 9}", "quiet", NOW + number, "log", "info", "y" * 100)
        for number in range(100)
    ]
    loud = [
        Event(f"l/stdout/0/{number * 9}", "loud", NOW + 1000 + number, "log", "info", "x" * 500)
        for number in range(8000)
    ]
    await store.append([*quiet, *loud])
    await one_round(database, Retention(events_days=1e6, most_bytes=2_000_000))
    assert len((await store.search(EventQuery(bot="quiet", limit=1000))).events) == 100
    left = (await store.search(EventQuery(bot="loud", limit=10_000))).events
    assert 0 < len(left) < 8000
    assert left[0].time == NOW + 1000 + 7999


async def test_a_file_that_grows_too_large_loses_its_oldest_events(database: TelemetryDatabase) -> None:
    """Above the size, the oldest events go first, until it fits."""
    store = EmbeddedEventStore(database)
    await store.append(
        [
            Event(f"a/stdout/0/{number * 9}", "alpha", NOW + number, "log", "info", "x" * 500)
            for number in range(8000)
        ]
    )
    await one_round(database, Retention(events_days=1e6, most_bytes=2_000_000))
    left = (await store.search(EventQuery(limit=10_000))).events
    assert 0 < len(left) < 8000
    assert left[0].time == NOW + 7999
    assert left[-1].time == NOW + 8000 - len(left)
