"""What operators do to a saved state: never under a running bot, never over one that is not saved yet."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from controller.schedulers.protocol import StateHold
from controller.state.saved import SavedStates
from schemas.errors import Conflict, NotFound
from schemas.state import IN_STORE, StateFile, StatePlace, StateVersion, is_newest


@dataclass(frozen=True, slots=True)
class StateChange:
    """A new version from an old one: `base` (0: the newest, None: nothing), some files put, some removed.

    The contents of `put` are in the store already. `accept_loss`: take it though the newest state was never
    saved, as that of a node which is lost for good.
    """

    base: int | None = 0
    put: Mapping[str, StateFile] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    accept_loss: bool = False


class Holder(Protocol):
    """Whoever can hold a bot's lease: a scheduler."""

    def hold_state(self, name: str) -> AbstractAsyncContextManager[StateHold]:
        """Hold a bot's lease. Raises Conflict where a copy has it."""
        ...


async def change_state(
    saved: SavedStates, holder: Holder, bot: str, change: StateChange, by: str, reason: str
) -> StateVersion:
    """Make the version and record that no node's folder is the newest any more. Raises Conflict, NotFound."""
    async with holder.hold_state(bot) as hold:
        newest = await saved.newest(bot)
        if not change.accept_loss:
            check_saved(bot, newest, hold.place)
        files = await _changed(saved, bot, change)
        token = max(hold.place.token, newest.token if newest else 0) + 1
        version = await saved.change(bot, files, token, by, reason)
        await hold.record(StatePlace(IN_STORE, token))
        return version


def check_saved(bot: str, newest: StateVersion | None, place: StatePlace) -> None:
    """Raise Conflict where a change would be made to an older copy than there is."""
    if not place.node and newest is None:
        return
    if newest is not None and is_newest(newest, place):
        return
    saved = f"version {newest.number} is the last one saved" if newest else "nothing was saved yet"
    raise Conflict(
        f"the newest state of {bot} is on node {place.node or '?'} and not saved to its end ({saved}): wait "
        f"until that node's agent has saved it, or `herdsman state {bot} restore VERSION --accept-loss`"
    )


async def _changed(saved: SavedStates, bot: str, change: StateChange) -> list[StateFile]:
    files: dict[str, StateFile] = {}
    if change.base is not None:
        try:
            files = {file.path: file for file in (await saved.version(bot, change.base)).files}
        except NotFound:
            if change.base:
                raise
    for path in change.remove:
        if files.pop(path, None) is None:
            raise NotFound(f"there is no {path} in the state of {bot}")
    return list((files | dict(change.put)).values())
