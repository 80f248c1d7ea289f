"""The launcher's own reading of a schedule agrees with the one that computes slots."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.launcher.slots import is_slot
from controller.launcher.timetable import timetable
from schemas.cron import InvalidSchedule, next_slot

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
YEAR = 366 * 86400.0
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana")

_numbers = st.integers(0, 59)
_fields = st.tuples(
    st.sampled_from(["0", "30", "*/15", "5,35", "10-20", "*"]),
    st.sampled_from(["0", "2", "*/6", "1-3", "*", "9,17"]),
    st.sampled_from(["*", "1", "15", "28-31"]),
    st.sampled_from(["*", "3", "10,11", "jan-jun"]),
    st.sampled_from(["*", "0", "mon-fri", "7", "3"]),
)


@given(_fields, st.sampled_from(ZONES), st.floats(NOW, NOW + YEAR))
@settings(max_examples=400, deadline=None)
def test_every_computed_slot_is_on_the_timetable(fields: tuple[str, ...], zone: str, moment: float) -> None:
    """What `next_slot` names, the launcher accepts; the minute before it is on no schedule of whole hours."""
    expression = " ".join(fields)
    try:
        slot = next_slot(expression, zone, moment)
    except InvalidSchedule:
        return
    table = timetable(expression, zone, NOW)
    assert is_slot(table, slot)
    assert is_slot(table, slot + 59)
    if fields[0] in ("0", "30", "5,35"):
        assert not is_slot(table, slot - 60)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-05T08:00:00+01:00", True),
        ("2026-07-06T08:00:00+02:00", True),
        ("2026-07-06T07:00:00+02:00", False),
        ("2026-07-06T08:01:00+02:00", False),
        ("2026-07-04T08:00:00+02:00", False),
        ("2035-07-04T08:00:00+02:00", True),
    ],
)
def test_the_time_zone_counts(moment: str, expected: bool) -> None:
    """Eight o'clock on weekdays in Berlin is another moment in summer, for years to come."""
    table = timetable("0 8 * * mon-fri", "Europe/Berlin", NOW)
    assert is_slot(table, datetime.fromisoformat(moment).timestamp()) is expected


def test_a_skipped_hour_runs_right_after_the_gap() -> None:
    """Half past two does not exist on that Sunday in Berlin: it is three o'clock then, and not later."""
    table = timetable("30 2 * * *", "Europe/Berlin", NOW)
    gap = datetime.fromisoformat("2026-03-29T03:00:00+02:00").timestamp()
    assert is_slot(table, gap)
    assert next_slot("30 2 * * *", "Europe/Berlin", gap - 3600) == gap
    assert not is_slot(table, gap + 86400)


def test_special_days_of_cronsim_are_understood() -> None:
    """The last day, the last weekday, the last Friday and the second Monday of a month."""
    at = lambda day: datetime.fromisoformat(f"2026-02-{day}T00:00:00+00:00").timestamp()  # noqa: E731
    for schedule, good, bad in [
        ("0 0 L * *", "28", "27"),
        ("0 0 LW * *", "27", "28"),
        ("0 0 * * 5L", "27", "20"),
        ("0 0 * * 1#2", "09", "16"),
    ]:
        table = timetable(schedule, "UTC", NOW)
        assert is_slot(table, at(good))
        assert not is_slot(table, at(bad))
