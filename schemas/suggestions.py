"""The nearest known word to a misspelled one."""

import difflib
import re
from collections.abc import Iterable

_LONGEST_WORD = 64
_MOST_CANDIDATES = 500
_CUTOFF = 0.6


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that was most likely meant, or None where none is near.

    Case, `-`, `_` and blanks do not count, so that `memoryLimit` finds `memory_limit`. The work is bounded
    whatever comes in: a word over 64 characters has no neighbour.
    """
    if len(word) > _LONGEST_WORD:
        return None
    by_plain: dict[str, str] = {}
    for candidate in sorted(candidates)[:_MOST_CANDIDATES]:
        if len(candidate) <= _LONGEST_WORD:
            by_plain.setdefault(_plain(candidate), candidate)
    found = difflib.get_close_matches(_plain(word), by_plain, n=1, cutoff=_CUTOFF)
    return by_plain[found[0]] if found else None


def _plain(word: str) -> str:
    return re.sub(r"[-_\s]", "", word).casefold()
