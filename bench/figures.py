"""What a measurement gives, and how it is shown."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its floor from the same run; `target` is the design's, in words.

    `ratio` is value / floor: what is compared between machines and over time.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    target: str = ""
    detail: str = ""
    samples: tuple[float, ...] = ()
    """What the value was taken from, thinned out (`thinned`), where a plot shows how it spreads."""

    @property
    def ratio(self) -> float | None:
        """Return value / floor, None without a floor."""
        return self.value / self.floor if self.floor else None


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def thinned(values: Sequence[float], most: int = 200) -> tuple[float, ...]:
    """Return at most so many of the values, in order, evenly over all their quantiles, both ends included."""
    ordered = sorted(values)
    if len(ordered) <= most:
        return tuple(round(value, 3) for value in ordered)
    last = len(ordered) - 1
    return tuple(round(ordered[round(step * last / (most - 1))], 3) for step in range(most))


def spread(values: Sequence[float], unit: str = "ms") -> str:
    """Return the smallest, the median, the 95th percentile and the largest as text."""
    low, high, last = min(values), max(values), quantile(values, 0.95)
    middle = statistics.median(values)
    return f"n={len(values)} min {low:.0f} p50 {middle:.0f} p95 {last:.0f} max {high:.0f} {unit}"


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned text."""
    rows = [("FIGURE", "VALUE", "FLOOR", "RATIO", "TARGET", "DETAIL")]
    for figure in figures:
        floor = f"{figure.floor:.4g} {figure.unit} ({figure.floor_name})" if figure.floor else "-"
        ratio = f"{figure.ratio:.2f}" if figure.ratio else "-"
        rows.append(
            (figure.name, f"{figure.value:.4g} {figure.unit}", floor, ratio, figure.target, figure.detail)
        )
    widths = [max(len(row[index]) for row in rows) for index in range(5)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip()
        for row in rows
    )
