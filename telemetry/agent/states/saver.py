"""Saves state folders: what changed is copied, its contents handed in, then the version offered."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from schemas.errors import StoreUnavailable
from schemas.state import HeldState, StateClaim, StateSave
from telemetry.agent.states.desk import Desk
from telemetry.agent.states.folder import Mark, Taken, take
from telemetry.agent.states.turns import Progress, Turn

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose state it is: a bot of a fleet, placed here by an allocation."""

    fleet: str
    bot: str
    node: str
    allocation: str

    @property
    def claim(self) -> StateClaim:
        """On whose behalf the service is asked."""
        return StateClaim(self.fleet, self.allocation)


@dataclass(slots=True)
class Saved:
    """What is known to be saved of one bot: its version (0: nothing), and each file's mark and checksum."""

    token: int = 0
    version: int = 0
    final: bool = False
    files: dict[str, tuple[Mark, str]] = field(default_factory=dict)

    @property
    def marks(self) -> dict[str, Mark]:
        """How the folder looked when it was saved."""
        return {path: mark for path, (mark, _) in self.files.items()}


class Saver:
    """Copies go through the folder `spool`, which is ours alone."""

    def __init__(self, desk: Desk, root: Path, spool: Path) -> None:
        self._desk, self._root, self._spool = desk, root, spool

    def clear(self) -> None:
        """Delete what an agent that was killed left in the spool."""
        shutil.rmtree(self._spool, ignore_errors=True)

    async def save(self, whose: Whose, held: HeldState, before: Saved, turn: Turn, *, final: bool) -> Saved:
        """Save a folder as it is now; return what is saved. Raises Conflict for a fenced copy, and others."""
        for _ in range(_TRIES):
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            place = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._spool))
            try:
                below = (whose.fleet, whose.bot)
                progress = Progress()
                work = partial(take, self._root, below, before.files, place, progress.step)
                taken = await turn.on_disk(work, progress)
                version = await self._hand_in(whose, held, taken, final=final)
            finally:
                shutil.rmtree(place, ignore_errors=True)  # at once: also where this task is being ended
            if version:
                checksums = {file.path: file.sha256 for file in taken.files if not file.changing}
                files = {
                    path: (mark, checksums[path]) for path, mark in taken.marks.items() if path in checksums
                }
                return Saved(held.token, version, final, files)
            before = Saved()  # the store lost contents that it had: all are read again
        raise StoreUnavailable("the state store loses what it was given")

    async def _hand_in(self, whose: Whose, held: HeldState, taken: Taken, *, final: bool) -> int:
        """Return the version's number, 0 where contents are missing that were not copied now."""
        save = StateSave(
            held.token,
            whose.node,
            final,
            tuple(taken.files),
            taken.skipped,
            whose.allocation,
            held.former,
            held.former_token,
        )
        answer = await self._desk.offer(whose.claim, whose.bot, save)
        if answer.version:
            return answer.version
        for sha256 in answer.missing:
            if sha256 not in taken.copies:
                return 0
            data = await asyncio.to_thread(taken.copies[sha256].read_bytes)
            await self._desk.upload(whose.claim, whose.bot, sha256, data)
        return (await self._desk.offer(whose.claim, whose.bot, save)).version
