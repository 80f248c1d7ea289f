"""A bot's lease on Nomad in herdsman's own hands, so that its saved state can be changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from controller.schedulers.nomad.api import NomadApi
from controller.schedulers.nomad.reading import Variable
from schemas.errors import BotRuns, Conflict, HerdsmanError
from schemas.state import StatePlace

_TIME_TO_LIVE = 30
_TRIES = 15
_PAUSE = 0.4


class NomadHold:
    """See `StateHold`; the variable is written by compare-and-set."""

    def __init__(self, api: NomadApi, path: str, variable: Variable) -> None:
        self._api, self._path, self._variable = api, path, variable

    @property
    def place(self) -> StatePlace:
        """Return what the variable says."""
        token = self._variable.items.get("token", "")
        node = self._variable.items.get("node", "")
        return StatePlace(node, int(token) if token.isdecimal() else 0)

    async def record(self, place: StatePlace) -> None:
        """Write the variable."""
        items = {"node": place.node, "token": str(place.token)}
        self._variable = await self._api.write_variable(self._path, items, self._variable.index)


@asynccontextmanager
async def hold(name: str, api: NomadApi, lease: str, state: str) -> AsyncIterator[NomadHold]:
    """Hold the lock of the variable `lease`; a launcher that only looks for its state has it for moments."""
    lock = await _lock(name, api, lease)
    try:
        yield NomadHold(api, state, await api.variable(state))
    finally:
        with suppress(HerdsmanError):  # it ends by itself
            await api.unlock(lease, lock)


async def _lock(name: str, api: NomadApi, lease: str) -> str:
    for attempt in range(_TRIES):
        try:
            return await api.lock(lease, {"holder": "herdsman", "node": "herdsman"}, _TIME_TO_LIVE)
        except Conflict:
            if attempt < _TRIES - 1:
                await asyncio.sleep(_PAUSE)
    raise BotRuns(f"{name} runs, and its state is not changed under it")
