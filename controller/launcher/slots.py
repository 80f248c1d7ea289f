"""Whether a moment is a slot of a timetable (see `timetable.py`): arithmetic on the expanded fields."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LAST, _LAST_WEEKDAY = -1000, -1001  # cronsim's marks
_AFTER_CHANGE = 3600
"""For so long after the clocks were changed, a slot counts by the old clock as well as by the new."""


def is_slot(table: "dict[str, Any]", moment: float) -> bool:
    """Return whether the minute that began at or just before `moment` (Unix seconds) is on the timetable."""
    minute = int(moment) // 60 * 60
    return any(_matches(table, minute + offset) for offset in _offsets(table["offsets"], minute)) or any(
        _matches(table, skipped) for skipped in _skipped(table["offsets"], minute)
    )


def _offsets(changes: list[list[int]], moment: int) -> list[int]:
    """Return the offset that holds, and the one before it where the change is fresh."""
    held = [offset for since, offset in changes if since <= moment - _AFTER_CHANGE]
    fresh = [offset for since, offset in changes if moment - _AFTER_CHANGE < since <= moment]
    return held[-1:] + fresh


def _skipped(changes: list[list[int]], moment: int) -> range:
    """Return the local minutes that the clocks skipped exactly now: they are run at once."""
    for (_, before), (since, after) in zip(changes, changes[1:], strict=False):  # noqa: RUF007 - no import for it
        if since == moment and after > before:
            return range(moment + before, moment + after, 60)
    return range(0)


def _matches(table: "dict[str, Any]", local: int) -> bool:
    """Return whether local seconds (counted as if they were UTC) match all fields."""
    t = time.gmtime(local)
    if t.tm_min not in table["minutes"] or t.tm_hour not in table["hours"]:
        return False
    if t.tm_mon not in table["months"]:
        return False
    month_day = _matches_day(table["days"], t)
    weekday = _matches_weekday(table["weekdays"], t)
    return month_day and weekday if table["both_days"] else month_day or weekday


def _matches_day(days: list[int], t: time.struct_time) -> bool:
    if t.tm_mday in days:
        return True
    last = _length(t.tm_year, t.tm_mon)
    if _LAST in days and t.tm_mday == last:
        return True
    last_weekday = (t.tm_wday + last - t.tm_mday) % 7
    return _LAST_WEEKDAY in days and t.tm_mday == last - max(0, last_weekday - 4)


def _matches_weekday(weekdays: "list[Any]", t: time.struct_time) -> bool:
    names = (t.tm_wday + 1, (t.tm_wday + 1) % 7)
    nth = (t.tm_mday + 6) // 7
    wanted = (nth, _LAST) if t.tm_mday + 7 > _length(t.tm_year, t.tm_mon) else (nth,)
    return any(name in weekdays or [name, n] in weekdays for name in names for n in wanted)


def _length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
