"""Samples in SQLite: every one in `raw`, steps of 10 s and 1 min behind it, the newest in `latest`."""

import sqlite3
import time
from collections.abc import Mapping, Sequence

import msgspec

from telemetry.embedded.database import TelemetryDatabase
from telemetry.embedded.schema import ROLLUPS
from telemetry.records import Sample, Series
from telemetry.series_key import SeriesKeys
from telemetry.stores import SeriesQuery

_ROLL_EVERY = 10.0
_LONGEST_LAG = 600_000
"""After a restart, steps are made again from this many milliseconds before the newest one."""
_STEPS_AT_ONCE = 200

_ROLL = """
INSERT OR REPLACE INTO {table}
SELECT steps.series, step_end, raw.value, low, high, total, samples
FROM (
    SELECT series, (time + {step} - 1) / {step} * {step} AS step_end, max(time) AS newest,
           min(value) AS low, max(value) AS high, sum(value) AS total, count(*) AS samples
    FROM raw WHERE series = ? AND time > ? GROUP BY step_end
) AS steps JOIN raw ON raw.series = steps.series AND raw.time = newest
"""


class EmbeddedSeriesStore:
    """The SeriesStore of one process; shares its file with the EmbeddedEventStore."""

    def __init__(self, database: TelemetryDatabase) -> None:
        self._database = database
        self._ids: SeriesKeys[int] = SeriesKeys()
        self._unrolled: dict[int, int] = {}
        """Series -> earliest time in ms that its steps do not know yet. Touched by the writer alone."""
        self._rolled_at = time.monotonic()
        self._started = False
        database.behind(self._roll_behind)
        database.forget_on_rollback(self._ids.clear)

    async def write(self, samples: Sequence[Sample]) -> None:
        """Store samples. Raises StoreUnavailable."""
        await self._database.write(lambda connection: self.insert(connection, samples))

    async def query(self, query: SeriesQuery) -> list[Series]:
        """Return the matching series of one bot."""
        step = round(query.step * 1000)
        table = _table(step)
        if table != "raw":
            await self._database.write(lambda connection: self._roll_bot(connection, query.bot))
        return await self._database.read(lambda connection: _select(connection, query, table, step))

    async def metrics(self, bot: str) -> list[str]:
        """Return the names of a bot's series, sorted."""

        def names(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("SELECT DISTINCT name FROM series WHERE bot = ? ORDER BY name", (bot,))
            return [name for (name,) in rows]

        return await self._database.read(names)

    async def newest(self, since: float) -> list[Sample]:
        """Return the newest sample of every series, where it is not older than `since`."""

        def rows(connection: sqlite3.Connection) -> list[Sample]:
            found = connection.execute(
                "SELECT name, labels, time, value FROM latest JOIN series ON id = series WHERE time >= ?",
                (round(since * 1000),),
            )
            return [
                Sample(name, _labels(labels), moment / 1000, value) for name, labels, moment, value in found
            ]

        return await self._database.read(rows)

    async def close(self) -> None:
        """Close the file that both stores share."""
        await self._database.close()

    def insert(self, connection: sqlite3.Connection, samples: Sequence[Sample]) -> None:
        """Store samples in a transaction of the writer's thread."""
        rows = []
        unrolled = self._unrolled
        for sample in samples:
            series = self._ids.get(sample)
            if series is None:
                series = self._new_id(connection, sample)
            moment = round(sample.time * 1000)
            rows.append((series, moment, sample.value))
            if moment <= unrolled.get(series, moment):
                unrolled[series] = moment
        connection.executemany("INSERT OR REPLACE INTO raw VALUES (?, ?, ?)", rows)
        newest: dict[int, tuple[int, int, float]] = {}
        for row in rows:
            if row[0] not in newest or row[1] >= newest[row[0]][1]:
                newest[row[0]] = row
        connection.executemany(
            "INSERT INTO latest VALUES (?, ?, ?) ON CONFLICT (series) DO UPDATE SET "
            "time = excluded.time, value = excluded.value WHERE excluded.time >= time",
            newest.values(),
        )

    def _new_id(self, connection: sqlite3.Connection, sample: Sample) -> int:
        labels = msgspec.json.encode(sample.labels, order="sorted").decode()
        key = (sample.labels.get("bot", ""), sample.name, labels)
        connection.execute("INSERT OR IGNORE INTO series (bot, name, labels) VALUES (?, ?, ?)", key)
        (series,) = connection.execute(
            "SELECT id FROM series WHERE bot = ? AND name = ? AND labels = ?", key
        ).fetchone()
        self._ids.put(sample, int(series))
        return int(series)

    def _roll_behind(self, connection: sqlite3.Connection) -> bool:
        """Make the steps of what was written; True while there is more."""
        self._find_unrolled(connection)
        if time.monotonic() < self._rolled_at + _ROLL_EVERY:
            return False
        self._roll(connection, list(self._unrolled)[:_STEPS_AT_ONCE])
        if self._unrolled:
            return True
        self._rolled_at = time.monotonic()
        return False

    def _find_unrolled(self, connection: sqlite3.Connection) -> None:
        """Find, once, what an earlier process wrote and did not roll up."""
        if self._started:
            return
        self._started = True
        rows = connection.execute(
            "SELECT latest.series, latest.time, "
            "(SELECT max(time) FROM rollup_10s AS r WHERE r.series = latest.series) FROM latest"
        )
        for series, newest, rolled in rows:
            if rolled is None or rolled - 10_000 <= newest:
                since = (rolled or _LONGEST_LAG) - _LONGEST_LAG
                self._unrolled[series] = min(since, self._unrolled.get(series, since))

    def _roll_bot(self, connection: sqlite3.Connection, bot: str) -> None:
        self._find_unrolled(connection)
        rows = connection.execute("SELECT id FROM series WHERE bot = ?", (bot,)).fetchall()
        self._roll(connection, [series for (series,) in rows if series in self._unrolled])

    def _roll(self, connection: sqlite3.Connection, series: Sequence[int]) -> None:
        for table, step in ROLLUPS.items():
            starts = [(one, (self._unrolled[one] - 1) // step * step) for one in series]
            connection.executemany(_ROLL.format(table=table, step=step), starts)
        for one in series:
            del self._unrolled[one]


def _table(step: int) -> str:
    """Return the coarsest table whose rows make up whole steps of `step` milliseconds."""
    for table, length in reversed(ROLLUPS.items()):
        if step and step % length == 0:
            return table
    return "raw"


def _select(connection: sqlite3.Connection, query: SeriesQuery, table: str, step: int) -> list[Series]:
    start, end = whole_steps(query.start, query.end, step)
    found = []
    for series, name, labels in _matching(connection, query):
        rows = connection.execute(
            f"SELECT time, {'value' if table == 'raw' else 'last'} FROM {table} "  # noqa: S608
            "WHERE series = ? AND time >= ? AND time <= ? ORDER BY time",
            (series, start, end),
        )
        points = fold(rows, step, query.end) if step else [(moment / 1000, value) for moment, value in rows]
        if points:
            found.append(Series({"__name__": name, **labels}, points))
    return found


def whole_steps(start: float, end: float, step: int) -> tuple[int, int]:
    """Return a range in ms (both ends included), widened to whole steps where there is a step."""
    first, last = round(start * 1000), round(end * 1000)
    if step:
        return first // step * step + 1, -(-last // step) * step
    return first, last


def fold(
    rows: "sqlite3.Cursor | list[tuple[int, float]]", step: int, end: float
) -> list[tuple[float, float]]:
    """Return the last value of each step, at the step's end or at `end` where that is earlier."""
    steps: dict[int, float] = {}
    for moment, value in rows:
        steps[-(-moment // step) * step] = value
    return [(min(moment / 1000, end), value) for moment, value in steps.items()]


def _matching(connection: sqlite3.Connection, query: SeriesQuery) -> list[tuple[int, str, Mapping[str, str]]]:
    rows = connection.execute(
        "SELECT id, name, labels FROM series WHERE bot = ? AND (name = ? OR ? = '') ORDER BY name, labels",
        (query.bot, query.metric, query.metric),
    ).fetchall()
    wanted = (query.labels or {}).items()
    found = [(series, name, _labels(labels)) for series, name, labels in rows]
    return [row for row in found if wanted <= row[2].items()]


_decode_labels = msgspec.json.Decoder(dict[str, str]).decode


def _labels(text: str) -> dict[str, str]:
    return _decode_labels(text)
