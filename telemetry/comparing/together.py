"""Many bots compared: before and after a revision, or one group beside another. Pure.

A row has one number of each bot (the median of a series, lines a minute, errors counted), and says how these
lie over the bots: nothing is added up, so that no currency, account or bot hides another. Bots of different
modes are never put into one row: whoever calls hands them in apart.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from telemetry.comparing.compared import Comparison, Side, section_of
from telemetry.comparing.numbers import Numbers, numbers_of
from telemetry.comparing.templates import OTHERS, template_of
from telemetry.errors.groups import ErrorGroup

FEW_BOTS = 5
"""Bots below which one of them may be the whole difference."""
_CERTAIN = 2.0
"""How many standard deviations of chance a difference of two groups must have."""
_LEAST_CHANGE = 0.05
_MOST_OF = 0.75
_WORST = ("new", "more", "gone", "less", "mixed", "higher", "lower", "same", "few", "shown")
_TOLD = {"errors": 0, "lines": 1, "metrics": 2, "resources": 3, "trading": 4}
_COUNTED = ("errors", "lines")
_TOTALS = tuple(f"bot_{part}" for part in ("equity", "portfolio", "balance", "trading_", "pnl"))
"""What trading series of a whole bot begin with: one order, fill or price is no measure of it."""

Row = tuple[str, str, tuple[tuple[str, str], ...]]
"""Section, name (of a series, an error or a kind of line) and labels."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number lies over the bots that have it: their middle, and a quarter of them below and above."""

    bots: int
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row on both sides, None where no bot has it.

    `verdict`: new, gone, more, less (of errors and lines), higher, lower, mixed (bots differ), same, few,
    shown. `moved`: how many bots say which by themselves; empty for groups side by side.
    """

    section: str
    name: str
    labels: Mapping[str, str]
    verdict: str
    before: Spread | None
    after: Spread | None
    moved: Mapping[str, int] = field(default_factory=dict)


def with_currency(side: Side, currency: str) -> Side:
    """Return a side whose trading series all say their currency: that of the bot where they name none."""
    if not currency:
        return side
    named = {
        (name, _labelled(name, labels, currency)): points for (name, labels), points in side.series.items()
    }
    return Side(side.period, named, side.lines)


def _labelled(name: str, labels: tuple[tuple[str, str], ...], currency: str) -> tuple[tuple[str, str], ...]:
    if section_of(name) != "trading" or any(key == "currency" for key, _ in labels):
        return labels
    return tuple(sorted((*labels, ("currency", currency))))


def numbers_on(side: Side, groups: Sequence[ErrorGroup]) -> dict[Row, float]:
    """Return one bot's number of each row; of an error, 1 where it was seen in the time.

    What grows beyond the greatest number there is, is no number: it is left out.
    """
    found: dict[Row, float] = {}
    for (name, labels), points in side.series.items():
        numbers = numbers_of(name, points, side.period) if _is_told(name) else None
        if numbers is not None and math.isfinite(_value(numbers)):
            found[section_of(name), name, labels] = _value(numbers)
    for template in side.lines.counts:
        if template != OTHERS:
            found["lines", template, ()] = side.lines.per_minute(template)
    for group in groups:
        if side.period.start <= group.last_seen and group.first_seen <= side.period.end:
            found["errors", error_name(group.type, group.message), ()] = 1.0
    return found


def error_name(kind: str, message: str) -> str:
    """Return what errors of several bots are one by: their type, and their message without its values."""
    said = template_of(message)
    return f"{kind}: {said}" if said else kind


def changed_together(found: Iterable[Comparison]) -> list[RowChange]:
    """Return what changed over bots that were compared with themselves, the most important first."""
    before: dict[Row, list[float]] = {}
    after: dict[Row, list[float]] = {}
    said: dict[Row, Counter[str]] = {}
    for one in found:
        for row, verdict, first, second in _rows(one):
            said.setdefault(row, Counter())[verdict] += 1
            if first is not None:
                before.setdefault(row, []).append(first)
            if second is not None:
                after.setdefault(row, []).append(second)
    changes = [
        RowChange(
            row[0],
            row[1],
            dict(row[2]),
            _together(row[0], moved),
            _spread(before.get(row, ())),
            _spread(after.get(row, ())),
            dict(moved),
        )
        for row, moved in said.items()
    ]
    return _sorted(changes)


def side_by_side(
    first: Sequence[Mapping[Row, float]], second: Sequence[Mapping[Row, float]]
) -> list[RowChange]:
    """Return what two groups of bots differ in, each bot with its numbers."""
    sides = (_by_row(first), _by_row(second))
    changes = []
    for row in dict.fromkeys((*sides[0], *sides[1])):
        ours, theirs = (side.get(row, []) for side in sides)
        verdict = "shown" if row[0] == "trading" else _apart(row[0], ours, theirs, len(first), len(second))
        labels = dict(row[2])
        changes.append(RowChange(row[0], row[1], labels, verdict, _spread(ours), _spread(theirs)))
    return _sorted(changes)


def _by_row(group: Sequence[Mapping[Row, float]]) -> dict[Row, list[float]]:
    found: dict[Row, list[float]] = {}
    for own in group:
        for row, number in own.items():
            found.setdefault(row, []).append(number)
    return found


def can_tell(first: int, second: int) -> bool:
    """Say whether groups of so many bots could differ by more than chance at all."""
    return bool(first and second) and _deviations(1.0, first, second) >= _CERTAIN


def _rows(one: Comparison) -> Iterable[tuple[Row, str, float | None, float | None]]:
    for error in one.errors:
        counts = [float(count) if count else None for count in (error.before, error.after)]
        yield ("errors", error_name(error.type, error.message), ()), error.verdict, counts[0], counts[1]
    for line in one.lines:
        yield ("lines", line.template, ()), line.verdict, line.before or None, line.after or None
    for series in one.series:
        if not _is_told(series.name):
            continue
        row = (series.section, series.name, tuple(sorted(series.labels.items())))
        numbers = [None if side is None else _value(side) for side in (series.before, series.after)]
        if all(number is None or math.isfinite(number) for number in numbers):
            yield row, series.verdict, numbers[0], numbers[1]


def _is_told(name: str) -> bool:
    return section_of(name) != "trading" or name.startswith(_TOTALS)


def _value(numbers: Numbers) -> float:
    return numbers.median if numbers.per_minute is None else numbers.per_minute


def _together(section: str, moved: Counter[str]) -> str:
    """Return one word for what bots say: of errors and lines the worst, of series what most of them say."""
    if section == "trading":
        return "shown"
    judged = Counter({verdict: count for verdict, count in moved.items() if verdict != "few"})
    if not judged:
        return "few"
    if section in _COUNTED:
        return min(judged, key=_WORST.index)
    verdict, count = judged.most_common(1)[0]
    return verdict if count >= _MOST_OF * judged.total() else "mixed"


def _apart(section: str, first: list[float], second: list[float], bots: int, others: int) -> str:
    """Return how the second group differs; of errors and lines, a bot without has none of it."""
    if section in _COUNTED:
        if can_tell(bots, others) and _is_chance(len(first), len(second), bots, others):
            return "same"
        first, second = first + [0.0] * (bots - len(first)), second + [0.0] * (others - len(second))
    if not first or not second:
        return ("new" if second else "gone") if can_tell(bots, others) else "few"
    if not can_tell(len(first), len(second)):
        return "few"
    share = _share_above(first, second)
    if _deviations(share, len(first), len(second)) < _CERTAIN or not _differ(first, second):
        return "same"
    if section not in _COUNTED:
        return "higher" if share > 0.5 else "lower"
    if not any(first) or not any(second):
        return "new" if any(second) else "gone"
    return "more" if share > 0.5 else "less"


def _is_chance(ours: int, theirs: int, bots: int, others: int) -> bool:
    """Say whether what so many bots have could be chance whatever their numbers: all others have none.

    Most kinds of lines are of this sort where a bot's messages hold names, so it costs nothing.
    """
    none = (bots - ours) * (others - theirs) / (bots * others)
    return _deviations(1 - none / 2, bots, others) < _CERTAIN


def _share_above(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the share of pairs in which the second group's is the greater; equal ones count by half."""
    ordered = sorted(first)
    twice = sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in second)
    return twice / (2 * len(first) * len(second))


def _deviations(share: float, first: int, second: int) -> float:
    """Return how far a share of pairs lies from chance (Mann and Whitney, without a correction for ties)."""
    return float(abs(share - 0.5) / ((first + second + 1) / (12 * first * second)) ** 0.5)


def _differ(first: Sequence[float], second: Sequence[float]) -> bool:
    one, other = (sorted(values)[len(values) // 2] for values in (first, second))
    scale = max(abs(one), abs(other))
    return scale == 0 or abs(one / scale - other / scale) >= _LEAST_CHANGE


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    ordered = sorted(values)
    return Spread(len(ordered), *(_quantile(ordered, share) for share in (0.5, 0.25, 0.75)))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] * (1 - (place - low)) + ordered[high] * (place - low)


def _sorted(changes: Iterable[RowChange]) -> list[RowChange]:
    return sorted(changes, key=lambda one: (_TOLD[one.section], _WORST.index(one.verdict), one.name))
