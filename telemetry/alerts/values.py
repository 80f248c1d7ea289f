"""What rules watch of one bot: the newest value of each series by its labels, and what it was before."""

import math
from collections import deque
from collections.abc import Mapping, Sequence

Point = tuple[float, float]
"""Time and value."""
Labels = Mapping[str, str]
_MOST_SETS = 100
"""Label sets of one series that are watched; of more the newest."""
_RECENT = 8
BUCKETS = 60
"""Points that a history holds of its time."""


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
        self.points: dict[tuple[tuple[str, str], ...], tuple[float, float, Labels]] = {}
        self.recent: deque[Point] = deque(maxlen=_RECENT)
        self.histories: list[History] = []
        self.rules: list[int] = []
        """The places of the rules that watch it."""

    def put(self, labels: Labels, time: float, value: float) -> bool:
        """Take a value; say whether it counts: it is a number, and no older than the one before."""
        if not math.isfinite(value):
            return False
        key = tuple(sorted([pair for pair in labels.items() if pair[0] not in _OF_THE_BOT]))
        known = self.points.get(key)
        if known is not None and time < known[0]:
            return False
        if known is None and len(self.points) >= _MOST_SETS:
            del self.points[next(iter(self.points))]
        self.points[key] = (time, value, labels)
        self.recent.append((time, value))
        for history in self.histories:
            history.add(key, time, value)
        return True

    def matching(self, labels: Labels) -> list[tuple[float, float, Labels]]:
        """Return the newest points whose labels hold these."""
        if not labels:
            return list(self.points.values())
        wanted = labels.items()
        return [point for point in self.points.values() if all(point[2].get(k) == v for k, v in wanted)]


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

    def load(self, labels: Labels, points: Sequence[Point]) -> None:
        """Take what a store knows of the time before."""
        key = tuple(
            sorted([pair for pair in labels.items() if pair[0] not in _OF_THE_BOT and pair[0] != "__name__"])
        )
        known = self.points.get(key)
        first = known[0][0] if known else math.inf
        old = [(time, value) for time, value in points if time < first and math.isfinite(value)]
        if old and (known is not None or len(self.points) < _MOST_SETS):
            self.points[key] = deque([*old, *(known or ())], maxlen=BUCKETS + 2)

    def since(self, labels: Labels, start: float) -> list[list[Point]]:
        """Return the points from `start` on, of each series whose labels hold these."""
        wanted = set(labels.items())
        return [
            [point for point in points if point[0] >= start]
            for key, points in self.points.items()
            if wanted <= set(key)
        ]
