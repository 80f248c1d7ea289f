"""A trend is told where it is real, and only there."""

import math
import random

import pytest

from telemetry.forecasts.track import Track
from telemetry.forecasts.trend import Trend, rising, seconds_to

MIB = float(1 << 20)


def tracked(values: list[float], every: float = 2.0) -> Track:
    track = Track()
    for number, value in enumerate(values):
        track.add(1000.0 + number * every, value)
    return track


@pytest.mark.parametrize("minutes", [3, 30, 180])
def test_a_leak_is_foretold_within_a_tenth(minutes: int):
    """Memory that grows steadily, with the noise of what comes and goes, reaches its limit when foretold."""
    luck = random.Random(3)
    values = [100 * MIB + second * 0.02 * MIB + luck.random() * 0.5 * MIB for second in range(minutes * 60)]
    track = tracked(values, 1.0)
    limit = 100 * MIB + 0.02 * MIB * 4 * minutes * 60
    left = seconds_to(limit, track.trend(), track.value)
    assert left is not None
    assert left == pytest.approx(3 * minutes * 60, rel=0.1)


@pytest.mark.parametrize(
    "course",
    [
        lambda second: 50 * MIB,
        lambda second: 50 * MIB + 20 * MIB * (second % 120) / 120,
        lambda second: 50 * MIB + 20 * MIB * (1 - math.exp(-second / 60)),
        lambda second: 90 * MIB - second * 0.01 * MIB,
        lambda second: 50 * MIB if second < 900 else 80 * MIB,
    ],
    ids=["still", "collected", "levels off", "falls", "a step"],
)
def test_what_is_no_trend_foretells_nothing(course):
    """Garbage that is collected, a cache that fills up, a step: none of them runs into the limit."""
    luck = random.Random(7)
    track = tracked([course(second) + luck.random() * MIB for second in range(0, 1800, 2)])
    assert seconds_to(200 * MIB, track.trend(), track.value) is None


def test_noise_alone_is_no_trend():
    """Of many courses that go nowhere hardly one is taken for a rise."""
    found = 0
    for seed in range(200):
        luck = random.Random(seed)
        found += tracked([luck.gauss(50, 5) for _ in range(400)]).trend() is not None
    assert found == 0


def test_odd_points_do_not_bend_a_trend():
    """A spike, or a measurement that failed, changes neither slope nor moment."""
    values = [10.0 + second for second in range(400)]
    values[100], values[300] = 5000.0, 0.0
    trend = tracked(values, 1.0).trend()
    assert trend is not None
    assert trend.slope == pytest.approx(1.0, rel=0.05)


def test_few_points_or_a_short_time_foretell_nothing():
    """A bot that has just begun takes what it needs."""
    assert rising([(float(second), float(second)) for second in range(11)]) is None
    assert rising([(second / 10, float(second)) for second in range(100)]) is None


def test_the_limit_may_be_reached_or_far():
    """What is over its limit has no time left; what is years away is not told."""
    assert seconds_to(10.0, Trend(1.0, 11.0), 11.0) == 0.0
    assert seconds_to(1e300, Trend(1e-300, 1.0), 1.0) is None
    assert seconds_to(10.0, None, 11.0) is None


def test_a_track_stays_small_and_forgets_the_oldest():
    """A day of seconds is kept in forty points of the last hour."""
    track = tracked([float(second) for second in range(86400)], 1.0)
    assert len(track._points) <= 40
    assert track._points[0][0] > 1000 + 86400 - 3600
    track.add(5.0, 1e9)
    assert track.value == 86399.0
