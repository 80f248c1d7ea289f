"""A trend that is real: a robust slope, told only where nearly all of the points agree that there is one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

Point = tuple[float, float]

_FEWEST = 12
"""Points below which nothing is told."""
_SHORTEST = 60.0
"""Seconds below which nothing is told."""
_SURE = 4.0
"""How many standard deviations the rise must be beyond what chance orders (Mann and Kendall's test)."""
_STEADY = 0.5
"""The later half must have gone on at this share of the slope at least: what levelled off is no trend."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A rise of `slope` a second, from `level` at the time of the newest point."""

    slope: float
    level: float


def rising(points: Sequence[Point]) -> Trend | None:
    """Return the trend of points (oldest first), None where they do not truly rise."""
    if len(points) < _FEWEST or points[-1][0] - points[0][0] < _SHORTEST:
        return None
    if _certainty([value for _, value in points]) < _SURE:
        return None
    slope = _slope(points)
    if slope <= 0.0 or _slope(points[len(points) // 2 :]) < _STEADY * slope:
        return None
    newest = points[-1][0]
    level = median(value + slope * (newest - at) for at, value in points)
    return Trend(slope, level)


def seconds_to(limit: float, trend: Trend | None, value: float) -> float | None:
    """Return the seconds until a value reaches its limit, 0 where it has; None where it comes no nearer."""
    if trend is None:
        return None
    left = limit - max(value, trend.level)
    if left <= 0.0:
        return 0.0
    found = left / trend.slope
    return found if math.isfinite(found) and found <= FARTHEST else None


FARTHEST = 7 * 86400.0
"""Seconds beyond which nothing is foretold."""


def _slope(points: Sequence[Point]) -> float:
    """Return the middle slope of all pairs (Theil and Sen): a few odd points change nothing."""
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(points)
        for later in points[index + 1 :]
        if later[0] > earlier[0]
    ]
    return median(slopes) if slopes else 0.0


def _certainty(values: Sequence[float]) -> float:
    """Return by how many standard deviations more pairs rise than fall."""
    count = len(values)
    pairs = sum(
        (later > earlier) - (later < earlier)
        for index, earlier in enumerate(values)
        for later in values[index + 1 :]
    )
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return (abs(pairs) - 1) / spread if pairs > 0 else 0.0
