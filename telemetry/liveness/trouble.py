"""Lines that say that an exchange, a feed or a network cannot be reached."""

import re
from collections.abc import Sequence

from telemetry.records import Event

_LOOKED_AT = 600
"""Characters of a line that are looked at."""
_MOST = 8
"""Lines of one delivery that are looked at; more of them say nothing more."""
WINDOW = 30.0
"""Seconds in which troubles belong together."""
QUIET = 75.0
"""Seconds without trouble after which it is over: bots try again every 30 s or oftener."""
_ENOUGH = 3
_ENOUGH_WAITS = 2
"""Time-outs that are enough: a request waited for seconds before each."""
_APART = 5.0
_KEPT = 64
_SHOWN = 200

_TROUBLE = re.compile(
    r"retry|reconnect|gave up|giving up|time[d -]{0,2}out|unreachable|unavailable|not available|notavailable"
    r"|refused|reset by peer|connection (?:aborted|closed|error|lost|broken)|disconnected|broken pipe"
    r"|network ?error|connecterror|connectionerror|name resolution|getaddrinfo|enotfound|econn|etimedout"
    r"|ddosprotection|rate ?limit|too many requests|bad gateway|service temporarily|http[ /:]{0,2}5\d\d"
    r"|exchangeerror|cannot connect|could not (?:connect|fetch|load|get|reach)"
    r"|failed to (?:connect|fetch|reach)",
    re.IGNORECASE,
)
_FINAL = re.compile(
    r"giving up|gave up|retrying in \d|retry in \d|max(?:imum)? ?retries|no more retries", re.IGNORECASE
)
_WAITED = re.compile(r"time[d -]{0,2}out", re.IGNORECASE)


def troubles(suspects: Sequence[Event]) -> list[str]:
    """Return the heads and ends of those of these lines that are about something that cannot be reached."""
    texts = [_looked_at(event.message) for event in suspects[-_MOST:]]
    return [text for text in texts if _TROUBLE.search(text) is not None]


def _looked_at(message: str) -> str:
    """Return what of a line is looked at: a trace names its error at its end."""
    return message if len(message) <= _LOOKED_AT else message[: _LOOKED_AT // 2] + message[-_LOOKED_AT // 2 :]


class Troubles:
    """The troubles of one bot that are new enough to say something.

    One hiccup is several lines at once: it takes either lines at two moments some seconds apart, or one
    that says that the tries are over. Once there is trouble it goes on until it was quiet for a while.
    """

    __slots__ = ("_began", "_times", "_waits", "final", "newest", "text")

    def __init__(self) -> None:
        self._times: list[float] = []
        self._waits: list[float] = []
        """The moments at which a time-out was told."""
        self._began: float | None = None
        self.final = 0.0
        """When a line said last that several tries had failed."""
        self.newest = 0.0
        self.text = ""
        """The newest line."""

    def take(self, lines: Sequence[str], now: float) -> None:
        """Take lines of trouble at a moment; at least one."""
        if now > self.newest + QUIET:
            self._began = None
        self._times = [at for at in self._times if at > now - WINDOW][-_KEPT:] + [now] * len(lines)
        self._waits = [at for at in self._waits if at > now - WINDOW][-_KEPT:]
        if any(_WAITED.search(line) is not None for line in lines):
            self._waits.append(now)
        self.newest, self.text = now, lines[-1].partition("\n")[0][:_SHOWN]
        if any(_FINAL.search(line) is not None for line in lines):
            self.final = now

    def since(self, now: float, after: float = 0.0) -> float | None:
        """Return when the trouble of now began, of what came after a moment; None where that says nothing."""
        if now > self.newest + QUIET or self.newest <= after:
            return None
        if self._began is None or self._began <= after:
            since = max(now - WINDOW, after)
            times, waits = ([at for at in kept if at > since] for kept in (self._times, self._waits))
            lasting = times and (times[-1] - times[0] >= _APART or self.final >= times[0])
            waited = len(waits) >= _ENOUGH_WAITS and waits[-1] - waits[0] >= _APART
            self._began = times[0] if waited or (lasting and len(times) >= _ENOUGH) else None
        return self._began
