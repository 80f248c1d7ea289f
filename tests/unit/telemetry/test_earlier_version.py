"""A file that an earlier herdsman wrote: taken over at once, its events moved behind, each once."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from schemas.errors import StoreUnavailable
from telemetry.embedded import EmbeddedEventStore, Retention, TelemetryDatabase
from telemetry.embedded.damage import damaged_files
from telemetry.embedded.labels import EventLabels
from telemetry.embedded.moving import EarlierEvents
from telemetry.embedded.retention import RetentionWork
from telemetry.embedded.room import used
from telemetry.names import Health
from telemetry.stores import EventQuery, Position
from tests.unit.telemetry.bots import eventually
from tests.unit.telemetry.test_event_index import NOW, all_indexed, event, opened, text_rows

_VERSION_1 = """
DROP TABLE events_text_1;
DROP TABLE IF EXISTS events_text_2;
DROP INDEX events_by_label;
DROP INDEX events_by_time;
ALTER TABLE events DROP COLUMN label;
DROP TABLE event_labels;
DROP TABLE event_hours;
DROP TABLE text_parts;
DROP TABLE text_slices;
CREATE INDEX events_of_bot ON events (bot, time);
CREATE INDEX events_by_time ON events (time);
CREATE INDEX events_of_kind ON events (bot, kind, time) WHERE kind <> 'log';
CREATE VIRTUAL TABLE events_text USING fts5 (
    message, content='events', content_rowid='n', tokenize="unicode61 tokenchars '_'"
);
INSERT INTO events_text (rowid, message) SELECT n, message FROM events WHERE n <= 4800;
DELETE FROM marks;
INSERT INTO marks VALUES ('indexed', 4800);
PRAGMA user_version = 1;
"""
ORDER = {"kind": "order", "data": {"symbol": "BTC"}}


class Still(TelemetryDatabase):
    """Does nothing behind its writes."""

    def behind(self, work: object) -> None:
        """Leave it out."""


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Return a file of version 1 with 5000 events, 4800 of them indexed."""
    path = tmp_path / "telemetry.db"
    async with opened(path) as (database, store, _):
        events = [event(number, level="error" if number < 10 else "info", **ORDER) for number in range(5000)]
        await store.append(events)
        await all_indexed(database)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(_VERSION_1)
    connection.close()
    return path


def earlier_rows(connection: sqlite3.Connection) -> int:
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events_1'").fetchone()
    return int(connection.execute("SELECT count(*) FROM events_1").fetchone()[0]) if there else 0


async def all_moved(database: TelemetryDatabase) -> None:
    """Wait until no event is left where the earlier version had it."""
    while await database.read(earlier_rows):  # noqa: ASYNC110 - a thread moves them
        await asyncio.sleep(0.02)
    await all_indexed(database)


async def test_a_file_of_the_earlier_version_is_taken_over(path: Path) -> None:
    """Events that an earlier herdsman stored and indexed are found by text, level, symbol and revision."""
    async with opened(path) as (database, store, health):
        await store.append([event(5000, **ORDER)])
        await all_moved(database)
        assert len((await store.search(EventQuery(limit=6000))).events) == 5001
        query = EventQuery(symbols=("BTC",), revisions=("ab",), level="error")
        assert len((await store.search(query)).events) == 10
        for word in ("word1799", "word4900", "word5000"):
            assert len((await store.search(EventQuery(text=word, limit=5))).events) == 1
        assert (await store.count(EventQuery(text="odd"), NOW + 5000)).total == 2500
        assert (await store.count(EventQuery(), NOW + 5000)).total == 5001
        assert health.value("herdsman_events_unindexed") == 0
    assert sorted(text_rows(path, "line")) == list(range(1, 5002))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT sum(count) FROM event_hours").fetchone() == (5001,)
    connection.close()


async def test_what_is_not_moved_yet_is_stored_all_the_same(path: Path) -> None:
    """The start moves one slice; what else is there is not stored again, and streams go on after it."""
    database = Still(path)
    health = Health()
    store = EmbeddedEventStore(database, health)
    try:
        assert await database.read(earlier_rows) == 4000
        await store.append([event(number, **ORDER) for number in (0, 3000, 4500, 5000)])
        assert await store.newest_number() == 5001
        arrived = await store.arrived(2990, ["order"])
        assert [one.id for one in arrived.events] == [f"a/stdout/0/{place}" for place in range(2990, 5001)]
        assert await store.end_of("a", "stdout") == Position(0, 5000)
        assert health.value("herdsman_events_unindexed") == 4000
        counts = await store.count(EventQuery(start=NOW - 100), NOW + 9000)
        assert (counts.total, counts.complete, counts.since) == (1001, False, NOW + 4000)
        assert (await store.count(EventQuery(start=NOW + 4500), NOW + 9000)).complete
        (last,) = (await store.search(EventQuery(bot="alpha", limit=1))).events
        assert last.id == "a/stdout/0/5000"
        work = RetentionWork(Retention(events_days=1e6), database._forget_ids, clock=lambda: NOW)
        work._next = 0.0
        await database.write(lambda connection: [None for _ in iter(lambda: work.work(connection), False)])
        assert await database.read(earlier_rows) == 4000
    finally:
        await database.close()
    async with opened(path) as (moving, store, _):
        await all_moved(moving)
        assert len((await store.search(EventQuery(limit=6000))).events) == 5001
        assert (await store.count(EventQuery(text="even"), NOW + 9000)).total == 2501


async def test_a_file_too_large_loses_the_oldest_of_what_is_not_moved_yet(path: Path) -> None:
    """The newest stay, and nothing of the others is found by its words or counted."""
    database = Still(path)
    size = await database.read(used)
    work = RetentionWork(
        Retention(events_days=1e6, most_bytes=size - 1), database._forget_ids, clock=lambda: NOW
    )
    work._next = 0.0
    await database.write(lambda connection: [None for _ in iter(lambda: work.work(connection), False)])
    assert await database.read(earlier_rows) == 2000
    await database.close()
    async with opened(path) as (moving, store, _):
        await all_moved(moving)
        assert (await store.count(EventQuery(), NOW + 9000)).total == 3000
    assert sorted(text_rows(path, "line")) == list(range(2001, 5001))


async def test_words_are_counted_before_any_text_is_indexed(tmp_path: Path) -> None:
    """What no index has is read as it is."""
    database = Still(tmp_path / "telemetry.db")
    store = EmbeddedEventStore(database)
    await store.append([event(number) for number in range(10)])
    assert (await store.count(EventQuery(text="even"), NOW + 100)).total == 5
    await database.close()


async def test_a_kill_in_the_middle_goes_on_where_it_was(path: Path) -> None:
    """A slice that is rolled back is moved by the next process, once."""
    await Still(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    moving = EarlierEvents(EventLabels())
    assert moving.work(connection)
    connection.execute("BEGIN")
    assert moving.work(connection)
    connection.execute("ROLLBACK")
    assert earlier_rows(connection) == 3000
    connection.close()
    async with opened(path) as (database, store, _):
        await all_moved(database)
        assert (await store.count(EventQuery(), NOW + 9000)).total == 5000
        for word in ("word1799", "word2900", "word3999"):
            assert len((await store.search(EventQuery(text=word, limit=5))).events) == 1
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (5000,)
    assert connection.execute("SELECT sum(count) FROM event_hours").fetchone() == (5000,)
    connection.close()


@pytest.mark.parametrize(
    "damage", ["DELETE FROM events_text_config", "UPDATE events_text_data SET block = x'ffffffff01010101'"]
)
async def test_a_file_whose_index_of_texts_is_damaged_is_taken_over(path: Path, damage: str) -> None:
    """Its index is made anew of its events, and nothing is set aside."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(damage)
    connection.close()
    async with opened(path) as (database, store, _):
        await all_moved(database)
        await store.append([event(5000, **ORDER)])
        await all_moved(database)
        assert (await store.count(EventQuery(), NOW + 9000)).total == 5001
    assert damaged_files(path) == []


async def test_a_damaged_index_met_while_events_are_moved_is_made_anew(path: Path) -> None:
    """It is made of all of them once they are there."""
    await Still(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM events_text_0_config")
    connection.close()
    async with opened(path) as (database, store, _):
        with pytest.raises(StoreUnavailable, match="made anew"):
            await store.search(EventQuery(text="word1", limit=5))
        await eventually(lambda: database._found is None)
        await all_moved(database)
        await store.append([event(number) for number in range(5000, 8000)])
        await all_moved(database)
        assert (await store.count(EventQuery(), NOW + 9000)).total == 8000
    assert sorted(text_rows(path, "line")) == list(range(1, 8001))
