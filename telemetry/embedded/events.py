"""Events in SQLite: one row each; what makes them found is made behind the writes."""

import re
import sqlite3
from collections.abc import Sequence

import msgspec

from telemetry.embedded import earlier
from telemetry.embedded.counting import count
from telemetry.embedded.database import TelemetryDatabase
from telemetry.embedded.indexing import PART_ROWS, EventIndex, last_number
from telemetry.embedded.labels import EventLabels
from telemetry.embedded.moving import EarlierEvents
from telemetry.embedded.rows import WHOLE_ID, event_of
from telemetry.embedded.searching import search
from telemetry.levels import LEVELS
from telemetry.names import Health
from telemetry.records import Event
from telemetry.stores import Arrivals, Counts, EventPage, EventQuery, Position

_OFFSET = re.compile("0|[1-9][0-9]{0,17}").fullmatch
_LEVEL_NUMBERS = {level: number for number, level in enumerate(LEVELS)}
_encode = msgspec.json.Encoder().encode


class EmbeddedEventStore:
    """The EventStore of one process; shares its file with the EmbeddedSeriesStore."""

    def __init__(
        self, database: TelemetryDatabase, health: Health | None = None, *, part_rows: int = PART_ROWS
    ) -> None:
        self._database = database
        self._sources: dict[str, int] = {}
        self._contexts: dict[tuple[str, ...], int] = {}
        self._labels = EventLabels()
        self._index = EventIndex(self._labels, part_rows)
        self._earlier = EarlierEvents(self._labels)
        database.behind(self._earlier.work)
        database.behind(self._index.work)
        database.forget_on_rollback(self._forget)
        if health is not None:
            health.gauge("herdsman_events_unindexed").read = self._unindexed
            health.gauge("herdsman_events_index_lag_seconds").read = self._index.lag
            health.gauge("herdsman_embedded_bytes").read = lambda: float(database.size())

    async def append(self, events: Sequence[Event]) -> None:
        """Store events; one that is there already stays as it is. Raises StoreUnavailable."""
        await self._database.write(lambda connection: self.insert(connection, events))

    async def search(self, query: EventQuery) -> EventPage:
        """Return one page of events, by time. Raises UsageError on a cursor that is none, SearchTooLong."""
        return await self._database.search(lambda connection: search(connection, query))

    async def count(self, query: EventQuery, now: float, most: int = 20) -> Counts:
        """Count what a search would find, by time and by what it is."""
        return await self._database.search(lambda connection: count(connection, query, now, most))

    async def end_of(self, allocation: str, stream: str) -> Position | None:
        """Return where the stored output of one stream of an allocation ends."""
        return await self._database.read(lambda connection: _end_of(connection, f"{allocation}/{stream}/"))

    async def newest_number(self) -> int:
        """Return the number of the event stored last."""
        return await self._database.read(last_number)

    async def arrived(self, after: int, kinds: Sequence[str], rows: int = 50_000) -> Arrivals:
        """Return the events of these kinds (of all, where none are named) among the next rows."""
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
                prefix, position = event.id, WHOLE_ID
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
                    self._labels.of(connection, event),
                )
            )
        if self._earlier.is_there(connection):
            rows = [row for row in rows if not earlier.has(connection, row[0], row[1])]
        connection.executemany(
            "INSERT OR IGNORE INTO events "
            "(source, position, size, bot, time, kind, level, message, context, data, label) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        self._index.written(last_number(connection))

    def _unindexed(self) -> float:
        return self._index.unindexed() + self._earlier.left

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
        self._labels.forget()
        self._index.forget()
        self._earlier.forget()


def _end_of(connection: sqlite3.Connection, prefix: str) -> Position | None:
    rows = connection.execute(
        "SELECT id, name FROM sources WHERE name >= ? AND name < ?", (prefix, prefix[:-1] + "0")
    ).fetchall()
    indexes = {int(rest): source for source, name in rows if (rest := name[len(prefix) :]).isdigit()}
    for index in sorted(indexes, reverse=True):
        row = earlier.end_of_source(connection, indexes[index])
        if row is not None:
            return Position(index, row[0] + row[1])
    return None


def _arrived(connection: sqlite3.Connection, after: int, kinds: Sequence[str], rows: int) -> Arrivals:
    until = min(after + rows, last_number(connection))
    found = earlier.arrived(connection, after, until, kinds)
    return Arrivals([event_of(row) for row in found], max(after, until))
