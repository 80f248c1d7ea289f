"""The liveness of bots, put together: its desk, what the controller knows of them, and market calendars."""

import asyncio
import time

from controller.clock import SystemClock
from controller.markets import Markets
from controller.windows import Sessions
from telemetry.liveness_desk import LivenessDesk
from web.liveness import Asked, standings
from web.publishing import LivePublisher


class Liveness:
    """Runs the desk beside the calendars that bots' manifests name."""

    def __init__(self, desk: LivenessDesk, controller: Asked, publisher: LivePublisher) -> None:
        self._desk = desk
        self._wanted = frozenset[str]()
        self._markets = Markets(SystemClock(), lambda: None)
        desk.standing = standings(controller, self._sessions, time.time)
        desk.told = publisher.lives

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._desk.run())
            group.create_task(self._markets.run())

    def _sessions(self, calendar: str) -> Sessions:
        """Return when markets are open, as far as it was read; a calendar not asked for before is read."""
        if calendar not in self._wanted:
            self._wanted |= {calendar}
            self._markets.want(self._wanted)
        return self._markets.sessions
