"""Time, injected: the loop never reads a clock of its own, so that tests move it by hand."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

_STEP = 2.0
"""Seconds by which the wall clock leaves the other one where it was set: more than a busy machine's pause."""


class Clock(Protocol):
    """Wall time for what people and other machines see, monotonic time for what is waited for."""

    def time(self) -> float:
        """Return Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds (at once where it is zero or less)."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def time(self) -> float:
        """Return Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the running event loop."""
        await asyncio.sleep(max(0.0, seconds))


class WatchedClock:
    """A clock that says when somebody set it, before anybody is told the new time.

    `stepped` is called with the seconds by which the wall clock was set forward (below zero: back), and the
    time that it shows since. A machine that slept has been set forward as well.
    """

    def __init__(self, clock: Clock, stepped: Callable[[float, float], None]) -> None:
        self._clock = clock
        self._stepped = stepped
        self._offset = clock.time() - clock.monotonic()

    def time(self) -> float:
        """Return Unix seconds."""
        now = self._clock.time()
        before, self._offset = self._offset, now - self._clock.monotonic()
        if abs(self._offset - before) >= _STEP:
            self._stepped(self._offset - before, now)
        return now

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await self._clock.sleep(seconds)
