"""The desk: it hears the intake, judges in passes, writes series and survives a restart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from msgspec import structs

from schemas.errors import StoreUnavailable
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness.verdict import Verdict
from telemetry.liveness.watch import LivenessView
from telemetry.liveness_desk import LivenessDesk
from telemetry.records import Sample
from telemetry.stores import Arrivals
from tests.fakes.telemetry import MemoryEvents, MemoryLiveness, MemorySeries
from tests.unit.telemetry.liveness.life import START, line

LABELS = {"fleet": "desk-1", "bot": "sma", "program": "trend", "env": "prod", "symbol": "BTC"}
PRICE = line("price", symbol="BTC/USDT", value=1.0)


class Cluttered(MemoryLiveness):
    """A store that is away."""

    async def save(self, *_: Any) -> None:
        raise StoreUnavailable("the disk is full")


@dataclass
class Desk:
    """A desk whose time goes on by itself, a second a pass."""

    store: MemoryLiveness = field(default_factory=MemoryLiveness)
    series: MemorySeries = field(default_factory=MemorySeries)
    now: float = START
    standings: dict[str, Standing | None] = field(
        default_factory=lambda: {"sma": Standing(Life.RUNNING, started_at=START)}
    )
    told: list[tuple[str, Verdict]] = field(default_factory=list)
    events: MemoryEvents | None = None
    desk: LivenessDesk = field(init=False)

    def __post_init__(self) -> None:
        self.wall = 0.0
        self.desk = LivenessDesk(
            self.store,
            self.series,
            None,
            lambda: self.now + self.wall,
            lambda: self.now,
            self.events,
        )
        self.desk.standing = self.standings.get
        self.desk.told = self.hear

    def hear(self, view: LivenessView) -> None:
        self.told.append((view.bot, view.verdict))

    def measured(self, bot: str = "sma") -> None:
        """Measure a bot."""
        self.desk.samples(bot, [Sample("bot_up", LABELS, self.now, 1.0)])

    async def passes(self, seconds: int, each: Callable[[], None] = lambda: None) -> None:
        """Let seconds pass, in each of which something is said."""
        for _ in range(seconds):
            self.now += 1.0
            self.measured()
            each()
            await self.desk.look()

    def trades(self) -> None:
        """Print a price and a heartbeat."""
        self.desk.events("sma", [PRICE, line("heartbeat", state="running")])

    def tells_of_data(self) -> None:
        """Print a heartbeat that names when the bot's data came, by the wall clock."""
        said = line("heartbeat", state="running", last_data_ts=self.now + self.wall)
        self.desk.events("sma", [said])

    def beats(self) -> None:
        """Print a heartbeat alone."""
        self.desk.events("sma", [line("heartbeat", state="running")])


async def test_a_verdict_is_told_once_when_it_changes():
    """Well, not trading, and well again are three tellings, however many passes there are."""
    desk = Desk()
    await desk.passes(200, desk.trades)
    await desk.passes(100, desk.beats)
    await desk.passes(50, desk.trades)
    assert desk.told == [("sma", Verdict.HEALTHY), ("sma", Verdict.NOT_TRADING), ("sma", Verdict.HEALTHY)]
    view = desk.desk.view("sma")
    assert view is not None
    assert set(view.signs) == {"process", "loop", "output", "market_data", "orders"}
    assert (view.signs["market_data"].at, view.signs["market_data"].usual) == (desk.now, 1.0)
    assert (view.signs["market_data"].limit, view.signs["orders"].at) == (20.0, None)


async def test_a_bot_of_which_the_controller_does_not_know_yet_is_not_judged():
    """While statuses are being read after a start nobody is found finished or lost."""
    desk = Desk()
    desk.standings["sma"] = None
    await desk.passes(100, desk.trades)
    assert (desk.told, desk.desk.view("sma")) == ([], None)


async def test_a_pass_that_was_held_up_accuses_nobody():
    """Where this process stood still, what bots said was not heard: nobody is judged for a moment."""
    desk = Desk()
    await desk.passes(200, desk.trades)
    desk.now += 300
    await desk.desk.look()
    await desk.passes(20, desk.trades)
    assert desk.told == [("sma", Verdict.HEALTHY)]


async def test_a_wall_clock_that_is_set_changes_no_verdict():
    """Forwards or backwards by hours: ages stay what they are, and silence is still found."""
    desk = Desk()
    await desk.passes(200, desk.trades)
    for step in (7200.0, -14400.0):
        desk.wall += step
        await desk.passes(60, desk.tells_of_data)
    assert desk.told == [("sma", Verdict.HEALTHY)]
    await desk.passes(40, desk.beats)
    assert desk.told[1:] == [("sma", Verdict.NOT_TRADING)]
    view = desk.desk.view("sma")
    assert view is not None
    assert desk.now + desk.wall - (view.signs["market_data"].at or 0.0) == 40.0


@pytest.mark.parametrize("step", [3600.0, -3600.0])
async def test_a_wall_clock_that_is_set_keeps_a_bot_that_nothing_is_known_of_from_no_verdict(step: float):
    """Neither for as long as the clock was set ahead, nor early where it was set back."""
    desk = Desk()
    desk.wall = step
    desk.standings["sma"] = Standing(Life.UNHEARD, since=desk.now + step, message="nothing was heard of it")
    desk.desk.changed("sma")
    await desk.passes(85)
    assert desk.told[-1:] == [("sma", Verdict.STARTING)]
    await desk.passes(10)
    assert desk.told[-1:] == [("sma", Verdict.STREAM_LOST)]


async def test_habits_and_verdict_survive_a_restart():
    """A new desk over the same store knows what the old one learned, and tells nothing twice."""
    desk = Desk()
    await desk.passes(200, desk.trades)
    await desk.passes(40, desk.beats)
    await desk.desk.keep()
    again = Desk(desk.store, now=desk.now + 60)
    await again.desk.load()
    await again.passes(30, again.beats)
    assert again.told == []
    view = again.desk.view("sma")
    assert view is not None
    assert (view.verdict, view.since) == (Verdict.NOT_TRADING, START + 220)
    await again.passes(2, again.trades)
    assert again.told == [("sma", Verdict.HEALTHY)]


class Past(MemoryEvents):
    """Stores so many events as it is told."""

    newest = 5

    async def newest_number(self) -> int:
        return self.newest

    async def arrived(self, after: int, kinds: Sequence[str], rows: int = 50_000) -> Arrivals:
        late = [structs.replace(PRICE, time=START + 190)] if after < 7 <= self.newest else []
        return Arrivals(late, after + rows)


@pytest.mark.parametrize(
    ("newest", "heard_out", "verdicts"),
    [
        pytest.param(5, True, [Verdict.NOT_TRADING], id="silent for longer than it ever was"),
        pytest.param(5, False, [], id="what it printed meanwhile may wait to be read"),
        pytest.param(7, True, [], id="a line was stored after that was kept"),
        pytest.param(10_000_000, True, [], id="more was stored than can be looked through"),
    ],
)
async def test_a_silence_counts_from_the_last_line_that_is_stored(
    newest: int, heard_out: bool, verdicts: list[Verdict]
):
    """After a restart ages go on where they were, as far as that is known for certain."""
    past = Past()
    desk = Desk(events=past)
    await desk.passes(180, desk.trades)
    await desk.desk.keep()
    past.newest = newest
    again = Desk(desk.store, events=past, now=START + 205)
    again.desk.heard_out = lambda _: heard_out
    await again.desk.load()
    again.now -= 1
    await again.passes(2, again.beats)
    assert [verdict for _, verdict in again.told] == verdicts


async def test_a_bot_that_is_gone_is_forgotten():
    """Its state is deleted, and a store that is away loses nothing of the others."""
    desk = Desk()
    await desk.passes(10, desk.trades)
    await desk.desk.keep()
    assert list(desk.store.states) == ["sma"]
    desk.desk.removed("sma")
    await desk.desk.keep()
    assert desk.store.states == {}


async def test_what_could_not_be_kept_is_kept_later():
    """A full disk costs no habit: the next keeping takes it along."""
    desk = Desk(Cluttered())
    await desk.passes(10, desk.trades)
    await desk.desk._try(desk.desk.keep())
    desk.desk._store = store = MemoryLiveness()
    await desk.desk.keep()
    assert list(store.states) == ["sma"]


async def test_ages_are_series_of_bots_that_run():
    """Each running bot has its ages and one number to alert on, with its own labels and no symbol."""
    desk = Desk()
    await desk.passes(200, desk.trades)
    await desk.passes(30, desk.beats)
    await desk.desk.write()
    found = {sample.name: sample for sample in desk.series.samples}
    assert found["bot_liveness_ok"].value == 0.0
    assert found["bot_liveness_market_data_age_seconds"].value == 30.0
    assert found["bot_liveness_loop_age_seconds"].value == 0.0
    assert found["bot_liveness_process_age_seconds"].labels == {
        name: LABELS[name] for name in ("fleet", "bot", "program", "env")
    }
    desk.series.samples.clear()
    desk.standings["sma"] = Standing(Life.SUSPENDED)
    desk.desk.changed("sma")
    await desk.desk.look()
    await desk.desk.write()
    assert desk.series.samples == []


async def test_one_bot_that_cannot_be_judged_is_no_others_fault():
    """An error about one bot is logged once, and the others are judged."""
    desk = Desk()
    desk.standings["odd"] = replace(Standing(Life.RUNNING), settings=None)  # type: ignore[arg-type]
    desk.desk.events("odd", [PRICE])
    await desk.passes(5, desk.trades)
    assert desk.told == [("sma", Verdict.HEALTHY)]


async def test_ten_thousand_bots_are_judged_in_slices():
    """A pass gives the loop back between slices, and looks at nobody who is not due."""
    desk = Desk()
    names = [f"bot-{number}" for number in range(1000)]
    desk.standings |= dict.fromkeys(names, Standing(Life.RUNNING, started_at=START))
    for name in names:
        desk.measured(name)
    await desk.desk.look()
    assert len(desk.told) == 1000
    asked: list[str] = []
    desk.desk.standing = lambda bot: asked.append(bot) or desk.standings[bot]  # type: ignore[func-returns-value]
    await desk.desk.look()
    assert asked == []
