"""What the intake writes by: events and samples together, and the thread that writes them."""

import asyncio
import resource
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.errors import StoreUnavailable
from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.embedded.damage import damaged_files
from telemetry.embedded.output import Outbox
from telemetry.embedded.trading import EmbeddedTradingStore
from telemetry.intake import Intake
from telemetry.records import Event, Sample
from telemetry.stores import EventQuery, SeriesQuery
from tests.unit.telemetry.bots import Node, Told, eventually
from tests.unit.telemetry.test_intake import batch, chunk

LABELS = {"fleet": "desk", "bot": "alpha"}
PRICE = b'{"_metric": "price", "symbol": "A", "value": 1.5}\n'


def event(number: int, message: object = "line") -> Event:
    return Event(f"a1/stdout/0/{number}", "alpha", 1000.0 + number, "log", "info", message)  # type: ignore[arg-type]


def samples(*values: float) -> list[Sample]:
    return [Sample("bot_price", LABELS, 1000.0 + value, value) for value in values]


class Forgetful:
    """A ForgetfulSeriesStore that keeps what it was given, and fails while it is told to."""

    def __init__(self) -> None:
        self.written: list[Sample] = []
        self.restored: list[Sample] = []
        self.safe_before = 0.0
        self.broken = False

    async def write(self, samples: Sequence[Sample]) -> None:
        if self.broken:
            raise StoreUnavailable("it does not answer")
        self.written += samples

    def restore(self, samples: Sequence[Sample]) -> None:
        self.restored += samples


async def opened(path: Path, series: Forgetful) -> tuple[TelemetryDatabase, Outbox]:
    """Open the outbox as a new process does."""
    database = TelemetryDatabase(path / "telemetry.db")
    outbox = Outbox(database, EmbeddedEventStore(database), series)  # type: ignore[arg-type]
    await outbox.open()
    return database, outbox


async def until_rows(database: TelemetryDatabase, count: int) -> None:
    """Return once the outbox has so many rows."""

    def rows(connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])

    async with asyncio.timeout(90):
        while await database.read(rows) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_events_and_samples_are_stored_both_or_neither(node: Node) -> None:
    """Where an event cannot be stored, the samples of its batch are not either."""
    with pytest.raises(StoreUnavailable):
        await node.output.keep([event(0, object())], samples(1, 2))
    assert await node.series.metrics("alpha") == []
    await node.output.keep([event(0)], samples(1, 2))
    assert await node.series.metrics("alpha") == ["bot_price"]
    assert len(await node.stored()) == 1


async def test_a_line_without_a_time_has_one_sample_though_it_is_read_again_later(node: Node) -> None:
    """Killed right after its batch was kept, a line that shows no time gets no second one later."""
    first = Intake(node.series, node.events, Told(), output=node.output)
    assert (await first.accept(batch(chunk(PRICE)))).status == 204
    again = Intake(node.series, node.events, Told(), output=node.output)
    later = chunk(PRICE)
    later.time += 5
    assert (await again.accept(batch(later))).status == 204
    (series,) = await node.series.query(SeriesQuery("alpha", "bot_price", 0, 4e9))
    assert len(series.points) == 1


async def test_what_a_dead_process_was_not_sure_of_is_given_again(tmp_path: Path) -> None:
    """Kept samples outlive the process, whether the server had them or not, with names, labels and values."""
    series = Forgetful()
    database, outbox = await opened(tmp_path, series)
    await outbox.keep([event(0)], samples(1, 2))
    await outbox.deliver()
    await outbox.keep([event(1)], [*samples(3), Sample("bot_up", {"bot": "beta"}, 5.25, -1.0)])
    await database.close()
    assert series.written == samples(1, 2)
    database, outbox = await opened(tmp_path, series)
    assert series.restored == [*samples(1, 2, 3), Sample("bot_up", {"bot": "beta"}, 5.25, -1.0)]
    await database.close()


async def test_what_the_server_surely_kept_is_forgotten(tmp_path: Path) -> None:
    """Rows go once they are safe, those that were not taken stay, and no number is given out twice."""
    series = Forgetful()
    database, outbox = await opened(tmp_path, series)
    await outbox.keep([], samples(1))
    await outbox.deliver()
    series.broken = True
    await outbox.keep([], samples(2))
    with pytest.raises(StoreUnavailable):
        await outbox.deliver()
    series.safe_before = float("inf")
    await until_rows(database, 1)
    series.broken = False
    await outbox.deliver()
    assert series.written == samples(1, 2)
    await until_rows(database, 0)
    series.safe_before = 0.0
    await outbox.keep([], samples(3))
    await outbox.deliver()
    await database.close()
    series.restored.clear()
    database, outbox = await opened(tmp_path, series)
    assert series.restored == samples(3)
    await database.close()


async def test_a_server_that_is_away_holds_the_batch_back_and_gets_it_once(tmp_path: Path) -> None:
    """503 while it is away; the batch that comes again has nothing new, and is taken once it is back."""
    series = Forgetful()
    database, outbox = await opened(tmp_path, series)
    events = EmbeddedEventStore(database)
    told = Told()
    intake = Intake(series, events, told, output=outbox)  # type: ignore[arg-type]
    series.broken = True
    assert (await intake.accept(batch(chunk(PRICE)))).status == 503
    later = chunk(PRICE)
    later.time += 5
    assert (await intake.accept(batch(later))).status == 503
    series.broken = False
    assert (await intake.accept(batch(later))).status == 204
    assert len(series.written) == len(told.values) == 1
    assert len((await events.search(EventQuery())).events) == 1
    await database.close()


async def test_who_gives_up_does_not_end_the_writer(node: Node) -> None:
    """A write that fails after whoever asked for it went away leaves the thread to the next one."""

    def fail(connection: sqlite3.Connection) -> None:
        raise ValueError("a mistake")

    asking = asyncio.create_task(node.database.write(fail))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(90):
        assert await node.database.write(lambda connection: 5) == 5


async def test_a_mistake_behind_the_writes_does_not_end_the_writer(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """Work behind that fails by a mistake is logged once, and writes go on."""
    tried = []

    def fail(connection: sqlite3.Connection) -> bool:
        tried.append(1)
        raise KeyError("a mistake")

    node.database.behind(fail)
    await eventually(lambda: len(tried) > 1)
    async with asyncio.timeout(90):
        assert await node.database.write(lambda connection: 5) == 5
    assert caplog.text.count("work behind the writes of") == 1


def damage(path: Path, offset: int) -> None:
    """Write over a file from a place on, as a broken disk does."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * (path.stat().st_size - offset))


async def damage_all(database: TelemetryDatabase) -> None:
    """Have everything in the file and nothing in memory, and damage all but its first page."""

    def settle(connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA cache_size = 0")
        connection.execute("BEGIN")

    await database.write(settle)
    damage(database.path, 4096)


@pytest.mark.parametrize("offset", [0, 100])
async def test_a_damaged_file_is_set_aside_and_output_goes_on(
    tmp_path: Path, offset: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A store whose file is damaged opens all the same, takes what comes, and says where the old one is."""
    before = Node(tmp_path)
    await before.output.keep([event(0)], samples(1))
    await before.close()
    damage(before.database.path, offset)
    after = Node(tmp_path)
    await after.output.keep([event(1)], samples(2))
    assert [one.id for one in await after.stored()] == ["a1/stdout/0/1"]
    (away,) = damaged_files(after.database.path)
    assert str(away) in caplog.text
    assert (await after.series.query(SeriesQuery("alpha", "bot_price", 0, 4e9)))[0].points == [(1002.0, 2.0)]
    await after.close()


async def test_a_file_that_is_damaged_while_it_is_written_is_set_aside(node: Node) -> None:
    """The write that finds the damage is carried out on a new file, and readers read that one."""
    await node.output.keep([event(number, "x" * 500) for number in range(2000)], samples(1))
    assert len(await node.stored()) == 2000
    await damage_all(node.database)
    await node.output.keep([event(9999)], samples(2))
    assert [one.id for one in await node.stored()] == ["a1/stdout/0/9999"]
    assert len(damaged_files(node.database.path)) == 1


async def test_a_new_file_that_cannot_be_opened_is_opened_at_a_later_write(node: Node) -> None:
    """Where a damaged file is set aside and nothing can be opened, what waits is refused, until it can."""
    await node.output.keep([event(number, "x" * 500) for number in range(2000)], samples(1))
    await damage_all(node.database)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="cannot be opened"):
                await node.output.keep([event(1)], samples(2))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    await node.output.keep([event(2)], samples(3))
    assert [one.id for one in await node.stored()] == ["a1/stdout/0/2"]
    assert len(damaged_files(node.database.path)) == 1


async def test_an_outbox_goes_on_in_the_file_that_takes_a_damaged_ones_place(tmp_path: Path) -> None:
    """Its table is in the new file as well, so that no batch is held up."""
    series = Forgetful()
    database, outbox = await opened(tmp_path, series)
    trading = EmbeddedTradingStore(database)
    await trading.load()
    await outbox.keep([event(number, "x" * 500) for number in range(2000)], [])
    await damage_all(database)
    await outbox.keep([event(0)], samples(1))
    await outbox.deliver()
    assert series.written == samples(1)
    await trading.save(1, {"alpha": b"state"})
    await database.close()
