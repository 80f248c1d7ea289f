"""Error groups in SQLite: one row each, and how far each stream of output was counted."""

import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from schemas.errors import NotFound
from telemetry.embedded.database import TelemetryDatabase
from telemetry.errors.fingerprint import of_line
from telemetry.errors.groups import OTHERS, ErrorGroup, folded, group_id, reopened, resolved, state_of
from telemetry.errors.occurrence import ErrorFacts, Occurrence
from telemetry.errors.store import GroupQuery

MOST_GROUPS = 500
"""Groups of one bot; further kinds of errors are counted together."""
MARK_DAYS = 30.0
"""How long after its last error was counted a stream's mark is kept: its lines come again within minutes."""
_EVERY = 3600.0
_TABLES = """
CREATE TABLE IF NOT EXISTS error_groups (
    id TEXT PRIMARY KEY,
    bot TEXT NOT NULL,
    program TEXT NOT NULL,
    last_seen REAL NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS error_groups_of_bot ON error_groups (bot, last_seen);
CREATE INDEX IF NOT EXISTS error_groups_by_time ON error_groups (last_seen);
CREATE TABLE IF NOT EXISTS error_marks (
    source TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    time REAL NOT NULL
);
"""
_PLACE = re.compile(r"(?P<source>.+)/(?P<position>0|[1-9][0-9]{0,17})", re.DOTALL)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ErrorGroup).decode


class EmbeddedErrorStore:
    """The ErrorStore of one process; shares its file with the other embedded stores."""

    def __init__(self, database: TelemetryDatabase, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._clean_at = 0.0
        self._ready = False
        database.behind(self._forget_old)
        database.forget_on_rollback(self._unready)

    async def record(self, occurrences: Sequence[Occurrence]) -> list[ErrorGroup]:
        """Count occurrences, each event once; return the groups that changed. Raises StoreUnavailable."""
        return await self._database.write(lambda connection: self._record(connection, occurrences))

    async def groups(self, query: GroupQuery) -> list[ErrorGroup]:
        """Return the matching groups, those seen last first."""
        await self._prepare()
        return await self._database.read(lambda connection: _select(connection, query))

    async def group(self, identity: str) -> ErrorGroup:
        """Return one group. Raises NotFound."""
        await self._prepare()
        return await self._database.read(lambda connection: _load(connection, identity))

    async def resolve(self, identity: str, at: float, by: str, reason: str) -> ErrorGroup:
        """Mark a group as resolved and return it. Raises NotFound."""
        return await self._change(identity, lambda group: resolved(group, at, by, reason))

    async def reopen(self, identity: str) -> ErrorGroup:
        """Take back that a group is resolved, and return it. Raises NotFound."""
        return await self._change(identity, reopened)

    async def close(self) -> None:
        """Close the file that all stores share."""
        await self._database.close()

    async def _change(self, identity: str, change: Callable[[ErrorGroup], ErrorGroup]) -> ErrorGroup:
        def work(connection: sqlite3.Connection) -> ErrorGroup:
            self._make_tables(connection)
            group = change(_load(connection, identity))
            _save(connection, group)
            return group

        return await self._database.write(work)

    async def _prepare(self) -> None:
        if not self._ready:
            await self._database.write(self._make_tables)

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        """Make the tables, beside those of a file that an earlier herdsman wrote."""
        if not self._ready:
            for statement in _TABLES.split(";")[:-1]:
                connection.execute(statement)
            self._ready = True

    def _unready(self) -> None:
        self._ready = False

    def _record(self, connection: sqlite3.Connection, occurrences: Sequence[Occurrence]) -> list[ErrorGroup]:
        self._make_tables(connection)
        by_group: dict[str, list[Occurrence]] = {}
        for one in _unseen(connection, occurrences, self._clock()):
            by_group.setdefault(group_id(one.bot, one.facts.fingerprint), []).append(one)
        changed: dict[str, ErrorGroup] = {}
        for identity, several in by_group.items():
            known = _find(connection, identity)
            if known is None and _is_full(connection, several[0].bot):
                several = [_as_other(one) for one in several]
                known = _find(connection, group_id(several[0].bot, several[0].facts.fingerprint))
            group = folded(known, several)
            changed[group.id] = group
            _save(connection, group)
        return list(changed.values())

    def _forget_old(self, connection: sqlite3.Connection) -> bool:
        now = self._clock()
        if now < self._clean_at:
            return False
        self._clean_at = now + _EVERY
        self._make_tables(connection)
        connection.execute(
            "DELETE FROM error_groups WHERE last_seen < ?",
            (now - self._database.retention.errors_days * 86400,),
        )
        connection.execute("DELETE FROM error_marks WHERE time < ?", (now - MARK_DAYS * 86400,))
        return False


def _unseen(
    connection: sqlite3.Connection, occurrences: Sequence[Occurrence], now: float
) -> list[Occurrence]:
    """Return those that were not counted yet, and move the marks of their streams."""
    marks: dict[str, int] = {}
    fresh = []
    for one in occurrences:
        found = _PLACE.fullmatch(one.event)
        source, position = (found["source"], int(found["position"])) if found else (one.event, 0)
        if source not in marks:
            row = connection.execute(
                "SELECT position FROM error_marks WHERE source = ?", (source,)
            ).fetchone()
            marks[source] = row[0] if row else -1
        if position > marks[source]:
            marks[source] = position
            fresh.append(one)
            connection.execute("INSERT OR REPLACE INTO error_marks VALUES (?, ?, ?)", (source, position, now))
    return fresh


def _is_full(connection: sqlite3.Connection, bot: str) -> bool:
    (count,) = connection.execute("SELECT count(*) FROM error_groups WHERE bot = ?", (bot,)).fetchone()
    return int(count) >= MOST_GROUPS


def _as_other(one: Occurrence) -> Occurrence:
    facts = ErrorFacts(of_line(OTHERS, ""), "other errors", one.facts.message)
    return replace(one, facts=facts)


def _find(connection: sqlite3.Connection, identity: str) -> ErrorGroup | None:
    row = connection.execute("SELECT data FROM error_groups WHERE id = ?", (identity,)).fetchone()
    return _decode(row[0]) if row else None


def _load(connection: sqlite3.Connection, identity: str) -> ErrorGroup:
    group = _find(connection, identity)
    if group is None:
        raise NotFound(f"there is no error {identity}; herdsman errors lists them")
    return group


def _save(connection: sqlite3.Connection, group: ErrorGroup) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO error_groups VALUES (?, ?, ?, ?, ?)",
        (group.id, group.bot, group.program, group.last_seen, _encode(group)),
    )


def _select(connection: sqlite3.Connection, query: GroupQuery) -> list[ErrorGroup]:
    where, values = ["1"], []
    for column, value in (("bot = ?", query.bot), ("program = ?", query.program)):
        if value:
            where.append(column)
            values.append(value)
    if query.since is not None:
        where.append("last_seen >= ?")
        values.append(query.since)  # type: ignore[arg-type]
    rows = connection.execute(
        f"SELECT data FROM error_groups WHERE {' AND '.join(where)} ORDER BY last_seen DESC, id",  # noqa: S608
        values,
    )
    found = []
    for (data,) in rows:
        group = _decode(data)
        if not query.states or state_of(group, query.now) in query.states:
            found.append(group)
            if len(found) == query.limit:
                break
    return found
