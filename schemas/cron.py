"""Cron expressions of five fields, in a time zone: checked, and the next slot computed.

Only what every scheduler reads alike is accepted: numbers, names, lists, ranges and steps. `L`, `W`, `#`,
`?` and `@daily` are refused, and so is a day of month *and* a day of week where one is a `*/n`, which some
cron programs join with "and" and others with "or". Two plain ones are joined with "or", as everywhere.

Across a change of the clocks: a fixed time that does not exist that day runs right after the gap, one that
exists twice runs the first time only; a schedule with `*` in its minute or hour follows real time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from schemas.suggestions import nearest

_LONGEST_EXPRESSION = 256
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class InvalidSchedule(ValueError):
    """A cron expression or time zone that cannot be used; `suggestion` is what was likely meant."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.least
        if not (text.isascii() and text.isdigit() and len(text) <= 2):
            raise InvalidSchedule(
                f'cron field "{self.name}" cannot be "{text[:20]}"', nearest(text, self.names)
            )
        if not self.least <= int(text) <= self.most:
            raise InvalidSchedule(
                f'cron field "{self.name}" goes from {self.least} to {self.most}, {int(text)} is outside'
            )
        return int(text)

    def members(self, text: str) -> set[int]:
        """Return the numbers that one element of the field's list stands for."""
        term, slash, step_text = text.partition("/")
        step = self._step(step_text) if slash else 1
        if term == "*":
            first, last = self.least, self.most
        elif "-" in term:
            first, last = (self.number(part) for part in term.split("-", 1))
            if last <= first:
                # Equal ends as well: some cron programs read "5-5" as the whole field.
                raise InvalidSchedule(
                    f'cron field "{self.name}": the range "{term[:20]}" does not run upwards'
                )
        else:
            first = self.number(term)
            last = self.most if slash else first
        return set(range(first, last + 1, step))

    def _step(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= self.most):
            raise InvalidSchedule(f'cron field "{self.name}": "/{text[:20]}" is not a step')
        return int(text)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


def check_cron(expression: str) -> None:
    """Raise InvalidSchedule where the expression is not five sound fields with at least one slot ever."""
    _normalized(expression)


def check_timezone(name: str) -> None:
    """Raise InvalidSchedule, with the nearest name, where this is not an IANA time zone."""
    if name not in _zones():
        raise InvalidSchedule(f'unknown time zone "{name[:64]}"', nearest(name, _zone_candidates(name)))


def next_slot(expression: str, timezone: str, after: float) -> float:
    """Return the first slot strictly after a moment; both in Unix seconds. Raises InvalidSchedule."""
    zone = _zone(timezone)
    start = datetime.fromtimestamp(after, zone)
    for slot in CronSim(_normalized(expression), start):
        # In an hour that repeats, the first candidate of a fixed time can lie before `after`.
        if slot.timestamp() > after:
            return slot.timestamp()
    raise InvalidSchedule(f'cron "{expression}" never comes round')


@lru_cache(maxsize=4096)
def _normalized(expression: str) -> str:
    """Return the expression with days of week as plain numbers from 0 to 6, once it is known to be sound."""
    parts = expression.split() if len(expression) <= _LONGEST_EXPRESSION else []
    if len(parts) != len(_FIELDS):
        raise InvalidSchedule(
            "a cron expression has 5 fields (minute, hour, day of month, month, day of week), "
            f"this has {len(parts) or 'more'}"
        )
    parts[4] = ",".join("0" if part == "7" else part for part in parts[4].split(","))
    numbers = [_members(field, part) for field, part in zip(_FIELDS, parts, strict=True)]
    _refuse_ambiguous_days(parts[2], parts[4])
    if parts[4] != "*":
        parts[4] = ",".join(str(day) for day in sorted(numbers[4]))
    try:
        next(CronSim(" ".join(parts), datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise InvalidSchedule(f'cron "{expression}" never comes round') from error
    return " ".join(parts)


def _members(field: _Field, text: str) -> set[int]:
    return set().union(*(field.members(part) for part in text.split(",")))


def _refuse_ambiguous_days(day_of_month: str, day_of_week: str) -> None:
    stepped = day_of_month.startswith("*/") or day_of_week.startswith("*/")
    if stepped and day_of_month != "*" and day_of_week != "*":
        raise InvalidSchedule(
            'cron: "*/n" in one day field beside a value in the other is read in two ways; list the days'
        )


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) | {"UTC"}


def _zone_candidates(name: str) -> list[str]:
    """Return the zones whose city begins alike: few enough to compare with."""
    city = name.rpartition("/")[2].casefold()[:3]
    return [zone for zone in _zones() if zone.rpartition("/")[2].casefold().startswith(city)]


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    check_timezone(name)
    return UTC if name == "UTC" else ZoneInfo(name)
