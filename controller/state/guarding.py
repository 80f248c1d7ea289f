"""In front of the saved states for agents, who speak for allocations: each only for the bot that it is.

What an agent knows of an allocation lies in files that its bot may have written. So a save is taken, and a
state given out, only where the scheduler itself says that the allocation is that bot's. Where the scheduler
cannot be asked the agent tries again later: until then the state stays on its node.
"""

import re
from collections import OrderedDict
from typing import Protocol

from controller.schedulers.protocol import Placed
from controller.state.saved import SavedStates
from schemas.errors import StateRefused
from schemas.state import SaveAnswer, StateClaim, StateSave, StateVersion

_REMEMBERED = 50_000
_ALLOCATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")


class Witness(Protocol):
    """Whoever knows whose an allocation is: a controller."""

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is, None where nothing is known of it. Raises SchedulerUnavailable."""
        ...


class GuardedStates:
    """One fleet's saved states for agents. Methods raise StateRefused, and what `SavedStates` raises."""

    def __init__(self, saved: SavedStates, witness: Witness, fleet: str) -> None:
        self._saved, self._witness, self._fleet = saved, witness, fleet
        self._known: OrderedDict[str, Placed] = OrderedDict()

    async def prove(self, claim: StateClaim, bot: str) -> None:
        """Return where an allocation is the bot's that it says it is."""
        await self._proven(claim, bot)

    async def offer(self, claim: StateClaim, bot: str, save: StateSave) -> SaveAnswer:
        """Take a version of the allocation's own bot; see `SavedStates.offer`."""
        placed = await self._proven(claim, bot)
        if save.allocation != claim.allocation or save.former not in ("", placed.former):
            raise StateRefused(f"allocation {claim.allocation} saves as what it is not: {bot}, {save.former}")
        return await self._saved.offer(bot, save)

    async def upload(self, claim: StateClaim, bot: str, sha256: str, data: bytes) -> None:
        """Take a content of a version to come of the allocation's own bot."""
        await self._proven(claim, bot)
        await self._saved.upload(bot, sha256, data)

    async def newest(self, claim: StateClaim, bot: str) -> StateVersion | None:
        """Return the newest version of the allocation's bot, or of its former name."""
        await self._proven(claim, bot, formerly=True)
        return await self._saved.newest(bot)

    async def download(self, claim: StateClaim, bot: str, sha256: str) -> bytes:
        """Return a content of the allocation's bot, or of its former name."""
        await self._proven(claim, bot, formerly=True)
        return await self._saved.download(bot, sha256)

    async def _proven(self, claim: StateClaim, bot: str, *, formerly: bool = False) -> Placed:
        placed = await self._placed(claim, bot)
        if claim.fleet == self._fleet and bot and bot in (placed.bot, placed.former if formerly else ""):
            return placed
        whose = placed.bot or "no bot of this fleet's"
        raise StateRefused(
            f"allocation {claim.allocation} is {whose} by what the scheduler says, and speaks for the state "
            f"of {bot} of {claim.fleet}: that is refused"
        )

    async def _placed(self, claim: StateClaim, bot: str) -> Placed:
        allocation = claim.allocation
        if allocation in self._known:
            self._known.move_to_end(allocation)
            return self._known[allocation]
        if not _ALLOCATION.fullmatch(allocation):
            raise StateRefused(f"{allocation[:80]!r} is no allocation")
        placed = await self._witness.placed(allocation) or await self._remembered(allocation, bot)
        self._known[allocation] = placed
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return placed

    async def _remembered(self, allocation: str, bot: str) -> Placed:
        """Return whose an allocation was that the scheduler has forgotten: one of its saves was taken."""
        if any(version.allocation == allocation for version in await self._saved.history(bot)):
            return Placed(bot)
        raise StateRefused(
            f"the scheduler knows nothing of allocation {allocation} any more, and nothing of it was saved "
            f"before, so that it cannot be shown to be of {bot}: start the bot on that node, and it goes on "
            "with what lies there"
        )
