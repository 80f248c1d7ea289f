"""What every series store must do, run on the embedded one and on both versions of VictoriaMetrics."""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.alert_rules import read_rule
from telemetry.alert_past import AlertPast, Stored
from telemetry.alert_trials import AlertTrials
from telemetry.alerts.engine import Engine, Moved
from telemetry.alerts.ports import Setup
from telemetry.alerts.watch import BotProfile
from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, TelemetryDatabase
from telemetry.embedded.kept import EmbeddedKeptStates
from telemetry.errors.groups import ErrorGroup
from telemetry.records import Sample
from telemetry.stores import SeriesQuery, SeriesStore
from telemetry.victoriametrics import VictoriaMetricsStore
from tests.engines.victoriametrics import VERSIONS, VictoriaMetrics, victoriametrics

KINDS = ("embedded", *VERSIONS)


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[VictoriaMetrics | None]:
    with ExitStack() as stack:
        yield None if request.param == "embedded" else stack.enter_context(victoriametrics(request.param))


@dataclass
class StoreUnderTest:
    """A store, and a way to look at it with what it stored and nothing remembered from writing."""

    store: SeriesStore
    reopen: Callable[[], SeriesStore]
    flush: Callable[[], None]


@pytest.fixture
async def under_test(server: VictoriaMetrics | None, tmp_path: Path) -> AsyncIterator[StoreUnderTest]:
    stores: list[SeriesStore] = []
    async with AsyncExitStack() as stack:

        def make() -> SeriesStore:
            store: SeriesStore
            if server is None:
                store = EmbeddedSeriesStore(TelemetryDatabase(tmp_path / "telemetry.db"))
            else:
                store = VictoriaMetricsStore(server.address)
            stores.append(store)
            stack.push_async_callback(store.close)
            return store

        yield StoreUnderTest(make(), make, server.flush if server else lambda: None)


@pytest.fixture
def store(under_test: StoreUnderTest) -> SeriesStore:
    return under_test.store


@pytest.fixture
def bot() -> str:
    return f"bot-{secrets.token_hex(4)}"


NOW = float(int(time.time()) // 60 * 60 - 600)
"""A whole minute, ten minutes ago."""


def sample(bot: str, at: float, value: float, name: str = "bot_equity", **labels: str) -> Sample:
    return Sample(name, {"fleet": "desk-abc", "bot": bot, **labels}, NOW + at, value)


async def test_samples_come_back_as_they_were_written(store: SeriesStore, bot: str) -> None:
    """Every raw sample comes back with its time to the millisecond, its value and its labels."""
    await store.write([sample(bot, 0.125, 1.5), sample(bot, 1.25, -2.75e-9), sample(bot, 2.5, 1e15)])
    (series,) = await store.query(SeriesQuery(bot, "bot_equity", NOW - 10, NOW + 10))
    assert series.labels == {"__name__": "bot_equity", "fleet": "desk-abc", "bot": bot}
    assert series.points == [(NOW + 0.125, 1.5), (NOW + 1.25, -2.75e-9), (NOW + 2.5, 1e15)]


async def test_the_same_sample_twice_is_one(under_test: StoreUnderTest, bot: str) -> None:
    """A sample written again, in the same request and in a later one, is kept once."""
    samples = [sample(bot, 1, 5.0), sample(bot, 2, 6.0)]
    await under_test.store.write([*samples, *samples])
    await under_test.store.write(samples)
    under_test.flush()
    for store in (under_test.store, under_test.reopen()):
        (series,) = await store.query(SeriesQuery(bot, "bot_equity", NOW, NOW + 10))
        assert series.points == [(NOW + 1, 5.0), (NOW + 2, 6.0)]


async def test_of_several_samples_in_a_millisecond_the_last_is_kept(
    under_test: StoreUnderTest, bot: str
) -> None:
    """A counter that is printed ten times within a millisecond keeps its last value, not its largest."""
    await under_test.store.write([sample(bot, 1, float(value)) for value in (1, 9, 2, 8, 3)])
    under_test.flush()
    for store in (under_test.store, under_test.reopen()):
        (series,) = await store.query(SeriesQuery(bot, "bot_equity", NOW, NOW + 10))
        assert series.points == [(NOW + 1, 3.0)]


async def test_stored_samples_outlive_the_process(under_test: StoreUnderTest, bot: str) -> None:
    """A store opened anew answers as the one that wrote."""
    await under_test.store.write([sample(bot, second, float(second)) for second in range(120)])
    under_test.flush()
    query = SeriesQuery(bot, "bot_equity", NOW, NOW + 120, step=10)
    assert await under_test.store.query(query) == await under_test.reopen().query(query)


@pytest.mark.parametrize("step", [1, 7, 10, 30, 60])
async def test_a_step_shows_its_last_sample(under_test: StoreUnderTest, bot: str, step: int) -> None:
    """Each point stands at its step's end and is the last sample after the step's start."""
    moments = [0.0, 0.5, 3.0, 9.999, 10.0, 10.001, 29.0, 60.0, 61.0]
    await under_test.store.write([sample(bot, at, at) for at in moments])
    under_test.flush()
    expected: dict[float, float] = {}
    for at in moments:
        end = -(-round((NOW + at) * 1000) // (step * 1000)) * step
        expected[float(end)] = at
    for store in (under_test.store, under_test.reopen()):
        (series,) = await store.query(SeriesQuery(bot, "bot_equity", NOW - 60, NOW + 420, step=step))
        assert dict(series.points) == expected


async def test_gaps_stay_gaps(store: SeriesStore, bot: str) -> None:
    """A step without a sample has no point."""
    await store.write([sample(bot, 5, 1.0), sample(bot, 95, 2.0)])
    (series,) = await store.query(SeriesQuery(bot, "bot_equity", NOW, NOW + 120, step=10))
    assert series.points == [(NOW + 10, 1.0), (NOW + 100, 2.0)]


async def test_the_running_step_ends_at_the_end_of_the_range(store: SeriesStore, bot: str) -> None:
    """The newest sample is shown although its step is not over, at the end of the range."""
    await store.write([sample(bot, 65, 3.0)])
    (series,) = await store.query(SeriesQuery(bot, "bot_equity", NOW, NOW + 70, step=60))
    assert series.points == [(NOW + 70, 3.0)]


async def test_a_query_is_for_one_metric_or_all(store: SeriesStore, bot: str) -> None:
    """An empty metric reads every series of the bot, and `metrics` names them."""
    await store.write([sample(bot, 1, 1.0), sample(bot, 1, 2.0, "bot_price", symbol="BTC/USDT")])
    everything = await store.query(SeriesQuery(bot, "", NOW, NOW + 10))
    assert [series.labels["__name__"] for series in everything] == ["bot_equity", "bot_price"]
    assert await store.metrics(bot) == ["bot_equity", "bot_price"]


async def test_labels_choose_series(store: SeriesStore, bot: str) -> None:
    """Labels of a query must match exactly, others are free; no other bot's series come."""
    await store.write([sample(bot, 1, 1.0, symbol="A"), sample(bot, 1, 2.0, symbol="B")])
    await store.write([sample(f"{bot}x", 1, 3.0, symbol="A")])
    query = SeriesQuery(bot, "bot_equity", NOW, NOW + 10, labels={"symbol": "B"})
    assert [series.points for series in await store.query(query)] == [[(NOW + 1, 2.0)]]
    assert len(await store.query(SeriesQuery(bot, "bot_equity", NOW, NOW + 10))) == 2


@pytest.mark.parametrize("value", ['say "hi"', "back\\slash", "two\nlines", "äöü 日本", "a,b={c}"])
async def test_label_values_may_hold_anything(under_test: StoreUnderTest, bot: str, value: str) -> None:
    """Quotes, backslashes, newlines and Unicode in a label's value arrive unchanged."""
    await under_test.store.write([sample(bot, 1, 1.0, symbol=value)])
    under_test.flush()
    query = SeriesQuery(bot, "bot_equity", NOW, NOW + 10, labels={"symbol": value})
    (series,) = await under_test.reopen().query(query)
    assert series.labels["symbol"] == value


async def test_samples_may_come_late_and_out_of_order(under_test: StoreUnderTest, bot: str) -> None:
    """A sample older than what is there takes its place in time, also in a step that was read before."""
    await under_test.store.write([sample(bot, 30, 3.0), sample(bot, 10, 1.0)])
    await under_test.store.query(SeriesQuery(bot, "bot_equity", NOW, NOW + 60, step=10))
    await under_test.store.write([sample(bot, 19, 2.0)])
    under_test.flush()
    store = under_test.reopen()
    (series,) = await store.query(SeriesQuery(bot, "bot_equity", NOW, NOW + 60, step=10))
    assert series.points == [(NOW + 10, 1.0), (NOW + 20, 2.0), (NOW + 30, 3.0)]


async def test_what_was_written_can_be_read_at_once(store: SeriesStore, bot: str) -> None:
    """A query right after a write shows it, raw and in steps."""
    await store.write([sample(bot, 5, 42.0)])
    for step in (0, 1, 10):
        (series,) = await store.query(SeriesQuery(bot, "bot_equity", NOW, NOW + 60, step=step))
        assert series.points[-1][1] == 42.0


async def test_the_newest_of_every_series(under_test: StoreUnderTest, bot: str) -> None:
    """`newest` has one sample of each series, the last one, and leaves out what is too old."""
    await under_test.store.write([sample(bot, at, at) for at in (1, 3, 2)])
    await under_test.store.write([sample(bot, 1, 7.0, "bot_price"), sample(bot, -500, 1.0, "bot_old")])
    under_test.flush()
    for store in (under_test.store, under_test.reopen()):
        newest = [one for one in await store.newest(NOW - 60) if one.labels["bot"] == bot]
        assert sorted(newest, key=lambda one: one.name) == [
            sample(bot, 3, 3.0),
            sample(bot, 1, 7.0, "bot_price"),
        ]


async def test_nothing_is_an_empty_answer(store: SeriesStore) -> None:
    """A bot that is not known has no series and no names."""
    assert await store.query(SeriesQuery("nobody", "bot_equity", NOW, NOW + 60)) == []
    assert await store.query(SeriesQuery("nobody", "bot_equity", NOW, NOW + 60, step=10)) == []
    assert await store.metrics("nobody") == []


async def test_a_long_range_is_answered(under_test: StoreUnderTest, bot: str) -> None:
    """A week in steps of 30 s holds more points than one question of VictoriaMetrics may ask for."""
    week = 7 * 86400
    await under_test.store.write([sample(bot, -at, float(at)) for at in range(0, week, 3600)])
    under_test.flush()
    query = SeriesQuery(bot, "bot_equity", NOW - week, NOW, step=30)
    (series,) = await under_test.reopen().query(query)
    assert [value for _, value in reversed(series.points)] == [float(at) for at in range(0, week, 3600)]


async def test_what_alert_rules_look_back_on_comes_from_the_store(
    under_test: StoreUnderTest, bot: str, tmp_path: Path
) -> None:
    """A fall within an hour, and one within a week, fire at the first value after a restart."""
    week, hour = 7 * 86400.0, 3600.0
    past = [sample(bot, at - week + hour, 100.0) for at in (0, 60)] + [sample(bot, -1800, 60.0)]
    await under_test.store.write(past)
    under_test.flush()
    rules = [
        read_rule("week", {"when": {"metric": "bot_equity", "falls": "70%", "over": "7d"}}),
        read_rule("hour", {"when": {"metric": "bot_equity", "falls": "50%", "over": "1h"}}),
    ]
    told: list[Moved] = []
    async with AsyncExitStack() as stack:
        database = TelemetryDatabase(tmp_path / "trades.db")
        stack.push_async_callback(database.close)
        stored = Stored(under_test.reopen(), EmbeddedKeptStates(database, "trades_since"))
        for now in (NOW - 8 * 86400, NOW):
            engine = Engine(told.append, fills=True)
            engine.set_bot(BotProfile(bot), rules, now)
            reading = AlertPast(engine, stored, lambda now=now: now)
            reading.want(BotProfile(bot))
            await reading.load()
            await reading.keep()
            await reading.read()
            assert all(
                history.whole for history in engine.watches[bot].slots["bot_equity"].histories.values()
            )
        engine.samples(bot, [sample(bot, 0, 29.0)], NOW)
    assert {one.rule.name for one in told if one.fires} == {"week", "hour"}


async def test_alert_rules_are_tried_on_what_is_stored(
    under_test: StoreUnderTest, bot: str, tmp_path: Path
) -> None:
    """Whichever store it is, the same alerts begin and end, on every value and on steps."""
    values = {-3000: 1.0, -2000: 5.0, -1500: 1.0, -600: 7.0}
    await under_test.store.write([sample(bot, at, value) for at, value in values.items()])
    under_test.flush()
    over = read_rule("over", {"when": {"metric": "bot_equity", "above": 3}})
    rose = read_rule("rose", {"when": {"metric": "bot_equity", "rises": 5, "over": "30m"}})

    async def no_errors(_bot: str) -> list[ErrorGroup]:
        return []

    async with AsyncExitStack() as stack:
        database = TelemetryDatabase(tmp_path / "events.db")
        stack.push_async_callback(database.close)
        trials = AlertTrials(
            under_test.reopen(), EmbeddedEventStore(database), no_errors, lambda _calendar: None
        )
        for span, step in ((3600.0, 0.0), (86400.0, 10.0)):
            found = await trials.run([Setup(BotProfile(bot), (over, rose))], NOW - span, NOW)
            began = {one.rule.name: [each.began - NOW for each in one.episodes] for one in found.tried}
            assert (found.step, found.complete) == (step, True)
            assert began == {"over": [-2000, -600], "rose": [-600]}
            assert [one.episodes[0].ended for one in found.tried if one.rule is over] == [NOW - 1500]
