"""Searches over many stored events: pages, words, counts; beside the same by a bare SQL statement."""

import asyncio
import itertools
import json
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from bench.figures import Figure, quantile
from telemetry.embedded import EmbeddedEventStore, Retention, TelemetryDatabase
from telemetry.embedded.indexing import indexed, last_number
from telemetry.records import Event
from telemetry.stores import EventQuery

EVENTS = int(os.environ.get("BENCH_EVENTS", "10_000_000"))
BOTS = 1000
DAYS = 7
TIMES = 20
"""How often each search is made."""
_SYMBOLS = [
    f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "LINK", "AVAX", "UNI")
]
_WORDS = (
    *("tick", "order", "book", "spread", "quote", "latency", "balance"),
    *("margin", "candle", "signal", "rebalance", "hedge", "skew", "basis"),
)
_AT_ONCE = 5000


def measure() -> list[Figure]:
    """Return the figures; `BENCH_EVENTS` makes it smaller, `BENCH_EVENTS_FILE` keeps what was stored."""
    kept = os.environ.get("BENCH_EVENTS_FILE")
    if kept:
        return asyncio.run(_measured(Path(kept)))
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measured(Path(folder) / "telemetry.db"))


def events(start: float) -> Iterator[Event]:
    """Yield what a thousand bots print in a week: mostly lines, some of them trades and errors."""
    chance = random.Random(7)
    step = DAYS * 86400 / EVENTS
    offsets = [0] * BOTS
    for number in range(EVENTS):
        bot = chance.randrange(BOTS)
        offsets[bot] += 100
        at = start + number * step
        roll = chance.random()
        level = "error" if roll < 0.002 else "warning" if roll < 0.03 else "debug" if roll < 0.2 else "info"
        kind = "trade" if 0.9 < roll < 0.92 else "order" if roll >= 0.92 else "log"
        words = " ".join(chance.choices(_WORDS, k=4))
        rare = " liquidation" if number % 200_000 == 77 else ""
        data = {"symbol": chance.choice(_SYMBOLS), "quantity": 1.5} if kind != "log" else {}
        yield Event(
            f"a{bot}/stdout/0/{offsets[bot]}",
            f"bot-{bot:04}",
            at,
            kind,
            level,
            f"{words} {number} took {number % 97} ms{rare}",
            "stdout",
            f"a{bot}",
            f"a{bot}-1",
            f"{(number + bot * 9973) * 3 // EVENTS:040x}",
            "live",
            data,
            100,
            f"program-{bot % 20}",
        )


async def _measured(path: Path) -> list[Figure]:
    database = TelemetryDatabase(path, Retention(events_days=1e4, most_bytes=1 << 40))
    store = EmbeddedEventStore(database)
    now = 1_790_000_000.0
    seconds = 0.0 if await store.newest_number() else await _fill(database, store, now - DAYS * 86400)
    size = database.size()
    how = f"stored and indexed in {seconds:.0f} s" if seconds else "stored and indexed before"
    figures = [
        Figure(
            "bytes kept per event",
            size / EVENTS,
            "bytes",
            _line_bytes(now),
            "the line as the bot prints it",
            detail=f"{EVENTS:,} events, {size / 2**30:.1f} GiB, {how}",
        )
    ]
    bare = sqlite3.connect(path)
    for name, query, sql in _searches(now, _text_parts(bare)):
        floor = [_timed_bare(bare, sql) for _ in range(5)] if sql else []
        taken = await _timed(lambda query=query: store.search(query))  # type: ignore[misc]
        figures.append(_figure(f"{name}, a page of 200", taken, floor))
    for name, query, sql in _counted(now):
        floor = [_timed_bare(bare, sql) for _ in range(3)] if sql else []
        taken = await _timed(lambda query=query: store.count(query, now), TIMES // 2)  # type: ignore[misc]
        complete = (await store.count(query, now)).complete
        figures.append(_figure(f"{name}, facets and histogram", taken, floor, "" if complete else "at least"))
    bare.close()
    await database.close()
    return figures


def _line_bytes(now: float) -> float:
    """Return how many bytes a line is that says the same, in the middle of some thousand."""
    lines = [
        {"timestamp": round(one.time * 1000), "level": one.level, "message": one.message, **one.data}
        for one in itertools.islice(events(now - DAYS * 86400), 5000)
    ]
    return sum(len(json.dumps(line)) + 1 for line in lines) / len(lines)


def _searches(now: float, parts: list[str]) -> list[tuple[str, EventQuery, str]]:
    one = "bot-0500"
    found = " UNION ALL ".join(f"SELECT rowid FROM {part} WHERE {part} MATCH 'liquidation'" for part in parts)
    return [
        (
            "the newest of the fleet",
            EventQuery(),
            "SELECT * FROM events ORDER BY time DESC LIMIT 200",
        ),
        (
            "errors of one bot",
            EventQuery(bot=one, level="error"),
            f"SELECT * FROM events WHERE label IN (SELECT id FROM event_labels WHERE bot = '{one}' "
            "AND level >= 3) ORDER BY time DESC LIMIT 200",
        ),
        ("errors of the fleet, six days ago", EventQuery(level="error", end=now - 6 * 86400), ""),
        ("orders of one symbol", EventQuery(kinds=("order",), symbols=("ETH/USDT",)), ""),
        ("one revision's warnings", EventQuery(levels=("warning",), revisions=(f"{1:040x}",)), ""),
        (
            "a rare word",
            EventQuery(text="liquidation"),
            f"SELECT * FROM events WHERE n IN ({found}) ORDER BY time DESC LIMIT 200",
        ),
        ("a word in most lines", EventQuery(text="took"), ""),
        ("two words in many lines", EventQuery(text="spread hedge"), ""),
        ("words of one bot", EventQuery(bot=one, text="spread hedge margin"), ""),
        ("a word that is nowhere", EventQuery(text="nowhere"), ""),
    ]


def _counted(now: float) -> list[tuple[str, EventQuery, str]]:
    return [
        (
            "the whole week",
            EventQuery(),
            "SELECT label, CAST(time / 7200 AS INTEGER), count(*) FROM events GROUP BY 1, 2",
        ),
        ("a day", EventQuery(start=now - 86400), ""),
        ("an hour", EventQuery(start=now - 3600), ""),
        ("errors of the week", EventQuery(level="error"), ""),
        ("one bot's week", EventQuery(bot="bot-0500"), ""),
        ("a rare word in the week", EventQuery(text="liquidation"), ""),
        ("a word in most lines of the week", EventQuery(text="took"), ""),
    ]


def _text_parts(connection: sqlite3.Connection) -> list[str]:
    """Return the tables of the index of texts."""
    rows = connection.execute("SELECT part FROM text_parts ORDER BY part").fetchall()
    return [f"events_text_{number}" for (number,) in rows]


async def _fill(database: TelemetryDatabase, store: EmbeddedEventStore, start: float) -> float:
    """Store all events and wait until their text is indexed; return the seconds that it took."""
    began = time.monotonic()
    batch: list[Event] = []
    for event in events(start):
        batch.append(event)
        if len(batch) == _AT_ONCE:
            await store.append(batch)
            batch = []
    await store.append(batch)
    while await database.read(lambda connection: last_number(connection) - indexed(connection)):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return time.monotonic() - began


async def _timed(search: Callable[[], Awaitable[object]], times: int = TIMES) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await search()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _timed_bare(connection: sqlite3.Connection, sql: str) -> float:
    began = time.perf_counter()
    connection.execute(sql).fetchall()
    return (time.perf_counter() - began) * 1000


def _figure(name: str, taken: list[float], floor: list[float], detail: str = "") -> Figure:
    told = f"n={len(taken)} p50 {quantile(taken, 0.5):.0f} max {max(taken):.0f} ms"
    return Figure(
        name,
        quantile(taken, 0.95),
        "ms, p95",
        quantile(floor, 0.5) if floor else None,
        "the same rows by a bare SQL statement, p50" if floor else "",
        detail=f"{told}, {detail}" if detail else told,
    )
