"""The times of a lease: renewals, and the two signals that come before its end."""

from hypothesis import given
from hypothesis import strategies as st

from controller.launcher.fence import LONGEST_CALL, Fence

TIMES = {"ttl": 30.0, "renew_every": 5.0, "terminate_after": 15.0, "kill_after": 27.0}


def fence(sent: float = 100.0) -> Fence:
    made = Fence(TIMES)
    made.granted(sent)
    return made


def test_everything_counts_from_the_moment_of_sending() -> None:
    """Renewal, SIGTERM and SIGKILL are due so long after the last good renewal was sent."""
    made = fence(100.0)
    assert (made.renew_at, made.terminate_at, made.kill_at) == (105.0, 115.0, 127.0)


def test_a_refused_renewal_is_tried_again_every_second_and_moves_no_deadline() -> None:
    """After a failure the next attempt comes sooner; the signals stay where they were."""
    made = fence(100.0)
    made.refused(105.0)
    assert (made.renew_at, made.terminate_at, made.kill_at) == (106.0, 115.0, 127.0)
    made.granted(106.0)
    assert (made.renew_at, made.terminate_at, made.kill_at) == (111.0, 121.0, 133.0)


def test_a_renewal_never_delays_a_signal() -> None:
    """What a renewal may take ends before the next signal is due; at the very end there is none."""
    made = fence(100.0)
    assert made.budget(105.0) == LONGEST_CALL
    assert made.budget(114.0) < 1.0
    assert made.budget(116.0) == LONGEST_CALL
    assert made.budget(126.99) == 0.0
    assert made.budget(300.0) == 0.0


@given(st.floats(100, 200), st.lists(st.floats(0.1, 10), max_size=20))
def test_the_loop_is_always_woken_in_time(start: float, refusals: list[float]) -> None:
    """Whatever failed before, the next event is never in the past, nor behind a signal that is due."""
    made = fence(100.0)
    moment = start
    for pause in refusals:
        made.refused(moment)
        moment += pause
    following = made.next_event(moment)
    assert following >= moment
    if moment < made.kill_at:
        assert following <= made.kill_at
    if moment < made.terminate_at:
        assert following <= made.terminate_at


def test_an_overdue_renewal_is_due_now() -> None:
    """A turn that comes a moment too late does not put the renewal off."""
    assert fence(100.0).next_event(105.001) == 105.001
