"""Which lines of many match which rules: one look at all of them, then at those alone that may match. Pure.

Messages are joined with line breaks and searched at once: no pattern can match a line break, so that each
line is looked at by itself, and lines that match nothing cost next to nothing. Fields of lines are looked at
once for all rules (`fields`).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from schemas.log_patterns import MOST_SET_MEMORY, line_matcher, line_pattern, options
from schemas.log_rules import LogRule
from telemetry.pattern_set import PatternSet
from telemetry.records import Event
from telemetry.rules.fields import FieldIndex, has_fields, said

LONGEST = 8192
"""Characters of a message that rules look at."""


@dataclass(frozen=True, slots=True)
class Match:
    """One line that a rule matched: which of the lines, and what its fields and labels hold, by name."""

    message: int
    groups: dict[str, str]


class RuleSet:
    """Rules that are matched together. Those that are too large for that (`alone`) are, each by itself."""

    __slots__ = ("_fields", "_groups", "_matchers", "_patterns", "_places", "rules")

    def __init__(self, rules: Sequence[LogRule], memory: int = MOST_SET_MEMORY) -> None:
        self.rules = tuple(rules)
        self._places = [place for place, rule in enumerate(self.rules) if rule.pattern]
        self._matchers = {place: line_matcher(self.rules[place].pattern) for place in self._places}
        self._groups = {place: _groups_of(matcher) for place, matcher in self._matchers.items()}
        patterns = [line_pattern(self.rules[place].pattern) for place in self._places]
        self._patterns = PatternSet(patterns, options, memory)
        only_fields = {place: rule for place, rule in enumerate(self.rules) if not rule.pattern}
        self._fields = FieldIndex(only_fields)

    @property
    def alone(self) -> list[LogRule]:
        """The rules whose patterns are too large to be looked for with others."""
        return [self.rules[self._places[one]] for one in self._patterns.alone]

    def find(self, lines: Sequence[Event]) -> Iterator[tuple[int, list[Match]]]:
        """Yield each rule (its place in `rules`) that matched with its matches, a line at most once."""
        if lines and self._places:
            yield from self._in_texts(lines)
        for place, numbers in self._fields.find(lines).items():
            rule = self.rules[place]
            yield place, [Match(number, _held(rule, lines[number])) for number in numbers]

    def _in_texts(self, lines: Sequence[Event]) -> Iterator[tuple[int, list[Match]]]:
        messages = [
            line.message if len(line.message) <= LONGEST else line.message[:LONGEST] for line in lines
        ]
        text = "\n".join(messages).encode("utf-8", "replace")
        hits = self._patterns.candidates(text)
        if not hits:
            return
        ends = _ends(messages, text)
        for place in sorted(self._places[hit] for hit in hits):
            found = self._with_fields(self.rules[place], self._matches(place, text, ends), lines)
            if found:
                yield place, found

    def _with_fields(self, rule: LogRule, found: list[Match], lines: Sequence[Event]) -> list[Match]:
        """Return the matches of lines that have the rule's fields, with what those hold."""
        if rule.where:
            found = [one for one in found if has_fields(rule, lines[one.message])]
        if rule.reads_fields:
            found = [Match(one.message, {**one.groups, **_held(rule, lines[one.message])}) for one in found]
        return found

    def _matches(self, place: int, text: bytes, ends: list[int]) -> list[Match]:
        matcher, groups = self._matchers[place], self._groups[place]
        found = []
        position = 0
        while position <= len(text):
            one = matcher.search(text, position)
            if one is None:
                break
            message = bisect_right(ends, one.start() - 1)
            held = {name: one.group(number) for name, number in groups}
            found.append(
                Match(message, {name: part.decode("utf-8", "replace") for name, part in held.items() if part})
            )
            position = ends[message] + 1
        return found


def _held(rule: LogRule, line: Event) -> dict[str, str]:
    """Return what a line's own fields say, by the names that the rule gives them."""
    told = [(name, said(line, path)) for name, path in rule.paths.items()]
    return {name: text for name, text in told if text}


def _groups_of(matcher: Any) -> list[tuple[str, int]]:
    return [
        (name.decode() if isinstance(name, bytes) else name, number)
        for name, number in matcher.groupindex.items()
    ]


def _ends(lines: list[str], text: bytes) -> list[int]:
    """Return where each message ends in the joined text, in bytes."""
    sizes = [len(line) for line in lines]
    if len(text) != sum(sizes) + len(lines) - 1:
        sizes = [len(line.encode("utf-8", "replace")) for line in lines]
    return [end - 1 for end in accumulate(size + 1 for size in sizes)]
