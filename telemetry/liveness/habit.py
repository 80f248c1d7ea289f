"""How often a bot gives a sign of one kind, and so which silence is unlike it."""

import math

from msgspec import Struct, field

_LEAST = 0.125
"""Seconds up to which gaps are one class; each further class is twice as wide."""
_CLASSES = 24
"""Classes of gaps: the last begins at twelve days."""
_KEPT = 256
"""Gaps after which each counts half: what a bot did last week is no habit any more."""
_AVERAGED = 20
_OFTEN = 0.99
_TIMES = 4.0
_LONGEST_TIMES = 2.0
_START_TIMES = 2.0


class Habit(Struct):
    """The gaps between one bot's signs of one kind, by their size, and its newest sign (Unix seconds)."""

    at: float = 0.0
    """When the newest sign was, 0 before the first."""
    gaps: dict[int, int] = field(default_factory=dict)
    """Class of a gap -> how many of it there were, the newer ones counting more."""
    count: int = 0
    """The sum of `gaps`."""
    longest: float = 0.0
    """The longest gap that was no silence, in seconds; it fades."""
    usual: float = 0.0
    """The gap as it is on average, the newer ones counting more, in seconds."""
    first: float = 0.0
    """The longest that the first sign after a start took, in seconds; it fades."""

    def sign(self, at: float, *, learn: bool = True, silent: bool = False) -> None:
        """Take a sign at a moment. `silent`: the gap before it was found too long; it is hardly learned.

        Without `learn` the gap says nothing of the bot: it did not run meanwhile, or was not heard.
        """
        gap = at - self.at
        known = self.at > 0.0
        if gap <= 0.0 and known:
            return
        self.at = at
        if known and learn:
            self._learn(gap, silent=silent)

    def started(self, after: float) -> None:
        """Note how long after its start the bot gave the first sign, in seconds."""
        self.first = max(after, self.first / 2)

    def limit(self, floor: float) -> float:
        """Return the seconds of silence that are unlike the bot; at least `floor`."""
        return max(floor, _TIMES * self.quantile(_OFTEN), _LONGEST_TIMES * self.longest)

    def start_limit(self, floor: float, warm_up: float) -> float:
        """Return the seconds after a start in which no first sign is unlike the bot."""
        return max(self.limit(floor), warm_up, _START_TIMES * self.first)

    def quantile(self, share: float) -> float:
        """Return the upper end of the class that this share of the gaps is not longer than; 0 without any."""
        left = share * self.count
        for place in sorted(self.gaps):
            left -= self.gaps[place]
            if left <= 0.0:
                return _LEAST * 2.0**place
        return 0.0

    def _learn(self, gap: float, *, silent: bool) -> None:
        place = _class_of(gap)
        self.gaps[place] = self.gaps.get(place, 0) + 1
        self.count += 1
        if not silent:
            self.longest = max(self.longest, gap)
            self.usual += (gap - self.usual) / min(self.count, _AVERAGED)
        if self.count >= _KEPT:
            self._fade()

    def _fade(self) -> None:
        self.gaps = {place: count // 2 for place, count in self.gaps.items() if count > 1}
        self.count = sum(self.gaps.values())
        self.longest /= 2


def _class_of(gap: float) -> int:
    if not gap > _LEAST:
        return 0
    return min(math.ceil(math.log2(gap / _LEAST)), _CLASSES)
