"""The database itself: opening it, bringing it up to date, and running functions on its one thread.

SQLite runs with a write-ahead log and `synchronous=FULL`. NORMAL would be quicker, but it may forget the
last commits at a power failure, and then jobs run on a cluster that the inventory has never heard of:
herdsman could only observe until someone recovers it. The price (one fsync a transaction) is kept small
by running whatever has queued up meanwhile in one transaction.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, OperationalError

from schemas.errors import UsageError

T = TypeVar("T")
_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT_MS = 10_000
_TOGETHER = 500


class UnusableDatabase(UsageError):
    """The database is damaged, locked, of a newer herdsman, or cannot be opened."""


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
        self._tasks: deque[_Task] = deque()
        self._news = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="herdsman-database", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Open (or create) the database at an SQLAlchemy URL or a path, and migrate it to this version."""
        engine = await asyncio.to_thread(_open, url if "://" in url else f"sqlite:///{url}")
        return cls(engine)

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
                outcomes = [(task, None, _explain(error, self._engine)) for task in batch]
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
            return [self._run_one(connection, task) for task in batch]

    def _run_one(self, connection: Connection, task: _Task) -> tuple[_Task, Any, Exception | None]:
        try:
            with connection.begin_nested():
                return task, task.function(connection), None
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            return task, None, _explain(error, self._engine)


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


def _open(url: str) -> Engine:
    """Connect, refuse what cannot be used in words, and run the missing migrations."""
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            _check(connection, url)
            _migrate(connection)
    except UnusableDatabase:
        engine.dispose()
        raise
    except (DatabaseError, sqlite3.Error) as error:
        engine.dispose()
        raise _explain(error, engine) from error
    return engine


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=1, max_overflow=0, connect_args=_connect_args(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_args(url: str) -> dict[str, Any]:
    return {"check_same_thread": False} if make_url(url).get_backend_name() == "sqlite" else {}


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, so that savepoints and DDL are transactional
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check(connection: Connection, url: str) -> None:
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if found != "ok":
            raise UnusableDatabase(_damaged(url, str(found)))
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    here = MigrationContext.configure(connection).get_current_heads()
    newer = [revision for revision in here if revision not in known]
    if newer:
        raise UnusableDatabase(
            f"the database {_name(url)} was written by a newer herdsman (its version {newer[0]} is unknown "
            "here): start that herdsman, or restore a backup made by this one"
        )


def _migrate(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _explain(error: Exception, engine: Engine) -> Exception:
    """Turn the database's own errors into ours, in words; every other error stays as it is."""
    if not isinstance(error, DatabaseError | sqlite3.Error):
        return error
    url, said = engine.url.render_as_string(), str(getattr(error, "orig", None) or error)
    if any(words in said for words in ("malformed", "not a database", "disk image")):
        return UnusableDatabase(_damaged(url, said))
    if "locked" in said:
        return UnusableDatabase(
            f"the database {_name(url)} is locked by another process: is another herdsman running on it?"
        )
    if isinstance(error, OperationalError) or "unable to open" in said:
        return UnusableDatabase(f"the database {_name(url)} cannot be used: {said}")
    return error


def _damaged(url: str, said: str) -> str:
    return (
        f"the database {_name(url)} is damaged ({said.splitlines()[0]}): move it away and restore a backup; "
        "running bots are not touched"
    )


def _name(url: str) -> str:
    parsed = make_url(url)
    return parsed.database or "" if parsed.get_backend_name() == "sqlite" else parsed.render_as_string()
