"""The `liveness:` of a bot's `herdsman:` block: which silences are watched, and how long is too long."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.market_calendars import calendar_error
from schemas.quantities import parse_duration

VERDICTS = (
    *("healthy", "not_trading", "hung", "stream_lost", "unheard", "crashed", "finished", "suspended"),
    *("market_closed", "waiting", "starting", "left_open", "unguarded"),
)
"""What alert rules may ask for; `docs/liveness.md` describes each."""
SIGNS = ("market_data", "loop", "output", "orders", "stream")
"""What a bot gives, in the words of its manifest; each may have its own longest silence."""


@dataclass(frozen=True, slots=True)
class LivenessSettings:
    """Longest silences in seconds, None where the bot's own habit says; `watched` of `SIGNS`."""

    market_data: float | None = None
    loop: float | None = None
    output: float | None = None
    orders: float | None = None
    stream: float | None = None
    warm_up: float = 120.0
    """Seconds after a start in which no silence counts."""
    watch: tuple[str, ...] = SIGNS
    calendar: str = ""
    """The market's calendar: while that is closed the bot's silence is no news."""

    def longest(self, sign: str) -> float | None:
        """Return the longest silence of a sign that was set, None where none was."""
        value: float | None = getattr(self, sign)
        return value


def liveness_errors(document: Document, path: Path, value: Any) -> list[ManifestError]:
    """Return what is wrong with the calendar of a block of sound structure."""
    if not isinstance(value, dict) or not isinstance(value.get("calendar"), str):
        return []
    return calendar_error(document, (*path, "calendar"), value["calendar"])


def read_liveness(value: Mapping[str, Any]) -> LivenessSettings:
    """Return a sound block as values."""
    times = {key: parse_duration(value[key]) for key in (*SIGNS, "warm_up") if key in value}
    return LivenessSettings(
        **times, watch=tuple(value.get("watch", SIGNS)), calendar=value.get("calendar", "")
    )
