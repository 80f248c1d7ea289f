"""How fast something grows, and when it has no more room. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

DAY = 86400.0
LEAST = 3600.0
"""Seconds that must have been measured before a growth is told."""
_LAST = 7 * DAY
"""Seconds before now that it is told of: what was a week ago says little of next week."""
_FAR = 10 * 365 * DAY


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes a day, None where too little was measured; Unix seconds when full, None where it will not be."""

    per_day: float | None
    full_at: float | None = None


def growth(points: Sequence[tuple[float, float]], room: float | None, now: float) -> Growth:
    """Return the growth of what had these sizes (Unix seconds, bytes; oldest first), with `room` bytes left.

    By the first and the last size of the past week: what was deleted in between counts as much as what came.
    `room` is None where nothing bounds it. Full is told of the next ten years alone.
    """
    recent = [point for point in points if now - _LAST <= point[0] <= now]
    if len(recent) < 2 or recent[-1][0] - recent[0][0] < LEAST:
        return Growth(None)
    (began, first), (ended, last) = recent[0], recent[-1]
    per_day = (last - first) / (ended - began) * DAY
    if room is None or per_day <= 0 or max(room, 0.0) / per_day * DAY > _FAR:
        return Growth(per_day)
    return Growth(per_day, now + max(room, 0.0) / per_day * DAY)
