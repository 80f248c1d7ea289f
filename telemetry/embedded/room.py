"""What takes the room in the file of the embedded stores, about: told by looks at a little of each kind.

To read all pages would take minutes; a file too large must be told which of its kinds is to become smaller.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence

from telemetry.embedded import earlier, indexing

_LOOKS = 500
_SERIES = 16
_NEWEST = 1000
"""Rows of a series by which their distance is told."""
_ROW = 120
"""Bytes that an event takes beside its texts, about."""
_SAMPLE = {"raw": 24, "rollup_10s": 54, "rollup_1m": 54}
"""Bytes that a row takes, about."""


def used(connection: sqlite3.Connection) -> int:
    """Return the bytes of all pages that hold something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def of_events(connection: sqlite3.Connection) -> float:
    """Return the bytes that events take."""
    sizes = [size for table in _tables(connection) for _, size in _looks(connection, table)]
    (hours,) = connection.execute("SELECT coalesce(sum(count), 0) FROM event_hours").fetchone()
    uncounted = max(indexing.last_number(connection) - indexing.counted(connection), 0)
    count = hours + uncounted + earlier.left(connection)
    return count * sum(sizes) / len(sizes) if sizes else 0.0


def of_samples(connection: sqlite3.Connection) -> dict[str, float]:
    """Return the bytes that samples take, by table."""
    series = [one for (one,) in connection.execute("SELECT id FROM series")]
    chosen = series[:: max(1, len(series) // _SERIES)]
    return {
        table: _rows(connection, table, chosen) * size * len(series) / max(len(chosen), 1)
        for table, size in _SAMPLE.items()
    }


def oldest_sample(connection: sqlite3.Connection, table: str) -> int | None:
    """Return the time in ms of the oldest row of a table of samples."""
    (oldest,) = connection.execute(
        f"SELECT min((SELECT min(time) FROM {table} WHERE {table}.series = series.id)) FROM series"  # noqa: S608
    ).fetchone()
    return None if oldest is None else int(oldest)


def loudest(connection: sqlite3.Connection, table: str = "events") -> str:
    """Return the bot whose events take the most room, by a look at some that are spread over all."""
    room: Counter[str] = Counter()
    for bot, size in _looks(connection, table):
        room[bot] += size
    return max(room, key=lambda bot: room[bot], default="")


def _tables(connection: sqlite3.Connection) -> Sequence[str]:
    return ("events", "events_1") if earlier.is_there(connection) else ("events",)


def _looks(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, int]]:
    """Yield bot and bytes of some events."""
    (low,) = connection.execute(f"SELECT min(n) FROM {table}").fetchone()  # noqa: S608
    (high,) = connection.execute(f"SELECT max(n) FROM {table}").fetchone()  # noqa: S608
    if low is None:
        return
    for number in range(low, high + 1, max(1, (high - low) // _LOOKS)):
        yield connection.execute(
            f"SELECT bot, length(message) + coalesce(length(data), 0) + ? FROM {table} "  # noqa: S608
            "WHERE n >= ? ORDER BY n LIMIT 1",
            (_ROW, number),
        ).fetchone()


def _rows(connection: sqlite3.Connection, table: str, series: Sequence[int]) -> float:
    """Return how many rows these series have, by the distance of the newest of each."""
    found = 0.0
    for one in series:
        count, since, newest = connection.execute(
            "SELECT count(*), min(time), max(time) FROM "  # noqa: S608
            f"(SELECT time FROM {table} WHERE series = ? ORDER BY time DESC LIMIT ?)",
            (one, _NEWEST),
        ).fetchone()
        if count == _NEWEST:
            (oldest,) = connection.execute(
                f"SELECT min(time) FROM {table} WHERE series = ?",  # noqa: S608
                (one,),
            ).fetchone()
            count *= (newest - oldest) / (newest - since)
        found += count
    return found
