"""Pages of events, newest (or oldest) first, whatever is asked for: one look at one state of the file.

Without words, the newest of each label that is wanted are read from the index of labels and merged. With
words, few candidates are read themselves; else the parts of the index of texts are looked through from the
newest on until no other part can hold a newer one. What is behind a mark of the index is read as it is.
"""

import heapq
import sqlite3
from collections.abc import Iterator, Sequence

from telemetry.embedded import indexing
from telemetry.embedded.conditions import Wanted, marks, wanted
from telemetry.embedded.rows import COLUMNS, TABLES, event_of
from telemetry.records import Event
from telemetry.stores import EventPage, EventQuery

_MOST_LABELS = 20_000
"""More labels than this are nearly all: then the events are read by their time alone."""
MOST_CANDIDATES = 20_000
"""So many events are rather read themselves than found by the index of their texts."""
_READ_AT_ONCE = 500

Key = tuple[float, int]
"""Time and number of an event."""


def search(connection: sqlite3.Connection, query: EventQuery) -> EventPage:
    """Return one page."""
    asked = wanted(connection, query)
    most = query.limit + 1
    keys = _by_text(connection, asked, most) if asked.words else _by_label(connection, asked, most)
    page = keys[: query.limit]
    events: dict[int, Event] = {}
    for start in range(0, len(page), _READ_AT_ONCE):
        numbers = [number for _, number in page[start : start + _READ_AT_ONCE]]
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM {TABLES} WHERE events.n IN ({marks(len(numbers))})",  # noqa: S608
            numbers,
        )
        events |= {row[0]: event_of(row) for row in rows}
    more = len(keys) > query.limit
    found = [events[number] for _, number in page if number in events]
    return EventPage(found, f"{page[-1][0]!r}_{page[-1][1]}" if more else "")


def _by_label(connection: sqlite3.Connection, asked: Wanted, most: int) -> list[Key]:
    """Return the first keys of what is wanted, without a look at texts."""
    if asked.labels is None or len(asked.labels) > _MOST_LABELS:
        condition = asked.whole()
        return connection.execute(
            f"SELECT time, n FROM events INDEXED BY events_by_time WHERE {condition.text} "  # noqa: S608
            f"ORDER BY time {asked.order}, n {asked.order} LIMIT ?",
            (*condition.values, most),
        ).fetchall()
    return merged(connection, asked, asked.labels, most)


def merged(connection: sqlite3.Connection, asked: Wanted, labels: Sequence[int], most: int) -> list[Key]:
    """Return the first keys of some labels: each is read only as far as it can still be among them."""
    place, check = asked.place(), asked.check
    sql = (
        f"SELECT time, n FROM events INDEXED BY events_by_label WHERE label = ? AND {place.text} "  # noqa: S608
        f"AND {check.text} ORDER BY time {asked.order}, n {asked.order} LIMIT ?"
    )
    sign = -1 if asked.forward else 1
    low, high, *cursor = place.values
    heap: list[Key] = []
    """The best keys, the worst of them first (with its sign turned where the oldest are wanted)."""
    for label in labels:
        for time, number in connection.execute(sql, (label, low, high, *cursor, *check.values, most)):
            key = (sign * time, sign * number)
            if len(heap) < most:
                heapq.heappush(heap, key)
            elif key > heap[0]:
                heapq.heapreplace(heap, key)
            else:
                break
        if len(heap) == most:
            worst = sign * heap[0][0]
            low, high = (low, min(high, worst)) if asked.forward else (max(low, worst), high)
    return [(sign * time, sign * number) for time, number in sorted(heap, reverse=True)]


def _by_text(connection: sqlite3.Connection, asked: Wanted, most: int) -> list[Key]:
    few = candidates(connection, asked)
    if few is not None:
        return list(_first(said(connection, asked, few), most))
    if not asked.words.words:
        return list(_first(read_all(connection, asked), most))
    return _by_parts(connection, asked, most)


def candidates(connection: sqlite3.Connection, asked: Wanted) -> list[Key] | None:
    """Return all keys that could match by their labels, None where they are many."""
    if asked.labels is None or len(asked.labels) > _MOST_LABELS:
        return None
    left = MOST_CANDIDATES
    place = asked.place()
    for label in asked.labels:
        (count,) = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY events_by_label "  # noqa: S608
            f"WHERE label = ? AND {place.text} LIMIT ?)",
            (label, *place.values, left + 1),
        ).fetchone()
        left -= count
        if left < 0:
            return None
    return merged(connection, asked, asked.labels, MOST_CANDIDATES)


def said(connection: sqlite3.Connection, asked: Wanted, keys: Sequence[Key]) -> Iterator[Key]:
    """Yield those of these keys, in their order, whose events say the words."""
    for start in range(0, len(keys), _READ_AT_ONCE):
        some = keys[start : start + _READ_AT_ONCE]
        rows = connection.execute(
            f"SELECT n, message FROM events WHERE n IN ({marks(len(some))})",  # noqa: S608
            [number for _, number in some],
        )
        texts = dict(rows.fetchall())
        yield from (key for key in some if asked.words.said_in(texts.get(key[1], "")))


def read_all(connection: sqlite3.Connection, asked: Wanted) -> Iterator[Key]:
    """Yield the keys of all events that say it, in order: the index does not know what is no word."""
    condition = asked.whole()
    rows = connection.execute(
        f"SELECT time, n, message FROM events INDEXED BY events_by_time WHERE {condition.text} "  # noqa: S608
        f"ORDER BY time {asked.order}, n {asked.order}",
        condition.values,
    )
    said_in = asked.words.said_in
    return ((time, number) for time, number, message in rows if said_in(message))


def _by_parts(connection: sqlite3.Connection, asked: Wanted, most: int) -> list[Key]:
    connection.create_function("said", 1, asked.words.said_in, deterministic=True)
    found = list(unindexed(connection, asked))
    found.sort(reverse=not asked.forward)
    for part in parts_in_order(connection, asked):
        if len(found) >= most and _is_past(asked, part, found[most - 1][0]):
            break
        found += _in_part(connection, asked, part, most)
        found.sort(reverse=not asked.forward)
        del found[most:]
    return found[:most]


def _is_past(asked: Wanted, part: indexing.Part, time: float) -> bool:
    """Tell whether every event of a part comes after a time, in the order that is asked for."""
    return time < part.low if asked.forward else time > part.high


def parts_in_order(connection: sqlite3.Connection, asked: Wanted) -> list[indexing.Part]:
    """Return the parts that may hold what is wanted, in the order in which they are looked through."""
    time, _ = asked.cursor
    low, high = (max(asked.low, time), asked.high) if asked.forward else (asked.low, min(asked.high, time))
    found = [part for part in indexing.parts(connection) if part.low <= high and part.high >= low]
    return sorted(found, key=lambda part: part.low if asked.forward else -part.high)


def in_part(asked: Wanted, part: indexing.Part) -> tuple[str, list[object]]:
    """Return the tables and the condition, with its values, of the events of a part that match."""
    condition = asked.whole()
    if not asked.words.plain:
        condition.add("said(events.message)")
    match = " ".join(f'"{word}"*' for word in asked.words.words)
    return (
        f"{part.table} CROSS JOIN events ON events.n = {part.table}.rowid "
        f"WHERE {part.table} MATCH ? AND {condition.text}",
        [match, *condition.values],
    )


def _in_part(connection: sqlite3.Connection, asked: Wanted, part: indexing.Part, most: int) -> list[Key]:
    """Return the first keys of a part, read as they arrived, only as far as others can be among them."""
    source, values = in_part(asked, part)
    rows = connection.execute(
        f"SELECT time, n FROM {source} ORDER BY {part.table}.rowid {asked.order}",  # noqa: S608
        values,
    )
    sign = -1 if asked.forward else 1
    bounds = _bounds(connection, asked, part)
    heap: list[Key] = []
    edge, rest = next(bounds)
    for time, number in rows:
        while sign * number <= edge:
            if len(heap) == most and heap[0][0] > rest:
                return [(sign * one, sign * other) for one, other in heap]
            edge, rest = next(bounds)
        key = (sign * time, sign * number)
        if len(heap) < most:
            heapq.heappush(heap, key)
        elif key > heap[0]:
            heapq.heapreplace(heap, key)
    return [(sign * one, sign * other) for one, other in heap]


def _bounds(
    connection: sqlite3.Connection, asked: Wanted, part: indexing.Part
) -> Iterator[tuple[float, float]]:
    """Yield (number, time), signs turned where the oldest come first: on from it none is before the time.

    Each stands for the rest of the part behind one slice of it, in the order in which it is read.
    """
    slices = indexing.slices(connection, part)
    if asked.forward:
        edges = [(-last - 1, -low) for last, low, _ in slices]
    else:
        edges = [(last, high) for last, _, high in reversed(slices)]
    rest = -1e300
    found = []
    for edge, time in reversed(edges):
        rest = max(rest, time)
        found.append((edge, rest))
    found.reverse()
    yield from found[1:]
    while True:
        yield -1e300, -1e300


def unindexed(connection: sqlite3.Connection, asked: Wanted) -> Iterator[Key]:
    """Yield the keys of the newest events whose text is not indexed yet, where they say the words."""
    condition = asked.whole()
    rows = connection.execute(
        f"SELECT time, n, message FROM events NOT INDEXED WHERE n > ? AND {condition.text}",  # noqa: S608
        (indexing.indexed(connection), *condition.values),
    )
    said_in = asked.words.said_in
    return ((time, number) for time, number, message in rows if said_in(message))


def _first(keys: Iterator[Key], most: int) -> Iterator[Key]:
    for _, key in zip(range(most), keys, strict=False):
        yield key
