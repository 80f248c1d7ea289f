"""Where the intake keeps a batch: events and samples in one transaction, so that a kill costs both or none.

Where the series live in a server of their own, the samples wait in an outbox beside the events, until that
server has lived on for so long after it took them that it cannot forget them any more.
"""

import asyncio
import functools
import itertools
import math
import sqlite3
import time
from array import array
from collections import deque
from collections.abc import Sequence

import msgspec

from telemetry.embedded.database import TelemetryDatabase
from telemetry.embedded.events import EmbeddedEventStore
from telemetry.embedded.series import EmbeddedSeriesStore
from telemetry.records import Event, Sample
from telemetry.stores import ForgetfulSeriesStore

MOST_WAITING = 500_000
"""Samples that may wait for the server in memory."""
_ROW = 5000
"""Samples in one row of the outbox, at most."""
_AT_ONCE = 20_000
"""Samples that are given at once, about."""
_PAGE = 8
"""Rows that are read at once at the start."""
_TABLE = "CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY, samples BLOB NOT NULL)"


class EmbeddedOutput:
    """The OutputStore where events and series are in one file."""

    def __init__(
        self, database: TelemetryDatabase, events: EmbeddedEventStore, series: EmbeddedSeriesStore
    ) -> None:
        self._database = database
        self._events = events
        self._series = series

    async def keep(self, events: Sequence[Event], samples: Sequence[Sample]) -> None:
        """Store both, or neither. Raises StoreUnavailable."""

        def work(connection: sqlite3.Connection) -> None:
            self._series.insert(connection, samples)
            self._events.insert(connection, events)

        await self._database.write(work)

    async def deliver(self) -> None:
        """Do nothing: what is kept is where it belongs."""


class Outbox:
    """The OutputStore where the series are in a server that may forget its last seconds.

    Use `open` before anything else. While the server is away, at most about `most` samples wait here; what
    comes then is refused, and waits where it comes from.
    """

    def __init__(
        self,
        database: TelemetryDatabase,
        events: EmbeddedEventStore,
        series: ForgetfulSeriesStore,
        most: int = MOST_WAITING,
    ) -> None:
        self._database = database
        self._events = events
        self._series = series
        self._most = most
        self._waiting: dict[int, Sequence[Sample]] = {}
        """By row: kept, and the server did not say yet that it took them."""
        self._held = 0
        """How many samples these are."""
        self._given: deque[tuple[int, float]] = deque()
        """Rows, and when (monotonic) the server had taken them."""
        self._safe = 0
        self._numbers = itertools.count(1)
        """Of rows. Ours, and not the file's: they must not begin anew where a damaged file is set aside."""
        self._rows: dict[int, bytes] = {}
        """The rows as the file has them, for one that takes its place."""
        self._try: asyncio.Task[None] | None = None
        self._answers = True
        database.table(_TABLE)
        database.carry(self._carry)

    async def open(self) -> None:
        """Let the server be given again what an earlier process was not sure of. Raises StoreUnavailable."""
        await self._database.write(lambda connection: connection.execute(_TABLE).close())
        last = 0
        while page := await self._database.read(functools.partial(_load, after=last)):
            for number, packed in page:
                self._series.restore(_unpack(packed))
                self._rows[number] = packed
                last = number
        if last:
            self._numbers = itertools.count(last + 1)
            self._given.append((last, time.monotonic()))
        self._database.behind(self._forget_safe)

    async def keep(self, events: Sequence[Event], samples: Sequence[Sample]) -> None:
        """Store events, and samples to be delivered, or neither. Raises StoreUnavailable."""
        if samples and self._held >= self._most:
            await self.deliver()
        pages = [samples[start : start + _ROW] for start in range(0, len(samples), _ROW)]
        packed = [_pack(page) for page in pages]
        tried: list[int] = []

        def work(connection: sqlite3.Connection) -> list[int]:
            self._events.insert(connection, events)
            rows = {next(self._numbers): one for one in packed}
            connection.executemany("INSERT INTO outbox (n, samples) VALUES (?, ?)", rows.items())
            self._rows.update(rows)
            tried.extend(rows)
            return list(rows)

        def note(done: "asyncio.Future[list[int]]") -> None:
            kept = [] if done.cancelled() or done.exception() is not None else done.result()
            for number in set(tried) - set(kept):
                self._rows.pop(number, None)
            if kept:
                self._waiting.update(zip(kept, pages, strict=True))
                self._held += len(samples)

        # It is to be delivered once it is committed, and not before: also where nobody waits for us any more.
        writing = asyncio.ensure_future(self._database.write(work))
        writing.add_done_callback(note)
        await asyncio.shield(writing)

    async def deliver(self) -> None:
        """Return once the server took what waits now. Raises StoreUnavailable; then it waits on."""
        last = next(reversed(self._waiting), 0)
        while next(iter(self._waiting), math.inf) <= last:
            if self._try is None:
                self._try = asyncio.create_task(self._give(), name="outbox")
                self._try.add_done_callback(self._tried)
            await asyncio.shield(self._try)

    async def _give(self) -> None:
        """Give the server the oldest rows; one alone where it did not answer the last time."""
        rows: list[int] = []
        page: list[Sample] = []
        for row, samples in self._waiting.items():
            rows.append(row)
            page += samples
            if len(page) >= _AT_ONCE or not self._answers:
                break
        self._answers = False
        await self._series.write(page)
        self._answers = True
        now = time.monotonic()
        self._given.extend((row, now) for row in rows)
        for row in rows:
            self._held -= len(self._waiting.pop(row))

    def _tried(self, done: "asyncio.Task[None]") -> None:
        self._try = None
        if not done.cancelled():
            done.exception()  # nobody may be waiting any more: that is no second mistake

    def _forget_safe(self, connection: sqlite3.Connection) -> bool:
        """Forget what the server has surely kept, up to the first row of which that is not known."""
        safe_before = self._series.safe_before
        found = False
        while self._given and self._given[0][1] < safe_before:
            self._safe = max(self._safe, self._given.popleft()[0])
            found = True
        if found:
            until = min([self._safe, *(row - 1 for row in list(self._waiting))])
            connection.execute("DELETE FROM outbox WHERE n <= ?", (until,))
            while (row := next(iter(self._rows), math.inf)) <= until:
                self._rows.pop(int(row), None)
        return False

    def _carry(self, connection: sqlite3.Connection) -> None:
        """Write all rows into the file that takes a damaged one's place."""
        connection.executemany("INSERT INTO outbox (n, samples) VALUES (?, ?)", list(self._rows.items()))


def _load(connection: sqlite3.Connection, after: int) -> list[tuple[int, bytes]]:
    """Return the next rows of the outbox behind a number, oldest first."""
    chosen = "SELECT n, samples FROM outbox WHERE n > ? ORDER BY n LIMIT ?"
    return connection.execute(chosen, (after, _PAGE)).fetchall()


class _Packed(msgspec.Struct, array_like=True):
    """Samples in columns: of which series each is, its time and its value."""

    series: list[tuple[str, dict[str, str]]]
    which: bytes
    times: bytes
    values: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def _pack(samples: Sequence[Sample]) -> bytes:
    series: list[tuple[str, dict[str, str]]] = []
    known: dict[tuple[str, int], int] = {}
    which = array("I")
    for sample in samples:
        labels = sample.labels
        key = (sample.name, id(labels))
        number = known.get(key)
        if number is None:
            number = known[key] = len(series)
            series.append((sample.name, dict(labels)))
        which.append(number)
    times = array("d", [sample.time for sample in samples])
    values = array("d", [sample.value for sample in samples])
    return _encode(_Packed(series, which.tobytes(), times.tobytes(), values.tobytes()))


def _unpack(packed: bytes) -> list[Sample]:
    found = _decode(packed)
    which, times, values = array("I"), array("d"), array("d")
    for column, data in ((which, found.which), (times, found.times), (values, found.values)):
        column.frombytes(data)
    return [
        Sample(*found.series[number], moment, value)
        for number, moment, value in zip(which, times, values, strict=True)
        if math.isfinite(value)
    ]
