"""Moments at which a bot is to be looked at again though nothing happens."""

import asyncio
import heapq
from collections.abc import Callable

from controller.clock import Clock


class Agenda:
    """One moment a name; a later call for the same name replaces the earlier one."""

    def __init__(self, clock: Clock, due: Callable[[str], None]) -> None:
        self._clock = clock
        self._due = due
        self._moments: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._sooner = asyncio.Event()

    def at(self, name: str, seconds: float | None) -> None:
        """Look at a name again in that many seconds; None: no more."""
        if seconds is None:
            self._moments.pop(name, None)
            return
        moment = self._clock.monotonic() + max(0.0, seconds)
        if self._moments.get(name) == moment:
            return
        self._moments[name] = moment
        heapq.heappush(self._heap, (moment, name))
        if self._heap[0] == (moment, name):
            self._sooner.set()

    async def run(self) -> None:
        """Call `due` for each name at its moment, for ever."""
        while True:
            self._sooner.clear()
            wait = self._call_due()
            if wait is None:
                await self._sooner.wait()
            else:
                await sleep_or(self._clock, wait, self._sooner)

    def _call_due(self) -> float | None:
        """Call for all that is due; return the seconds to the next moment, None where there is none."""
        now = self._clock.monotonic()
        while self._heap:
            moment, name = self._heap[0]
            if self._moments.get(name) == moment and moment > now:
                return moment - now
            heapq.heappop(self._heap)
            if self._moments.get(name) == moment:
                del self._moments[name]
                self._due(name)
        return None


async def sleep_or(clock: Clock, seconds: float, woken: asyncio.Event) -> None:
    """Return after that many seconds, or as soon as the event is set."""
    if woken.is_set() or seconds <= 0:
        return
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    waking = asyncio.ensure_future(woken.wait())
    try:
        await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        waking.cancel()
