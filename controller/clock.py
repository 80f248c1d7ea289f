"""Time, injected: the loop never reads a clock of its own, so that tests move it by hand."""

import asyncio
import time
from typing import Protocol


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
