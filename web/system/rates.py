"""How fast a counter grows, from two looks at it."""

import time
from collections.abc import Callable

_SHORTEST = 1.0
"""Seconds between two looks that a rate is worked out from; sooner, the last one is said again."""


class Rate:
    """The growth a second of a number that only grows, first looked at when this is made."""

    def __init__(self, read: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._at, self._value = clock(), read()
        self._rate: float | None = None

    def __call__(self) -> float | None:
        """Look, and return the growth a second since the last look, None where that was just now."""
        now = self._clock()
        if now - self._at < _SHORTEST:
            return self._rate
        value = self._read()
        self._rate = max(0.0, value - self._value) / (now - self._at)
        self._at, self._value = now, value
        return self._rate
