"""What the embedded stores forget: what is old, and of a file too large the kind that takes the most room.

Where that is events, the oldest of the loudest bot go; where it is samples, the oldest samples of all.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from telemetry.embedded import earlier, forgetting, room

_FIRST = 20.0
"""Seconds after the start until the first round."""
_EVERY = 60.0
_SOURCES_EVERY = 60
"""Rounds between two searches for files of which no event is left."""
_PAGES_AT_ONCE = 2000
_KEPT_FREE = 1000
"""Free pages that stay in the file."""
_DAY = 86400.0
_EVENTS_AT_ONCE = 20
"""Slices of events between two looks at what takes the most room."""
_LEAST = 3_600_000
"""Milliseconds of samples that stay however large the file is."""
_log = logging.getLogger("herdsman.telemetry")


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in days, and how large the file may get, in bytes."""

    raw_days: float = 7
    """Every single sample; what is older is kept in steps of 10 s."""
    rollup_10s_days: float = 60
    rollup_1m_days: float = 730
    events_days: float = 30
    errors_days: float = 90
    """Kinds of errors that were not seen for so long."""
    trading_days: float = 730
    """The trading of bots that are no more, and printed none of it for so long."""
    level_days: Mapping[str, float] = field(default_factory=dict)
    """Levels whose events go sooner than that, such as debug."""
    most_bytes: int = 8 << 30
    """Above it the kind that takes the most room loses what is oldest of it, however young that is. Of events
    that are those of the bot that has the most: one that floods its log costs nobody else his past."""


class RetentionWork:
    """Deletes a little at a time, in the writer's thread; calls `forget` once row ids may be used anew."""

    def __init__(
        self, retention: Retention, forget: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._retention = retention
        self._forget = forget
        self._clock = clock
        self._next = time.monotonic() + _FIRST
        self._rounds = 0
        self._shrunk = True
        """Whether the last try to make the file smaller did so."""
        self._said: set[str] = set()
        self._steps: list[Callable[[sqlite3.Connection], bool]] = []

    def work(self, connection: sqlite3.Connection) -> bool:
        """Do the next step; True while the round has more of them."""
        if not self._steps:
            if time.monotonic() < self._next:
                return False
            self._next = time.monotonic() + _EVERY
            self._steps = self._round(connection)
        step = self._steps.pop()  # one that fails is left to the next round, and holds up no other
        if step(connection):
            self._steps.append(step)
        return bool(self._steps)

    def _round(self, connection: sqlite3.Connection) -> list[Callable[[sqlite3.Connection], bool]]:
        """Return the steps of one round, last first."""
        kept = self._retention
        now = self._clock()
        oldest = now - kept.events_days * _DAY
        steps: list[Callable[[sqlite3.Connection], bool]] = [_give_back]
        if self._rounds % _SOURCES_EVERY == 0:
            steps.append(self._forget_sources)
        self._rounds += 1
        self._shrunk = True
        steps += [forgetting.drop_empty_parts, self._shrink, forgetting.old_events(oldest)]
        steps.append(forgetting.old_parts(oldest))
        for level, days in kept.level_days.items():
            steps.append(forgetting.old_events_of(level, now - days * _DAY))
        ages = {"raw": kept.raw_days, "rollup_10s": kept.rollup_10s_days, "rollup_1m": kept.rollup_1m_days}
        series = [one for (one,) in connection.execute("SELECT id FROM series")]
        for table, days in ages.items():
            before = round((now - days * _DAY) * 1000)
            steps += [_old_samples(table, one, before) for one in series]
        return steps

    def _shrink(self, connection: sqlite3.Connection) -> bool:
        """Plan steps by which a file that is too large loses some of the kind that takes the most room."""
        if not self._shrunk or room.used(connection) <= self._retention.most_bytes:
            return False
        self._shrunk = False
        events, samples = room.of_events(connection), room.of_samples(connection)
        if events + sum(samples.values()) < self._retention.most_bytes / 2:
            self._say_full("neither events nor samples take most of it")
        elif events >= sum(samples.values()):
            self._steps += [self._shrink, *[self._fewer_events] * _EVENTS_AT_ONCE]
        else:
            self._fewer_samples(connection, sorted(samples, key=lambda table: -samples[table]))
        return False

    def _fewer_events(self, connection: sqlite3.Connection) -> bool:
        """Forget the oldest events of the loudest bot."""
        if room.used(connection) > self._retention.most_bytes:
            before = connection.total_changes
            if earlier.is_there(connection):
                forgetting.oldest_earlier_events_of(connection, room.loudest(connection, "events_1"))
            else:
                forgetting.oldest_events_of(connection, room.loudest(connection))
            self._shrunk |= connection.total_changes > before
        return False

    def _fewer_samples(self, connection: sqlite3.Connection, tables: Sequence[str]) -> None:
        """Plan to forget the oldest tenth of the time of the first of these that has more than an hour."""
        now = round(self._clock() * 1000)
        series = [one for (one,) in connection.execute("SELECT id FROM series")]
        for table in tables:
            oldest = room.oldest_sample(connection, table)
            before = 0 if oldest is None else min(oldest + max((now - oldest) // 10, 1), now - _LEAST)
            if oldest is not None and oldest < before:
                self._shrunk = True
                self._steps += [self._shrink, *[_old_samples(table, one, before) for one in series]]
                return
        self._say_full("samples of the last hour alone take most of it")

    def _say_full(self, why: str) -> None:
        if why not in self._said:
            self._said.add(why)
            _log.error(
                "the embedded store is over its size of %d bytes, and nothing more can be forgotten: %s; "
                "set a larger one by --keep size=..., or relieve it of what fills it",
                self._retention.most_bytes,
                why,
            )

    def _forget_sources(self, connection: sqlite3.Connection) -> bool:
        """Forget the files and allocations of which no event is left."""
        if earlier.is_there(connection):
            return False
        connection.execute(
            "DELETE FROM sources WHERE NOT EXISTS (SELECT 1 FROM events WHERE source = sources.id)"
        )
        connection.execute(
            "DELETE FROM contexts WHERE allocation <> '' AND NOT EXISTS (SELECT 1 FROM sources "
            "WHERE name > contexts.allocation || '/' AND name < contexts.allocation || '0')"
        )
        forgetting.forget_labels(connection)
        self._forget()
        return False


def _old_samples(table: str, series: int, before: int) -> Callable[[sqlite3.Connection], bool]:
    def step(connection: sqlite3.Connection) -> bool:
        done = connection.execute(
            f"DELETE FROM {table} WHERE series = ? AND time < ?",  # noqa: S608
            (series, before),
        )
        if done.rowcount and table == "rollup_1m":
            _forget_series(connection, series)
        return False

    return step


def _forget_series(connection: sqlite3.Connection, series: int) -> None:
    """Forget the newest value of a series of which nothing else is left; its name stays."""
    for table in ("raw", "rollup_10s", "rollup_1m"):
        if connection.execute(f"SELECT 1 FROM {table} WHERE series = ? LIMIT 1", (series,)).fetchone():  # noqa: S608
            return
    connection.execute("DELETE FROM latest WHERE series = ?", (series,))


def _give_back(connection: sqlite3.Connection) -> bool:
    """Give some freed pages back to the file system; a few stay for what is written next."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    if free <= _KEPT_FREE:
        return False
    for _ in range(min(free - _KEPT_FREE, _PAGES_AT_ONCE)):
        connection.execute("PRAGMA incremental_vacuum(1)")  # of more pages Python frees but the first
    return bool(free - _PAGES_AT_ONCE > _KEPT_FREE)
