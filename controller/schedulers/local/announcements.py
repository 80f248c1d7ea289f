"""Telling everybody who listens that a bot moved: coalesced per bot, never blocking who tells."""

import asyncio
from collections.abc import AsyncIterator

from controller.schedulers.protocol import SchedulerEvent


class Announcements:
    """A broadcast of moved bots; a slow listener hears each bot once, with its newest allocation."""

    def __init__(self) -> None:
        self.count = 0
        """How many moves there have been."""
        self._listeners: list[tuple[dict[str, str], asyncio.Event]] = []

    def announce(self, bot: str, allocation: str) -> None:
        """Tell all listeners."""
        self.count += 1
        for moved, wake in self._listeners:
            moved[bot] = allocation
            wake.set()

    async def listen(self) -> AsyncIterator[SchedulerEvent]:
        """Yield moves from now on, after one event that asks for a look at everything."""
        listener: tuple[dict[str, str], asyncio.Event] = ({}, asyncio.Event())
        moved, wake = listener
        self._listeners.append(listener)
        try:
            yield SchedulerEvent(None)
            while True:
                await wake.wait()
                wake.clear()
                while moved:
                    bot = next(iter(moved))
                    yield SchedulerEvent(bot, moved.pop(bot))
        finally:
            self._listeners.remove(listener)
