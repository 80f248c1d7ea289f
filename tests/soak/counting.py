"""What of the printed lines came to be stored: read from the stores' own files and servers, and counted."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.lines import SERIES, line, moment, number_of

_EVENTS = """
SELECT events.bot, sources.name, position, time, kind, message, data
FROM events JOIN sources ON sources.id = source WHERE events.bot LIKE 'soak-%' ORDER BY events.bot, events.n
"""
Points = Mapping[tuple[str, str], Counter[tuple[int, float]]]
"""(bot, series) -> (time in ms, value) -> how often it is there."""


@dataclass
class Bot:
    """What is stored of one bot."""

    numbers: Counter[int] = field(default_factory=Counter)
    places: dict[int, str] = field(default_factory=dict)
    """A line's number -> its event's id."""
    gaps: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The id of the first line after a gap -> what its event says of it."""


@dataclass
class Count:
    """The outcome: what is wrong stands in `mistakes`, which is empty where all holds."""

    lines: int = 0
    samples: int = 0
    lost: int = 0
    """Lines in gaps that were told: their files were gone before anybody could read them."""
    lost_bytes: int = 0
    told_bytes: int = 0
    """What the events of those gaps say that was lost, about."""
    gaps: int = 0
    mistakes: list[str] = field(default_factory=list)


def stored(database: Path) -> dict[str, Bot]:
    """Read all events of a soak from the embedded store's file."""
    bots: dict[str, Bot] = defaultdict(Bot)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for bot, source, position, _, kind, message, data in connection.execute(_EVENTS):
            known = json.loads(data) if data else {}
            identity = source if position < 0 else f"{source}/{position}"
            if known.get("missed"):
                bots[bot].gaps[identity.removesuffix("/missed")] = known
                continue
            number = number_of(kind, message, known)
            bots[bot].numbers[number] += 1
            bots[bot].places[number] = identity
    return bots


def newest(database: Path) -> dict[str, int]:
    """Return the number of each bot's line that was stored last."""
    bots = stored(database)
    return {name: max(bot.numbers, default=-1) for name, bot in bots.items()}


def embedded_points(database: Path) -> Points:
    """Read all samples of a soak from the embedded store's file."""
    points: dict[tuple[str, str], Counter[tuple[int, float]]] = defaultdict(Counter)
    query = "SELECT bot, name, time, value FROM raw JOIN series ON series.id = series WHERE bot LIKE 'soak-%'"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for bot, name, at, value in connection.execute(query):
            points[bot, name][int(at), float(value)] += 1
    return points


def count(printed: Mapping[str, int], bots: Mapping[str, Bot], points: Points, started: int) -> Count:
    """Compare what was printed with what is stored."""
    found = Count()
    for name, total in printed.items():
        bot = bots.get(name, Bot())
        found.lines += sum(bot.numbers.values())
        found.gaps += len(bot.gaps)
        found.mistakes += _doubled(name, bot, total)
        found.mistakes += _unexplained(name, bot, total, started, found)
        found.mistakes += _samples(name, bot, points, started, found)
    return found


def _doubled(name: str, bot: Bot, total: int) -> Iterator[str]:
    for number, times in bot.numbers.items():
        if times != 1 or not 0 <= number < total:
            yield f"{name}: line {number} is there {times} times"


def _unexplained(name: str, bot: Bot, total: int, started: int, found: Count) -> Iterator[str]:
    """Yield what is missing without a gap's event, and gaps that are none."""
    told = dict(bot.gaps)
    for first, last in _runs(number for number in range(total) if number not in bot.numbers):
        gap = told.pop(bot.places.get(last + 1, ""), None)
        if gap is None:
            yield f"{name}: lines {first} to {last} are missing, and nothing tells of it"
            continue
        size = sum(len(line(number, started)) for number in range(first, last + 1))
        found.lost += last + 1 - first
        found.lost_bytes += size
        found.told_bytes += gap["bytes"] or 0
        if gap["bytes"] is not None and not size / 2 <= gap["bytes"] <= size * 2:
            yield f"{name}: {size} bytes are missing before line {last + 1}, the event says {gap['bytes']}"
        if gap["since"] is not None and gap["since"] > gap["until"]:
            yield f"{name}: a gap ends before it begins: {gap}"
    for identity in told:
        yield f"{name}: an event tells of a gap before {identity}, where nothing is missing"


def _runs(numbers: Iterator[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of consecutive numbers."""
    first = last = -2
    for number in numbers:
        if number != last + 1:
            if first >= 0:
                yield first, last
            first = number
        last = number
    if first >= 0:
        yield first, last


def _samples(name: str, bot: Bot, points: Points, started: int, found: Count) -> Iterator[str]:
    for rest, series in SERIES.items():
        expected = Counter(
            (moment(number, started), float(number)) for number in bot.numbers if number % 4 == rest
        )
        there = points.get((name, series), Counter())
        found.samples += sum(there.values())
        if missing := expected - there:
            yield f"{name}: {missing.total()} samples of {series} are missing, such as {min(missing)}"
        if more := there - expected:
            yield f"{name}: {more.total()} samples of {series} too many, such as {min(more)}"
