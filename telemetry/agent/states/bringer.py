"""Brings a bot's newest state to this node before it starts; says what is missing where it cannot."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from schemas.errors import HerdsmanError
from schemas.state import IN_STORE, HeldState, StateAnswer, StateVersion, is_newest
from telemetry.agent.states.desk import Desk
from telemetry.agent.states.folder import NewFolder, clear
from telemetry.agent.states.saver import Whose
from telemetry.agent.states.turns import Turn

PATIENCE = 60.0
"""Seconds that a node has to save a state to its end, before the newest saved copy may be taken instead."""


class Bringer:
    """Makes folders beside those of the bots; the launcher puts them in place."""

    def __init__(
        self,
        desk: Desk,
        root: Path,
        clock: Callable[[], float] = time.time,
        made: Callable[[Path, str, str], NewFolder] = NewFolder,
    ) -> None:
        self._desk, self._root, self._clock, self._made = desk, root, clock, made

    async def bring(self, whose: Whose, held: HeldState, owner: os.stat_result, turn: Turn) -> StateAnswer:
        """Answer a launcher that wants its bot's state; `owner` is the status of a file of its own.

        A disk that hangs holds up this bot alone, and another has the `turn` meanwhile.
        """
        try:
            version = await self._desk.newest(whose.claim, held.source or whose.bot)
            answer = judge(version, held, self._clock())
            if version is None or answer.status != "restored":
                return answer
            return replace(answer, folder=await self._make(whose, held, version, owner, turn))
        except (HerdsmanError, OSError) as error:
            return StateAnswer(held.token, "not_yet", f"its saved state cannot be brought here: {error}")

    async def _make(
        self, whose: Whose, held: HeldState, version: StateVersion, owner: os.stat_result, turn: Turn
    ) -> str:
        for restored in (True, False):
            await turn.on_disk(partial(clear, self._root, whose.fleet, whose.bot, restored=restored))
        name = f".{whose.bot}.restored-{held.token}"
        folder = await turn.on_disk(partial(self._made, self._root, whose.fleet, name))
        try:
            for file in version.files:
                data = await self._desk.download(whose.claim, held.source or whose.bot, file.sha256)
                await turn.on_disk(partial(folder.write, file, data))
            await turn.on_disk(partial(folder.hand_over, owner.st_uid, owner.st_gid))
        finally:
            folder.close()
        return name


def judge(version: StateVersion | None, held: HeldState, now: float) -> StateAnswer:
    """Return the answer (without a folder yet): what is to be restored, or what is missing. Pure."""
    place, token = held.place, held.token
    where = "the state store" if place.node == IN_STORE else f"node {place.node or '?'}"
    if version is None:
        message = f"its newest state is on {where}, and nothing of it was ever saved: bring {where} back"
        return StateAnswer(token, "not_yet", message)
    copy = f"version {version.number} of {_from(version)}, saved {_time(version.saved_at)}"
    if is_newest(version, place):
        return StateAnswer(token, "restored", f"its state is {copy}")
    if held.lost_node == "newest" and held.waited >= PATIENCE and place.node != IN_STORE:
        message = f"its state is {copy}: what {where} changed after that is lost"
        return StateAnswer(token, "restored", message, loss=True)
    age = max(0.0, now - version.saved_at)
    message = (
        f"its newest state is on {where} and was not saved to its end; the newest copy is {copy} "
        f"({age:.0f} s ago): {_remedy(where)}"
    )
    return StateAnswer(token, "not_yet", message)


def _remedy(where: str) -> str:
    return f"bring {where} back, or take a copy with `herdsman state BOT restore VERSION --accept-loss`"


def _from(version: StateVersion) -> str:
    return f"node {version.node}" if version.node else (version.by or "an operator")


def _time(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
