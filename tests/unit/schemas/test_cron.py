"""Cron expressions are checked strictly, and the next slot is right across changes of the clocks."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from schemas.cron import InvalidSchedule, check_cron, check_timezone, next_slot

BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int, fold: int = 0) -> float:
    return datetime(*parts, tzinfo=BERLIN, fold=fold).timestamp()  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "*/15 9-17 * * mon-fri",
        "0 0 1,15 * *",
        "0 0 * * 7",
        "30 4 29 2 *",
        "5/10 * * JAN-mar *",
        "0 0 1 * 1",
    ],
)
def test_sound_expressions_are_taken(expression):
    """Numbers, names, lists, ranges and steps make a schedule."""
    check_cron(expression)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * *", "has 5 fields (minute, hour, day of month, month, day of week), this has 4"),
        ("0 * * * * *", "this has 6"),
        ("60 * * * *", '"minute" goes from 0 to 59, 60 is outside'),
        ("0 24 * * *", '"hour" goes from 0 to 23'),
        ("0 0 0 * *", '"day of month" goes from 1 to 31'),
        ("x * * * *", '"minute" cannot be "x"'),
        ("1,,2 * * * *", '"minute" cannot be ""'),
        ("5-1 * * * *", "does not run upwards"),
        ("* * * * 5-5", "does not run upwards"),
        ("*/0 * * * *", '"/0" is not a step'),
        ("*/x * * * *", '"/x" is not a step'),
        ("@daily", "this has 1"),
        ("0 0 L * *", 'cannot be "L"'),
        ("0 0 * * 5#3", 'cannot be "5#3"'),
        ("0 0 */2 * 1", "is read in two ways"),
        ("0 0 30 2 *", "never comes round"),
        ("0 0 31 4,6 *", "never comes round"),
        ("１ * * * *", "cannot be"),
        ("* " * 5000, "5 fields"),
        ("", "5 fields"),
    ],
)
def test_bad_expressions_say_what_is_wrong(expression, words):
    """The field, the value and the limits are in the message."""
    with pytest.raises(InvalidSchedule) as caught:
        check_cron(expression)
    assert words in str(caught.value)


def test_misspelled_day_has_a_suggestion():
    """The nearest day is offered."""
    with pytest.raises(InvalidSchedule) as caught:
        check_cron("0 9 * * mno-fri")
    assert caught.value.suggestion == "mon"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("New_York", "America/New_York"),
        ("", None),
        ("../../etc/passwd", None),
    ],
)
def test_unknown_time_zone_offers_the_nearest(name, meant):
    """A zone is an IANA name and nothing else; a misspelled one is told its likely name."""
    with pytest.raises(InvalidSchedule, match="unknown time zone") as caught:
        check_timezone(name)
    assert caught.value.suggestion == meant


def test_next_slot_is_strictly_later():
    """A moment on a slot leads to the next one."""
    assert next_slot("*/5 * * * *", "UTC", 600.0) == 900.0
    assert next_slot("*/5 * * * *", "UTC", 599.9) == 600.0
    assert next_slot("*/5 * * * *", "UTC", 600.5) == 900.0


def test_slots_follow_the_zone():
    """9:00 in Berlin is 9:00 there in winter and in summer."""
    assert next_slot("0 9 * * *", "Europe/Berlin", at(2026, 1, 10, 12)) == at(2026, 1, 11, 9)
    assert next_slot("0 9 * * *", "Europe/Berlin", at(2026, 7, 10, 12)) == at(2026, 7, 11, 9)


def test_time_that_does_not_exist_runs_right_after_the_gap():
    """On the day the clocks go forward, 2:30 is run at 3:00 and not left out."""
    assert next_slot("30 2 * * *", "Europe/Berlin", at(2026, 3, 28, 12)) == at(2026, 3, 29, 3)


def test_time_that_exists_twice_runs_once():
    """On the day the clocks go back, 2:30 is run the first time only, wherever the question is asked from."""
    first = at(2026, 10, 25, 2, 30)
    next_day = at(2026, 10, 26, 2, 30)
    assert next_slot("30 2 * * *", "Europe/Berlin", at(2026, 10, 24, 12)) == first
    assert next_slot("30 2 * * *", "Europe/Berlin", first) == next_day
    assert next_slot("30 2 * * *", "Europe/Berlin", at(2026, 10, 25, 2, 15, fold=1)) == next_day


def test_interval_runs_through_the_change_evenly():
    """Every half hour stays every half hour of real time."""
    moment, slots = at(2026, 10, 25, 1, 30), []
    for _ in range(6):
        moment = next_slot("*/30 * * * *", "Europe/Berlin", moment)
        slots.append(moment)
    assert [later - earlier for earlier, later in pairwise(slots)] == [1800.0] * 5


def test_sunday_is_0_and_7():
    """Both numbers of Sunday mean the same day."""
    assert (
        next_slot("0 0 * * 7", "UTC", 0.0)
        == next_slot("0 0 * * 0", "UTC", 0.0)
        == next_slot("0 0 * * sun", "UTC", 0.0)
    )


def test_step_in_days_of_week_stays_in_the_week():
    """Monday in steps of three is Monday and Thursday, and not Sunday as a seventh day."""
    days = set()
    moment = 0.0
    for _ in range(6):
        moment = next_slot("0 0 * * 1/3", "UTC", moment)
        days.add(datetime.fromtimestamp(moment, ZoneInfo("UTC")).strftime("%a"))
    assert days == {"Mon", "Thu"}
