"""Telling the lease's own store where a bot's newest state is, where that has forgotten it."""

from typing import Protocol

from controller.state.saved import SavedStates
from schemas.bot import BotSpec
from schemas.errors import StateDamaged, StoreUnavailable
from schemas.state import IN_STORE, StatePlace


class Rememberer(Protocol):
    """Whoever keeps the leases: a scheduler."""

    async def recall_state(self, name: str, place: StatePlace) -> None:
        """Record where a bot's newest state is, where nothing is remembered of it."""
        ...


async def recall(saved: SavedStates | None, scheduler: Rememberer, spec: BotSpec, *, placed: bool) -> None:
    """Do so for a bot that is about to be applied, and for its former name.

    A store that does not answer keeps back only a bot without a job (`placed` is false): for one that has one
    the lease remembers. Raises StoreUnavailable and the scheduler's errors.
    """
    if saved is None:
        return
    for name in (spec.name, spec.renamed_from):
        if not name:
            continue
        try:
            newest = await saved.newest(name)
        except StateDamaged:
            continue  # whoever wants it is told
        except StoreUnavailable:
            if placed:
                return
            raise
        if newest is not None:
            await scheduler.recall_state(name, StatePlace(newest.node or IN_STORE, newest.token))
