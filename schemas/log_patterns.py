"""The patterns of log rules, through RE2: compiled so that one never sees two lines, and refused in words.

RE2 takes time that is linear in the text whatever the pattern is; what it cannot do (look around, refer
back) is what would make that impossible.
"""

import re
from functools import lru_cache
from typing import Any

import re2

from schemas.regular_expressions import LONGEST_PATTERN

_MOST_MEMORY = 8 << 20
MOST_SET_MEMORY = 64 << 20
"""Bytes that all patterns of one bot may take together."""
_PROBES = (
    *("x", "INFO started", "2026-01-01 12:00:00,000 - main - WARNING - slow", '{"a": 1}', "0"),
    *("order 17 filled in 12 ms", "Traceback (most recent call last):", "-", "tick"),
)
"""Lines that have nothing in common: what matches each of them matches everything."""
_WHOLE_TEXT = re.compile(r"(?:^|[^\\])(?:\\\\)*\\[AzZ]")
_ONE_LINE = re.compile(r"\(\?[a-zA-Z]*-[a-zA-Z]*m")
_LINEAR = "RE2 takes linear time, and this would take it away"

_ADVICE = (
    (
        ("(?=", "(?!"),
        f"a look ahead is not possible ({_LINEAR})",
        "match the text itself, ungrouped",
    ),
    (("(?<=", "(?<!"), f"a look behind is not possible ({_LINEAR})", "match the text before, ungrouped"),
    (("(?P=", "\\k"), f"a reference back is not possible ({_LINEAR})", "name the second part by itself"),
    (("(?>",), "an atomic group is not possible, and not needed: RE2 never goes back", "write (?:...)"),
    (("\\Z",), 'it has "\\Z"; each line is looked at by itself', 'write "$" for its end'),
    (("(?#", "(?x"), "comments in a pattern are not possible", "say it in the rule's description"),
)


class InvalidPattern(ValueError):
    """A pattern that cannot be used; the text says why, `suggestion` what to write instead."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def options(memory: int = _MOST_MEMORY) -> Any:
    """Return RE2's options for rules: nothing in a pattern matches the end of a line."""
    chosen = re2.Options()
    chosen.never_nl = True
    chosen.log_errors = False
    chosen.max_mem = memory
    return chosen


def line_pattern(pattern: str) -> str:
    """Return a pattern in whose text `^` and `$` are the ends of each line."""
    return f"(?m){pattern}"


@lru_cache(maxsize=1000)
def line_matcher(pattern: str) -> Any:
    """Return the compiled pattern, which searches bytes of many lines. Raises InvalidPattern."""
    if len(pattern) > LONGEST_PATTERN:
        raise InvalidPattern(f"it has {len(pattern):,} characters, at most {LONGEST_PATTERN:,} are taken")
    if _WHOLE_TEXT.search(pattern):
        raise InvalidPattern(
            "\\A and \\z mean the whole text, and each line is looked at by itself",
            'write "^" for the start of a line and "$" for its end',
        )
    if _ONE_LINE.search(pattern):
        raise InvalidPattern("it turns the flag m off: each line is looked at by itself")
    try:
        return re2.compile(line_pattern(pattern).encode(), options())
    except (re2.error, UnicodeEncodeError) as error:
        raise _explained(pattern, error) from error


def named_groups(pattern: str) -> frozenset[str]:
    """Return the names of a pattern's groups. Raises InvalidPattern."""
    names = line_matcher(pattern).groupindex
    return frozenset(name.decode() if isinstance(name, bytes) else name for name in names)


def pattern_size(pattern: str) -> int:
    """Return how large a pattern is once it is compiled, in instructions; 0 for one that is not sound."""
    try:
        return int(line_matcher(pattern).programsize)
    except InvalidPattern:
        return 0


def matches_everything(pattern: str) -> bool:
    """Say whether a sound pattern fits lines that have nothing in common, or an empty one."""
    matcher = line_matcher(pattern)
    return matcher.search(b"") is not None or all(matcher.search(one.encode()) for one in _PROBES)


def _explained(pattern: str, error: Exception) -> InvalidPattern:
    said = error.args[0] if error.args else ""
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    if re.search(r"invalid escape sequence: \\[1-9]", text):
        return InvalidPattern(
            f"a reference back ({text[-2:]}) is not possible ({_LINEAR})", "name the second part by itself"
        )
    for signs, reason, advice in _ADVICE:
        if any(sign in text or (text.endswith("(?P") and sign in pattern) for sign in signs):
            return InvalidPattern(reason, advice)
    if "bad repetition operator" in text and text.endswith("+"):
        return InvalidPattern(
            "a possessive repetition is not possible, and not needed: RE2 never goes back", "leave out the +"
        )
    return InvalidPattern(f"RE2 does not take it: {text}")
