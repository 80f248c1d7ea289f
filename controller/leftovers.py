"""What work on many bots leaves behind: freed memory that the C library keeps for later."""

import asyncio
import ctypes
from collections.abc import Callable

from controller.clock import Clock

MANY = 1000
"""Statuses written since the last time that make it worth while."""
EVERY = 10.0
"""Seconds that at least lie between two times."""


def release() -> bool:
    """Give freed memory back to the system; say whether the C library can: only glibc does.

    The interpreter's lock is free meanwhile, the heap's is not: whoever allocates more than small objects
    waits (measured: about 0.5 ms for each MB that is given back).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return trim is not None


class Leftovers:
    """Has memory given back after work on many bots, and never for a few: `release` is called in a thread."""

    def __init__(self, clock: Clock, release: Callable[[], object] = release) -> None:
        self._clock = clock
        self._release = release
        self._written = 0
        self._not_before = 0.0

    async def clear(self, written: int, busy: Callable[[], bool]) -> None:
        """Take note of so many statuses that were written, and give back once there were many.

        While `busy` says that more is on its way, or soon after the last time, it waits for a later call.
        """
        self._written += written
        now = self._clock.monotonic()
        if self._written < MANY or now < self._not_before or busy():
            return
        self._written, self._not_before = 0, now + EVERY
        await asyncio.to_thread(self._release)
