"""Which of many patterns messages hold: one look at a batch tells whether to look closer. Pure."""

import re
from collections.abc import Sequence
from typing import Any

import re2

from schemas.regular_expressions import LONGEST_SUBJECT, compiled
from telemetry.pattern_set import PatternSet

_OWN_ENDS = re.compile(r"\\[AzZ]|\(\?[a-zA-Z]*-[a-zA-Z]*m")
"""What in a pattern is about the ends of a message, and would be about those of all messages together."""


class Texts:
    """Patterns (RE2) that are looked for together, each compiled once."""

    __slots__ = ("_each", "_rough", "_together")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._each = [compiled(pattern) for pattern in patterns]
        self._together = PatternSet(patterns, _options)
        sound = patterns and not any(_OWN_ENDS.search(pattern) for pattern in patterns)
        self._rough = PatternSet([f"(?m){pattern}" for pattern in patterns], _options) if sound else None

    def __bool__(self) -> bool:
        return bool(self._each)

    def may_hold(self, messages: Sequence[str]) -> bool:
        """Say whether any of the messages may hold any of the patterns; False is certain."""
        if self._rough is None:
            return True
        return bool(self._rough.candidates(_bytes("\n".join([text[:LONGEST_SUBJECT] for text in messages]))))

    def find(self, message: str) -> Sequence[int]:
        """Return the places of the patterns that a message holds."""
        text = _bytes(message[:LONGEST_SUBJECT])
        found = sorted(self._together.candidates(text))
        return [place for place in found if self._each[place].search(text) is not None]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _options(memory: int) -> Any:
    chosen = re2.Options()
    chosen.log_errors = False
    chosen.max_mem = memory
    return chosen
