"""Which slots are run, and which are only told of."""

import pytest

from controller.schedulers.local.calendar import due, passed

HOUR = 3600.0
NOON = 1_767_614_400.0  # Monday 2026-01-05 12:00 UTC
HOURLY = ("0 * * * *", "UTC")


def test_nothing_is_due_between_two_slots() -> None:
    """The next slot is named, and everything stays accounted for as it was."""
    asked = due(*HOURLY, NOON, NOON + 60, catch_up=False)
    assert (asked.slot, asked.missed, asked.following, asked.last_slot) == (None, (), NOON + HOUR, NOON)


def test_a_slot_is_run_in_its_first_minute() -> None:
    """A slot that came a moment ago is run, and the next is named."""
    asked = due(*HOURLY, NOON, NOON + HOUR + 0.5, catch_up=False)
    assert (asked.slot, asked.missed, asked.following) == (NOON + HOUR, (), NOON + 2 * HOUR)


@pytest.mark.parametrize("catch_up", [False, True])
def test_missed_slots_are_told_and_at_most_one_is_caught_up(catch_up: bool) -> None:
    """After hours away each slot counts as missed; with catch_up the newest is run, once."""
    asked = due(*HOURLY, NOON, NOON + 3.5 * HOUR, catch_up=catch_up)
    slots = (NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR)
    assert (asked.slot, asked.missed) == ((slots[2], slots[:2]) if catch_up else (None, slots))
    assert asked.last_slot == NOON + 3.5 * HOUR


def test_slots_of_a_very_long_time_are_bounded() -> None:
    """A bot of every minute that was away for years does not keep herdsman busy."""
    assert len(passed("* * * * *", "UTC", NOON - 1e8, NOON)) == 1000
