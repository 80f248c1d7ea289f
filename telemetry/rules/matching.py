"""Which lines of many match which rules: one look at all of them, then at those alone that may match. Pure.

Messages are joined with line breaks and searched at once: no pattern can match a line break, so that each
line is looked at by itself, and lines that match nothing cost next to nothing.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import re2

from schemas.log_patterns import MOST_SET_MEMORY, line_matcher, line_pattern, options
from schemas.log_rules import LogRule

LONGEST = 8192
"""Characters of a message that rules look at."""


@dataclass(frozen=True, slots=True)
class Match:
    """One line that a rule matched: which of the messages, and what its named groups hold."""

    message: int
    groups: dict[str, str]


class RuleSet:
    """Rules that are matched together. Raises re2.error where they are too large for that."""

    __slots__ = ("_groups", "_matchers", "_set", "rules")

    def __init__(self, rules: Sequence[LogRule]) -> None:
        self.rules = tuple(rules)
        self._matchers = [line_matcher(rule.pattern) for rule in self.rules]
        self._groups = [_groups_of(matcher) for matcher in self._matchers]
        self._set = re2.Set.SearchSet(options(MOST_SET_MEMORY))
        for rule in self.rules:
            self._set.Add(line_pattern(rule.pattern))
        self._set.Compile()

    def find(self, messages: Sequence[str]) -> Iterator[tuple[int, list[Match]]]:
        """Yield each rule (its place in `rules`) that matched with its matches, a message at most once."""
        if not self.rules or not messages:
            return
        lines = [message if len(message) <= LONGEST else message[:LONGEST] for message in messages]
        text = "\n".join(lines).encode("utf-8", "replace")
        hits = self._set.Match(text)
        if not hits:
            return
        ends = _ends(lines, text)
        for place in hits:
            found = self._matches(place, text, ends)
            if found:
                yield place, found

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
