"""What rules would make of lines that were printed already: before they ship. Pure but for the clock."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.log_rules import FieldKind, LogRule
from telemetry.records import Event
from telemetry.rules.matching import Match, RuleSet
from telemetry.rules.values import number_in

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """A line that a rule matched: the numbers and labels out of it, and the groups that held no number."""

    bot: str
    time: float
    message: str
    values: dict[str, float]
    labels: dict[str, str]
    missed: dict[str, str]


@dataclass(slots=True)
class Tried:
    """What came of one rule: `seconds` were spent on its `lines`, alone."""

    rule: LogRule
    lines: int = 0
    matched: int = 0
    misses: int = 0
    seconds: float = 0.0
    samples: list[Shown] = field(default_factory=list)
    near: list[Shown] = field(default_factory=list)
    """Lines that matched and of which a number could not be read."""
    label_sets: set[tuple[str, ...]] = field(default_factory=set)


class Trial:
    """Tries rules, each by itself, on lines as they are handed in."""

    def __init__(self, rules: Sequence[LogRule]) -> None:
        self._sets = [RuleSet([rule]) for rule in rules]
        self.tried = [Tried(rule) for rule in rules]

    def take(self, place: int, events: Sequence[Event]) -> None:
        """Try the rule of this place on lines of bots that it is for."""
        tried, rules = self.tried[place], self._sets[place]
        started = time.perf_counter()
        found = [match for _, matches in rules.find(events) for match in matches]
        tried.seconds += time.perf_counter() - started
        tried.lines += len(events)
        tried.matched += len(found)
        for match in found:
            self._note(tried, match, events[match.message])

    def _note(self, tried: Tried, match: Match, event: Event) -> None:
        shown = _shown(tried.rule, match, event)
        tried.misses += len(shown.missed)
        tried.label_sets.add(tuple(shown.labels.values()))
        kept = tried.near if shown.missed else tried.samples
        if len(kept) < MOST_SHOWN:
            kept.append(shown)


def _shown(rule: LogRule, match: Match, event: Event) -> Shown:
    values, missed = {}, {}
    for one in rule.fields:
        text = match.groups.get(one.name, "")
        value = number_in(text, one.unit)
        if value is None or (one.kind is FieldKind.COUNTER and value < 0):
            missed[one.name] = text
        else:
            values[one.name] = value
    labels = {name: match.groups.get(name, "") for name in rule.labels}
    return Shown(event.bot, event.time, event.message, values, labels, missed)
