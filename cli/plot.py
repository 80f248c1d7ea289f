"""Series as a terminal can show them: a plot of a few lines, gaps left empty. Pure."""

from collections.abc import Sequence

_LEVELS = " ▁▂▃▄▅▆▇█"
Point = tuple[float, float]


def columns_of(points: Sequence[Point], start: float, end: float, width: int) -> list[float | None]:
    """Return the last value in each of `width` equal spans of time, None where there is none."""
    found: list[float | None] = [None] * width
    span = (end - start) / width or 1.0
    for at, value in points:
        if start <= at <= end:
            found[min(int((at - start) / span), width - 1)] = value
    return found


def plot(values: Sequence[float | None], height: int) -> list[str]:
    """Return rows of blocks, the highest first; every value shows at least a sliver."""
    known = [value for value in values if value is not None]
    if not known:
        return []
    least, most = min(known), max(known)
    tops = [None if value is None else _top(value, least, most, height * 8) for value in values]
    return [
        "".join(" " if top is None else _LEVELS[min(max(top - row * 8, 0), 8)] for top in tops)
        for row in reversed(range(height))
    ]


def _top(value: float, least: float, most: float, steps: int) -> int:
    if most <= least:
        return steps // 2
    return 1 + round((value / 2 - least / 2) / (most / 2 - least / 2) * (steps - 1))
