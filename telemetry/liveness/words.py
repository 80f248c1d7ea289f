"""Times as people read them."""

from datetime import UTC, datetime


def span(seconds: float) -> str:
    """Return a length of time: `0.5 s`, `40 s`, `4 min`, `3 h`, `2 d`."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"


def clock_text(at: float) -> str:
    """Return a moment, `2026-11-23 14:30 UTC`."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):  # a bot's own clock may say anything
        return "an unknown time"
