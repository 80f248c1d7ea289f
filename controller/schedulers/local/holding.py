"""A local bot's lease in herdsman's own hands, so that its saved state can be changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from controller.launcher.file_lease import Lease
from schemas.errors import BotRuns, StoreUnavailable
from schemas.state import StatePlace

_TRIES = 20
_PAUSE = 0.1


class LocalHold:
    """See `StateHold`."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    @property
    def place(self) -> StatePlace:
        """Return what the lock file says."""
        return StatePlace(self._lease.place, self._lease.placed)

    async def record(self, place: StatePlace) -> None:
        """Write it into the lock file."""
        self._lease.token = place.token
        if not self._lease.settle(place.node, 0):
            raise StoreUnavailable(self._lease.reason)


@asynccontextmanager
async def hold(name: str, path: Path) -> AsyncIterator[LocalHold]:
    """Hold the lock file; a launcher that only looks whether it may start has it for moments."""
    lease = Lease({"lease": {"options": {"path": str(path)}}}, {})
    for _ in range(_TRIES):
        if lease.acquire(0):
            break
        await asyncio.sleep(_PAUSE)
    else:
        raise BotRuns(f"{name} runs, and its state is not changed under it ({lease.reason})")
    try:
        yield LocalHold(lease)
    finally:
        lease.release(0)


def recall(path: Path, place: StatePlace) -> None:
    """Write a place into a lock file that has none; one that is held is its holder's."""
    lease = Lease({"lease": {"options": {"path": str(path)}}}, {})
    if lease.acquire(0):
        if not lease.placed and not lease.place:
            lease.token = place.token
            lease.settle(place.node, 0)
        lease.release(0)
