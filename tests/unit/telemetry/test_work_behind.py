"""The work behind the writes of the embedded stores: each apart, and none ended by damage or a full disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from schemas.errors import StoreUnavailable
from telemetry.embedded import EmbeddedEventStore, Retention, TelemetryDatabase
from telemetry.embedded.damage import damaged_files
from telemetry.embedded.indexing import indexed, last_number
from telemetry.embedded.retention import RetentionWork
from telemetry.records import Event
from telemetry.stores import EventQuery
from tests.unit.telemetry.bots import eventually

NOW = 1_790_000_000.0
DAY = 86400.0
_DAMAGES = {
    "structure": "UPDATE events_text_1_data SET block = x'ffffffff01010101' WHERE id = 10",
    "texts": "UPDATE events_text_1_data SET block = x'ffffffff01010101'",
    "settings": "DELETE FROM events_text_1_config",
}


def event(number: int, at: float = NOW) -> Event:
    return Event(f"a1/stdout/0/{number}", "alpha", at, "log", "info", f"hello world{number}", size=10)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[TelemetryDatabase]:
    opened = TelemetryDatabase(tmp_path / "telemetry.db")
    yield opened
    await opened.close()


async def until_indexed(database: TelemetryDatabase) -> None:
    """Wait until the index of texts has every event."""
    while await database.read(lambda one: last_number(one) - indexed(one)):  # noqa: ASYNC110 - a thread does it
        await asyncio.sleep(0.02)


async def damage(database: TelemetryDatabase, statement: str) -> None:
    await database.write(lambda connection: connection.execute(statement).rowcount)


def error_of(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("made up")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("kind", _DAMAGES)
async def test_a_damaged_index_of_texts_is_made_anew_and_no_event_goes(
    kind: str, database: TelemetryDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """The events stay in their file, are counted once and found by their words; it is said once."""
    store = EmbeddedEventStore(database)
    await store.append([event(number) for number in range(3000)])
    await until_indexed(database)
    await damage(database, _DAMAGES[kind])
    await database.close()
    reopened = TelemetryDatabase(database.path)  # which has nothing of the index in its memory
    store = EmbeddedEventStore(reopened)
    try:
        await store.append([event(number) for number in range(3000, 9000)])
        await until_indexed(reopened)
        for word in ("world5", "world2999", "world8999"):
            for _ in range(2):  # the first may be the one that finds the damage
                try:
                    found = await store.search(EventQuery(text=word, limit=1, end=NOW))
                except StoreUnavailable as error:
                    assert "made anew" in str(error)  # noqa: PT017
                    await eventually(lambda: reopened._found is None)
                    await until_indexed(reopened)
            assert len(found.events) == 1
        await until_indexed(reopened)
        assert (await store.count(EventQuery(), NOW)).total == 9000
    finally:
        await reopened.close()
    assert damaged_files(database.path) == []
    assert caplog.text.count("it is made anew of the events") == 1


async def test_a_damaged_index_does_not_keep_old_events(database: TelemetryDatabase) -> None:
    """Retention that meets the damage goes on once the index is made anew."""
    store = EmbeddedEventStore(database)
    await store.append([event(number, NOW - 50 * DAY) for number in range(3000)])
    await until_indexed(database)
    await damage(database, _DAMAGES["texts"])
    work = RetentionWork(Retention(events_days=30), database._forget_ids, clock=lambda: NOW)

    def forget(connection: sqlite3.Connection) -> bool:
        work._next = 0.0
        return work.work(connection)

    database.behind(forget)

    def left(connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])

    while await database.read(left) > 1:  # noqa: ASYNC110 - a thread forgets
        await asyncio.sleep(0.02)
    assert damaged_files(database.path) == []


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR])
async def test_work_behind_that_fails_is_tried_again_and_holds_up_no_other(
    code: int, database: TelemetryDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes after it in the same round is done, it is tried again, and its error is logged once."""
    tried: list[int] = []
    other: list[int] = []

    def failing(connection: sqlite3.Connection) -> bool:
        tried.append(1)
        raise error_of(code)

    def works(connection: sqlite3.Connection) -> bool:
        other.append(1)
        return False

    database.behind(failing)
    database.behind(works)
    await eventually(lambda: len(tried) > 2 and len(other) > 2)
    assert caplog.text.count("work behind the writes of") == 1
    assert damaged_files(database.path) == []


async def test_damage_that_only_work_behind_meets_sets_the_file_aside(database: TelemetryDatabase) -> None:
    """A page that nothing but retention reads is damage like any other: what comes goes into a new file."""
    store = EmbeddedEventStore(database)
    await store.append([event(1)])
    errors = [error_of(sqlite3.SQLITE_CORRUPT)]

    def meets(connection: sqlite3.Connection) -> bool:
        if errors:
            raise errors.pop()
        return False

    database.behind(meets)
    await eventually(lambda: len(damaged_files(database.path)) == 1)
    await store.append([event(2)])
    assert [one.message for one in (await store.search(EventQuery())).events] == ["hello world2"]


def test_one_step_of_forgetting_that_fails_leaves_the_others_to_be_done() -> None:
    """It is left to the next round."""
    done: list[str] = []

    def step(name: str) -> Callable[[sqlite3.Connection], bool]:
        def run(connection: sqlite3.Connection) -> bool:
            done.append(name)
            if name == "fails":
                raise error_of(sqlite3.SQLITE_FULL)
            return False

        return run

    work = RetentionWork(Retention(), lambda: None)
    work._steps = [step("last"), step("fails"), step("first")]
    with sqlite3.connect(":memory:") as connection:
        assert work.work(connection)
        with pytest.raises(sqlite3.OperationalError):
            work.work(connection)
        assert not work.work(connection)
    connection.close()
    assert done == ["first", "fails", "last"]
