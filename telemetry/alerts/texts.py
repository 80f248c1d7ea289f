"""Which of many patterns messages hold: one look at a batch tells whether to look closer. Pure."""

import re
from collections.abc import Sequence
from typing import Any

import re2

from schemas.log_patterns import MOST_SET_MEMORY
from schemas.regular_expressions import LONGEST_SUBJECT, compiled

_OWN_ENDS = re.compile(r"\\[AzZ]|\(\?[a-zA-Z]*-[a-zA-Z]*m")
"""What in a pattern is about the ends of a message, and would be about those of all messages together."""


class Texts:
    """Patterns (RE2) that are looked for together, each compiled once."""

    __slots__ = ("_each", "_rough", "_together")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._each = [compiled(pattern) for pattern in patterns]
        self._together = _set_of(patterns) if patterns else None
        sound = patterns and not any(_OWN_ENDS.search(pattern) for pattern in patterns)
        self._rough = _set_of([f"(?m){pattern}" for pattern in patterns]) if sound else None

    def __bool__(self) -> bool:
        return bool(self._each)

    def may_hold(self, messages: Sequence[str]) -> bool:
        """Say whether any of the messages may hold any of the patterns; False is certain."""
        if self._rough is None:
            return True
        return bool(self._rough.Match("\n".join([text[:LONGEST_SUBJECT] for text in messages])))

    def find(self, message: str) -> Sequence[int]:
        """Return the places of the patterns that a message holds."""
        text = message[:LONGEST_SUBJECT]
        if self._together is not None:
            return self._together.Match(text) or ()
        return [place for place, one in enumerate(self._each) if one.search(text) is not None]


def _set_of(patterns: Sequence[str]) -> Any:
    """Return all of them as one, None where they are too large for that."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MOST_SET_MEMORY
    found = re2.Set.SearchSet(options)
    try:
        for pattern in patterns:
            found.Add(pattern)
        found.Compile()
    except re2.error:
        return None
    return found
