"""Quantiles of many numbers in little room: counts in buckets that grow by 2%, so within 1%. Pure."""

import math

from msgspec import Struct, field

_GROWTH = math.log(1.02)
_TINY = 1e-9
MOST_BUCKETS = 500


class Sketch(Struct):
    """Numbers as counts by bucket; `buckets` of the magnitude, negative ones apart."""

    count: int = 0
    least: float = 0.0
    most: float = 0.0
    above: dict[int, int] = field(default_factory=dict)
    below: dict[int, int] = field(default_factory=dict)
    zeros: int = 0

    def add(self, value: float) -> None:
        """Take one finite number."""
        self.least = min(self.least, value) if self.count else value
        self.most = max(self.most, value) if self.count else value
        self.count += 1
        size = abs(value)
        if size < _TINY:
            self.zeros += 1
            return
        side = self.above if value > 0 else self.below
        place = math.ceil(math.log(size) / _GROWTH)
        side[place] = side.get(place, 0) + 1
        if len(side) > MOST_BUCKETS:
            _join_least(side)

    def quantile(self, share: float) -> float:
        """Return the number below which a share (0 to 1) of them lies. There must be one."""
        rank = share * (self.count - 1)
        seen = 0
        for value, count in self._ordered():
            seen += count
            if seen > rank:
                return min(max(value, self.least), self.most)
        return self.most

    def _ordered(self) -> list[tuple[float, int]]:
        below = [(-_middle(place), self.below[place]) for place in sorted(self.below, reverse=True)]
        above = [(_middle(place), self.above[place]) for place in sorted(self.above)]
        return [*below, (0.0, self.zeros), *above]


def _middle(place: int) -> float:
    return math.exp((place - 0.5) * _GROWTH)


def _join_least(side: dict[int, int]) -> None:
    """Put the two smallest magnitudes into one bucket: what is far from the great ones matters least."""
    first, second = sorted(side)[:2]
    side[second] += side.pop(first)
