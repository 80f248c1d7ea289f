"""Two revisions of a bot side by side: series, errors, log lines, memory; and what to beware of. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from telemetry.comparing.numbers import ENOUGH, Numbers, Point, numbers_of, slope_per_hour, verdict
from telemetry.comparing.periods import Period
from telemetry.comparing.templates import OTHERS, Lines
from telemetry.errors.groups import ErrorGroup

SHORT = 3600.0
"""Seconds below which a revision has run for too short a time to say much."""
UNEQUAL = 4.0
"""How many times longer one may have run than the other before that is said."""
_TRADING = (
    *("equity", "trading_", "position", "price", "balance", "trade", "order"),
    *("transfer", "signal", "pnl", "portfolio"),
)
_RESOURCES = (*("cpu_", "memory_", "disk_", "network_", "processes", "threads", "open_files", "state_bytes"),)
"""What the names of series begin with, behind `bot_`."""
MEMORY = "bot_memory_bytes"
_TIMES = 2.0
_LEAST_EXPECTED = 3.0
"""How often a thing must have been expected to come before it counts as gone."""
_ORDER = {"new": 0, "gone": 1, "higher": 2, "lower": 2, "few": 3, "same": 4, "shown": 4}

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A series: its name and its own labels."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is known of one revision: its time, points of series by name and labels, log lines."""

    period: Period
    series: Mapping[Key, Sequence[Point]]
    lines: Lines


@dataclass(frozen=True, slots=True)
class SeriesChange:
    """A series before and after; `section`: metrics, resources or trading.

    `verdict`: new, gone, few (too few points), same, higher, lower; of trading always "shown": what a market
    did is no word about a revision.
    """

    name: str
    labels: Mapping[str, str]
    section: str
    verdict: str
    before: Numbers | None
    after: Numbers | None


@dataclass(frozen=True, slots=True)
class ErrorChange:
    """An error group before and after: new, gone, more or less often, or as often as before."""

    id: str
    type: str
    message: str
    verdict: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class LineChange:
    """A kind of log line before and after, in lines a minute."""

    template: str
    example: str
    verdict: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs; `cautions` are sentences about how much it is worth."""

    before: Period
    after: Period
    cautions: tuple[str, ...]
    series: tuple[SeriesChange, ...]
    errors: tuple[ErrorChange, ...]
    lines: tuple[LineChange, ...]
    memory_per_hour: tuple[float | None, float | None]
    """Bytes that memory grew an hour, before and after; None where that cannot be told."""


def compare(before: Side, after: Side, errors: Sequence[ErrorGroup]) -> Comparison:
    """Return what differs between two revisions; `errors` are the bot's groups."""
    memory: Key = (MEMORY, ())
    return Comparison(
        before.period,
        after.period,
        tuple(_cautions(before, after)),
        tuple(_series_changes(before, after)),
        tuple(_error_changes(before.period, after.period, errors)),
        tuple(_line_changes(before.lines, after.lines)),
        (
            slope_per_hour(before.series.get(memory, ()), before.period),
            slope_per_hour(after.series.get(memory, ()), after.period),
        ),
    )


def _cautions(before: Side, after: Side) -> list[str]:
    found = [
        f"{name} ran for {_duration(side.period.seconds)} only: little can be said"
        for name, side in (("before", before), ("after", after))
        if side.period.seconds < SHORT
    ]
    first, second = max(before.period.seconds, 1.0), max(after.period.seconds, 1.0)
    if max(first, second) > UNEQUAL * min(first, second):
        found.append(
            f"the times are unequal ({_duration(first)} and {_duration(second)}): rates are by the minute, "
            "and what is rare may be missing on one side by chance"
        )
    found += [
        f"of {name} the log lines of the last {_duration(side.lines.seconds)} are looked at, there are more"
        for name, side in (("before", before), ("after", after))
        if not side.lines.all_read
    ]
    if any(section_of(name) == "trading" for name, _ in (*before.series, *after.series)):
        found.append(
            "trading figures are shown and not judged: the market differed as well, and they are no advice"
        )
    return found


def _series_changes(before: Side, after: Side) -> list[SeriesChange]:
    found = []
    for name, labels in sorted({*before.series, *after.series}):
        first = numbers_of(name, before.series.get((name, labels), ()), before.period)
        second = numbers_of(name, after.series.get((name, labels), ()), after.period)
        if first is None and second is None:
            continue
        section = section_of(name)
        said = "shown" if section == "trading" else _cautious(verdict(first, second), first, second)
        found.append(SeriesChange(name, dict(labels), section, said, first, second))
    return sorted(found, key=lambda one: _ORDER[one.verdict])


def _cautious(said: str, before: Numbers | None, after: Numbers | None) -> str:
    """Return a verdict; of a series that is on one side alone and hardly there, that it is too few."""
    only = before or after
    return "few" if said in {"new", "gone"} and only is not None and only.count < ENOUGH else said


def section_of(name: str) -> str:
    """Return what a series is about: metrics, resources or trading."""
    own = name.removeprefix("bot_")
    if own.startswith(_RESOURCES):
        return "resources"
    return "trading" if own.startswith(_TRADING) else "metrics"


def _error_changes(before: Period, after: Period, groups: Sequence[ErrorGroup]) -> list[ErrorChange]:
    found = []
    for group in groups:
        counts = {span.revision: span.count for span in group.revisions}
        first, second = counts.get(before.revision, 0), counts.get(after.revision, 0)
        if first or second:
            said = _often(first, before.seconds, second, after.seconds)
            found.append(ErrorChange(group.id, group.type, group.message, said, first, second))
    return sorted(found, key=lambda one: (_RANK[one.verdict], -one.after, -one.before))


_RANK = {"new": 0, "more": 1, "gone": 2, "less": 3, "same": 4}


def _line_changes(before: Lines, after: Lines) -> list[LineChange]:
    found = []
    for template in sorted({*before.counts, *after.counts} - {OTHERS}):
        first, second = before.counts.get(template, 0), after.counts.get(template, 0)
        said = _often(first, before.seconds, second, after.seconds)
        example = after.examples.get(template) or before.examples.get(template, "")
        rates = (before.per_minute(template), after.per_minute(template))
        found.append(LineChange(template, example, said, *rates))
    return sorted(found, key=lambda one: (_RANK[one.verdict], -max(one.after, one.before)))


def _often(first: int, first_seconds: float, second: int, second_seconds: float) -> str:
    """Return how the frequency of a thing changed: what could be chance counts as the same.

    It is new where it never was, gone only where it should have come at least three times, more or less
    often from twice as often on, where the counts differ by more than twice their chance.
    """
    if not first:
        return "new"
    share = second_seconds / max(first_seconds, 1.0)
    expected = first * share
    if not second:
        return "gone" if expected >= _LEAST_EXPECTED else "same"
    spread = 2 * (expected + share * expected) ** 0.5
    if second >= _TIMES * expected and second - expected > spread:
        return "more"
    if second * _TIMES <= expected and expected - second > spread:
        return "less"
    return "same"


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= 60):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
