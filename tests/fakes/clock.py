"""A clock that moves only when a test says so."""

import asyncio
import heapq
import itertools
from collections.abc import Callable


class FakeClock:
    """Fulfils `controller.clock.Clock`; `advance` wakes sleepers in the order of their times."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._start = now
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.busy: Callable[[], bool] = lambda: False
        """Says whether work goes on that no time may pass over, such as a thread's on a slow disk."""

    def time(self) -> float:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    def set(self, seconds: float) -> None:
        """Set the wall clock forward by so much (below zero: back), as a person or a time server does."""
        self._start += seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass in small steps, and what wakes up run in between."""
        end = self._elapsed + seconds
        while self._elapsed < end:
            self._elapsed = min(end, self._elapsed + step)
            self._wake()
            await settle()
            while self.busy():
                await settle()

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)


async def settle(turns: int = 12) -> None:
    """Give other tasks some turns of the event loop, and worker threads the time to answer."""
    for _ in range(turns):
        await asyncio.sleep(0)
    await asyncio.sleep(0.002)
    for _ in range(turns):
        await asyncio.sleep(0)
