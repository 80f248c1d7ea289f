"""Many patterns looked for at once: in one search, in several where they are too large, or each alone.

RE2 says nothing where a set that it compiled has no room to be searched: such a set finds nothing. So every
set has a pattern more, of a text that none else has, and counts as sound only once it found that. Pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from schemas.log_patterns import MOST_SET_MEMORY

_PROBE = "\x01herdsman\x01"


@dataclass(frozen=True, slots=True)
class _Part:
    places: tuple[int, ...]
    together: Any


class PatternSet:
    """Sound patterns, searched together; `options(memory)` makes RE2's options for those bytes."""

    __slots__ = ("_parts", "alone")

    alone: tuple[int, ...]
    """The places of patterns that are too large for any set: whoever asks looks for them one by one."""

    def __init__(
        self, patterns: Sequence[str], options: Callable[[int], Any], memory: int = MOST_SET_MEMORY
    ) -> None:
        parts, alone = _parts(tuple(range(len(patterns))), patterns, options(memory))
        self._parts = parts
        self.alone = tuple(alone)

    def candidates(self, text: bytes | str) -> list[int]:
        """Return the places of the patterns that a text holds, and of those that have to be looked for."""
        found = list(self.alone)
        for part in self._parts:
            hits = part.together.Match(text)
            if hits:
                found += [part.places[hit] for hit in hits if hit < len(part.places)]
        return found


def _parts(places: tuple[int, ...], patterns: Sequence[str], options: Any) -> tuple[list[_Part], list[int]]:
    """Return sets of these patterns, halved until each is sound, and those that are too large alone."""
    if not places:
        return [], []
    together = _compiled([patterns[place] for place in places], options)
    if together is not None:
        return [_Part(places, together)], []
    if len(places) == 1:
        return [], list(places)
    middle = len(places) // 2
    first, second = (_parts(half, patterns, options) for half in (places[:middle], places[middle:]))
    return first[0] + second[0], first[1] + second[1]


def _compiled(patterns: Sequence[str], options: Any) -> Any:
    """Return all of them as one set, None where they are too large for that."""
    found = re2.Set.SearchSet(options)
    try:
        for pattern in (*patterns, _PROBE):
            found.Add(pattern)
        found.Compile()
    except re2.error:
        return None
    return found if len(patterns) in (found.Match(_PROBE) or ()) else None
