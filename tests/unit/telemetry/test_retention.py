"""What the embedded stores forget, and that nothing else goes with it."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, Retention, TelemetryDatabase
from telemetry.embedded.errors import EmbeddedErrorStore
from telemetry.embedded.retention import RetentionWork
from telemetry.errors.occurrence import ErrorFacts, Occurrence
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


async def used(database: TelemetryDatabase) -> int:
    """Return the bytes of the file that hold something."""

    def look(connection: sqlite3.Connection) -> int:
        names = ("page_count", "freelist_count", "page_size")
        pages, free, size = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
        return (pages - free) * size

    return await database.read(look)


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
    assert 1_000_000 < await used(database) <= 2_000_000, "it fits, and no more went than had to"
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
    assert 1_000_000 < await used(database) <= 2_000_000, "it fits, and no more went than had to"
    assert left[0].time == NOW + 7999
    assert left[-1].time == NOW + 8000 - len(left)


@pytest.mark.parametrize("size", [2_500_000, 1_000])
async def test_samples_that_fill_the_file_cost_no_events(
    size: int, database: TelemetryDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest samples go, until it fits or an hour of them is left; every event stays."""
    events, series = EmbeddedEventStore(database), EmbeddedSeriesStore(database)
    await events.append([event(number, NOW - number) for number in range(500)])
    await series.write(
        [
            Sample("bot_equity", {"bot": f"b{bot}"}, NOW - DAY + moment * 20, 1.0)
            for bot in range(50)
            for moment in range(4320)
        ]
    )
    await one_round(database, Retention(events_days=1e6, raw_days=1e6, most_bytes=size))
    assert len((await events.search(EventQuery(limit=1000))).events) == 500
    (left,) = await series.query(SeriesQuery("b7", "bot_equity", NOW - 2 * DAY, NOW))
    assert left.points[-1][0] == NOW - 20
    assert NOW - DAY < left.points[0][0] <= NOW - 3600
    pages, free = await database.read(_pages)
    assert ((pages - free) * 4096 <= size) == (size > 1_000)
    assert caplog.text.count("is over its size") == (0 if size > 1_000 else 1)


async def test_what_an_open_error_needs_stays(database: TelemetryDatabase) -> None:
    """The last occurrence of an open error stays with the lines before it; a resolved one's goes."""
    store, errors = EmbeddedEventStore(database), EmbeddedErrorStore(database, clock=lambda: NOW)
    old = NOW - 40 * DAY
    events = [
        Event(f"a/stdout/0/{number}", "alpha", old + number, "log", "info", f"line {number}", size=1)
        for number in range(200)
    ]
    last = Event("z/stdout/0/1", "alpha", NOW, "log", "info", "last", size=1)
    await store.append([*events, last])
    facts = [ErrorFacts(f"{number}", "KeyError", "x") for number in range(2)]
    occurrences = [
        Occurrence(f"a/stdout/0/{place}", "alpha", "sma", "1.0.0", "r", "dry", old + place, one)
        for place, one in zip((50, 150), facts, strict=True)
    ]
    resolved, open_ = [await errors.record([one]) for one in occurrences]
    await errors.resolve(resolved[0].id, NOW, "somebody", "")
    assert open_[0].resolution is None
    await one_round(database, Retention(events_days=30))
    left = [one.message for one in (await store.search(EventQuery(limit=1000))).events]
    assert left == ["last", *[f"line {number}" for number in range(150, 129, -1)]]


async def test_a_level_may_be_kept_for_less_time(database: TelemetryDatabase) -> None:
    """Debug lines go after their own age; counts know."""
    store = EmbeddedEventStore(database)
    await store.append(
        [
            Event(
                f"a/stdout/0/{number}",
                "alpha",
                NOW - number * DAY,
                "log",
                ("debug", "error")[number % 2],
                f"l {number}",
            )
            for number in range(20)
        ]
    )
    while (await store.count(EventQuery(), NOW)).unindexed:  # noqa: ASYNC110 - a thread indexes
        await asyncio.sleep(0.02)
    await one_round(database, Retention(events_days=30, level_days={"debug": 3}))
    left = (await store.search(EventQuery(level="debug", limit=100))).events
    assert sorted(int(one.message[2:]) for one in left if one.level == "debug") == [0, 2]
    counts = await store.count(EventQuery(), NOW)
    assert counts.total == 12
    assert dict(counts.facets["level"].values) == {"error": 10, "debug": 2}


async def test_a_file_that_was_emptied_is_small_again(database: TelemetryDatabase) -> None:
    """Freed pages go back to the disk, some at a time."""
    store = EmbeddedEventStore(database)
    events = [
        Event(f"a/stdout/0/{number}", "alpha", NOW - 50 * DAY, "log", "info", "x" * 1000)
        for number in range(30_000)
    ]
    await store.append(events)
    before, _ = await database.read(_pages)
    await one_round(database, Retention(events_days=30))
    after, free = await database.read(_pages)
    assert before > 7500
    assert after < before / 2
    assert free < 2000


def _pages(connection: sqlite3.Connection) -> tuple[int, int]:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(pages), int(free)
