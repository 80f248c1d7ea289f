"""Regular expressions of other people, through RE2: their time is linear in the text, whatever they are."""

from functools import lru_cache
from typing import Any

import re2

from schemas.bounded_time import check_time

LONGEST_PATTERN = 1000
LONGEST_SUBJECT = 4_000
"""The longest text that a pattern is tried on; a longer one does not match."""
MOST_PATTERNS = 100
"""The most patterns of one schema: all of them stay compiled while it is used."""
_MOST_MEMORY = 1 << 21


class InvalidPattern(ValueError):
    """A pattern that RE2 does not take, or that is too large; the text says why."""


@lru_cache(maxsize=MOST_PATTERNS + 50)
def compiled(pattern: str) -> Any:
    """Return a compiled pattern. Raises InvalidPattern."""
    if len(pattern) > LONGEST_PATTERN:
        raise InvalidPattern(f"it has {len(pattern):,} characters, at most {LONGEST_PATTERN:,} are taken")
    options = re2.Options()
    options.max_mem = _MOST_MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise InvalidPattern(reason) from error


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found anywhere in a text. Raises InvalidPattern; TooCostly inside a bound."""
    check_time()
    return len(text) <= LONGEST_SUBJECT and compiled(pattern).search(text) is not None
