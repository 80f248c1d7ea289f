"""VictoriaMetrics that dies, restarts and drops rows; both versions, killed for real."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from schemas.errors import StoreUnavailable
from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.embedded.output import Outbox
from telemetry.intake import Intake
from telemetry.names import Health
from telemetry.records import Sample
from telemetry.stores import SeriesQuery
from telemetry.victoriametrics import VictoriaMetricsStore
from tests.engines.victoriametrics import VERSIONS, VictoriaMetrics, victoriametrics
from tests.unit.telemetry.bots import Node, OneAfterTheOther, eventually

NOW = float(int(time.time()) - 300)
ALL = SeriesQuery("alpha", "bot_equity", NOW - 1000, NOW + 1000)


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[VictoriaMetrics]:
    with victoriametrics(request.param) as running:
        yield running


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def store(server: VictoriaMetrics, health: Health) -> AsyncIterator[VictoriaMetricsStore]:
    opened = VictoriaMetricsStore(server.address, health=health, watch_every=3600)
    yield opened
    await opened.close()


def samples(start: int, count: int) -> list[Sample]:
    labels = {"fleet": "desk", "bot": "alpha"}
    return [Sample("bot_equity", labels, NOW + at / 10, float(at)) for at in range(start, start + count)]


async def stored_values(server: VictoriaMetrics) -> list[float]:
    """What a client that wrote nothing can read."""
    server.flush()
    reader = VictoriaMetricsStore(server.address)
    found = await reader.query(ALL)
    await reader.close()
    return [value for series in found for _, value in series.points]


@pytest.mark.victoriametrics
async def test_kill_minus_9_loses_nothing_acknowledged(
    server: VictoriaMetrics, store: VictoriaMetricsStore, health: Health
) -> None:
    """Samples acknowledged right before a hard death are there after it, once each."""
    for start in range(0, 1000, 50):
        await store.write(samples(start, 50))
    server.kill()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await store.write(samples(1000, 50))
    server.start()
    assert len(await stored_values(server)) < 1000, "the death must have cost something, or nothing is shown"
    await store.write(samples(1000, 50))
    assert await stored_values(server) == [float(value) for value in range(1050)]
    assert health.value("herdsman_store_replays_total") == 1


@pytest.mark.victoriametrics
async def test_a_restart_that_no_write_saw_is_noticed(
    server: VictoriaMetrics, store: VictoriaMetricsStore, health: Health
) -> None:
    """Where nothing was being written while it died and came back, the watch gives the last samples again."""
    await store.write(samples(0, 100))
    await store.check()
    server.kill()
    await asyncio.to_thread(time.sleep, 1.0)  # its start time has whole seconds
    server.start()
    await store.check()
    assert await stored_values(server) == [float(value) for value in range(100)]
    assert health.value("herdsman_store_replays_total") == 1


@pytest.mark.victoriametrics
async def test_samples_outlive_the_death_of_the_service_and_of_the_store(
    server: VictoriaMetrics, store: VictoriaMetricsStore, tmp_path: Path
) -> None:
    """What was acknowledged right before both were killed is there after both have started, once each."""
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    outbox = Outbox(database, EmbeddedEventStore(database), store)
    await outbox.open()
    for start in range(0, 500, 50):
        await outbox.keep([], samples(start, 50))
        await outbox.deliver()
    await outbox.keep([], samples(500, 50))
    server.kill()
    await database.close()
    server.start()
    assert len(await stored_values(server)) < 500, "the death must have cost something, or nothing is shown"
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    health = Health()
    after = VictoriaMetricsStore(server.address, health=health)
    await Outbox(database, EmbeddedEventStore(database), after).open()
    await eventually(lambda: health.value("herdsman_store_replays_total"))
    assert await stored_values(server) == [float(value) for value in range(550)]
    await after.close()
    await database.close()


@pytest.mark.victoriametrics
async def test_a_store_that_dies_right_after_the_first_write_is_noticed(
    server: VictoriaMetrics, store: VictoriaMetricsStore
) -> None:
    """It is looked at before it is given anything, so that its very first restart is noticed as well."""
    await store.write(samples(0, 100))
    server.kill()
    await asyncio.to_thread(time.sleep, 1.0)  # its start time has whole seconds
    server.start()
    await store.check()
    assert await stored_values(server) == [float(value) for value in range(100)]


@pytest.mark.victoriametrics
async def test_writers_while_it_is_away_are_told_and_come_again(
    server: VictoriaMetrics, store: VictoriaMetricsStore
) -> None:
    """Many writers at once all get an error while it is down, and none of their samples is doubled later."""
    await store.write(samples(0, 10))
    server.kill()
    results = await asyncio.gather(
        *(store.write(samples(start, 10)) for start in range(10, 110, 10)), return_exceptions=True
    )
    assert all(isinstance(result, StoreUnavailable) for result in results)
    server.start()
    await asyncio.gather(*(store.write(samples(start, 10)) for start in range(10, 110, 10)))
    assert await stored_values(server) == [float(value) for value in range(110)]


@pytest.mark.victoriametrics
async def test_what_it_would_drop_is_left_out_and_counted(
    server: VictoriaMetrics, store: VictoriaMetricsStore, health: Health
) -> None:
    """NaN, infinity and names that are none do not reach it; the good ones of the same write do."""
    labels = {"bot": "alpha"}
    bad = [
        Sample("bot_equity", labels, NOW, math.nan),
        Sample("bot_equity", labels, NOW, math.inf),
        Sample("no name", labels, NOW, 1.0),
        Sample("bot_equity", {**labels, "no label": "x"}, NOW, 1.0),
        Sample("bot_equity", labels, -5.0, 1.0),
    ]
    await store.write([*bad, *samples(0, 5)])
    assert await stored_values(server) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert health.value("herdsman_intake_refused_values_total") == len(bad)
    await store.check()
    assert health.value("herdsman_store_rejected_rows_total") == 0


@pytest.mark.victoriametrics
async def test_rows_it_drops_in_silence_are_noticed(
    server: VictoriaMetrics, store: VictoriaMetricsStore, health: Health
) -> None:
    """It answers a good status to samples older than its retention; its own counter tells."""
    await store.write(samples(0, 1))
    await store.check()
    ancient = Sample("bot_equity", {"bot": "alpha"}, 1_000_000_000.0, 1.0)
    await store.write([ancient])
    async with asyncio.timeout(90):  # its own counters are up to a second old
        while not health.value("herdsman_store_rejected_rows_total"):
            await store.check()
            await asyncio.sleep(0.05)
    assert health.value("herdsman_store_rejected_rows_total") == 1


async def test_a_server_that_is_not_there_is_said_in_words() -> None:
    """Every call names the address and says that the bots run on."""
    store = VictoriaMetricsStore("http://127.0.0.1:1")
    for call in (
        store.write(samples(0, 1)),
        store.query(ALL),
        store.metrics("alpha"),
        store.newest(NOW),
    ):
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1 does not answer.*bots run on"):
            await call
    await store.close()


@pytest.mark.victoriametrics
async def test_no_printed_value_is_lost_while_it_dies_and_comes_back(
    server: VictoriaMetrics, store: VictoriaMetricsStore, node: Node
) -> None:
    """A bot prints on while the store is killed and away: every value is in the store at the end, once."""
    node.intake = Intake(node.events, node.told, OneAfterTheOther(store, node.events))
    following = node.agent()
    running = asyncio.create_task(following.run())
    bot = node.bot("a1", bot="alpha")
    start = time.time() - 100

    def print_values(first: int, last: int) -> None:
        for value in range(first, last):
            at = (start + value / 100) * 1000
            bot.print(f'{{"_metric": "equity", "equity": {value}, "timestamp": {at:.0f}}}\n')

    print_values(0, 300)
    await node.told.until(lambda told: len(told.seen) == 300)
    await node.stored()
    server.kill()
    print_values(300, 600)
    await eventually(lambda: node.intake.health.value("herdsman_intake_batches_total", status="503"))
    await asyncio.to_thread(server.start)
    print_values(600, 900)
    await following.finish()
    await running
    server.flush()
    reader = VictoriaMetricsStore(server.address)
    (series,) = await reader.query(SeriesQuery("alpha", "bot_equity", start - 1, start + 100))
    await reader.close()
    assert [value for _, value in series.points] == [float(value) for value in range(900)]
    assert len(await node.stored()) == 900
    assert len(node.told.seen) == 900
