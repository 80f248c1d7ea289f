"""Moves the events of a file of version 1 into the table of today, behind the writes.

A slice at a time, the newest first, each in one transaction: a process that is killed goes on where it was,
and neither memory nor the disk must hold them twice. Those that the earlier version had indexed are counted
by the hour as they come; the others are indexed and counted like new ones, once all of those are here.
"""

import logging
import sqlite3
from typing import Any

from telemetry.embedded import earlier, indexing
from telemetry.embedded.labels import EventLabels, earlier_key

_AT_ONCE = 1000
_ROWS = (
    "SELECT n, source, position, size, bot, time, kind, events_1.level, message, context, data, "
    "CASE WHEN json_valid(CAST(data AS TEXT)) THEN json_extract(CAST(data AS TEXT), '$.symbol') END, "
    "coalesce(contexts.revision, ''), coalesce(contexts.stream, '') "
    "FROM events_1 LEFT JOIN contexts ON contexts.id = context ORDER BY n DESC LIMIT ?"
)
_log = logging.getLogger("herdsman.telemetry")


class EarlierEvents:
    """Used by the writer alone, but for `left`."""

    def __init__(self, labels: EventLabels) -> None:
        self._labels = labels
        self._there: bool | None = None
        """Whether any is left, None where the file must be asked."""
        self.left = 0
        """How many are to be moved, about."""

    def forget(self) -> None:
        """Forget what is known of the file: it was rolled back, or is another."""
        self._there = None

    def is_there(self, connection: sqlite3.Connection) -> bool:
        """Tell whether any is left."""
        if self._there is None:
            self._there = earlier.is_there(connection)
            self.left = earlier.left(connection)
        return self._there

    def work(self, connection: sqlite3.Connection) -> bool:
        """Move some; True while there are more."""
        if not self.is_there(connection):
            return False
        moved = move(connection, self._labels)
        self.left = max(self.left - moved, 0)
        if moved == _AT_ONCE:
            return True
        connection.execute("DROP TABLE events_1")
        self._there, self.left = False, 0
        _log.info("all events of an earlier version are moved to where searches find them")
        return False


def move(connection: sqlite3.Connection, labels: EventLabels) -> int:
    """Move the newest; return how many."""
    rows = connection.execute(_ROWS, (_AT_ONCE,)).fetchall()
    if not rows:
        return 0
    connection.executemany(
        "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*row[:11], _label(connection, labels, row)) for row in reversed(rows)],
    )
    connection.execute("DELETE FROM events_1 WHERE n >= ?", (rows[-1][0],))
    indexing.count_hours(connection, rows[-1][0] - 1, min(rows[0][0], indexing.counted(connection)))
    return len(rows)


def _label(connection: sqlite3.Connection, labels: EventLabels, row: tuple[Any, ...]) -> int:
    bot, kind, level = row[4], row[6], row[7]
    return labels.number(connection, earlier_key(bot, kind, level, *row[11:]))
