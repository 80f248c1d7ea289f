"""A cron schedule expanded for the launcher, which has neither a cron parser nor time zone data."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

_HORIZON = timedelta(days=3653)
_STEP = timedelta(days=7)


def timetable(schedule: str, timezone: str, now: float) -> dict[str, Any]:
    """Return the sets of a cron expression, and the zone's offsets from UTC for ten years from `now`.

    `offsets` is a list of `[unix seconds from which it holds, seconds east of UTC]`, oldest first. A field
    that names the last or n-th weekday keeps cronsim's pairs `[weekday, n]` (n = -1000 for the last).
    """
    cron = CronSim(schedule, datetime.fromtimestamp(now, UTC))
    return {
        "minutes": sorted(cron.minutes),
        "hours": sorted(cron.hours),
        "days": sorted(cron.days),
        "months": sorted(cron.months),
        "weekdays": [list(item) if isinstance(item, tuple) else item for item in cron.weekdays],
        "both_days": cron.day_and,
        "offsets": _offsets(ZoneInfo(timezone), datetime.fromtimestamp(now, UTC)),
    }


def _offsets(zone: ZoneInfo, start: datetime) -> list[list[int]]:
    offsets = [[0, _offset(zone, start - _STEP)]]
    moment = start - _STEP
    while moment < start + _HORIZON:
        following = moment + _STEP
        if _offset(zone, following) != offsets[-1][1]:
            change = _change(zone, moment, following)
            offsets.append([int(change.timestamp()), _offset(zone, change)])
        moment = following
    return offsets


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first whole second with the offset of `after`, by halving."""
    low, high, old = int(before.timestamp()), int(after.timestamp()), _offset(zone, before)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, datetime.fromtimestamp(middle, UTC)) == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
