"""Times as people and programs give them in a query, and the steps that charts read a range with."""

import math
import re
from datetime import UTC, datetime

from schemas.errors import UsageError

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d|w)")
_NICE = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def parse_moment(text: str, now: float) -> float:
    """Return Unix seconds for "1763841600.5", RFC 3339 text, "now", or a time ago such as "-1h" or "-90s".

    Raises UsageError for anything else.
    """
    if text in ("", "now"):
        return now
    if text.startswith("-") and (span := _SPAN.fullmatch(text[1:])):
        return now - float(span[1]) * _UNITS[span[2]]
    try:
        number = float(text)
    except ValueError:
        return _parse_rfc3339(text)
    if not math.isfinite(number):
        raise _not_a_time(text)
    return number


def optional_moment(text: str, now: float) -> float | None:
    """Return `parse_moment` of the text, None for "" (no bound)."""
    return parse_moment(text, now) if text else None


def parse_step(text: str) -> float | None:
    """Return a step in seconds for "15", "0.5" or "5m"; 0 for "raw"; None for "" (choose one)."""
    if text == "":
        return None
    if text == "raw":
        return 0.0
    if span := _SPAN.fullmatch(text):
        return float(span[1]) * _UNITS[span[2]]
    try:
        step = float(text)
    except ValueError:
        step = -1.0
    if not math.isfinite(step) or step < 0:
        raise UsageError(f'"{text}" is not a step: give seconds ("15"), a span ("5m"), or "raw"')
    return step


def parse_range(start: str, end: str, now: float, default: float = 3600.0) -> tuple[float, float]:
    """Return a range in Unix seconds: the last `default` seconds unless said otherwise. Raises UsageError."""
    until = parse_moment(end, now)
    since = parse_moment(start, now) if start else until - default
    if since > until:
        raise UsageError(f'the range starts ("{start}") after its end ("{end or "now"}"); swap the two')
    return since, until


def nice_step(seconds: float) -> float:
    """Return the smallest round step that is at least so many seconds."""
    for step in _NICE:
        if step >= seconds:
            return float(step)
    return math.ceil(seconds / 86400) * 86400.0


def _parse_rfc3339(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _not_a_time(text) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _not_a_time(text: str) -> UsageError:
    return UsageError(
        f'"{text}" is not a time: give Unix seconds, RFC 3339 such as 2026-01-31T14:02:00Z, '
        'or a time ago such as "-1h"'
    )
