"""Numbers of a series under one revision, in robust words: median, 95th percentile, rate, slope. Pure."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from telemetry.comparing.periods import Period

Point = tuple[float, float]
ENOUGH = 20
"""Points below which nothing is said about a difference."""
_MOST = 500
_MOST_SLOPE = 200
_SHIFTED = 0.75
_LEAST_CHANGE = 0.05


@dataclass(frozen=True, slots=True)
class Numbers:
    """A series under one revision; `per_minute` of a counter, else None."""

    count: int
    median: float
    p95: float
    least: float
    most: float
    last: float
    per_minute: float | None
    values: tuple[float, ...]
    """Sorted, thinned to at most 500."""


def numbers_of(name: str, points: Sequence[Point], period: Period) -> Numbers | None:
    """Return the numbers of the points within a period, None where there are none."""
    own = [point for point in points if period.covers(point[0]) and math.isfinite(point[1])]
    if not own:
        return None
    values = sorted(value for _, value in own)
    rate = _rate(own, period.seconds) if name.endswith("_total") else None
    place = min(math.ceil(0.95 * len(values)), len(values)) - 1
    return Numbers(
        len(own), _middle(values), values[place], values[0], values[-1], own[-1][1], rate, _thinned(values)
    )


def shift(before: Numbers, after: Numbers) -> float:
    """Return the share (0 to 1) of pairs in which the value after is the greater; 0.5 is no shift at all."""
    pairs = sum(
        bisect_left(before.values, value) + bisect_right(before.values, value) for value in after.values
    )
    return pairs / (2 * len(before.values) * len(after.values))


def verdict(before: Numbers | None, after: Numbers | None) -> str:
    """Return what is to be said of a series: new, gone, few, same, higher or lower."""
    if before is None or after is None:
        return "new" if before is None else "gone"
    if min(before.count, after.count) < ENOUGH:
        return "few"
    if before.per_minute is not None and after.per_minute is not None:
        return _by_rate(before.per_minute, after.per_minute)
    moved = shift(before, after)
    scale = max(abs(before.median), abs(after.median))
    if scale == 0 or abs(after.median / scale - before.median / scale) < _LEAST_CHANGE:
        return "same"
    return "higher" if moved >= _SHIFTED else "lower" if moved <= 1 - _SHIFTED else "same"


def slope_per_hour(points: Sequence[Point], period: Period) -> float | None:
    """Return how much a series grows an hour in its longest time without a restart, whatever outliers.

    The median of the slopes between all pairs (Theil and Sen); None below 20 points.
    """
    start, end = period.longest
    own = [point for point in points if start <= point[0] <= end and math.isfinite(point[1])]
    if len(own) < ENOUGH:
        return None
    step = math.ceil(len(own) / _MOST_SLOPE)
    own = own[::step]
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0]) * 3600
        for place, earlier in enumerate(own)
        for later in own[place + 1 :]
        if later[0] > earlier[0]
    ]
    return median(slopes) if slopes else None


def _by_rate(before: float, after: float) -> str:
    if before == after:
        return "same"
    return "higher" if after > 1.5 * before else "lower" if after * 1.5 < before else "same"


def _rate(points: Sequence[Point], seconds: float) -> float:
    """Return how much a counter grew a minute; where it begins anew, it counts from 0."""
    grown = 0.0
    for (_, earlier), (_, later) in pairwise(points):
        grown += later - earlier if later >= earlier else later
    return grown / max(seconds, 1.0) * 60


def _middle(values: Sequence[float]) -> float:
    half = len(values) // 2
    return values[half] if len(values) % 2 else values[half - 1] / 2 + values[half] / 2


def _thinned(values: list[float]) -> tuple[float, ...]:
    step = math.ceil(len(values) / _MOST)
    return tuple(values[::step])
