"""What a query asks for, as conditions of SQL: on labels first, on events where a label cannot tell."""

import sqlite3
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.errors import UsageError
from telemetry.embedded.labels import MOST_SYMBOL, OTHER
from telemetry.levels import LEVELS, at_least
from telemetry.logs.words import Words
from telemetry.stores import EventQuery

_LEVEL_NUMBERS = {level: number for number, level in enumerate(LEVELS)}
_EVER = 1e300
_LAST = (1 << 63) - 1


@dataclass(slots=True)
class Condition:
    """A piece of SQL with its values; further ones are joined by AND."""

    text: str = "1"
    values: list[Any] = field(default_factory=list)

    def add(self, text: str, *values: Any) -> None:
        """Ask for this as well."""
        self.text = text if self.text == "1" else f"{self.text} AND {text}"
        self.values += values

    def any_of(self, column: str, values: tuple[Any, ...], *, without: bool = False) -> None:
        """Ask for one of these values of a column, or for none of them."""
        if values:
            self.add(f"{column} {'NOT ' if without else ''}IN ({marks(len(values))})", *values)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: `labels` None where every label is; `check` holds of the event itself."""

    labels: tuple[int, ...] | None
    of_label: Condition
    check: Condition
    words: Words
    low: float
    high: float
    cursor: tuple[float, int]
    """Where the page before ended."""
    forward: bool

    @property
    def order(self) -> str:
        """How the times are ordered."""
        return "ASC" if self.forward else "DESC"

    def place(self) -> Condition:
        """Return the condition on time and number: the range, and what is behind the cursor."""
        found = Condition()
        time, number = self.cursor
        if self.forward:
            found.add("time >= ? AND time <= ?", max(self.low, time), self.high)
            found.add("(time > ? OR n > ?)", time, number)
        else:
            found.add("time >= ? AND time <= ?", self.low, min(self.high, time))
            found.add("(time < ? OR n < ?)", time, number)
        return found

    def within(self, low: float, high: float) -> "Wanted":
        """Return what of it lies in a range.

        A range stands in a statement once: of two on one column SQLite looks at the first one's rows.
        """
        return replace(self, low=max(self.low, low), high=min(self.high, high))

    def whole(self) -> Condition:
        """Return the condition for a search that goes by no label's own index."""
        found = self.place()
        if self.labels is not None:
            found.add(f"label IN (SELECT id FROM event_labels WHERE {self.of_label.text})")  # noqa: S608
            found.values += self.of_label.values
        if self.check.text != "1":
            found.add(self.check.text, *self.check.values)
        return found


def wanted(connection: sqlite3.Connection, query: EventQuery) -> Wanted:
    """Read a query. Raises UsageError on a cursor that is none."""
    of_label = _of_label(query)
    check = Condition()
    labels: tuple[int, ...] | None = None
    if query.runs:
        _check_runs(connection, query.runs, of_label, check)
    if of_label.text != "1":
        rows = connection.execute(
            f"SELECT id, kind = ? OR symbol = ? FROM event_labels WHERE {of_label.text}",  # noqa: S608
            (OTHER, OTHER, *of_label.values),
        ).fetchall()
        labels = tuple(label for label, _ in rows)
        if any(other for _, other in rows):
            _check_others(query, check)
    return Wanted(
        labels,
        of_label,
        check,
        Words(query.text),
        -_EVER if query.start is None else query.start,
        _EVER if query.end is None else query.end,
        _cursor(query),
        query.forward,
    )


def marks(count: int) -> str:
    """Return so many places for values."""
    return ", ".join("?" * count)


def _of_label(query: EventQuery) -> Condition:
    found = Condition()
    found.any_of("bot", query.all_bots)
    found.any_of("program", query.programs)
    if query.kinds:
        found.any_of("kind", (*query.kinds, OTHER))
    found.any_of("kind", query.without, without=True)
    if query.symbols:
        found.any_of("symbol", (*_symbols(query), OTHER))
    found.any_of("stream", query.streams)
    if _LEVEL_NUMBERS.get(query.level) or query.levels:
        chosen = [level for level in at_least(query.level) if not query.levels or level in query.levels]
        found.any_of("level", tuple(_LEVEL_NUMBERS[level] for level in chosen) or (-1,))
    if query.revisions:
        begins = " OR ".join("substr(revision, 1, ?) = ?" for _ in query.revisions)
        found.add(f"({begins})", *[part for one in query.revisions for part in (len(one), one)])
    return found


def _symbols(query: EventQuery) -> tuple[str, ...]:
    return tuple(symbol[:MOST_SYMBOL] for symbol in query.symbols)


def _check_others(query: EventQuery, check: Condition) -> None:
    """Look at the events themselves, since labels of what a bot has too many of do not tell them apart."""
    check.any_of("events.kind", query.kinds)
    check.any_of("events.kind", query.without, without=True)
    if query.symbols:
        symbol = f"substr(json_extract(CAST(data AS TEXT), '$.symbol'), 1, {MOST_SYMBOL})"
        check.any_of(symbol, _symbols(query))


def _check_runs(
    connection: sqlite3.Connection, runs: tuple[str, ...], of_label: Condition, check: Condition
) -> None:
    """Ask for the contexts of runs; their bots, which one event of each tells, keep the search short."""
    rows = connection.execute(
        f"SELECT id, allocation FROM contexts WHERE run IN ({marks(len(runs))})",  # noqa: S608
        runs,
    ).fetchall()
    bots = {bot for allocation in {row[1] for row in rows} for bot in _bots_of(connection, allocation)}
    of_label.any_of("bot", tuple(sorted(bots)) or ("",))
    check.any_of("context", tuple(row[0] for row in rows) or (-1,))


def _bots_of(connection: sqlite3.Connection, allocation: str) -> list[str]:
    rows = connection.execute(
        "SELECT (SELECT bot FROM events WHERE source = sources.id LIMIT 1) FROM sources "
        "WHERE name >= ? AND name < ?",
        (f"{allocation}/", f"{allocation}0"),
    )
    return [bot for (bot,) in rows if bot is not None]


def _cursor(query: EventQuery) -> tuple[float, int]:
    if not query.cursor:
        return (-_EVER, -1) if query.forward else (_EVER, _LAST)
    time, _, number = query.cursor.partition("_")
    try:
        return float(time), int(number)
    except ValueError as error:
        raise UsageError(f'"{query.cursor}" is no cursor: use the next_cursor of an earlier page') from error
