"""A bot's bundles, each built once however many bots wait for it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from controller.ports import BundleSource
from gitops.bundle import Bundle
from schemas.bot import ProgramVersion

Content = tuple[Bundle, Bundle | None]


class Contents:
    """Asks the bundle source for programs, few at once, and for the same program only once at a time."""

    def __init__(
        self, bundles: BundleSource, repository: Callable[[], Path], python: str, at_once: int
    ) -> None:
        self._bundles = bundles
        self._repository = repository
        self._python = python
        self._slots = asyncio.Semaphore(at_once)
        self._building: dict[ProgramVersion, asyncio.Task[Content]] = {}

    async def of(self, program: ProgramVersion) -> Content:
        """Return a program's code and dependency layer. Raises BuildFailed or SourceUnavailable."""
        task = self._building.get(program)
        if task is None:
            task = asyncio.create_task(self._build(program))
            self._building[program] = task
            task.add_done_callback(lambda done: self._forget(program, done))
        return await asyncio.shield(task)

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
            return code, await self._bundles.dependencies(repository, program, self._python)

    def _forget(self, program: ProgramVersion, done: asyncio.Task[Content]) -> None:
        self._building.pop(program, None)
        if not done.cancelled():
            done.exception()  # whoever waited has it; nobody waiting is no error
