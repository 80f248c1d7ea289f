"""Turns at saving states: few at once, of which none is kept by whoever a disk holds up."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")
_HURRIED = 0.25
_MORE = 16
_log = logging.getLogger("herdsman.agent")


class Turns:
    """At most `at_once` at a time, besides those that a disk holds up (`most_hanging`, no more).

    Once disks hold up so many that no turn is left for others, that is said, once.
    """

    def __init__(self, at_once: int, patience: float = 5.0, most_hanging: int = 32) -> None:
        self.free = asyncio.Semaphore(at_once)
        self.patience = patience
        self.lendable = asyncio.Semaphore(most_hanging)
        self._at_once, self._kept, self._told = at_once, 0, False

    def hurry(self) -> None:
        """Have more at a time, and lend sooner, from now on: little time is left."""
        self.patience = min(self.patience, _HURRIED)
        self._at_once += _MORE
        for _ in range(_MORE):
            self.free.release()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Count a turn that a disk holds up and that cannot be lent, during a block."""
        self._kept += 1
        if self._kept >= self._at_once and not self._told:
            self._told = True
            _log.warning(
                "disks that do not answer hold up the states of so many bots that those of all others wait "
                "until one of them does"
            )
        try:
            yield
        finally:
            self._kept -= 1
            self._told = self._told and self._kept > 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator["Turn"]:
        """Wait for a turn, and have it during a block."""
        turn = Turn(self)
        await turn.begin()
        try:
            yield turn
        finally:
            turn.end()


class Progress:
    """Steps that work has made: what makes some is slow, and does not hang."""

    def __init__(self) -> None:
        self._count = 0

    def step(self) -> None:
        """Count one."""
        self._count += 1

    def made(self) -> int:
        """Return how many there were."""
        return self._count


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

    async def on_disk(self, work: Callable[[], T], progress: Progress | None = None) -> T:
        """Do what a disk may hold up, however long that takes; while it hangs another has the turn.

        It hangs where it makes no `progress` for as long as the turns' patience.
        """
        job, progress, seen = apart(work), progress or Progress(), -1
        try:
            while not job.done() and (made := progress.made()) != seen:
                seen = made
                await asyncio.wait({job}, timeout=self._turns.patience)
            if not job.done():
                await self._lend(job)
            return job.result()
        finally:
            job.cancel()

    async def _lend(self, job: "asyncio.Future[T]") -> None:
        """Wait for a job; let another have the turn meanwhile, as soon as one more may be lent."""
        place: asyncio.Future[Any] = asyncio.ensure_future(self._turns.lendable.acquire())
        try:
            await asyncio.sleep(0)
            if not place.done():
                with self._turns.kept():
                    either: set[asyncio.Future[Any]] = {job, place}
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not job.done():
                self.end()
                await asyncio.wait({job})
        finally:
            if place.done():
                self._turns.lendable.release()
            place.cancel()
        if not self._begun:
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
