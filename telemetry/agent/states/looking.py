"""Looks at many state folders, and waits for none that hangs (on a dead network disk, say)."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from telemetry.agent.aside import Aside
from telemetry.agent.states.folder import Snapshot, look

Key = tuple[str, str]
"""A fleet and a bot: its folder lies there, below the root."""
Look = Callable[[Path, str, str], Snapshot]
_THREADS, _MOST_THREADS = 4, 64
_RELIEF = 0.05
"""The share of the patience after which others are looked at beside a folder that did not answer yet."""
_AT_ONCE = 200
"""Folders that are asked for before others have their turn."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
_ALL = ""
_log = logging.getLogger("herdsman.agent")


class Looks:
    """Looks at the folders `root/<fleet>/<bot>`, and does what else may hang (`beside`), in threads aside.

    What takes longer than `patience` seconds hangs: a folder that does is named, once, and not waited for.
    Others are looked at long before that. Where so many hang that no thread is left, that is said, once.
    """

    def __init__(self, root: Path, patience: float = 5.0, look: Look = look) -> None:
        self._root, self._patience, self._look = root, patience, look
        self._folders = Aside[Key, Snapshot | OSError](
            patience, _MOST_THREADS, at_once=_THREADS, relief=patience * _RELIEF
        )
        self._beside = Aside[str, None](patience)
        self._turn = asyncio.Lock()
        self._asked: set[Key] = set()
        """Folders that were asked for and did not answer yet."""
        self._hanging: set[Key] = set()
        self._full = self._beside_hangs = False

    def anew(self) -> "Looks":
        """Return other looks at the same folders, which wait for nothing that these wait for."""
        return Looks(self._root, self._patience, self._look)

    def has_not_answered(self, key: Key) -> bool:
        """Whether a folder was asked for, and has not been heard of since."""
        return key in self._asked

    async def at(self, keys: Collection[Key], within: float) -> dict[Key, Snapshot | OSError]:
        """Return how folders look that answered by now, also those that were asked for earlier.

        They are looked at in the order of `keys`.
        Those that answer only after so many seconds are in what a later call returns.
        """
        async with self._turn:
            self._tell()
            wanted = {key: None for key in keys if key not in self._hanging}
            for count, key in enumerate(wanted, 1):
                self._asked.add(key)
                self._folders.ask(key, self._place(key), partial(self._see, key))
                if count % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            found: dict[Key, Snapshot | OSError] = {}
            until, pause = time.monotonic() + within, _FIRST_PAUSE
            while True:
                found.update(self._folders.take())
                self._asked -= found.keys()
                if wanted.keys() <= found.keys() or time.monotonic() >= until:
                    return found
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def beside(self, work: Callable[[], None], within: float) -> None:
        """Do what may hang as well, and return once it is done, hangs, or after so many seconds."""
        async with self._turn:
            self._beside.ask(_ALL, _ALL, work)
            until, pause = time.monotonic() + within, _FIRST_PAUSE
            while not self._beside.take() and self._beside.hangs(_ALL) is None and time.monotonic() < until:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            self._tell_beside(self._beside.hangs(_ALL))

    def close(self) -> None:
        """Let the threads end; those that hang end with the process."""
        self._folders.close()
        self._beside.close()

    def _see(self, key: Key) -> Snapshot | OSError:
        try:
            return self._look(self._root, *key)
        except OSError as error:
            return error

    def _tell(self) -> None:
        """Name the folders that hang since the last look."""
        ages = {key: self._folders.hangs(self._place(key)) for key in self._asked}
        hanging = {key for key, age in ages.items() if age is not None}
        for key in hanging - self._hanging:
            _log.warning(
                "bot %s: its state folder %s has not answered for %.0f s: it is saved once it does, those of "
                "the other bots are saved meanwhile",
                *(key[1], self._place(key), ages[key]),
            )
        self._hanging = hanging
        full = self._folders.is_full()
        if full and not self._full:
            _log.warning(
                "%d state folders do not answer: those of the other bots are not looked at until one of them "
                "does; a bot's end is saved all the same",
                _MOST_THREADS,
            )
        self._full = full

    def _tell_beside(self, age: float | None) -> None:
        if age is not None and not self._beside_hangs:
            _log.warning(
                "the look at this node's processes has not answered for %.0f s: until it does, no bot that "
                "was killed with its launcher is seen to have ended",
                age,
            )
        self._beside_hangs = age is not None

    def _place(self, key: Key) -> str:
        return str(self._root.joinpath(*key))
