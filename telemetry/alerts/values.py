"""What rules watch of one bot: the newest value of each series by its labels, and what it was before."""

import math
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

Point = tuple[float, float]
"""Time and value."""
Labels = Mapping[str, str]
_MOST_SETS = 100
"""Label sets of one series that are watched; of more the newest."""
_RECENT = 8
_AHEAD = 300.0
"""Seconds ahead of us from which on a value's time is that of a clock that was set back since."""
BUCKETS = 60
"""Points that a history holds of its time."""


class Last(NamedTuple):
    """The newest value of one series: when it was printed, and when it came (Unix seconds)."""

    at: float
    value: float
    labels: Labels
    came: float


class Slot:
    """One series (or figure) of a bot that rules watch.

    `low` to `high` is where a value changes nothing: a sample in it costs a comparison. It is empty where
    every sample must be judged.
    """

    __slots__ = ("at", "high", "histories", "low", "points", "recent", "rules")

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf
        self.at = 0.0
        """When the newest sample came."""
        self.points: dict[tuple[tuple[str, str], ...], Last] = {}
        self.recent: deque[Point] = deque(maxlen=_RECENT)
        self.histories: list[History] = []
        self.rules: list[int] = []
        """The places of the rules that watch it."""

    def put(self, labels: Labels, time: float, value: float, now: float) -> bool:
        """Take a value that came now; say whether it counts: a number, no older than the one before."""
        if not math.isfinite(value):
            return False
        key = tuple(sorted([pair for pair in labels.items() if pair[0] not in _OF_THE_BOT]))
        known = self.points.get(key)
        if known is not None and time < known.at <= now + _AHEAD:
            return False
        if known is None and len(self.points) >= _MOST_SETS:
            del self.points[next(iter(self.points))]
        self.points[key] = Last(time, value, labels, now)
        self.recent.append((time, value))
        for history in self.histories:
            history.add(key, time, value)
        return True

    def matching(self, labels: Labels) -> list[Last]:
        """Return the newest points whose labels hold these."""
        if not labels:
            return list(self.points.values())
        wanted = labels.items()
        return [point for point in self.points.values() if all(point.labels.get(k) == v for k, v in wanted)]


_OF_THE_BOT = frozenset({"fleet", "bot", "program", "env"})


class History:
    """What the series of a slot were over the last `over` seconds, some 60 points of each."""

    __slots__ = ("_step", "over", "points")

    def __init__(self, over: float) -> None:
        self.over = over
        self._step = over / BUCKETS
        self.points: dict[tuple[tuple[str, str], ...], deque[Point]] = {}

    def add(self, key: tuple[tuple[str, str], ...], time: float, value: float) -> None:
        """Take a value; of those in one step the first stays."""
        known = self.points.get(key)
        if known is None:
            if len(self.points) >= _MOST_SETS:
                del self.points[next(iter(self.points))]
            known = self.points[key] = deque(maxlen=BUCKETS + 2)
        if not known or time >= known[-1][0] + self._step:
            known.append((time, value))

    def since(self, labels: Labels, start: float) -> list[list[Point]]:
        """Return the points from `start` on, of each series whose labels hold these."""
        wanted = set(labels.items())
        return [
            [point for point in points if point[0] >= start]
            for key, points in self.points.items()
            if wanted <= set(key)
        ]
