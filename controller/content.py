"""A bot's bundles, each built once however many bots wait for it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from controller.ports import BundleSource
from gitops.bundle import Bundle
from schemas.bot import ProgramVersion

Content = tuple[Bundle, Bundle | None]
Told = Callable[[str], None]
_Asker = tuple[Told, asyncio.Event]
"""Who waits for a build: what hears how far it is, and what wakes who waits."""


class Contents:
    """Asks the bundle source for programs, few at once, and for the same program only once at a time.

    The builds of compiled programs are counted by the bundle source itself: a long one keeps no other bot's
    content waiting, and it is ended where no bot wants it any more.
    """

    def __init__(
        self, bundles: BundleSource, repository: Callable[[], Path], python: str, at_once: int
    ) -> None:
        self._bundles = bundles
        self._repository = repository
        self._python = python
        self._slots = asyncio.Semaphore(at_once)
        self._building: dict[ProgramVersion, asyncio.Task[Content]] = {}
        self._askers: dict[ProgramVersion, list[_Asker]] = {}

    async def of(self, program: ProgramVersion, told: Told) -> Content:
        """Return a program's code and layer; `told` hears how far its build is.

        Raises BuildFailed, RuntimeMissing or SourceUnavailable.
        """
        asker = (told, asyncio.Event())
        task = self._join(program, asker)
        try:
            return await asyncio.shield(task)
        finally:
            self._leave(program, asker, task)

    async def unless(
        self, program: ProgramVersion, told: Told, woken: asyncio.Event, obsolete: Callable[[], bool]
    ) -> Content | None:
        """Return what `of` does, or None as soon as `woken` is set and what is built has become obsolete.

        The end of the build sets `woken` as well: ten thousand bots that wait take no task of their own.
        """
        asker = (told, woken)
        task = self._join(program, asker)
        try:
            while not task.done():
                await woken.wait()
                woken.clear()
                if not task.done() and obsolete():
                    return None
            return task.result()
        finally:
            self._leave(program, asker, task)

    def _join(self, program: ProgramVersion, asker: _Asker) -> asyncio.Task[Content]:
        """Wait for the build of a program that is under way, begun now where none is."""
        task = self._building.get(program)
        if task is None or task.cancelling():
            task = asyncio.create_task(self._build(program))
            self._building[program] = task
            task.add_done_callback(lambda done: self._forget(program, done))
        self._askers.setdefault(program, []).append(asker)
        return task

    def _leave(self, program: ProgramVersion, asker: _Asker, task: asyncio.Task[Content]) -> None:
        """Wait no longer; nobody else wants what was begun for the last one."""
        askers = self._askers[program]
        askers.remove(asker)
        if not askers:
            del self._askers[program]
            if program.compiled:
                task.cancel()

    async def close(self) -> None:
        """End the builds that nobody waits for any more."""
        building = list(self._building.values())
        for task in building:
            task.cancel()
        await asyncio.gather(*building, return_exceptions=True)

    async def _build(self, program: ProgramVersion) -> Content:
        repository = self._repository()
        async with self._slots:
            code = await self._bundles.code(repository, program)
            if not program.compiled:
                return code, await self._layer(repository, program)
        return code, await self._layer(repository, program)

    async def _layer(self, repository: Path, program: ProgramVersion) -> Bundle | None:
        def tell(text: str) -> None:
            for told, _ in self._askers.get(program, ()):
                told(text)

        return await self._bundles.dependencies(repository, program, self._python, tell)

    def _forget(self, program: ProgramVersion, done: asyncio.Task[Content]) -> None:
        if self._building.get(program) is done:
            del self._building[program]
        for _, woken in self._askers.get(program, ()):
            woken.set()
        if not done.cancelled():
            done.exception()  # whoever waited has it; nobody waiting is no error
