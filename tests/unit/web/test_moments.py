import pytest

from schemas.errors import UsageError
from web.moments import nice_step, parse_moment, parse_range, parse_step

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", NOW),
        ("now", NOW),
        ("-1h", NOW - 3600),
        ("-90s", NOW - 90),
        ("-15min", NOW - 900),
        ("-1.5d", NOW - 129600),
        ("1699999999.25", 1699999999.25),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14T22:13:20", NOW),
    ],
)
def test_moment_is_unix_seconds_rfc_3339_or_a_time_ago(text: str, expected: float):
    """Each way to give a time means the same moment."""
    assert parse_moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["yesterday", "nan", "inf", "1h", "--1h", "2023-13-01"])
def test_text_that_is_no_time_is_a_clear_error(text: str):
    """The error repeats the text and says which forms there are."""
    with pytest.raises(UsageError, match="is not a time: give Unix seconds"):
        parse_moment(text, NOW)


def test_range_is_the_last_hour_by_default():
    """Without start and end, the last hour is meant; with an end alone, the hour before it."""
    assert parse_range("", "", NOW) == (NOW - 3600, NOW)
    assert parse_range("", "-1d", NOW) == (NOW - 90000, NOW - 86400)


def test_range_that_ends_before_it_starts_is_refused():
    """Start and end the wrong way round are no empty answer but an error."""
    with pytest.raises(UsageError, match="swap the two"):
        parse_range("-1h", "-2h", NOW)


def test_step_is_seconds_a_span_or_raw():
    """A step may be given as seconds or a span; "raw" is 0, nothing means "choose"."""
    assert [parse_step(text) for text in ("15", "0.5", "5m", "raw", "")] == [15.0, 0.5, 300.0, 0.0, None]
    with pytest.raises(UsageError, match="is not a step"):
        parse_step("-5")


def test_chosen_steps_are_round():
    """A chosen step is the next round number, and whole days beyond one."""
    assert [nice_step(seconds) for seconds in (0.1, 1, 1.2, 61, 90000)] == [1, 1, 2, 120, 172800]
