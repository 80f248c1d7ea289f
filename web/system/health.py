"""Asks every part how it is, for the API and, while somebody looks, for the stream."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from telemetry.live import Broadcaster
from web.documents.system import SystemDocument, SystemPart
from web.system.notes import RecentNotes

SYSTEM = "system"
"""The stream's topic and event."""
EVERY = 2.0
"""Seconds between two messages while the topic is read."""
PATIENCE = 3.0
"""Seconds that a part has to say how it is."""
STATES = ("ok", "warning", "failing")
_log = logging.getLogger("herdsman.web.system")

Probe = Callable[[], Awaitable[SystemPart]]


class SystemHealth:
    """The parts that this process knows of, by name; `probes` may be added to until the first request."""

    def __init__(
        self,
        probes: dict[str, Probe] | None = None,
        *,
        version: str = "",
        fleet: str = "",
        notes: RecentNotes | None = None,
        clock: Callable[[], float] = time.time,
        every: float = EVERY,
        patience: float = PATIENCE,
    ) -> None:
        self.probes: dict[str, Probe] = probes or {}
        self.notes = notes or RecentNotes()
        self._version, self._fleet = version, fleet
        self._clock = clock
        self._every = every
        self._patience = patience
        self._telling: asyncio.Task[None] | None = None

    async def document(self) -> SystemDocument:
        """Return how every part is now; one that fails or is silent is told as failing."""
        parts = await asyncio.gather(
            *(_asked(name, probe, self._patience) for name, probe in self.probes.items())
        )
        return SystemDocument(
            time=self._clock(),
            state=worst([part.state for part in parts]),
            version=self._version,
            fleet=self._fleet,
            parts=list(parts),
            notes=self.notes.newest(),
        )

    def tell(self, live: Broadcaster) -> None:
        """Publish for as long as the topic is read; called when a stream of it opens."""
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(live), name="system health")

    async def _tell(self, live: Broadcaster) -> None:
        while live.is_read(SYSTEM):
            live.publish(SYSTEM, SYSTEM, msgspec.json.encode(await self.document()))
            await asyncio.sleep(self._every)


def worst(states: Sequence[str]) -> str:
    """Return the most serious of some states, ok where there are none."""
    return max(states, key=STATES.index, default="ok")


async def _asked(name: str, probe: Probe, patience: float) -> SystemPart:
    try:
        return await asyncio.wait_for(probe(), patience)
    except TimeoutError:
        return SystemPart(name, "failing", f"it did not say within {patience:g} s how it is")
    except Exception as error:  # noqa: BLE001 - a part that cannot tell is what this page is for
        _log.debug("the part %s could not be asked", name, exc_info=True)
        return SystemPart(name, "failing", f"it could not be asked: {type(error).__name__}: {error}")
