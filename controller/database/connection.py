"""The database itself: running functions on its one thread, each in a transaction of its own.

One commit costs one wait for the disk: the price is kept small by running whatever has queued up meanwhile
in one transaction.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from controller.database.opening import open_engine
from controller.database.trouble import UnusableDatabase, explain

T = TypeVar("T")
_TOGETHER = 500
Guard = Callable[[Connection], None]
"""Runs first in every transaction; where it raises, nothing is done."""


@dataclass(slots=True)
class _Task:
    function: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]


class Database:
    """One database and its worker thread. Await `run`; the function's return value comes back.

    Each function is all or nothing: where it raises, what it wrote is undone and the error comes back.
    Functions that wait at the same moment share one commit, in the order in which they came.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.guard: Guard | None = None
        self._tasks: deque[_Task] = deque()
        self._news = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="herdsman-database", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Open the database at a path (SQLite) or a URL (postgresql://...), and migrate it to this version.

        Raises UnusableDatabase, DatabaseUnavailable where the server does not answer.
        """
        return cls(await asyncio.to_thread(open_engine, url))

    async def run(self, function: Callable[[Connection], T]) -> T:
        """Run a function in a transaction of its own and return its value once it is committed."""
        loop = asyncio.get_running_loop()
        task = _Task(function, loop, loop.create_future())
        with self._news:
            if self._closing:
                raise UnusableDatabase("the database is closed")
            self._tasks.append(task)
            self._news.notify()
        result: T = await task.done
        return result

    async def close(self) -> None:
        """Finish what was asked for and close; asking again does nothing."""
        with self._news:
            self._closing = True
            self._news.notify()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._engine.dispose)

    def _work(self) -> None:
        while batch := self._next_batch():
            try:
                outcomes = self._run_batch(batch)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it, the thread lives on
                outcomes = [(task, None, explain(error, self._engine)) for task in batch]
            for task, value, failure in outcomes:
                _deliver(task, value, failure)

    def _next_batch(self) -> list[_Task]:
        with self._news:
            while not self._tasks and not self._closing:
                self._news.wait()
            count = min(len(self._tasks), _TOGETHER)
            return [self._tasks.popleft() for _ in range(count)]

    def _run_batch(self, batch: list[_Task]) -> list[tuple[_Task, Any, Exception | None]]:
        with self._engine.begin() as connection:
            if self.guard is not None:
                self.guard(connection)
            return [self._run_one(connection, task) for task in batch]

    def _run_one(self, connection: Connection, task: _Task) -> tuple[_Task, Any, Exception | None]:
        try:
            with connection.begin_nested():
                return task, task.function(connection), None
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            return task, None, explain(error, self._engine)


def _deliver(task: _Task, value: Any, failure: Exception | None) -> None:
    def settle() -> None:
        if task.done.done():
            return
        if failure is not None:
            task.done.set_exception(failure)
        else:
            task.done.set_result(value)

    with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
        task.loop.call_soon_threadsafe(settle)
