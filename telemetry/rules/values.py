"""The number that a line shows: with separators, with a unit of its own, or none at all. Pure."""

import math

_DURATIONS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "secs": 1.0}
_DURATIONS |= {"second": 1.0, "seconds": 1.0, "m": 60.0, "min": 60.0, "mins": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"b": 1.0, "byte": 1.0, "bytes": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}
_SIZES |= {"kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40}
_SHARES = {"%": 1.0, "percent": 1.0, "bp": 0.01, "bps": 0.01, "‰": 0.1}
_FAMILIES = (_DURATIONS, _SIZES, _SHARES)
_LONGEST = 64
_DIGITS = frozenset("0123456789")
GREATEST = 1e18
"""Numbers beyond this, either way, are no measurements: they are not kept."""


def number_in(text: str, unit: str) -> float | None:
    """Return the number that a group holds, in `unit` where both are of one kind; None where it is none.

    "1,234.5", "1_000", "+3", "1e-3", "12 ms", "3%", "$4.20" and "-1.5 USDT" are numbers.
    """
    text = text.strip().lstrip("$€£¥").strip()
    if not text or len(text) > _LONGEST:
        return None
    number, suffix = _parted(text)
    try:
        value = float(number.replace(",", "").replace("_", ""))
    except ValueError:
        return None
    if suffix and unit:
        value *= _factor(suffix, unit)
    return value if math.isfinite(value) and abs(value) <= GREATEST else None


def _parted(text: str) -> tuple[str, str]:
    """Return what is the number of a text, and the word behind it."""
    end = len(text)
    while end and text[end - 1] not in _DIGITS and text[end - 1] != ".":
        end -= 1
    return text[:end], text[end:].strip()


def _factor(suffix: str, unit: str) -> float:
    shown, wanted = suffix.casefold(), unit.casefold()
    if shown == wanted:
        return 1.0
    for family in _FAMILIES:
        if shown in family and wanted in family:
            return family[shown] / family[wanted]
    return 1.0
