"""Quantities are read as people write them, exactly, and written back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.quantities import (
    InvalidQuantity,
    format_cpu,
    format_duration,
    format_memory,
    parse_cpu,
    parse_duration,
    parse_memory,
)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("512Mi", 512 * 2**20),
        ("1G", 10**9),
        ("1.5Gi", 1536 * 2**20),
        ("64k", 64_000),
        (134217728, 2**27),
        ("100", 100),
        (1e6, 10**6),
    ],
)
def test_memory_in_kubernetes_notation(written, size):
    """Binary and decimal units, fractions and plain bytes are sizes."""
    assert parse_memory(written) == size


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("512MB", "512M"),
        ("512mib", "512Mi"),
        ("512 Mi", "512Mi"),
        ("1 gb", "1G"),
        ("-1", None),
        ("0", None),
        ("1.5", None),
        ("", None),
        ("x", None),
        (True, None),
        (None, None),
        ([], None),
        (float("nan"), None),
        (float("inf"), None),
        (10**4000, None),
        ("9" * 1000, None),
        ("2Pi", None),
        ("1２Mi", None),
    ],
)
def test_bad_memory_has_a_suggestion_where_one_is_near(written, meant):
    """What is not a size is refused, and a wrong unit is answered with the right one."""
    with pytest.raises(InvalidQuantity) as caught:
        parse_memory(written)
    assert caught.value.suggestion == meant


@pytest.mark.parametrize(
    ("written", "millicores"),
    [("500m", 500), ("0.5", 500), (2, 2000), (0.25, 250), ("1", 1000), ("1.5", 1500)],
)
def test_cpu_in_kubernetes_notation(written, millicores):
    """Cores and thousandths of a core are shares of CPU."""
    assert parse_cpu(written) == millicores


@pytest.mark.parametrize(
    "written", ["0", "0.5m", "-1", "1 core", "0.0001", None, True, float("inf"), 10**400]
)
def test_bad_cpu_is_refused(written):
    """Less than a thousandth of a core, and what is no share of CPU, is refused."""
    with pytest.raises(InvalidQuantity):
        parse_cpu(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("2d", 172800),
        (45, 45),
        (0.5, 0.5),
        ("90", 90),
        (0, 0),
    ],
)
def test_durations(written, seconds):
    """Units, their combination, and plain seconds are durations."""
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["30 seconds", "1w", "-5s", "", "s", "5x", True, None, {}, "1e3s", "5m3"])
def test_bad_durations_are_refused(written):
    """Everything else says what a duration looks like."""
    with pytest.raises(InvalidQuantity, match="expected a duration such as"):
        parse_duration(written)


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=2**50))
def test_memory_survives_being_written_and_read(size):
    """What is formatted is parsed to the same bytes."""
    assert parse_memory(format_memory(size)) == size


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=10**7))
def test_cpu_survives_being_written_and_read(millicores):
    """What is formatted is parsed to the same millicores."""
    assert parse_cpu(format_cpu(millicores)) == millicores


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=10**9))
def test_duration_survives_being_written_and_read(milliseconds):
    """What is formatted is parsed to the same time."""
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


def test_formats_are_the_ones_people_write():
    """The largest unit that divides the amount is used."""
    assert [format_memory(size) for size in (2**30, 512 * 2**20, 1000)] == ["1Gi", "512Mi", "1000"]
    assert [format_cpu(share) for share in (500, 2000)] == ["500m", "2"]
    assert [format_duration(time) for time in (30, 300, 5400, 0, 0.25)] == ["30s", "5m", "90m", "0s", "250ms"]
