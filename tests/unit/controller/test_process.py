"""Folding launcher reports: idempotent, in order, and never from an old allocation over a newer one."""

from hypothesis import given
from hypothesis import strategies as st

from controller.process import ProcessState, Stage, fold, merge_run, run_id, settle
from schemas.bot import RestartPolicy
from schemas.reports import LauncherReport, Outcome, ReportKind
from tests.unit.controller.examples import NOW, exited, labels, spec, started

BOT = spec()
POLICY = RestartPolicy()
EMPTY = ProcessState()


def folded(*reports, state=EMPTY, allocation="sma-btc-a1", placed=""):
    for report in reports:
        state = fold(state, labels(BOT, allocation), report, max(report.t, NOW), POLICY, placed)
    return state


def test_start_is_alive_since_we_heard_of_it():
    """Being alive counts from our own clock, since a node's clock may be wrong."""
    state = fold(ProcessState(), labels(BOT), started(t=NOW - 500), NOW, POLICY)
    assert state.stage is Stage.STARTED
    assert state.started_at == NOW - 500
    assert state.alive_since == NOW


def test_a_run_whose_start_is_forgotten_is_learnt_of_again():
    """With the database lost the launcher's next word is enough; runs that are known stay as they are."""
    again = LauncherReport(NOW + 60, ReportKind.RUNNING, run="sma-btc-a1-1", attempt=1, started_at=NOW - 500)
    state = folded(again)
    assert (state.stage, state.started_at, state.alive_since) == (Stage.STARTED, NOW - 500, NOW + 60)
    known = folded(started(1, NOW))
    assert folded(again, state=known) == known
    over = folded(started(1, NOW), exited(1, NOW + 3, restart_in=1.0))
    assert folded(again, state=over) == over


def test_crash_and_restart_are_counted():
    """A restart after a crash counts; the crash's words are kept."""
    state = folded(started(1, NOW), exited(1, NOW + 3, restart_in=1.0), started(2, NOW + 4))
    assert state.restarts == 1
    assert state.last_error == "ValueError: no"
    assert state.stage is Stage.STARTED


REPORTS = [
    LauncherReport(NOW, ReportKind.PREPARING),
    LauncherReport(NOW + 1, ReportKind.LEASE_ACQUIRED),
    started(1, NOW + 2),
    exited(1, NOW + 5, restart_in=1.0),
    LauncherReport(NOW + 5.5, ReportKind.WAITING, reason="backoff", restart_in=1.0),
    started(2, NOW + 6),
    exited(2, NOW + 9, restart_in=2.0),
    LauncherReport(NOW + 10, ReportKind.WAITING, reason="lease", message="held by another copy"),
    started(3, NOW + 11),
]


@given(st.integers(1, len(REPORTS)), st.integers(0, len(REPORTS)))
def test_replayed_reports_change_nothing(told, again_from):
    """However much of what was told is told again, the state is the same."""
    state = folded(*REPORTS[:told])
    assert folded(*REPORTS[min(again_from, told) : told], state=state) == state


def test_old_allocation_does_not_overwrite_a_newer_one():
    """What the replaced allocation still says does not touch the state of its successor."""
    state = folded(started(1, NOW))
    state = folded(started(1, NOW + 10, "sma-btc-a2"), state=state, allocation="sma-btc-a2")
    late = folded(exited(1, NOW + 12, outcome=Outcome.STOPPED), state=state)
    assert late == state
    assert state.allocation == "sma-btc-a2"


def test_backlog_of_an_unknown_older_allocation_is_ignored():
    """A backlog that arrives late, from before the current allocation, changes nothing."""
    state = folded(started(1, NOW + 100))
    assert folded(started(1, NOW, "old"), state=state, allocation="old") == state


def test_scheduler_decides_between_allocations():
    """Where a node's clock runs behind, the allocation that the scheduler shows is the current one."""
    state = folded(started(1, NOW + 100))
    after = folded(started(1, NOW, "a2"), state=state, allocation="a2", placed="a2")
    assert after.allocation == "a2"


def test_launcher_is_heard_before_the_scheduler_shows_it():
    """A start counts although the scheduler still shows the allocation before it."""
    state = folded(started(1, NOW))
    after = folded(started(1, NOW + 5, "a2"), state=state, allocation="a2", placed="sma-btc-a1")
    assert after.allocation == "a2"


def test_end_of_an_unknown_allocation_takes_no_place():
    """Last words of an allocation that was never known are not about the bot that runs now."""
    state = folded(started(1, NOW))
    assert folded(exited(1, NOW + 9, "a0"), state=state, allocation="a0") == state


def test_launcher_that_counts_anew_is_heard():
    """A launcher that was replaced inside its allocation and counts from one again is not taken for old."""
    state = folded(started(3, NOW), exited(3, NOW + 1), started(1, NOW + 2))
    assert state.stage is Stage.STARTED
    assert state.attempt == 1


def test_clock_that_steps_back_hides_no_attempt():
    """A node's clock that is set back loses neither a crash nor a start."""
    state = folded(started(1, NOW), exited(1, NOW + 5), started(2, NOW - 50), exited(2, NOW - 49))
    assert len(state.crashes) == 2


def test_five_crashes_in_ten_minutes_are_a_loop():
    """The fifth crash within the window makes a crash loop, the fourth does not."""
    reports = []
    for number in range(1, 6):
        reports += [started(number, NOW + number * 60), exited(number, NOW + number * 60 + 3)]
    assert not folded(*reports[:8]).looping
    assert folded(*reports).looping


def test_slow_crashes_are_no_loop():
    """Five crashes over more than the window are not a loop."""
    reports = []
    for number in range(1, 6):
        reports += [started(number, NOW + number * 200), exited(number, NOW + number * 200 + 3)]
    assert not folded(*reports).looping


def test_loop_stays_while_the_backoff_is_at_its_cap():
    """A loop is not forgotten because the backoff leaves fewer crashes in the window."""
    reports = []
    for number in range(1, 6):
        reports += [started(number, NOW + number * 10), exited(number, NOW + number * 10 + 3)]
    state = folded(*reports, started(6, NOW + 400), exited(6, NOW + 403))
    assert state.looping


def test_loop_ends_once_the_bot_stays_alive():
    """A bot that stays alive longer than the loop's own spacing is out of it, and not sooner."""
    reports = []
    for number in range(1, 6):
        reports += [started(number, NOW + number * 10), exited(number, NOW + number * 10 + 3)]
    state = folded(*reports, started(6, NOW + 100))
    assert settle(state, NOW + 219, POLICY).looping
    assert not settle(state, NOW + 221, POLICY).looping


def test_new_spec_forgets_the_crashes_of_the_old():
    """An update begins with a clean count of crashes and restarts."""
    state = folded(started(1), exited(1, NOW + 1), started(2, NOW + 2))
    update = labels(BOT, "a2", spec="other")
    after = fold(state, update, started(1, NOW + 10, "a2"), NOW + 10, POLICY)
    assert after.crashes == ()
    assert after.restarts == 0


def test_launch_failure_stays_visible_while_it_is_tried_again():
    """A launcher that fails, tries and fails again does not flicker between two states."""
    failed = LauncherReport(NOW + 1, ReportKind.FAILED, message="no interpreter python3.11")
    state = folded(failed, LauncherReport(NOW + 2, ReportKind.PREPARING))
    assert state.stage is Stage.FAILED
    assert state.message == "no interpreter python3.11"


def test_run_is_merged_from_its_start_and_its_end():
    """A run's start and end meet in one record, in either order."""
    start, end = (
        started(1, NOW),
        exited(1, NOW + 9, outcome=Outcome.SUCCESS, message="", result={"message": "done"}),
    )
    run = merge_run(merge_run(None, labels(BOT), start), labels(BOT), end)
    assert (run.started_at, run.ended_at, run.outcome, run.message) == (NOW, NOW + 9, "success", "done")
    backwards = merge_run(merge_run(None, labels(BOT), end), labels(BOT), start)
    assert backwards.outcome == "success"
    assert merge_run(run, labels(BOT), end) == run


def test_three_outcomes_of_a_scheduled_bot_differ():
    """An exception, error() and success(data) give three different outcomes."""
    ends = [
        exited(1, outcome=Outcome.CRASHED, message="ValueError: no"),
        exited(2, outcome=Outcome.ERROR, message="", result={"status": "error", "message": "no funds"}),
        exited(3, outcome=Outcome.SUCCESS, message="", result={"status": "success", "data": {"n": 1}}),
    ]
    runs = [merge_run(None, labels(BOT), end) for end in ends]
    assert [run.outcome for run in runs] == ["crashed", "error", "success"]
    assert [run.message for run in runs] == ["ValueError: no", "no funds", ""]


def test_skipped_and_missed_starts_are_runs():
    """A start that was skipped, and a slot that was missed, are each recorded once."""
    skipped = LauncherReport(NOW, ReportKind.SKIPPED, reason="overlap")
    missed = LauncherReport(NOW, ReportKind.SKIPPED, reason="missed", started_at=NOW - 3600)
    assert merge_run(None, labels(BOT), skipped).outcome == "skipped"
    assert merge_run(None, labels(BOT), missed).outcome == "missed"
    assert run_id(labels(BOT), missed) != run_id(labels(BOT), skipped)


def test_lifeless_reports_are_no_runs():
    """Preparing, waiting and leases make no run."""
    assert merge_run(None, labels(BOT), LauncherReport(NOW, ReportKind.PREPARING)) is None
