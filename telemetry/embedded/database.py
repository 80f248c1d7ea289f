"""One SQLite file, one thread that writes, a few that read.

What waits to be written when the writer is free goes into one transaction. A killed process loses nothing
that was acknowledged; a machine that loses power may lose its last seconds, and never the file. A file
that is damaged all the same is set aside, and a new one begun: bots' output must not wait for its repair.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from schemas.errors import SearchTooLong, StoreUnavailable
from telemetry.embedded.checkpoints import Checkpoints
from telemetry.embedded.damage import is_damage, is_damage_of_index
from telemetry.embedded.indexing import drop_index
from telemetry.embedded.opening import build_next, connect, opened, put_in_place
from telemetry.embedded.retention import Retention, RetentionWork

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]

_READERS = 2
_SEARCHERS = 2
"""Searches that run at once, apart from the reads that the intake waits for."""
_READ_LIMIT = 15.0
SEARCH_LIMIT = 10.0
"""Seconds after which a search is given up."""
_IDLE = 0.2
"""Seconds between two rounds of the work behind the acknowledgement."""
_log = logging.getLogger("herdsman.telemetry")


class TelemetryDatabase:
    """The file of the embedded stores. Use `open`, and `close` from the same loop."""

    def __init__(self, path: Path, retention: Retention | None = None) -> None:
        self.path = path
        self._jobs: queue.SimpleQueue[tuple[Work[object], Future[object]] | None] = queue.SimpleQueue()
        self._forget: list[Callable[[], None]] = []
        self.retention = retention or Retention()
        self._behind: list[Work[bool]] = [RetentionWork(self.retention, self._forget_ids).work]
        self._tables: list[str] = []
        self._carried: list[Work[None]] = []
        self._failed: set[tuple[object, object]] = set()
        """Work behind that failed, and by what kind of error: said once."""
        self._found: sqlite3.Error | None = None
        """Damage of the index of texts that a search met: the writer's to mend."""
        self._readers = ThreadPoolExecutor(_READERS, "telemetry-reader")
        self._searchers = ThreadPoolExecutor(_SEARCHERS, "telemetry-searcher")
        self._local = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._closed = False
        self._life = 0
        """Grows whenever another file took the name: a reader of an earlier life opens it anew."""
        self._opening = threading.Lock()
        """Held while a reader opens the file, and while another file takes its name."""
        self._missing = False
        """Whether another file took the name, and was not opened yet: each write tries to."""
        self._stays_damaged = False
        """Whether the file is damaged and no other could be begun: said once, tried again by each write."""
        self._connection = opened(path)
        self._checkpoints = Checkpoints(path)
        self._thread = threading.Thread(target=self._write, name="telemetry-writer", daemon=True)
        self._thread.start()

    def behind(self, work: Work[bool]) -> None:
        """Add work done while nothing waits (indexing, rollups); it returns True if there is more."""
        self._behind.append(work)

    def table(self, statement: str) -> None:
        """Add a table of a store's own (`CREATE TABLE IF NOT EXISTS ...`) to any file begun from now on."""
        if statement not in self._tables:
            self._tables.append(statement)

    def carry(self, work: Work[None]) -> None:
        """Add what writes into a new file what must not be lost with the damaged one whose place it takes."""
        self._carried.append(work)

    def forget_on_rollback(self, forget: Callable[[], None]) -> None:
        """Add what is called, by the writer, where row ids that it handed out are not true any more."""
        self._forget.append(forget)

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in the writer's thread and return its result once it is committed."""
        if self._closed:
            raise StoreUnavailable(f"the embedded store {self.path} is closed")
        future: Future[Result] = Future()
        self._jobs.put((work, future))  # type: ignore[arg-type]
        return await asyncio.wrap_future(future)

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` on one state of the file, read by a thread. Raises StoreUnavailable."""
        if self._closed:
            raise StoreUnavailable(f"the embedded store {self.path} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def search(self, work: Work[Result]) -> Result:
        """Run `work` as `read` does, in other threads, on one state of the file. Raises SearchTooLong."""
        if self._closed:
            raise StoreUnavailable(f"the embedded store {self.path} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._searchers, self._search, work)

    def size(self) -> int:
        """Return the bytes that the file and its log take."""
        names = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(name.stat().st_size for name in names if name.exists())

    async def close(self) -> None:
        """Write what waits, and close; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._searchers.shutdown)
        for connection in self._open_readers:
            connection.close()

    def _reader(self, limit: float) -> sqlite3.Connection:
        """Return this thread's own connection, which gives up after so many seconds."""
        connection = getattr(self._local, "connection", None)
        if connection is None or self._local.life != self._life:
            with self._opening:
                self._local.life = self._life
                connection = self._local.connection = connect(self.path)
            connection.execute("PRAGMA query_only = 1")
            self._open_readers.append(connection)
        end = time.monotonic() + limit
        connection.set_progress_handler(lambda: time.monotonic() > end, 20_000)
        return connection

    def _read(self, work: Work[Result]) -> Result:
        connection = self._reader(_READ_LIMIT)
        try:
            connection.execute("BEGIN")
            return work(connection)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the embedded store {self.path} cannot be read: {error}") from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _search(self, work: Work[Result]) -> Result:
        connection = self._reader(SEARCH_LIMIT)
        try:
            connection.execute("BEGIN")
            return work(connection)
        except sqlite3.Error as error:
            raise self._of_search(error) from error
        finally:
            connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _of_search(self, error: sqlite3.Error) -> SearchTooLong | StoreUnavailable:
        if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
            return SearchTooLong(
                f"the search took more than {SEARCH_LIMIT:.0f} s and was given up: narrow the time, or "
                "name a bot, a program or a level"
            )
        if is_damage_of_index(error):
            self._found = error
            return StoreUnavailable(
                f"the index of texts in {self.path} is damaged ({error}): it is made anew, search again"
            )
        return StoreUnavailable(f"the embedded store {self.path} cannot be read: {error}")

    def _write(self) -> None:
        more = False
        while True:
            jobs = self._next(0 if more else _IDLE)
            if jobs:
                self._run([job for job in jobs if job is not None])
            self._look_at_log()
            if None in jobs:
                break
            more = self._work_behind() if self._jobs.empty() else True
        self._checkpoints.close()
        self._connection.close()

    def _look_at_log(self) -> None:
        """Have the log copied into the file where that is due; a failure is mended as in work behind."""
        if self._missing:
            return
        try:
            self._checkpoints.look(self._connection)
        except Exception as error:  # noqa: BLE001 - nothing there may end the thread that all writes wait for
            self._say_once(self._look_at_log, error)
            self._mended(error)

    def _next(self, wait: float) -> list[tuple[Work[object], Future[object]] | None]:
        """Return everything that waits; wait up to `wait` seconds for the first."""
        jobs = []
        with contextlib.suppress(queue.Empty):
            jobs.append(self._jobs.get(timeout=wait) if wait else self._jobs.get_nowait())
            while True:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _work_behind(self) -> bool:
        """Do one round of the work behind, each piece in its own transaction; True where more is to do."""
        if self._missing:
            return False
        more = False
        if self._found is not None:
            self._index_anew(self._found)
            self._found = None
        for work in self._behind:
            if not self._jobs.empty():
                return True
            more = self._piece(work) or more
        return more

    def _piece(self, work: Work[bool]) -> bool:
        """Do one piece; where it fails the next round tries again, and other work goes on."""
        try:
            with self._transaction():
                return work(self._connection)
        except Exception as error:  # noqa: BLE001 - nothing there may end the thread that all writes wait for
            self._say_once(work, error)
            return self._mended(error)

    def _say_once(self, work: object, error: Exception) -> None:
        kind = (work, getattr(error, "sqlite_errorcode", type(error)))
        if kind not in self._failed:
            self._failed.add(kind)
            _log.error("work behind the writes of %s failed; it is tried again", self.path, exc_info=error)

    def _mended(self, error: Exception) -> bool:
        """Do away with the damage that an error tells of; False where it tells of none, or that fails."""
        if is_damage_of_index(error):
            return self._index_anew(error)
        return is_damage(error) and self._begin_anew(error)

    def _index_anew(self, error: Exception) -> bool:
        """Drop the damaged index of texts, which is then made anew behind the writes."""
        try:
            with self._transaction():
                dropped = drop_index(self._connection)
        except sqlite3.Error:
            _log.exception("the index of texts in %s is damaged and cannot be dropped", self.path)
            return False
        self._forget_ids()
        if dropped:
            _log.error(
                "the index of texts in %s is damaged (%s): it is made anew of the events, which are whole; "
                "until then searches for words read the events themselves and are slow",
                self.path,
                error,
            )
        return dropped

    def _run(self, jobs: list[tuple[Work[object], Future[object]]]) -> None:
        """Run jobs in one transaction; where one fails, run each in its own, so that only it fails."""
        try:
            with self._transaction():
                results = [work(self._connection) for work, _ in jobs]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the asker's to see
            if self._mended(error):
                self._run(jobs)
                return
            if len(jobs) > 1:
                for job in jobs:
                    self._run([job])
                return
            with contextlib.suppress(InvalidStateError):  # who gave up meanwhile must not end this thread
                jobs[0][1].set_exception(_foreign(self.path, error))
            return
        for (_, future), result in zip(jobs, results, strict=True):
            with contextlib.suppress(InvalidStateError):
                future.set_result(result)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._missing:
            self._open_anew()
        if self._connection.in_transaction:  # a rollback failed, on a broken disk say
            self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            self._forget_ids()
            raise

    def _begin_anew(self, error: Exception) -> bool:
        """Put a new file in the place of the damaged one; False where that is not possible (yet)."""
        try:
            build_next(self.path, self._fill)
            self._checkpoints.wait()
            with self._opening:
                self._connection.close()
                self._missing = True
                put_in_place(self.path, error)
                self._life += 1
        except (OSError, sqlite3.Error, StoreUnavailable):
            if not self._stays_damaged:
                _log.exception("%s is damaged, and no new file can be begun; said once", self.path)
            self._stays_damaged = True
            return False
        self._stays_damaged = False
        return True

    def _open_anew(self) -> None:
        """Open the file that took a damaged one's place. Raises StoreUnavailable."""
        try:
            with self._opening:
                self._connection, self._missing = opened(self.path), False
                self._life += 1  # it may have taken the name only now
        except OSError as error:
            raise StoreUnavailable(f"the embedded store {self.path} cannot be opened: {error}") from error
        self._forget_ids()

    def _fill(self, connection: sqlite3.Connection) -> None:
        """Give a new file the tables of all stores, and what must not be lost with the damaged one."""
        for statement in self._tables:
            connection.execute(statement)
        for work in self._carried:
            work(connection)

    def _forget_ids(self) -> None:
        for forget in self._forget:
            forget()


def _foreign(path: Path, error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        unavailable = StoreUnavailable(f"the embedded store {path} cannot be written: {error}")
        unavailable.__cause__ = error
        return unavailable
    return error
