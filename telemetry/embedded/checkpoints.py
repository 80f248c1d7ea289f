"""Copying SQLite's log (its WAL) into the file beside the writes.

A copy waits for the disk, for seconds where the disk is busy. In a commit, where SQLite does it by itself, it
would hold up every bot's lines, the live ones too. So a thread of its own copies, and the writer goes on
meanwhile. Its log begins anew once all of it is copied: on a quiet service that comes by itself, on one that
never rests the writer copies the little that came during a copy, once the log is large.
"""

import logging
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

COPY_EVERY = 16 << 20
"""Bytes that the log grows between two copies."""
MOST = 64 << 20
"""Bytes of the log from which on the writer copies the rest itself."""
_COPY = "PRAGMA wal_checkpoint(PASSIVE)"
_log = logging.getLogger("herdsman.telemetry")


class Checkpoints:
    """Begins copies as the log grows. All but `close` is for the writer's thread."""

    def __init__(
        self,
        path: Path,
        copy_every: int = COPY_EVERY,
        most: int = MOST,
    ) -> None:
        self._path = path
        self._log_file = path.with_name(path.name + "-wal")
        self._copy_every = copy_every
        self._most = most
        self._next = copy_every
        self._copying: Future[None] | None = None
        self._copier = ThreadPoolExecutor(1, "telemetry-checkpoint")
        self._failed = False

    def look(self, connection: sqlite3.Connection) -> None:
        """Begin a copy where one is due, or end it on the writer's own connection. Raises sqlite3.Error."""
        if self._copying is not None:
            if not self._copying.done():
                return
            self._copying = None
            size = self._size()
            self._next = size + self._copy_every
            if size >= self._most:
                connection.execute(_COPY).fetchall()
            return
        size = self._size()
        if size < self._next - self._copy_every:  # the log has begun anew
            self._next = max(size, self._copy_every)
        if size >= self._next:
            self._copying = self._copier.submit(self._copy)

    def wait(self) -> None:
        """Return once no copy goes on: the file may be renamed."""
        if self._copying is not None:
            self._copying.result()
        self._copying, self._next = None, self._copy_every

    def close(self) -> None:
        """Wait for a copy that goes on, and begin no other."""
        self._copier.shutdown()

    def _size(self) -> int:
        try:
            return self._log_file.stat().st_size
        except OSError:
            return 0

    def _copy(self) -> None:
        try:
            # Not opened as the others: a setting that is written would hold the writer up as the disk does.
            address = f"{self._path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(address, uri=True, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(_COPY).fetchall()
            finally:
                connection.close()
        except Exception:  # noqa: BLE001 - the writer copies itself, and meets whatever is wrong there
            if not self._failed:
                _log.warning("the log of %s could not be copied; said once", self._path, exc_info=True)
            self._failed = True
