"""Where the intake keeps a batch: events and samples in one transaction, so that a kill costs both or none.

Where the series live in a server of their own, the samples wait in an outbox beside the events, until that
server has lived on for so long after it took them that it cannot forget them any more.
"""

import asyncio
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

_TABLE = "CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, samples BLOB NOT NULL)"


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

    Use `open` before anything else.
    """

    def __init__(
        self, database: TelemetryDatabase, events: EmbeddedEventStore, series: ForgetfulSeriesStore
    ) -> None:
        self._database = database
        self._events = events
        self._series = series
        self._waiting: dict[int, Sequence[Sample]] = {}
        """By row: kept, and not given to the server yet."""
        self._given: deque[tuple[int, float]] = deque()
        """Rows, and when (monotonic) the server had taken them."""
        self._safe = 0
        database.table(_TABLE)

    async def open(self) -> None:
        """Let the server be given again what an earlier process was not sure of. Raises StoreUnavailable."""
        samples, last = await self._database.write(_load)
        if last:
            self._series.restore(samples)
            self._given.append((last, time.monotonic()))
        self._database.behind(self._forget_safe)

    async def keep(self, events: Sequence[Event], samples: Sequence[Sample]) -> None:
        """Store events, and samples to be delivered, or neither. Raises StoreUnavailable."""
        packed = _pack(samples) if samples else b""

        def work(connection: sqlite3.Connection) -> int:
            self._events.insert(connection, events)
            if not packed:
                return 0
            return connection.execute("INSERT INTO outbox (samples) VALUES (?)", (packed,)).lastrowid or 0

        def note(done: "asyncio.Future[int]") -> None:
            if not done.cancelled() and done.exception() is None and done.result():
                self._waiting[done.result()] = samples

        # It is to be delivered once it is committed, and not before: also where nobody waits for us any more.
        writing = asyncio.ensure_future(self._database.write(work))
        writing.add_done_callback(note)
        await asyncio.shield(writing)

    async def deliver(self) -> None:
        """Give the server what waits. Raises StoreUnavailable; then it waits on."""
        taken = {row: self._waiting.pop(row) for row in list(self._waiting)}
        if not taken:
            return
        try:
            await self._series.write([sample for samples in taken.values() for sample in samples])
        except BaseException:
            self._waiting.update(taken)
            raise
        now = time.monotonic()
        self._given.extend((row, now) for row in taken)

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
        return False


def _load(connection: sqlite3.Connection) -> tuple[list[Sample], int]:
    """Return what is in the outbox, oldest first, and the number of its last row (0: none)."""
    connection.execute(_TABLE)
    samples: list[Sample] = []
    last = 0
    for number, packed in connection.execute("SELECT n, samples FROM outbox ORDER BY n"):
        samples += _unpack(packed)
        last = int(number)
    return samples, last


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
