"""Deleting events, some at a time: their rows, their text in the index, and what was counted of them.

What the newest and the oldest known occurrence of an open error needs stays: the event itself, and the lines
just before it. The event stored last stays too, so that no number is given out twice.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from telemetry.embedded import earlier, indexing
from telemetry.embedded.conditions import marks, wanted
from telemetry.embedded.searching import merged
from telemetry.errors.groups import ErrorGroup
from telemetry.levels import LEVELS
from telemetry.stores import EventQuery

AT_ONCE = 2000
MOST_GROUPS = 500
"""Open error groups whose events are kept, those seen last."""
LINES_KEPT = 20
"""Lines of the same stream that are kept up to an error."""
_decode = msgspec.json.Decoder(ErrorGroup).decode

Step = Callable[[sqlite3.Connection], bool]
"""Deletes some, and tells whether there may be more."""


def old_events(before: float) -> Step:
    """Return a step that forgets events older than a time."""

    def step(connection: sqlite3.Connection) -> bool:
        rows = connection.execute(
            "SELECT n FROM events WHERE time < ? AND n NOT IN (SELECT value FROM json_each(?)) "
            "ORDER BY time LIMIT ?",
            (before, _pinned(connection), AT_ONCE),
        )
        return delete(connection, [number for (number,) in rows])

    return step


def old_events_of(level: str, before: float) -> Step:
    """Return a step that forgets events of one level that are older than a time."""

    def step(connection: sqlite3.Connection) -> bool:
        labels = connection.execute("SELECT id FROM event_labels WHERE level = ?", (LEVELS.index(level),))
        pinned = _pinned(connection)
        found: list[int] = []
        for (label,) in labels.fetchall():
            rows = connection.execute(
                "SELECT n FROM events INDEXED BY events_by_label WHERE label = ? AND time < ? "
                "AND n NOT IN (SELECT value FROM json_each(?)) ORDER BY time LIMIT ?",
                (label, before, pinned, AT_ONCE - len(found)),
            )
            found += [number for (number,) in rows]
            if len(found) == AT_ONCE:
                break
        return delete(connection, found)

    return step


def oldest_events_of(connection: sqlite3.Connection, bot: str) -> bool:
    """Forget the oldest events of one bot."""
    asked = wanted(connection, EventQuery(bot=bot, forward=True))
    pinned = frozenset(msgspec.json.decode(_pinned(connection), type=list[int]))
    keys = merged(connection, asked, asked.labels or (), AT_ONCE + len(pinned))
    return delete(connection, [number for _, number in keys if number not in pinned][:AT_ONCE])


def oldest_earlier_events_of(connection: sqlite3.Connection, bot: str) -> None:
    """Forget the oldest events of one bot among those of an earlier version that are not moved yet."""
    rows = connection.execute(
        "SELECT n, message FROM events_1 WHERE bot = ? ORDER BY time LIMIT ?", (bot, AT_ONCE)
    ).fetchall()
    _delete_texts(connection, rows)
    connection.executemany("DELETE FROM events_1 WHERE n = ?", [row[:1] for row in rows])


def old_parts(before: float) -> Step:
    """Return a step that drops the parts of the index of which all events are older than a time.

    What is kept of those events for an open error is then found by its time.
    """

    def step(connection: sqlite3.Connection) -> bool:
        return _drop(connection, [part for part in indexing.parts(connection)[:-1] if part.high < before])

    return step


def drop_empty_parts(connection: sqlite3.Connection) -> bool:
    """Drop the parts of the index of which no event is left."""
    if earlier.is_there(connection):
        return False
    return _drop(
        connection,
        [
            part
            for part in indexing.parts(connection)[:-1]
            if connection.execute(
                "SELECT 1 FROM events WHERE n > ? AND n <= ? LIMIT 1", (part.first, part.last)
            ).fetchone()
            is None
        ],
    )


def forget_labels(connection: sqlite3.Connection) -> None:
    """Forget the labels that no event has."""
    connection.execute(
        "DELETE FROM event_labels WHERE id NOT IN (SELECT label FROM event_hours) "
        "AND id NOT IN (SELECT label FROM events WHERE n > ?)",
        (indexing.counted(connection),),
    )


def delete(connection: sqlite3.Connection, numbers: Sequence[int]) -> bool:
    """Delete events with all that was made of them; True where there may be more to delete."""
    if not numbers:
        return False
    rows = connection.execute(
        "SELECT n, message, CAST(time / 3600 AS INTEGER), label FROM events "  # noqa: S608
        f"WHERE n IN ({marks(len(numbers))}) AND n < ?",
        (*numbers, indexing.last_number(connection)),
    ).fetchall()
    counted = indexing.counted(connection)
    _delete_texts(connection, rows)
    indexing.uncount(connection, [row[2:] for row in rows if row[0] <= counted])
    connection.executemany("DELETE FROM events WHERE n = ?", [row[:1] for row in rows])
    return len(numbers) == AT_ONCE


def _delete_texts(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Take events, given as (number, message, ...), out of the index of texts."""
    indexed = indexing.indexed(connection)
    for part in indexing.parts(connection):
        connection.executemany(
            f"INSERT INTO {part.table} ({part.table}, rowid, message) VALUES ('delete', ?, ?)",  # noqa: S608
            [row[:2] for row in rows if part.first < row[0] <= min(part.last, indexed)],
        )


def _drop(connection: sqlite3.Connection, parts: Sequence[indexing.Part]) -> bool:
    """Drop the first of these parts; True where there are more."""
    for part in parts[:1]:
        connection.execute(f"DROP TABLE {part.table}")
        connection.execute("DELETE FROM text_parts WHERE part = ?", (part.number,))
        connection.execute("DELETE FROM text_slices WHERE part = ?", (part.number,))
    return len(parts) > 1


def _pinned(connection: sqlite3.Connection) -> str:
    """Return the numbers of the events that open errors need, as a JSON list."""
    table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'error_groups'").fetchone()
    if table is None:
        return "[]"
    rows = connection.execute("SELECT data FROM error_groups ORDER BY last_seen DESC LIMIT ?", (MOST_GROUPS,))
    groups = [_decode(data) for (data,) in rows]
    events = {
        sample.event
        for group in groups
        if group.resolution is None
        for sample in (*group.samples[:1], *group.samples[-1:])
    }
    found = {number for event in events for number in _up_to(connection, event)}
    return msgspec.json.encode(sorted(found)).decode()


def _up_to(connection: sqlite3.Connection, event: str) -> list[int]:
    """Return the numbers of an event and of the lines before it in its file."""
    name, _, place = event.rpartition("/")
    if not place.isdigit():
        return []
    rows = connection.execute(
        "SELECT n FROM events WHERE source = (SELECT id FROM sources WHERE name = ?) AND position <= ? "
        "ORDER BY position DESC LIMIT ?",
        (name, int(place[:18]), LINES_KEPT + 1),
    )
    return [number for (number,) in rows]
