"""Waits between tries."""

from hypothesis import given
from hypothesis import strategies as st

from controller.backoff import delay, drift_delay, spread


def test_waits_double_up_to_the_cap():
    """Each further failure doubles the wait, up to the cap; no failure waits not at all."""
    assert [delay(n, 1.0, 300.0) for n in (0, 1, 2, 3, 9, 10, 10_000)] == [0, 1, 2, 4, 256, 300, 300]


@given(st.integers(1, 100), st.floats(0, 1))
def test_jitter_stays_within_its_share(failures, chance):
    """A wait varies by no more than its share, both ways."""
    exact = delay(failures, 1.0, 300.0)
    assert exact * 0.9 - 1e-9 <= delay(failures, 1.0, 300.0, 0.1, chance) <= exact * 1.1 + 1e-9
    assert spread(10.0, 0.0, chance) == 10.0


def test_first_correction_is_immediate():
    """Drift is corrected at once the first time, then later and later."""
    assert [drift_delay(n, 1.0, 300.0) for n in (0, 1, 2)] == [0, 1, 2]
