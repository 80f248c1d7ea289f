"""Which slots of a schedule are due, and which have passed: pure arithmetic on Unix seconds."""

from dataclasses import dataclass

from schemas.cron import next_slot

LATE = 60.0
"""Seconds after which a slot that was not begun counts as missed."""
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Due:
    """What a moment asks for: a slot to run now (None for none), those missed, and the next to wait for."""

    slot: float | None
    missed: tuple[float, ...]
    following: float
    last_slot: float
    """Up to where all slots are accounted for."""


def passed(schedule: str, timezone: str, after: float, until: float) -> tuple[float, ...]:
    """Return the slots in (after, until], oldest first; of a very long time only the first thousand."""
    slots: list[float] = []
    slot = next_slot(schedule, timezone, after)
    while slot <= until and len(slots) < _MOST:
        slots.append(slot)
        slot = next_slot(schedule, timezone, slot)
    return tuple(slots)


def due(schedule: str, timezone: str, last_slot: float, now: float, *, catch_up: bool) -> Due:
    """Return what is due now, when everything up to `last_slot` has been accounted for.

    Of the slots since then only the newest can be run: in time, or with `catch_up` late.
    """
    slots = passed(schedule, timezone, last_slot, now)
    following = next_slot(schedule, timezone, now)
    if not slots:
        return Due(None, (), following, last_slot)
    if now - slots[-1] <= LATE or catch_up:
        return Due(slots[-1], slots[:-1], following, now)
    return Due(None, slots, following, now)
