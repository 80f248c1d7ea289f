"""Events in SQLite: one row each, found by bot, time and kind; their text is indexed behind the writes."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schemas.errors import UsageError
from telemetry.embedded.database import TelemetryDatabase
from telemetry.levels import LEVELS
from telemetry.names import Health
from telemetry.records import Event
from telemetry.stores import Arrivals, EventPage, EventQuery, Position

_INDEX_AT_ONCE = 2000
_INDEX_BEFORE_SEARCH = 200_000
"""At most so many events are indexed by a search that finds the index behind."""
_WORD = re.compile(r"\w+")
_OFFSET = re.compile("0|[1-9][0-9]{0,17}").fullmatch
_LEVEL_NUMBERS = {level: number for number, level in enumerate(LEVELS)}
_WHOLE_ID = -1
"""The position of an event whose id names no place in a file: its source is the whole id."""

_COLUMNS = (
    "events.n, sources.name, position, size, bot, time, kind, level, message, data, "
    "stream, allocation, run, revision, mode"
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class EmbeddedEventStore:
    """The EventStore of one process; shares its file with the EmbeddedSeriesStore."""

    def __init__(self, database: TelemetryDatabase, health: Health | None = None) -> None:
        self._database = database
        self._sources: dict[str, int] = {}
        self._contexts: dict[tuple[str, ...], int] = {}
        self._indexed: int | None = None
        self._written = 0
        database.behind(self._index_some)
        database.forget_on_rollback(self._forget)
        if health is not None:
            health.gauge("herdsman_events_unindexed").read = self._unindexed
            health.gauge("herdsman_embedded_bytes").read = lambda: float(database.size())

    async def append(self, events: Sequence[Event]) -> None:
        """Store events; one that is there already stays as it is. Raises StoreUnavailable."""
        await self._database.write(lambda connection: self.insert(connection, events))

    async def search(self, query: EventQuery) -> EventPage:
        """Return one page of events, by time. Raises UsageError on a cursor that is none."""
        if query.text:
            await self._database.write(self._index_all)
        return await self._database.read(lambda connection: _search(connection, query))

    async def end_of(self, allocation: str, stream: str) -> Position | None:
        """Return where the stored output of one stream of an allocation ends."""
        return await self._database.read(lambda connection: _end_of(connection, f"{allocation}/{stream}/"))

    async def newest_number(self) -> int:
        """Return the number of the event stored last."""
        return await self._database.read(_last)

    async def arrived(self, after: int, kinds: Sequence[str], rows: int = 50_000) -> Arrivals:
        """Return the events of these kinds among the next rows."""
        return await self._database.read(lambda connection: _arrived(connection, after, kinds, rows))

    async def close(self) -> None:
        """Close the file that both stores share."""
        await self._database.close()

    def insert(self, connection: sqlite3.Connection, events: Sequence[Event]) -> None:
        """Store events in a transaction of the writer's thread."""
        rows = []
        for event in events:
            prefix, _, place = event.id.rpartition("/")
            if _OFFSET(place):
                position = int(place)
            else:
                prefix, position = event.id, _WHOLE_ID
            source = self._sources.get(prefix) or self._source(connection, prefix)
            about = (event.stream, event.allocation, event.run, event.revision, event.mode)
            rows.append(
                (
                    source,
                    position,
                    event.size,
                    event.bot,
                    event.time,
                    event.kind,
                    _LEVEL_NUMBERS.get(event.level, 1),
                    event.message,
                    self._contexts.get(about) or self._context(connection, about),
                    _encode(event.data) if event.data else None,
                )
            )
        connection.executemany(
            "INSERT OR IGNORE INTO events "
            "(source, position, size, bot, time, kind, level, message, context, data) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        self._written = _last(connection)

    def _source(self, connection: sqlite3.Connection, name: str) -> int:
        connection.execute("INSERT OR IGNORE INTO sources (name) VALUES (?)", (name,))
        (source,) = connection.execute("SELECT id FROM sources WHERE name = ?", (name,)).fetchone()
        if len(self._sources) > 100_000:
            self._sources.clear()
        self._sources[name] = source
        return int(source)

    def _context(self, connection: sqlite3.Connection, about: tuple[str, ...]) -> int:
        connection.execute(
            "INSERT OR IGNORE INTO contexts (stream, allocation, run, revision, mode) VALUES (?, ?, ?, ?, ?)",
            about,
        )
        (context,) = connection.execute(
            "SELECT id FROM contexts WHERE stream = ? AND allocation = ? AND run = ? AND revision = ? "
            "AND mode = ?",
            about,
        ).fetchone()
        if len(self._contexts) > 100_000:
            self._contexts.clear()
        self._contexts[about] = context
        return int(context)

    def _forget(self) -> None:
        self._sources.clear()
        self._contexts.clear()
        self._indexed = None

    def _unindexed(self) -> float:
        return float(max(self._written - (self._indexed or self._written), 0))

    def _index_some(self, connection: sqlite3.Connection) -> bool:
        """Index the next events; True while there are more."""
        if self._indexed is None:
            self._indexed = _mark(connection)
            self._written = _last(connection)
        if self._indexed >= self._written:
            return False
        until = min(self._indexed + _INDEX_AT_ONCE, self._written)
        connection.execute(
            "INSERT INTO events_text (rowid, message) SELECT n, message FROM events WHERE n > ? AND n <= ?",
            (self._indexed, until),
        )
        connection.execute("INSERT OR REPLACE INTO marks VALUES ('indexed', ?)", (until,))
        self._indexed = until
        return until < self._written

    def _index_all(self, connection: sqlite3.Connection) -> None:
        for _ in range(_INDEX_BEFORE_SEARCH // _INDEX_AT_ONCE):
            if not self._index_some(connection):
                return


def _mark(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM marks WHERE name = 'indexed'").fetchone()
    return int(row[0]) if row else 0


def _last(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute("SELECT max(n) FROM events").fetchone()
    return int(last or 0)


def _end_of(connection: sqlite3.Connection, prefix: str) -> Position | None:
    rows = connection.execute(
        "SELECT id, name FROM sources WHERE name >= ? AND name < ?", (prefix, prefix[:-1] + "0")
    ).fetchall()
    indexes = {int(rest): source for source, name in rows if (rest := name[len(prefix) :]).isdigit()}
    for index in sorted(indexes, reverse=True):
        row = connection.execute(
            "SELECT position, size FROM events WHERE source = ? ORDER BY position DESC LIMIT 1",
            (indexes[index],),
        ).fetchone()
        if row is not None:
            return Position(index, row[0] + row[1])
    return None


def _search(connection: sqlite3.Connection, query: EventQuery) -> EventPage:
    where, values = _conditions(query)
    order = "ASC" if query.forward else "DESC"
    table = "events JOIN sources ON sources.id = source JOIN contexts ON contexts.id = context"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM {table} WHERE {' AND '.join(where) or '1'} "  # noqa: S608
        f"ORDER BY time {order}, events.n {order} LIMIT ?",
        (*values, query.limit + 1),
    ).fetchall()
    page = rows[: query.limit]
    more = len(rows) > query.limit
    return EventPage([_event(row) for row in page], f"{page[-1][5]!r}_{page[-1][0]}" if more else "")


def _arrived(connection: sqlite3.Connection, after: int, kinds: Sequence[str], rows: int) -> Arrivals:
    until = min(after + rows, _last(connection))
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM events JOIN sources ON sources.id = source "  # noqa: S608
        "JOIN contexts ON contexts.id = context "
        f"WHERE events.n > ? AND events.n <= ? AND kind IN ({', '.join('?' * len(kinds))}) "
        "ORDER BY events.n",
        (after, until, *kinds),
    )
    return Arrivals([_event(row) for row in found], max(after, until))


def _conditions(query: EventQuery) -> tuple[list[str], list[Any]]:
    parts: list[tuple[str, tuple[Any, ...]]] = []
    if query.bot is not None:
        parts.append(("bot = ?", (query.bot,)))
    if query.start is not None:
        parts.append(("time >= ?", (query.start,)))
    if query.end is not None:
        parts.append(("time <= ?", (query.end,)))
    if _LEVEL_NUMBERS.get(query.level):
        parts.append(("level >= ?", (_LEVEL_NUMBERS[query.level],)))
    if query.kinds:
        parts.append((f"kind IN ({', '.join('?' * len(query.kinds))})", query.kinds))
        if "log" not in query.kinds:
            parts.append(("kind <> 'log'", ()))
    if query.without:
        parts.append((f"kind NOT IN ({', '.join('?' * len(query.without))})", query.without))
        if "log" in query.without and not query.kinds:
            parts.append(("kind <> 'log'", ()))
    words = _WORD.findall(query.text)
    if words:
        match = " ".join(f'"{word}"*' for word in words)
        parts.append(("events.n IN (SELECT rowid FROM events_text WHERE events_text MATCH ?)", (match,)))
    elif query.text:
        parts.append(("instr(message, ?) > 0", (query.text,)))
    if query.cursor:
        sign = ">" if query.forward else "<"
        parts.append((f"(time, events.n) {sign} (?, ?)", _cursor(query.cursor)))
    return [text for text, _ in parts], [value for _, values in parts for value in values]


def _cursor(text: str) -> tuple[float, int]:
    time, _, number = text.partition("_")
    try:
        return float(time), int(number)
    except ValueError as error:
        raise UsageError(f'"{text}" is no cursor: use the next_cursor of an earlier page') from error


def _event(row: tuple[Any, ...]) -> Event:
    _, source, position, size, bot, time, kind, level, message, data = row[:10]
    stream, allocation, run, revision, mode = row[10:]
    return Event(
        source if position == _WHOLE_ID else f"{source}/{position}",
        bot,
        time,
        kind,
        LEVELS[level],
        message,
        stream,
        allocation,
        run,
        revision,
        mode,
        _data(data),
        size,
    )


def _data(data: bytes | None) -> Mapping[str, Any]:
    return _decode(data) if data else {}
