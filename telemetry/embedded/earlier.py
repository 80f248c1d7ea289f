"""The events of a file of version 1 that are not in the table of today yet: what must be known of them.

They lie in `events_1` until they are moved behind the writes, the newest first (see moving.py). An event that
is there is stored: it is not stored again, and its stream goes on after it.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from telemetry.embedded.rows import COLUMNS, TABLES

_ARRIVED = (
    f"SELECT {COLUMNS} FROM {TABLES} "  # noqa: S608
    "WHERE events.n > ? AND events.n <= ?"
)
_OF_KINDS = " AND events.kind IN ({kinds})"
_OF_1 = ("FROM events JOIN", "FROM (SELECT *, 0 AS label FROM events_1) AS events JOIN")
_END = "SELECT position, size FROM {table} WHERE source = ?"


def is_there(connection: sqlite3.Connection) -> bool:
    """Tell whether there are any."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'events_1'")
    return found.fetchone() is not None


def newest(connection: sqlite3.Connection) -> int:
    """Return the number of the newest of them, 0 where there is none."""
    if not is_there(connection):
        return 0
    (last,) = connection.execute("SELECT max(n) FROM events_1").fetchone()
    return int(last or 0)


def left(connection: sqlite3.Connection) -> int:
    """Return how many there are, about."""
    last = newest(connection)
    if not last:
        return 0
    (first,) = connection.execute("SELECT min(n) FROM events_1").fetchone()
    return last - int(first) + 1


def has(connection: sqlite3.Connection, source: int, position: int) -> bool:
    """Tell whether one of them is the event at a place of a source."""
    found = connection.execute(
        "SELECT 1 FROM events_1 WHERE source = ? AND position = ?", (source, position)
    ).fetchone()
    return found is not None


def end_of_source(connection: sqlite3.Connection, source: int) -> tuple[int, int] | None:
    """Return position and size of the last event of a source, in either table."""
    sql = _END.format(table="events")
    values = [source]
    if is_there(connection):
        sql += f" UNION ALL {_END.format(table='events_1')}"
        values *= 2
    found: tuple[int, int] | None = connection.execute(
        f"{sql} ORDER BY position DESC LIMIT 1", values
    ).fetchone()
    return found


def arrived(
    connection: sqlite3.Connection, after: int, until: int, kinds: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Return the rows of the events of some kinds (none: of all) in a range of numbers, of both tables."""
    chosen = _ARRIVED + (_OF_KINDS.format(kinds=", ".join("?" * len(kinds))) if kinds else "")
    values = [after, until, *kinds]
    sql = chosen
    if is_there(connection):
        sql += f" UNION ALL {chosen.replace(*_OF_1)}"
        values *= 2
    return connection.execute(f"{sql} ORDER BY 1", values).fetchall()
