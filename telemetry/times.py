"""Reading the times that bots print: ISO-8601 text, or numbers of any common unit."""

import math
from datetime import UTC, datetime
from typing import Any

_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""A number at least this large counts in that fraction of a second: nano, micro, milli."""


def unix_seconds(value: Any) -> float | None:
    """Return the Unix time that `value` means, None where it means none. Text without a zone is UTC."""
    if type(value) is str:
        return _from_text(value)
    if type(value) is int or type(value) is float:
        return _from_number(value)
    return None


def _from_text(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except OverflowError:
        return None


def _from_number(number: float) -> float | None:
    try:
        seconds = float(number)
    except OverflowError:
        return None
    if not math.isfinite(seconds):
        return None
    for least, per_second in _UNITS:
        if seconds >= least:
            return seconds / per_second
    return seconds
