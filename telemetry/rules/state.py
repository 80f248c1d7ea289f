"""What rules made of one bot's lines so far: totals, open windows, label sets; and the samples of matches.

All of it is kept over restarts, so that a line counts once and totals go on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct, field

from schemas.log_rules import FieldKind, LogRule
from telemetry.bot_series import label_value
from telemetry.records import Event, Sample
from telemetry.rules.matching import Match
from telemetry.rules.sketch import Sketch
from telemetry.rules.values import number_in

OTHER = "other"
"""What a label says of all the values that are too many to be kept apart."""
MOST_SERIES = 500
"""Series of rules that one bot may have."""
WINDOW = 10
"""Seconds that one point of a histogram's series is made of."""
CLOSES_AFTER = 2.0
"""Seconds without a line of its own after which a window is over."""
_MOST_WINDOWS = 6
"""Windows of one series that late lines may still change."""
_BETWEEN, _IS = "\x1f", "\x1e"
QUANTILES = (("p50", 0.5), ("p95", 0.95))


class Window(Struct):
    """One window of a histogram: its numbers, when a line last touched it, whether that was written."""

    numbers: Sketch = field(default_factory=Sketch)
    touched: float = 0.0
    written: bool = False


@dataclass(slots=True)
class Taken:
    """What taking some matches came to."""

    samples: list[Sample]
    misses: int = 0
    """Groups that held no number."""
    others: int = 0
    """Lines counted under "other"."""
    refused: int = 0
    """Numbers of series that are too many."""


class BotRules(Struct):
    """One bot's state. `totals` (a gauge's: 0) and `windows` by series and labels, `label_sets` by rule."""

    bot: str
    labels: dict[str, str] = field(default_factory=dict)
    """The labels of all of its series: fleet, bot, program, env."""
    read: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How far each stream was taken; see `telemetry.taken`."""
    totals: dict[str, float] = field(default_factory=dict)
    windows: dict[str, dict[int, Window]] = field(default_factory=dict)
    label_sets: dict[str, dict[str, None]] = field(default_factory=dict)
    newest_at: float = 0.0
    """The time of the newest line that matched."""

    def take(
        self, rule: LogRule, matches: Sequence[Match], events: Sequence[Event], now: float, series: "Labels"
    ) -> Taken:
        """Take the matches of a rule among events of the bot, in their order."""
        taken = Taken([])
        totals: dict[tuple[str, int], Sample] = {}
        for match in matches:
            at = events[match.message].time
            self.newest_at = max(self.newest_at, at)
            key = self._label_set(rule, match.groups, taken)
            self._add(rule.count_series, key, 1.0, at, totals, taken, series)
            for one in rule.fields:
                value = number_in(match.groups.get(one.name, ""), one.unit)
                if value is None or (one.kind is FieldKind.COUNTER and value < 0):
                    taken.misses += 1
                elif one.kind is FieldKind.COUNTER:
                    self._add(rule.field_series(one)[0], key, value, at, totals, taken, series)
                elif one.kind is FieldKind.GAUGE:
                    name = rule.field_series(one)[0]
                    if self._is_admitted(name, key, taken):
                        taken.samples.append(Sample(name, series.of(self.labels, key), at, value))
                else:
                    self._observe(rule.field_series(one)[0], key, value, at, now, taken)
        taken.samples += totals.values()
        return taken

    def close_windows(self, rules: Iterable[LogRule], now: float, series: "Labels") -> list[Sample]:
        """Return the samples of the windows that are over; a late line makes the same ones again."""
        found: list[Sample] = []
        for rule in rules:
            for one in rule.fields:
                if one.kind is FieldKind.HISTOGRAM:
                    found += self._closed(rule.field_series(one), now, series)
        return found

    def next_close(self) -> float | None:
        """Return when the first window is over that waits to be written; None where none does."""
        return min(
            (
                max(end, window.touched + CLOSES_AFTER)
                for windows in self.windows.values()
                for end, window in windows.items()
                if not window.written
            ),
            default=None,
        )

    def keep_only(self, rules: Mapping[str, frozenset[str]], series: Mapping[str, frozenset[str]]) -> bool:
        """Let go of label sets and series but those of these rules; say whether there were any series.

        Rules and series by name, each with the labels that it may have.
        """
        self.label_sets = {
            name: {key: None for key in sets if _has_only(key, rules[name])}
            for name, sets in self.label_sets.items()
            if name in rules
        }
        gone = [place for place in (*self.totals, *self.windows) if not _belongs(place, series)]
        for place in gone:
            self.totals.pop(place, None)
            self.windows.pop(place, None)
        return bool(gone)

    def _closed(self, names: tuple[str, ...], now: float, series: "Labels") -> list[Sample]:
        found = []
        for place, windows in self.windows.items():
            name, _, key = place.partition(_BETWEEN)
            if name != names[0]:
                continue
            newest = max(windows)
            for end, window in sorted(windows.items()):
                over = end < newest or (now >= end and now >= window.touched + CLOSES_AFTER)
                if over and not window.written:
                    window.written = True
                    found += _summed(names, series.of(self.labels, key), end, window.numbers)
            for end in sorted(windows)[:-_MOST_WINDOWS]:
                if windows[end].written:
                    del windows[end]
        return found

    def _label_set(self, rule: LogRule, groups: Mapping[str, str], taken: Taken) -> str:
        if not rule.labels:
            return ""
        values = [(name, label_value(groups.get(name, ""))) for name in rule.labels]
        key = _BETWEEN.join(f"{name}{_IS}{value}" for name, value in values if value)
        known = self.label_sets.setdefault(rule.name, {})
        if key in known:
            return key
        if len(known) < rule.most_labels:
            known[key] = None
            return key
        taken.others += 1
        return _BETWEEN.join(f"{name}{_IS}{OTHER}" for name in rule.labels)

    def _is_admitted(self, name: str, key: str, taken: Taken) -> bool:
        """Say whether a series is one of the first of its bot."""
        place = f"{name}{_BETWEEN}{key}"
        if place in self.totals or place in self.windows:
            return True
        if len(self.totals) + len(self.windows) >= MOST_SERIES:
            taken.refused += 1
            return False
        self.totals[place] = 0.0
        return True

    def _add(
        self,
        name: str,
        key: str,
        amount: float,
        at: float,
        totals: dict[tuple[str, int], Sample],
        taken: Taken,
        series: "Labels",
    ) -> None:
        """Add to a total; of one second its last value is written, and a first one begins at 0."""
        place = f"{name}{_BETWEEN}{key}"
        is_new = place not in self.totals
        if not self._is_admitted(name, key, taken):
            return
        labels = series.of(self.labels, key)
        if is_new:
            taken.samples.append(Sample(name, labels, at - 1.0, 0.0))
        self.totals[place] += amount
        totals[place, int(at)] = Sample(name, labels, at, self.totals[place])

    def _observe(self, name: str, key: str, value: float, at: float, now: float, taken: Taken) -> None:
        place = f"{name}{_BETWEEN}{key}"
        if place not in self.windows:
            if len(self.totals) + len(self.windows) >= MOST_SERIES:
                taken.refused += 1
                return
            self.windows[place] = {}
        end = (int(at) // WINDOW + 1) * WINDOW
        window = self.windows[place].setdefault(end, Window())
        window.numbers.add(value)
        window.touched, window.written = now, False


def _belongs(place: str, series: Mapping[str, frozenset[str]]) -> bool:
    name, _, key = place.partition(_BETWEEN)
    return name in series and _has_only(key, series[name])


def _has_only(key: str, labels: frozenset[str]) -> bool:
    """Say whether a label set names none but these."""
    return all(part.partition(_IS)[0] in labels for part in key.split(_BETWEEN) if part)


class Labels:
    """Label mappings, one for each label set of a bot: stores know a series by its mapping."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def of(self, base: Mapping[str, str], key: str) -> dict[str, str]:
        """Return the labels of a bot's series."""
        place = (base.get("bot", ""), key)
        known = self._known.get(place)
        if known is None or any(known.get(name) != value for name, value in base.items()):
            parts = [part.partition(_IS) for part in key.split(_BETWEEN) if part]
            known = self._known[place] = {**base, **{name: value for name, _, value in parts}}
        return known

    def forget(self, bot: str) -> None:
        """Let go of a bot's."""
        self._known = {place: labels for place, labels in self._known.items() if place[0] != bot}


def _summed(names: tuple[str, ...], labels: Mapping[str, str], end: int, numbers: Sketch) -> list[Sample]:
    values = [*(numbers.quantile(share) for _, share in QUANTILES), numbers.most]
    return [Sample(name, labels, float(end), value) for name, value in zip(names, values, strict=True)]
