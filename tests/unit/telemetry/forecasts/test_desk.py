"""What bots use, as the intake tells it: views, forecasts and their series."""

from dataclasses import dataclass, field

import pytest

from telemetry.records import Sample
from telemetry.resources_desk import ResourcesDesk
from tests.fakes.telemetry import MemorySeries

LABELS = {"fleet": "desk-1", "bot": "leaky", "program": "cache"}
MIB = float(1 << 20)


@dataclass
class Desk:
    """A desk, its store, and a clock that a test moves."""

    now: float = 10_000.0
    series: MemorySeries = field(default_factory=MemorySeries)
    desk: ResourcesDesk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = ResourcesDesk(self.series, clock=lambda: self.now)

    def measure(self, **values: float) -> None:
        """Measure the bot now."""
        measured = {"bot_up": 1.0, **values}
        self.desk.samples(
            "leaky", [Sample(name, LABELS, self.now, value) for name, value in measured.items()]
        )

    def leaks(self, seconds: int, used: float) -> float:
        """Measure it for so many seconds while it leaks a MiB each; return what it uses then."""
        for _ in range(seconds):
            self.now += 1.0
            used += MIB
            self.measure(bot_memory_bytes=used, bot_memory_limit_bytes=500 * MIB, bot_open_files=9.0)
        return used


async def test_a_leak_is_foretold_as_series_and_in_the_view():
    """The seconds to the limit are told for what truly rises, and written under the bot's labels."""
    desk = Desk()
    desk.leaks(200, 100 * MIB)
    await desk.desk.reckon()
    view = desk.desk.view("leaky")
    assert view is not None
    (forecast,) = view.forecasts
    assert (forecast.resource, forecast.use, forecast.limit) == ("memory", 300 * MIB, 500 * MIB)
    assert forecast.seconds == pytest.approx(200, abs=10)
    assert view.soonest == forecast
    (sample,) = desk.series.samples
    assert (sample.name, sample.labels) == ("bot_memory_seconds_to_limit", LABELS)


async def test_a_new_process_begins_anew():
    """After its end nothing is told of a bot; what the next process takes at its start is no leak."""
    desk = Desk()
    desk.leaks(200, 100 * MIB)
    desk.desk.samples("leaky", [Sample("bot_up", LABELS, desk.now, 0.0)])
    assert desk.desk.view("leaky") is None
    desk.leaks(20, 10 * MIB)
    await desk.desk.reckon()
    view = desk.desk.view("leaky")
    assert view is not None
    assert view.forecasts == ()


async def test_a_full_disk_is_told_at_once_and_no_more_once_there_is_room():
    """Nothing is left: that is no forecast that goes on from what was left before."""
    desk = Desk()
    desk.measure(bot_state_bytes=5 * MIB, bot_disk_free_bytes=100 * MIB)
    await desk.desk.reckon()
    desk.measure(bot_state_bytes=5 * MIB, bot_disk_free_bytes=0.0)
    await desk.desk.reckon()
    view = desk.desk.view("leaky")
    assert view is not None
    assert [(one.resource, one.limit, one.seconds) for one in view.forecasts] == [("disk", 5 * MIB, 0.0)]
    desk.measure(bot_disk_free_bytes=100 * MIB)
    await desk.desk.reckon()
    again = desk.desk.view("leaky")
    assert again is not None
    assert again.forecasts == ()


async def test_the_disk_is_full_where_nothing_is_left():
    """Of a disk the free bytes are known: the state folder grows into them."""
    desk = Desk()
    for second in range(300):
        desk.now += 1.0
        desk.measure(bot_state_bytes=second * MIB, bot_disk_free_bytes=(1000 - second) * MIB)
    await desk.desk.reckon()
    view = desk.desk.view("leaky")
    assert view is not None
    (forecast,) = view.forecasts
    assert (forecast.resource, forecast.limit) == ("disk", 1000 * MIB)
    assert forecast.seconds == pytest.approx(701, abs=20)


async def test_a_bot_that_is_not_measured_any_more_is_forgotten():
    """A minute without a measurement: nothing is told of it, whatever it was before."""
    desk = Desk()
    desk.leaks(100, 0.0)
    desk.now += 61
    assert desk.desk.view("leaky") is None
    await desk.desk.reckon()
    assert (list(desk.desk.views()), desk.series.samples) == ([], [])


def test_numbers_that_are_none_are_passed_over():
    """A measurement of infinity, or a bot's own metric, says nothing of resources."""
    desk = Desk()
    desk.measure(bot_memory_bytes=float("inf"), bot_threads=3.0)
    desk.desk.samples("other", [Sample("bot_equity", LABELS, desk.now, 1.0)])
    view = desk.desk.view("leaky")
    assert view is not None
    assert dict(view.values) == {"bot_up": 1.0, "bot_threads": 3.0}
    assert desk.desk.view("other") is None
