"""What is made of events behind their acknowledgement: the index of their text, and counts by the hour.

Two marks say up to which event that is done. Each moves in the transaction of the work that it stands for,
so that after a crash nothing is left out and nothing is done twice. Searches read what no mark has reached
as it is. An index that is damaged is dropped, its mark set back, and so made anew.
"""

import sqlite3
import time
from collections import deque
from dataclasses import dataclass

from telemetry.embedded import earlier
from telemetry.embedded.labels import EventLabels, earlier_key

PART_ROWS = 1 << 18
"""Events whose text is in one part of the index."""
_AT_ONCE = 2000
_NOTES = 10_000
_LABELLED = "counted"
_INDEXED = "indexed"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the index of texts: of the events after `first` up to `last`, and their times."""

    number: int
    first: int
    last: int
    low: float
    high: float

    @property
    def table(self) -> str:
        """The name of its table."""
        return f"events_text_{self.number}"


class EventIndex:
    """Works through the events behind the writes. Used by the writer alone, but for `unindexed` and `lag`."""

    def __init__(self, labels: EventLabels, part_rows: int = PART_ROWS) -> None:
        self._labels = labels
        self._part_rows = part_rows
        self._done: int | None = None
        """The lower of the two marks, None where it must be read."""
        self._last = 0
        self._written: deque[tuple[int, float]] = deque(maxlen=_NOTES)
        """Numbers of events, and when each was written, as long as they are not indexed."""

    def written(self, last: int) -> None:
        """Note that events up to this number are stored."""
        if last > self._last:
            self._written.append((last, time.monotonic()))
        self._last = last

    def forget(self) -> None:
        """Forget the marks: what moved them was rolled back."""
        self._done = None

    def unindexed(self) -> float:
        """Return how many events wait."""
        done = self._done
        return 0.0 if done is None else float(max(self._last - done, 0))

    def lag(self) -> float:
        """Return for how many seconds the oldest of them waits."""
        waiting = self._written
        return time.monotonic() - waiting[0][1] if waiting and self.unindexed() else 0.0

    def work(self, connection: sqlite3.Connection) -> bool:
        """Do the next events; True while there are more."""
        if self._done is None:
            self._done = min(mark(connection, _LABELLED), mark(connection, _INDEXED))
            self._last = last_number(connection)
        if self._done >= self._last:
            self._written.clear()
            return False
        if earlier.newest(connection) > indexed(connection):
            return False  # those that are to be moved come first: no mark may pass them
        self._done = self._advance(connection)
        while self._written and self._written[0][0] <= self._done:
            self._written.popleft()
        return self._done < self._last

    def _advance(self, connection: sqlite3.Connection) -> int:
        """Do a slice of events, and return where it ends."""
        counted, indexed = mark(connection, _LABELLED), mark(connection, _INDEXED)
        if counted < indexed:  # an earlier version indexed them, and knew no labels
            until = min(counted + _AT_ONCE, indexed)
            self._label(connection, counted, until)
            count_hours(connection, counted, until)
            _move(connection, _LABELLED, until)
            return until
        if indexed < counted:  # the index was dropped, and is made anew
            until = min(indexed + _AT_ONCE, counted)
        else:
            until = min(indexed + _AT_ONCE, self._last)
            count_hours(connection, indexed, until)
            _move(connection, _LABELLED, until)
        self._index(connection, indexed, until)
        _move(connection, _INDEXED, until)
        return until

    def _label(self, connection: sqlite3.Connection, after: int, until: int) -> None:
        """Give events their labels that have none yet; their programs are not known any more."""
        rows = connection.execute(
            "SELECT n, bot, kind, "
            "CASE WHEN json_valid(CAST(data AS TEXT)) THEN json_extract(CAST(data AS TEXT), '$.symbol') END, "
            "revision, stream, level FROM events NOT INDEXED JOIN contexts ON contexts.id = context "
            "WHERE n > ? AND n <= ? AND label = 0",
            (after, until),
        ).fetchall()
        found = []
        for number, bot, kind, symbol, revision, stream, level in rows:
            key = earlier_key(bot, kind, level, symbol, revision, stream)
            found.append((self._labels.number(connection, key), number))
        connection.executemany("UPDATE events SET label = ? WHERE n = ?", found)

    def _index(self, connection: sqlite3.Connection, after: int, until: int) -> None:
        (low, high) = connection.execute(
            "SELECT min(time), max(time) FROM events WHERE n > ? AND n <= ?", (after, until)
        ).fetchone()
        if low is None:
            return
        part = self._part(connection, after, low, high)
        connection.execute(
            f"INSERT INTO {part.table} (rowid, message) "  # noqa: S608
            "SELECT n, message FROM events WHERE n > ? AND n <= ?",
            (after, until),
        )
        connection.execute(
            "UPDATE text_parts SET last = ?, low = min(low, ?), high = max(high, ?) WHERE part = ?",
            (until, low, high, part.number),
        )
        connection.execute("INSERT INTO text_slices VALUES (?, ?, ?, ?)", (until, part.number, low, high))

    def _part(self, connection: sqlite3.Connection, after: int, low: float, high: float) -> Part:
        """Return the part that the events after a number go into, a new one where the last is full."""
        row = connection.execute("SELECT * FROM text_parts ORDER BY part DESC LIMIT 1").fetchone()
        if row is not None and row[2] - row[1] < self._part_rows:
            return Part(*row)
        part = Part((row[0] if row else 0) + 1, after, after, low, high)
        connection.execute(
            f"CREATE VIRTUAL TABLE {part.table} USING fts5 (message, content='events', content_rowid='n', "
            "detail=none, columnsize=0, tokenize=\"unicode61 tokenchars '_'\")"
        )
        connection.execute(
            "INSERT INTO text_parts VALUES (?, ?, ?, ?, ?)", (part.number, after, after, low, high)
        )
        return part


def drop_index(connection: sqlite3.Connection) -> bool:
    """Drop the index of texts, which is made anew behind; False where there is none."""
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE name GLOB 'events_text_*' AND sql LIKE 'CREATE VIRTUAL TABLE%'"
    ).fetchall()
    for (table,) in found:
        drop_table(connection, table)
    connection.execute("DELETE FROM text_parts")
    connection.execute("DELETE FROM text_slices")
    (first,) = connection.execute("SELECT min(n) FROM events").fetchone()
    _move(connection, _INDEXED, 0 if earlier.is_there(connection) else (first or 1) - 1)
    return bool(found)


def drop_table(connection: sqlite3.Connection, table: str) -> None:
    """Drop a part of the index, however damaged it is."""
    try:
        connection.execute(f"DROP TABLE {table}")
    except sqlite3.Error:
        _drop_unopened(connection, table)


def _drop_unopened(connection: sqlite3.Connection, table: str) -> None:
    """Drop a part of the index that is too damaged to be opened: its name, and its own tables."""
    connection.execute("PRAGMA writable_schema = ON")
    try:
        connection.execute("DELETE FROM sqlite_master WHERE name = ?", (table,))
    finally:
        connection.execute("PRAGMA writable_schema = RESET")
    for kept in ("data", "idx", "docsize", "config"):
        connection.execute(f"DROP TABLE IF EXISTS {table}_{kept}")


def parts(connection: sqlite3.Connection) -> list[Part]:
    """Return the parts of the index, the oldest first."""
    return [Part(*row) for row in connection.execute("SELECT * FROM text_parts ORDER BY part")]


def slices(connection: sqlite3.Connection, part: Part) -> list[tuple[int, float, float]]:
    """Return what was indexed at once, the oldest first: the number of its last event, its times."""
    return connection.execute(
        "SELECT last, low, high FROM text_slices WHERE part = ? ORDER BY last", (part.number,)
    ).fetchall()


def counted(connection: sqlite3.Connection) -> int:
    """Return the number of the last event that has its label and is counted by the hour."""
    return mark(connection, _LABELLED)


def indexed(connection: sqlite3.Connection) -> int:
    """Return the number of the last event whose text is indexed."""
    return mark(connection, _INDEXED)


def mark(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of the last event that something is done for."""
    row = connection.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def last_number(connection: sqlite3.Connection) -> int:
    """Return the number of the event stored last."""
    (last,) = connection.execute("SELECT max(n) FROM events").fetchone()
    return int(last or 0)


def _move(connection: sqlite3.Connection, name: str, number: int) -> None:
    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, number))


def count_hours(connection: sqlite3.Connection, after: int, until: int) -> None:
    """Count the events after a number up to another by the hour."""
    connection.execute(
        "INSERT INTO event_hours SELECT CAST(time / 3600 AS INTEGER), label, count(*) FROM events "
        "WHERE n > ? AND n <= ? GROUP BY 1, 2 "
        "ON CONFLICT (hour, label) DO UPDATE SET count = count + excluded.count",
        (after, until),
    )


def uncount(connection: sqlite3.Connection, rows: list[tuple[int, int]]) -> None:
    """Take events away that are counted, given as (hour, label) of each."""
    connection.executemany("UPDATE event_hours SET count = count - 1 WHERE hour = ? AND label = ?", rows)
    connection.executemany(
        "DELETE FROM event_hours WHERE hour = ? AND label = ? AND count <= 0", list(dict.fromkeys(rows))
    )
