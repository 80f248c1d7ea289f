"""What events are found and counted by: one number for each combination, in `event_labels`."""

import sqlite3

from telemetry.levels import LEVELS
from telemetry.logs.tally import level_of
from telemetry.metric_types import METRIC_TYPES
from telemetry.records import Event

OTHER = "…"
"""Stands for further symbols and kinds of a bot that has too many."""
MOST_OF_BOT = 2000
"""Combinations of one bot that are told apart."""
MOST_SYMBOL = 64
"""Letters of a symbol that are looked at."""
_REMEMBERED = 100_000
_LEVEL_NUMBERS = {level: number for number, level in enumerate(LEVELS)}
_KNOWN_KINDS = {"log", "lifecycle", *METRIC_TYPES}

Key = tuple[str, str, str, str, str, str, str]
"""Bot, program, kind, symbol, revision, stream, level."""


def earlier_key(bot: str, kind: str, level: int, symbol: object, revision: str, stream: str) -> Key:
    """Return the combination of an event that was stored without; its program is not known any more."""
    named = symbol[:MOST_SYMBOL] if type(symbol) is str else ""
    return (bot, "", kind, named, revision, stream, level_of(level))


class EventLabels:
    """Gives events their labels. Used by the writer alone."""

    def __init__(self) -> None:
        self._known: dict[Key, int] = {}

    def of(self, connection: sqlite3.Connection, event: Event) -> int:
        """Return an event's label, a new one where there was none."""
        symbol = event.data.get("symbol", "")
        key = (
            event.bot,
            event.program,
            event.kind,
            symbol[:MOST_SYMBOL] if type(symbol) is str else "",
            event.revision,
            event.stream,
            event.level,
        )
        return self._known.get(key) or self.number(connection, key)

    def number(self, connection: sqlite3.Connection, key: Key) -> int:
        """Return the label of a combination."""
        known = self._known.get(key)
        if known is not None:
            return known
        row = _values(key)
        label = _find(connection, row)
        if label is None and _is_full(connection, row[0]):
            bot, program, kind, _, *rest = row
            row = (bot, program, kind if kind in _KNOWN_KINDS else OTHER, OTHER, *rest)
            label = _find(connection, row)
        if label is None:
            label = _add(connection, row)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = label
        return label

    def forget(self) -> None:
        """Forget the numbers: they may have changed."""
        self._known.clear()


_Row = tuple[str | int, ...]


def _values(key: Key) -> _Row:
    return (*key[:-1], _LEVEL_NUMBERS.get(key[-1], 1))


def _find(connection: sqlite3.Connection, row: _Row) -> int | None:
    found = connection.execute(
        "SELECT id FROM event_labels WHERE bot = ? AND program = ? AND kind = ? AND symbol = ? "
        "AND revision = ? AND stream = ? AND level = ?",
        row,
    ).fetchone()
    return found[0] if found else None


def _is_full(connection: sqlite3.Connection, bot: str | int) -> bool:
    (count,) = connection.execute("SELECT count(*) FROM event_labels WHERE bot = ?", (bot,)).fetchone()
    return int(count) >= MOST_OF_BOT


def _add(connection: sqlite3.Connection, row: _Row) -> int:
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM event_labels").fetchone()
    label = ((last >> 3) + 1 << 3) | int(row[-1])
    connection.execute("INSERT INTO event_labels VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (label, *row))
    return int(label)
