"""How unusual a value is: its robust z, from median and median absolute deviation (MAD)."""

import math
from collections.abc import Sequence
from statistics import median

LEAST = 10
"""Values below which nothing is unusual."""
LEAST_SIBLINGS = 4
_TO_SIGMA = 1.4826
"""What a MAD is multiplied by, to be a standard deviation where values are normal."""
_SMALLEST = 1e-9
_FLAT = 0.01
"""Where most values are the same, this share of their size counts as their spread."""


def spread_of(values: Sequence[float]) -> tuple[float, float]:
    """Return median and robust standard deviation of finite values, of which there is one at least."""
    middle = median(values)
    mad = median([abs(value - middle) for value in values])
    return middle, max(mad * _TO_SIGMA, abs(middle) * _FLAT, _SMALLEST)


def robust_z(value: float, values: Sequence[float], least: int = LEAST) -> float | None:
    """Return how many robust standard deviations a value is from the median, None where there are too few."""
    known = [one for one in values if math.isfinite(one)]
    if len(known) < least or not math.isfinite(value):
        return None
    middle, spread = spread_of(known)
    found = (value - middle) / spread
    return found if math.isfinite(found) else math.copysign(math.inf, value - middle)
