"""What a bot says of its own lines: `event_id` names one so that it counts once, `seq` numbers them.

Within bounds, and told by the line's own place: the same line read again (a batch that comes again) is no
repetition, and finds the gap before it again. Pure.
"""

from collections.abc import Mapping
from typing import Any

MOST_IDS = 1000
"""Ids that are remembered of each bot; an older one that comes again counts as new."""
_MOST_GAPS = 100


class BotLines:
    """One bot's newest event ids, over its allocations, and the last number of each of its streams."""

    __slots__ = ("_gaps", "_ids", "_last")

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._last: dict[tuple[str, str, str], int] = {}
        self._gaps: dict[str, str] = {}

    def is_repeated(self, data: Mapping[str, Any], place: str) -> bool:
        """Say whether a line has the `event_id` of another one; `place` is the line's own identity."""
        name = data.get("event_id")
        if (type(name) is not str and type(name) is not int) or name == "":
            return False
        first = self._ids.setdefault(str(name), place)
        if len(self._ids) > MOST_IDS:
            del self._ids[next(iter(self._ids))]
        return first != place

    def gap(self, data: Mapping[str, Any], place: str, stream: tuple[str, str, str]) -> str:
        """Return in words which numbers are missing before a line, "" where none are.

        `stream`: allocation, run and stream, in each of which `seq` counts by itself. A number that is not
        above the last one begins a new count.
        """
        number = data.get("seq")
        if type(number) is not int:
            return ""
        before = self._last.get(stream)
        self._forget_other_runs(stream)
        self._last[stream] = number
        if before is not None and number > before + 1:
            count = number - before - 1
            self._gaps[place] = (
                f"{count} line{'s are' if count > 1 else ' is'} missing: seq {before}, {number}"
            )
            if len(self._gaps) > _MOST_GAPS:
                del self._gaps[next(iter(self._gaps))]
        return self._gaps.get(place, "")

    def _forget_other_runs(self, stream: tuple[str, str, str]) -> None:
        """Let go of what earlier runs counted: a bot lives once."""
        if stream not in self._last:
            ours = stream[:2]
            self._last = {one: number for one, number in self._last.items() if one[:2] == ours}
