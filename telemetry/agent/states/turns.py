"""Turns at saving states: few at once, of which none is kept by whoever a disk holds up."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """At most `at_once` at a time, besides those that a disk holds up (`most_hanging`, no more)."""

    def __init__(self, at_once: int, patience: float = 5.0, most_hanging: int = 32) -> None:
        self.free = asyncio.Semaphore(at_once)
        self.patience = patience
        self.lendable = asyncio.Semaphore(most_hanging)

    @asynccontextmanager
    async def one(self) -> AsyncIterator["Turn"]:
        """Wait for a turn, and have it during a block."""
        turn = Turn(self)
        await turn.begin()
        try:
            yield turn
        finally:
            turn.end()


class Turn:
    """One turn: who has it may read a disk."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._begun = False

    async def begin(self) -> None:
        """Wait until it is this one's turn."""
        await self._turns.free.acquire()
        self._begun = True

    def end(self) -> None:
        """Let another have the turn."""
        if self._begun:
            self._begun = False
            self._turns.free.release()

    async def on_disk(self, work: Callable[[], T]) -> T:
        """Do what a disk may hold up, however long that takes; while it hangs another has the turn."""
        job = apart(work)
        try:
            await asyncio.wait({job}, timeout=self._turns.patience)
            if not job.done() and not self._turns.lendable.locked():
                await self._lend(job)
            await asyncio.wait({job})
            return job.result()
        finally:
            job.cancel()

    async def _lend(self, job: "asyncio.Future[T]") -> None:
        async with self._turns.lendable:
            self.end()
            await asyncio.wait({job})
        await self.begin()


def apart(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Do something in a daemon thread of its own: one that hangs keeps no process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            failure = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, result, failure)

    threading.Thread(target=run, name="state", daemon=True).start()
    return done
