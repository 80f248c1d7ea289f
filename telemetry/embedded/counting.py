"""Counts of what a search would find, within a bounded time: whole hours were counted, the rest is read.

The newest come first, so that where the time is over the numbers are whole since some moment.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from telemetry.embedded import earlier, indexing
from telemetry.embedded.conditions import Wanted, marks, wanted
from telemetry.embedded.searching import (
    Key,
    candidates,
    in_part,
    parts_in_order,
    read_all,
    said,
    unindexed,
)
from telemetry.logs.tally import HOUR, Tally
from telemetry.stores import Counts, EventQuery

BUDGET = 2.5
"""Seconds after which no further slice is counted."""
_SLICE = 6 * HOUR
"""Seconds of events that are read at once where no hours are counted."""
_HOURS = 24
"""Counted hours that are summed up at once."""
_AT_ONCE = 2000
_FEW_LABELS = 2000


class _Clock:
    """When to stop: no slice begins after the end, and none goes on long after it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.end = time.monotonic() + BUDGET
        connection.set_progress_handler(lambda: time.monotonic() > self.end, 20_000)

    @property
    def over(self) -> bool:
        return time.monotonic() > self.end


def count(connection: sqlite3.Connection, query: EventQuery, now: float, most: int) -> Counts:
    """Return the counts by label and by time."""
    asked = wanted(connection, query)
    (low,) = connection.execute("SELECT min(time) FROM events").fetchone()
    oldest = now if low is None else low
    start = max(oldest, asked.low) if query.start is None else query.start
    tally = Tally(start, max(start, now if query.end is None else query.end))
    clock = _Clock(connection)
    pieces = _by_text(connection, asked, tally) if asked.words else _by_label(connection, asked, tally)
    since, complete = tally.end, True
    try:
        for since in pieces:
            if clock.over and since > max(start, oldest):
                complete = False
                break
        else:
            since = start
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        complete = False
    connection.set_progress_handler(None, 0)
    if earlier.is_there(connection) and since <= oldest:  # older ones are not where a search finds them yet
        since, complete = oldest, False
    return tally.counts(
        _dimensions(connection, tally.labels),
        most,
        complete=complete,
        since=since,
        unindexed=max(indexing.last_number(connection) - indexing.indexed(connection), 0),
    )


def _by_label(connection: sqlite3.Connection, asked: Wanted, tally: Tally) -> Iterator[float]:
    """Count without a look at texts, the newest first; yield down to which time that goes."""
    first, last = -(-tally.start // HOUR), tally.end // HOUR
    if asked.check.text != "1" or tally.width < HOUR or first >= last:
        yield from _slices(connection, asked, tally, (tally.start, tally.end), "<=")
        return
    yield from _slices(connection, asked, tally, (last * HOUR, tally.end), "<=")
    yield from _hours(connection, asked, tally, int(first), int(last))
    yield from _slices(connection, asked, tally, (tally.start, first * HOUR), "<")


def _slices(
    connection: sqlite3.Connection, asked: Wanted, tally: Tally, span: tuple[float, float], ends: str
) -> Iterator[float]:
    """Count the events of a range from an index alone, some hours at a time."""
    few = asked.labels is not None and len(asked.labels) <= _FEW_LABELS
    index = "events_by_label" if few else "events_by_time"
    low, until = span
    while True:
        since = max(until - _SLICE, low)
        condition = asked.within(since, until).whole()
        if ends == "<":
            condition.add("time < ?", until)
        source = f"events INDEXED BY {index} WHERE {condition.text}"
        if asked.check.text == "1":
            _add(connection, tally, source, condition.values)
        else:  # each event is read for it: once
            by_both = f"SELECT label, CAST(time / ? AS INTEGER), count(*) FROM {source} GROUP BY 1, 2"  # noqa: S608
            tally.add(connection.execute(by_both, (tally.width, *condition.values)).fetchall())
        yield since
        if since <= low:
            return
        until, ends = since, "<"


def _add(
    connection: sqlite3.Connection,
    tally: Tally,
    source: str,
    values: Sequence[object],
    bucket: str = "CAST(time / ? AS INTEGER)",
    count: str = "count(*)",
) -> None:
    """Add the sums of one source (tables with their condition) by label, and by bucket and level.

    Both or none: where the time is over in between, neither tells of more than the other.
    """
    by_label = f"SELECT label, {count} FROM {source} GROUP BY label"  # noqa: S608
    labels = connection.execute(by_label, values).fetchall()
    by_level = f"SELECT {bucket}, label & 7, {count} FROM {source} GROUP BY 1, 2"  # noqa: S608
    tally.add_buckets(connection.execute(by_level, (tally.width, *values)).fetchall())
    tally.add_labels(labels)


def _hours(
    connection: sqlite3.Connection, asked: Wanted, tally: Tally, first: int, last: int
) -> Iterator[float]:
    """Count whole hours as they were counted, some at a time, each with its events that were not yet."""
    while last > first:
        since = max(last - _HOURS, first)
        _add_hours(connection, asked, tally, since, last)
        yield since * HOUR
        last = since


def _add_hours(connection: sqlite3.Connection, asked: Wanted, tally: Tally, first: int, last: int) -> None:
    """Add whole hours as they were counted, and the events of them that were not counted yet."""
    narrowed, values = "", list[object]()
    if asked.labels is not None:
        narrowed = f" AND label IN (SELECT id FROM event_labels WHERE {asked.of_label.text})"  # noqa: S608
        values = asked.of_label.values
    source = f"event_hours WHERE hour >= ? AND hour < ?{narrowed}"
    _add(connection, tally, source, (first, last, *values), "hour * 3600 / CAST(? AS INTEGER)", "sum(count)")
    condition = asked.within(first * HOUR, last * HOUR).whole()
    source = f"events NOT INDEXED WHERE n > ? AND {condition.text} AND time < ?"
    _add(connection, tally, source, (indexing.counted(connection), *condition.values, last * HOUR))


def _by_text(connection: sqlite3.Connection, asked: Wanted, tally: Tally) -> Iterator[float]:
    """Count the events that say the words, the newest first; yield down to which time that goes."""
    few = candidates(connection, asked)
    if few is not None:
        yield from _add_keys(connection, tally, said(connection, asked, few))
        return
    if not asked.words.words:
        yield from _add_keys(connection, tally, read_all(connection, asked))
        return
    connection.create_function("said", 1, asked.words.said_in, deterministic=True)
    for _ in _add_keys(connection, tally, sorted(unindexed(connection, asked), reverse=True)):
        yield tally.end
    parts = parts_in_order(connection, asked)
    for part, following in zip(parts, [*parts, None][1:], strict=True):
        source, values = in_part(asked, part)
        rows = connection.execute(
            f"SELECT label, CAST(time / ? AS INTEGER), count(*) FROM {source} GROUP BY 1, 2",  # noqa: S608
            (tally.width, *values),
        ).fetchall()
        tally.add(rows)
        yield following.high if following else tally.start


def _add_keys(connection: sqlite3.Connection, tally: Tally, keys: Iterable[Key]) -> Iterator[float]:
    """Count events, some at a time; yield the time of the last of them."""
    rest = iter(keys)
    while some := list(islice(rest, _AT_ONCE)):
        rows = connection.execute(
            "SELECT label, CAST(time / ? AS INTEGER), count(*) FROM events "  # noqa: S608
            f"WHERE n IN ({marks(len(some))}) GROUP BY 1, 2",
            (tally.width, *[number for _, number in some]),
        )
        tally.add(rows)
        yield some[-1][0]


def _dimensions(connection: sqlite3.Connection, labels: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Return what labels stand for, in the order of FACETS without the level."""
    rows = connection.execute(
        "SELECT id, bot, program, kind, symbol, revision FROM event_labels "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(labels)),),
    )
    return {label: tuple(values) for label, *values in rows}
