"""What rules watch of one bot: the newest value of each series by its labels, and what it was before."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Point = tuple[float, float]
"""Time and value."""
Labels = Mapping[str, str]
LabelKey = tuple[tuple[str, str], ...]
"""The labels that tell one series of a bot from another, sorted."""
_MOST_SETS = 100
"""Label sets of one series that are watched; of more the newest."""
_RECENT = 8
_AHEAD = 300.0
"""Seconds ahead of us from which on a value's time is that of a clock that was set back since."""
STALE = 300.0
"""Seconds after which what a bot said is not judged any more: it came late, and says how things were."""
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
        self.histories: dict[float, History] = {}
        """By the seconds that they go back."""
        self.rules: list[int] = []
        """The places of the rules that watch it."""

    def put(self, labels: Labels, time: float, value: float, now: float) -> bool:
        """Take a value that came now; say whether it counts: a number, no older than the one before."""
        if not math.isfinite(value):
            return False
        key = key_of(labels)
        known = self.points.get(key)
        if known is not None and time < known.at <= now + _AHEAD:
            return False
        if known is None and len(self.points) >= _MOST_SETS:
            del self.points[next(iter(self.points))]
        self.points[key] = Last(time, value, labels, now)
        self.recent.append((time, value))
        for history in self.histories.values():
            history.add(key, time, value)
        return True

    def history(self, over: float, *, whole: bool) -> None:
        """Keep what its series were over so many seconds; `whole`: nothing of it comes from a store."""
        known = self.histories.setdefault(over, History(over, whole=whole))
        known.whole = known.whole and whole

    def matching(self, labels: Labels) -> list[Last]:
        """Return the newest points whose labels hold these."""
        if not labels:
            return list(self.points.values())
        wanted = labels.items()
        return [point for point in self.points.values() if all(point.labels.get(k) == v for k, v in wanted)]


_OF_THE_BOT = frozenset({"fleet", "bot", "program", "env", "__name__"})


def key_of(labels: Labels) -> LabelKey:
    """Return what tells one series of a bot from its others of the same name."""
    return tuple(sorted([pair for pair in labels.items() if pair[0] not in _OF_THE_BOT]))


class History:
    """What the series of a slot were over the last `over` seconds, some 60 points of each."""

    __slots__ = ("over", "points", "step", "whole")

    def __init__(self, over: float, *, whole: bool = True) -> None:
        self.over = over
        self.step = over / BUCKETS
        self.points: dict[LabelKey, deque[Point]] = {}
        self.whole = whole
        """Whether what is stored of that time is in it: before that it may hold a part of it alone."""

    def add(self, key: LabelKey, time: float, value: float) -> None:
        """Take a value; of those in one step the first stays."""
        known = self.points.get(key)
        if known is None:
            if len(self.points) >= _MOST_SETS:
                del self.points[next(iter(self.points))]
            known = self.points[key] = deque(maxlen=BUCKETS + 2)
        if not known or time >= known[-1][0] + self.step:
            known.append((time, value))

    def fill(self, past: Mapping[LabelKey, Sequence[Point]]) -> None:
        """Put what was stored before what came in this life: points by labels, oldest first."""
        since, self.points = self.points, {}
        for key in [*past, *(key for key in since if key not in past)]:
            came = since.get(key, ())
            first = came[0][0] if came else math.inf
            for time, value in past.get(key, ()):
                if time < first and math.isfinite(value):
                    self.add(key, time, value)
            for time, value in came:
                self.add(key, time, value)
        self.whole = True

    def since(self, labels: Labels, start: float) -> list[list[Point]]:
        """Return the points from `start` on, of each series whose labels hold these."""
        wanted = set(labels.items())
        return [
            [point for point in points if point[0] >= start]
            for key, points in self.points.items()
            if wanted <= set(key)
        ]
