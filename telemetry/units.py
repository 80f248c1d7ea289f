"""What the numbers of series and figures are of, and how people read them. Pure.

A unit is `bytes`, `bytes/s`, `%`, `share` (0.1 is 10%), `s`, `ms`, a currency, or "" for a plain number.
"""

import math
from functools import lru_cache

from schemas.conditions import SHARES
from schemas.quantities import format_bytes

_MONEY = frozenset(
    {"equity", "change_today", "daily_loss", "net_pnl", "realized_pnl", "unrealized_pnl", "fees"}
    | {"exposure", "net_exposure", "expectancy"}
)
"""The trading figures that are amounts of a currency."""
_ENDS = (
    ("_bytes_per_second", "bytes/s"),
    ("_bytes", "bytes"),
    ("_percent", "%"),
    ("_seconds", "s"),
    ("_seconds_to_limit", "s"),
    ("_ms", "ms"),
)
"""How the names of series end that are of a unit."""
_CENTS = 100.0
"""Amounts of a currency from which on two decimals say all: a fraction of a bitcoin has more."""
_HUGE, _TINY = 1e15, 1e-4


@lru_cache(maxsize=4096)
def unit_of(name: str, *, figure: bool = False, currency: str = "") -> str:
    """Return the unit of a series, or of a trading figure in a currency."""
    if figure:
        return "share" if name in SHARES else currency if name in _MONEY else ""
    return next((unit for end, unit in _ENDS if name.endswith(end)), "")


def measured(value: float, unit: str = "") -> str:
    """Return a number with its unit as a person reads it: `246 MiB`, `93.5%`, `12 min`, `9,400.00 USDT`."""
    if unit in ("bytes", "bytes/s") and abs(value) < _HUGE:
        return format_bytes(value) + unit.removeprefix("bytes")
    if unit == "share":
        return f"{plain(value * 100)}%"
    if unit == "%":
        return f"{plain(value)}%"
    if unit in ("s", "ms") and abs(value) < _HUGE:
        return lasting(value, unit)
    if unit and _CENTS <= abs(value) < _HUGE:
        return f"{value:,.2f} {unit}"
    return f"{plain(value)} {unit}".rstrip()


def lasting(value: float, unit: str = "s") -> str:
    """Return a length of time in seconds or milliseconds: `250 ms`, `40 s`, `90 min`."""
    if unit == "ms" and abs(value) < 1000:
        return f"{plain(value)} ms"
    seconds = value / 1000 if unit == "ms" else value
    for word, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * size or (abs(seconds) >= size and seconds % size == 0):
            return f"{seconds / size:.3g} {word}"
    return f"{seconds:.3g} s"


def plain(value: float) -> str:
    """Return a number with no more digits than say something, large ones in groups of three."""
    if value and (not math.isfinite(value) or abs(value) >= _HUGE or abs(value) < _TINY):
        return f"{value:.4g}"
    return f"{value:,.6g}" if abs(value) < 1000 else f"{value:,.2f}"
