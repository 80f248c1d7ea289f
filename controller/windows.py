"""Sync windows: may a bot be changed now, and if not, when. Pure; moments in Unix seconds.

A change may be made where no deny window is open, and an allow window is, if the bot has any.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from schemas.cron import InvalidSchedule, next_slot
from schemas.rollout import SyncWindow

Sessions = Mapping[str, tuple[tuple[float, float], ...]]
"""When each market is open, by its calendar: (from, to), in order. One that is missing is not known."""

_MOST_STEPS = 60
"""How many windows are looked through for the next moment at which a change may be made."""
_LONGEST_CHAIN = 100
"""How many slots of one window may follow each other without a gap; with more it is taken never to close."""
_HORIZON = 400 * 86400.0


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether changes may be made now; where not, `at` is when they may (None: not within a year) and why."""

    open: bool
    at: float | None = None
    timezone: str = "UTC"
    why: str = ""

    def text(self, now: float) -> str:
        """Return `waits for the window at 22:00 Europe/Berlin, in 3 h`."""
        closed = f"{self.why}; " if self.why else ""
        if self.at is None:
            return f"{closed}waits for a window, and none opens within a year"
        when = clock_text(self.at, self.timezone, now)
        return f"{closed}waits for the window at {when}, in {_span(self.at - now)}"


def opening(windows: Sequence[SyncWindow], now: float, sessions: Sessions) -> Opening:
    """Return whether a bot that these windows concern may be changed now, and else when."""
    unknown = next((one.calendar for one in windows if one.calendar and one.calendar not in sessions), "")
    if unknown:
        return Opening(False, None, why=f"when the market {unknown} is open is not known")
    allows = [one for one in windows if one.kind == "allow"]
    denies = [one for one in windows if one.kind == "deny"]
    moment, why, zone = now, "", ""
    for _ in range(_MOST_STEPS):
        denying = [(end, one) for one in denies if (end := _end(one, moment, sessions)) is not None]
        if denying:
            moment, blamed = max(denying, key=lambda pair: pair[0])
            why = why or _closed_text(blamed)
            zone = blamed.timezone
        elif not allows or any(_end(one, moment, sessions) is not None for one in allows):
            return Opening(moment <= now, moment, zone, why)
        else:
            starts = [(start, one) for one in allows if (start := _start(one, moment, sessions)) is not None]
            if not starts:
                break
            moment, opened = min(starts, key=lambda pair: pair[0])
            zone = opened.timezone
        if moment - now > _HORIZON:
            break
    return Opening(False, None, why=why)


def concerned(
    windows: Sequence[SyncWindow], environment: str, labels: Mapping[str, str]
) -> tuple[SyncWindow, ...]:
    """Return the windows that hold for a bot."""
    return tuple(one for one in windows if one.concerns(environment, labels))


def clock_text(at: float, timezone: str, now: float) -> str:
    """Return `22:00 Europe/Berlin`, with the date where it is another day there."""
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    then, here = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    time = f"{then:%H:%M}" if then.date() == here.date() else f"{then:%Y-%m-%d %H:%M}"
    return f"{time} {timezone}"


def _closed_text(window: SyncWindow) -> str:
    return f"the market {window.calendar} is open" if window.calendar else ""


def _span(seconds: float) -> str:
    """Return a length of time as people say it, never shorter than it is."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1.0, seconds):.0f} s"


def _end(window: SyncWindow, moment: float, sessions: Sessions) -> float | None:
    """Return when a window that is open at a moment closes, None where it is not open."""
    if window.calendar:
        spans = _widened(window, sessions)
        return next((end for start, end in spans if start <= moment < end), None)
    try:
        slot = next_slot(window.schedule, window.timezone, moment - window.duration)
        if slot > moment:
            return None
        for _ in range(_LONGEST_CHAIN):
            following = next_slot(window.schedule, window.timezone, slot)
            if following > slot + window.duration:
                return slot + window.duration
            slot = following
    except InvalidSchedule:
        return None
    return math.inf


def _start(window: SyncWindow, moment: float, sessions: Sessions) -> float | None:
    """Return when a window opens next, None where it never does."""
    if window.calendar:
        return next((start for start, _ in _widened(window, sessions) if start > moment), None)
    try:
        return next_slot(window.schedule, window.timezone, moment)
    except InvalidSchedule:
        return None


def _widened(window: SyncWindow, sessions: Sessions) -> list[tuple[float, float]]:
    return [(start - window.margin, end + window.margin) for start, end in sessions[window.calendar]]
