"""What the intake writes by: events and samples together, and the thread that writes them."""

import asyncio
import resource
import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.errors import StoreUnavailable
from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.embedded.damage import damaged_files
from telemetry.embedded.liveness import EmbeddedLivenessStore
from telemetry.embedded.opening import build_next
from telemetry.embedded.output import _TABLE as _OUTBOX
from telemetry.embedded.output import Outbox
from telemetry.embedded.trading import EmbeddedTradingStore
from telemetry.intake import Intake
from telemetry.records import Event, Sample
from telemetry.stores import EventQuery, SeriesQuery
from telemetry.wire import Use
from tests.unit.telemetry.bots import Node, OneAfterTheOther, Told, eventually
from tests.unit.telemetry.test_intake import Stalled, batch, chunk

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
        self.pages: list[int] = []
        """How many samples were restored at once."""
        self.safe_before = 0.0
        self.broken = False

    async def write(self, samples: Sequence[Sample]) -> None:
        if self.broken:
            raise StoreUnavailable("it does not answer")
        self.written += samples

    def restore(self, samples: Sequence[Sample]) -> None:
        self.restored += samples
        self.pages.append(len(samples))


async def opened(path: Path, series: Forgetful) -> tuple[TelemetryDatabase, Outbox]:
    """Open the outbox as a new process does."""
    database = TelemetryDatabase(path / "telemetry.db")
    outbox = Outbox(database, EmbeddedEventStore(database), series)  # type: ignore[arg-type]
    await outbox.open()
    return database, outbox


async def rows_of(database: TelemetryDatabase) -> list[int]:
    """Return the numbers of the outbox's rows."""
    return await database.read(lambda connection: [n for (n,) in connection.execute("SELECT n FROM outbox")])


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
    first = Intake(node.events, Told(), node.output)
    assert (await first.accept(batch(chunk(PRICE)))).status == 204
    again = Intake(node.events, Told(), node.output)
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
    intake = Intake(events, told, outbox)
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


async def test_tries_that_are_refused_leave_nothing_more_to_deliver(tmp_path: Path) -> None:
    """While the server is away, the same uses are told, kept and delivered once, however often they come."""
    series = Forgetful()
    database, outbox = await opened(tmp_path, series)
    told = Told()
    intake = Intake(EmbeddedEventStore(database), told, outbox)
    uses = [Use(0, 1_790_000_000.0 + number, {"bot_cpu_percent": float(number)}) for number in range(2)]
    series.broken = True
    for _ in range(20):
        assert (await intake.accept(batch(chunk(PRICE), uses=uses))).status == 503
    assert await rows_of(database) == [1]
    series.broken = False
    assert (await intake.accept(batch(chunk(PRICE), uses=uses))).status == 204
    assert [sample.value for sample in series.written] == [1.5, 0.0, 1.0]
    assert [sample.value for sample in told.values] == [1.5, 0.0, 1.0]
    # The node's clock was set back: these are others.
    earlier = [Use(0, uses[0].time - 100_000, {"bot_cpu_percent": 7.0})]
    assert (await intake.accept(batch(uses=earlier))).status == 204
    assert series.written[3].value == 7.0
    await database.close()


async def test_uses_that_could_not_be_kept_are_kept_by_the_next_try(node: Node) -> None:
    """They are told once, and stored once the store takes them."""
    series = Stalled(broken=True)
    series.may_write.set()
    told = Told()
    intake = Intake(node.events, told, OneAfterTheOther(series, node.events))
    body = batch(uses=[Use(0, 1_790_000_000.0, {"bot_cpu_percent": 5.0})])
    assert (await intake.accept(body)).status == 503
    series.broken = False
    assert (await intake.accept(body)).status == 204
    assert (await intake.accept(body)).status == 204
    assert len(series.written) == len(told.values) == 1


class Patient(Forgetful):
    """Notes how much it is given at once; takes it when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_take = asyncio.Event()
        self.sizes: list[int] = []
        self.writing = 0
        self.most_writing = 0

    async def write(self, samples: Sequence[Sample]) -> None:
        self.sizes.append(len(samples))
        self.writing += 1
        self.most_writing = max(self.most_writing, self.writing)
        try:
            await self.may_take.wait()
            await super().write(samples)
        finally:
            self.writing -= 1


async def test_what_waits_is_delivered_in_pages_by_one_try_at_a_time(tmp_path: Path) -> None:
    """Those who come while a try is under way wait for it; after a failure little is tried, then pages."""
    series = Patient()
    database, outbox = await opened(tmp_path, series)
    await outbox.keep([], samples(*range(70_000)))
    delivering = [asyncio.create_task(outbox.deliver()) for _ in range(10)]
    await eventually(lambda: series.writing)
    series.broken = True
    series.may_take.set()
    assert all(
        isinstance(one, StoreUnavailable) for one in await asyncio.gather(*delivering, return_exceptions=True)
    )
    series.broken = False
    await asyncio.gather(*(outbox.deliver() for _ in range(10)))
    assert series.sizes == [20_000, 5000, 20_000, 20_000, 20_000, 5000]
    assert series.written == samples(*range(70_000))
    assert series.most_writing == 1
    await database.close()


async def test_an_outbox_that_is_full_keeps_nothing_more(tmp_path: Path) -> None:
    """What comes then is refused whole, and taken once the server is back; what waits is not lost."""
    series = Forgetful()
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    outbox = Outbox(database, EmbeddedEventStore(database), series, most=3)  # type: ignore[arg-type]
    await outbox.open()
    series.broken = True
    await outbox.keep([], samples(1, 2, 3))
    with pytest.raises(StoreUnavailable):
        await outbox.keep([event(0)], samples(4))
    assert await rows_of(database) == [1]
    assert (await EmbeddedEventStore(database).search(EventQuery())).events == []
    series.broken = False
    await outbox.keep([event(0)], samples(4))
    await outbox.deliver()
    assert series.written == samples(1, 2, 3, 4)
    await database.close()


async def test_a_long_outbox_is_given_again_in_pages(tmp_path: Path) -> None:
    """However much a dead process left, a few rows are in memory at once, and all are given in order."""
    series = Forgetful()
    database, outbox = await opened(tmp_path, series)
    for number in range(30):
        await outbox.keep([], samples(number))
    await database.close()
    database, outbox = await opened(tmp_path, series)
    assert series.restored == samples(*range(30))
    assert series.pages == [1] * 30
    await outbox.keep([], samples(30))
    assert await rows_of(database) == list(range(1, 32))
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


async def test_what_is_known_of_bots_lives_is_kept_in_the_new_file(node: Node) -> None:
    """Each store's tables are in the file that takes a damaged one's place."""
    lives = EmbeddedLivenessStore(node.database)
    await lives.load()
    await lives.save({"alpha": b"old"})
    await node.output.keep([event(number, "x" * 500) for number in range(2000)], samples(1))
    await damage_all(node.database)
    await node.output.keep([event(9999)], samples(2))
    await lives.save({"alpha": b"new"})
    assert await lives.load() == [b"new"]


async def test_a_new_file_that_cannot_be_begun_is_begun_at_a_later_write(node: Node) -> None:
    """Where a file is damaged and no other can be opened, what waits is refused, until one can."""
    await node.output.keep([event(number, "x" * 500) for number in range(2000)], samples(1))
    await damage_all(node.database)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="cannot be written"):
                await node.output.keep([event(1)], samples(2))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    await node.output.keep([event(2)], samples(3))
    assert [one.id for one in await node.stored()] == ["a1/stdout/0/2"]
    assert len(damaged_files(node.database.path)) == 1


async def test_readers_follow_to_a_file_that_took_the_name_only_at_a_later_write(tmp_path: Path) -> None:
    """Where a damaged file could not be set aside at first, what is read later is of the new one."""
    database = TelemetryDatabase(tmp_path / ("t" * 240))  # so long that the name of one set aside is too long
    events = EmbeddedEventStore(database)
    await database.write(lambda _: None)
    await events.append([event(number, "x" * 500) for number in range(2000)])
    everything = EventQuery(limit=5000)
    seen = [await events.search(everything) for _ in range(8)]
    assert {len(page.events) for page in seen} == {2000}
    await damage_all(database)
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await events.append([event(1)])
    for end in ("", "-wal", "-shm"):
        database.path.with_name(database.path.name + end).unlink(missing_ok=True)
    await events.append([event(9999)])
    for _ in range(8):
        assert [one.id for one in (await events.search(everything)).events] == ["a1/stdout/0/9999"]
        assert await events.end_of("a1", "stdout") is not None
    await database.close()


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


async def test_rows_of_a_new_file_do_not_go_with_those_of_the_damaged_one(tmp_path: Path) -> None:
    """Numbers never go back: a row that nobody is sure of stays when an older file's rows are safe."""
    series = Forgetful()
    database, outbox = await opened(tmp_path, series)
    for number in range(50):
        await outbox.keep([event(number, "x" * 5000)], samples(number))
        await outbox.deliver()
    given = time.monotonic()
    series.broken = True
    await outbox.keep([], samples(50))
    await damage_all(database)
    await outbox.keep([], samples(51))
    assert len(damaged_files(database.path)) == 1
    await eventually(lambda: time.monotonic() > given)
    series.safe_before = given
    await eventually(lambda: not outbox._given)
    # One more round of the work behind, which looks for what is safe.
    await database.write(lambda connection: connection.execute("SELECT 1").fetchall())
    assert min(await rows_of(database)) == 51, "of these the server took none"
    series.broken = False
    await outbox.deliver()
    assert series.written == samples(*range(52))
    await database.close()


def killed(database: TelemetryDatabase, folder: Path) -> Path:
    """Return a folder with the files as they are on the disk now: what `kill -9` would leave of them."""
    folder.mkdir()
    for file in database.path.parent.glob("telemetry.db*"):
        shutil.copy(file, folder)
    return folder


async def test_samples_that_wait_outlive_a_damaged_file_and_a_hard_end(tmp_path: Path) -> None:
    """What a server did not take, or may still forget, is in the new file before the old one goes."""
    series = Forgetful()
    (tmp_path / "first").mkdir()
    database, outbox = await opened(tmp_path / "first", series)
    await outbox.keep([], samples(1))
    await outbox.deliver()
    series.broken = True
    await outbox.keep([event(number, "x" * 500) for number in range(2000)], samples(2, 3))
    await damage_all(database)
    await outbox.keep([event(9999)], samples(4))
    assert len(damaged_files(database.path)) == 1
    after = Forgetful()
    again, _ = await opened(killed(database, tmp_path / "killed"), after)
    assert sorted({sample.value for sample in after.restored}) == [1, 2, 3, 4]
    await again.close()
    await database.close()


async def test_what_is_safe_is_not_carried_into_a_new_file(tmp_path: Path) -> None:
    """Rows that the server surely kept are gone from memory as well."""
    series = Forgetful()
    database, outbox = await opened(tmp_path, series)
    await outbox.keep([event(number, "x" * 500) for number in range(2000)], samples(1))
    await outbox.deliver()
    series.safe_before = float("inf")
    await until_rows(database, 0)
    series.broken = True
    await outbox.keep([], samples(2))
    await damage_all(database)
    await outbox.keep([event(9999)], samples(3))
    assert set(await rows_of(database)) <= {2, 3, 4}
    await database.close()


@pytest.mark.parametrize("amid", [False, True])
async def test_a_kill_while_a_damaged_file_is_set_aside_loses_nothing_of_the_new_one(
    tmp_path: Path, amid: bool
) -> None:
    """The next process puts the file that was built in its place, also where the old one is half away."""
    series = Forgetful()
    path = tmp_path / "telemetry.db"
    database, outbox = await opened(tmp_path, series)
    series.broken = True
    await outbox.keep([event(0)], samples(1))
    build_next(path, lambda connection: (connection.execute(_OUTBOX), outbox._carry(connection))[1])
    await database.write(lambda connection: connection.execute("SELECT 1").fetchall())
    left = killed(database, tmp_path / "left")
    if amid:
        (left / "telemetry.db").rename(left / "telemetry.db.damaged-5")
    after = Forgetful()
    again, _ = await opened(left, after)
    assert after.restored == samples(1)
    (away,) = damaged_files(left / "telemetry.db")
    assert away.with_name(away.name + "-wal").exists()
    await again.close()
    await database.close()
