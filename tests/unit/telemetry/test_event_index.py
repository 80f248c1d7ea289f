"""The index of events behind their writes: whole after a crash, and from an earlier version."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.embedded.counting import count
from telemetry.embedded.indexing import EventIndex, indexed, last_number
from telemetry.embedded.labels import EventLabels
from telemetry.embedded.searching import search
from telemetry.names import Health
from telemetry.records import Event
from telemetry.stores import EventQuery

NOW = 1_790_000_000.0


def event(number: int, **parts: object) -> Event:
    message = f"line word{number} {'even' if number % 2 == 0 else 'odd'}"
    plain = {"level": "info", "kind": "log", "bot": "alpha", "revision": "abc", "program": "sma", **parts}
    return Event(
        f"a/stdout/0/{number}",
        time=NOW + number,
        message=message,
        **plain,  # type: ignore[arg-type]
    )


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[TelemetryDatabase, EmbeddedEventStore, Health]]:
    database, health = TelemetryDatabase(path), Health()
    try:
        yield database, EmbeddedEventStore(database, health, part_rows=2500), health
    finally:
        await database.close()


async def all_indexed(database: TelemetryDatabase) -> None:
    """Wait until no event is behind the index."""

    def behind(connection: sqlite3.Connection) -> int:
        return last_number(connection) - indexed(connection)

    while await database.read(behind):  # noqa: ASYNC110 - the index is made by a thread
        await asyncio.sleep(0.05)


def text_rows(path: Path, word: str) -> list[int]:
    """Return what all parts of the index have for a word, straight from the file."""
    connection = sqlite3.connect(path)
    parts = [part for (part,) in connection.execute("SELECT part FROM text_parts")]
    rows = [
        number
        for part in parts
        for (number,) in connection.execute(
            f"SELECT rowid FROM events_text_{part} WHERE events_text_{part} MATCH ?", (word,)
        )
    ]
    connection.close()
    return rows


async def test_after_a_crash_every_event_is_indexed_and_counted_once(tmp_path: Path) -> None:
    """What was stored and not indexed when the process ended is indexed by the next, and nothing twice."""
    path = tmp_path / "telemetry.db"
    async with opened(path) as (_, store, _):
        await store.append([event(number) for number in range(6000)])
    async with opened(path) as (database, store, health):
        await store.append([event(number) for number in range(5000, 7001)])
        await all_indexed(database)
        assert (await store.count(EventQuery(text="even"), NOW + 10_000)).total == 3501
        assert health.value("herdsman_events_unindexed") == 0
        assert health.value("herdsman_events_index_lag_seconds") == 0
    assert sorted(text_rows(path, "line")) == list(range(1, 7002))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT sum(count) FROM event_hours").fetchone() == (7001,)
    assert connection.execute("SELECT count(*) FROM text_parts").fetchone()[0] >= 2
    connection.close()


async def test_a_slice_that_is_rolled_back_is_done_again_once(tmp_path: Path) -> None:
    """Marks, texts and counts move in one transaction: none of them without the others."""
    path = tmp_path / "telemetry.db"
    async with opened(path) as (database, store, _):
        await store.append([event(number) for number in range(100)])
        await all_indexed(database)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM marks")
    connection.execute("DELETE FROM event_hours")
    connection.execute("DELETE FROM text_parts")
    connection.execute("DELETE FROM text_slices")
    connection.execute("DROP TABLE events_text_1")
    index = EventIndex(EventLabels())
    connection.execute("BEGIN")
    index.work(connection)
    connection.execute("ROLLBACK")
    index.forget()
    assert indexed(connection) == 0
    while index.work(connection):
        pass
    assert connection.execute("SELECT sum(count) FROM event_hours").fetchone() == (100,)
    connection.close()
    assert len(text_rows(path, "line")) == 100


async def test_labels_are_given_a_slice_at_a_time_and_no_other_event_is_read(tmp_path: Path) -> None:
    """However many events have no label yet, a slice is found by its numbers."""
    path = tmp_path / "telemetry.db"
    async with opened(path) as (database, store, _):
        await store.append([event(number) for number in range(5000)])
        await all_indexed(database)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE events SET label = 0")
    connection.execute("DELETE FROM event_hours")
    connection.execute("DELETE FROM marks WHERE name = 'counted'")
    said: list[str] = []
    connection.set_trace_callback(said.append)
    EventIndex(EventLabels()).work(connection)
    connection.set_trace_callback(None)
    (statement,) = [one for one in said if one.startswith("SELECT n, bot, kind")]
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan
    assert connection.execute("SELECT count(*) FROM events WHERE label <> 0").fetchone() == (2000,)
    connection.close()


async def test_a_slice_of_a_search_reads_its_own_range_alone(tmp_path: Path) -> None:
    """Of two ranges in a statement SQLite takes the first for its index, and reads all that lies in it."""
    queries = [
        EventQuery(),
        EventQuery(bot="alpha"),
        EventQuery(programs=("sma",), start=NOW),
        EventQuery(runs=("r1",)),
        EventQuery(text="word1", forward=True),
    ]
    asked: list[str] = []

    def traced(connection: sqlite3.Connection) -> list[int]:
        connection.set_trace_callback(asked.append)
        try:
            totals = [count(connection, query, NOW + 3 * 86400, 20).total for query in queries]
            for query in queries:
                search(connection, query)
        finally:
            connection.set_trace_callback(None)
        return totals

    async with opened(tmp_path / "telemetry.db") as (database, store, _):
        await store.append([event(number * 4000, run="r1", allocation="a") for number in range(60)])
        await all_indexed(database)
        assert await database.read(traced) == [60, 60, 60, 60, 27]
    of_events = [sql for sql in asked if "FROM events " in sql and "time" in sql]
    assert of_events
    assert [sql for sql in of_events if sql.count("time >=") > 1 or sql.count("time <=") > 1] == []
