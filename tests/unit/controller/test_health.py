"""Health, from what the scheduler shows and what the launcher reports."""

from dataclasses import replace

import pytest

from controller.health import judge, judge_stopped
from controller.process import ProcessState, Stage, fold
from controller.schedulers.protocol import Phase
from controller.settings import Settings
from controller.status import Health, Reason
from schemas.bot import BotType, RestartPolicy
from schemas.reports import LauncherReport, Outcome, ReportKind
from tests.unit.controller.examples import NOW, exited, labels, seen, spec, started

BOT = spec()
JOB = spec(kind=BotType.SCHEDULED)
SETTINGS = Settings()
EMPTY = ProcessState()


def after(*reports, bot=BOT):
    state = ProcessState()
    for report in reports:
        state = fold(state, labels(bot), report, max(NOW, report.t), RestartPolicy())
    return state


def judged(observed, process=EMPTY, now=NOW, bot=BOT):
    found = judge(bot, observed, process, now, SETTINGS)
    return found.health, found.reason


WAIT = ReportKind.WAITING


@pytest.mark.parametrize(
    ("observed", "process", "health", "reason"),
    [
        (None, ProcessState(), Health.MISSING, Reason.NOT_APPLIED),
        (seen(BOT, Phase.PENDING), ProcessState(), Health.PROGRESSING, Reason.PENDING),
        (seen(BOT, Phase.PENDING, reason="no_runtime"), ProcessState(), Health.DEGRADED, Reason.NO_RUNTIME),
        (seen(BOT, Phase.PENDING, reason="artifact"), ProcessState(), Health.DEGRADED, Reason.LAUNCH_FAILED),
        (seen(BOT, Phase.LOST), ProcessState(), Health.UNKNOWN, Reason.NODE_LOST),
        (seen(BOT, Phase.STOPPING), ProcessState(), Health.PROGRESSING, Reason.STOPPING),
        (seen(BOT, Phase.STOPPED), ProcessState(), Health.MISSING, Reason.NOT_APPLIED),
        (seen(BOT), ProcessState(), Health.PROGRESSING, Reason.AWAITING_REPORT),
        (seen(BOT), after(LauncherReport(NOW, ReportKind.PREPARING)), Health.PROGRESSING, Reason.STARTING),
        (
            seen(BOT),
            after(LauncherReport(NOW, WAIT, reason="lease")),
            Health.PROGRESSING,
            Reason.WAITING_FOR_LEASE,
        ),
        (
            seen(BOT),
            after(LauncherReport(NOW, WAIT, reason="state_elsewhere")),
            Health.DEGRADED,
            Reason.STATE_ELSEWHERE,
        ),
        (
            seen(BOT),
            after(LauncherReport(NOW, ReportKind.FAILED, message="no python")),
            Health.DEGRADED,
            Reason.LAUNCH_FAILED,
        ),
        (
            seen(BOT),
            after(started(), LauncherReport(NOW + 1, ReportKind.LEASE_LOST)),
            Health.PROGRESSING,
            Reason.WAITING_FOR_LEASE,
        ),
        (seen(BOT), after(started()), Health.PROGRESSING, Reason.NOT_YET_HEALTHY),
        (seen(BOT), after(started(), exited(1, NOW + 3)), Health.PROGRESSING, Reason.RESTARTING),
        (
            seen(BOT),
            after(started(), exited(1, NOW + 3, reason="out_of_memory")),
            Health.PROGRESSING,
            Reason.OUT_OF_MEMORY,
        ),
    ],
)
def test_health_by_phase_and_reports(observed, process, health, reason):
    """Each phase and stage has one health and one reason."""
    assert judged(observed, process) == (health, reason)


def test_healthy_only_after_staying_alive():
    """A bot is Healthy once it stayed alive for `healthy_after`, and the judgement says when to look."""
    process = after(started())
    early = judge(BOT, seen(BOT), process, NOW + 9.9, SETTINGS)
    assert early.health is Health.PROGRESSING
    assert early.recheck_at == NOW + 10
    assert judged(seen(BOT), process, NOW + 10) == (Health.HEALTHY, Reason.RUNNING)


def test_a_healthy_bot_that_lost_a_part_of_its_state_says_so():
    """From when the copy is that it began with, as long as this placement lives."""
    kind, text = ReportKind.STATE_RESTORED, "its state is version 3: what came after that is lost"
    lost = after(LauncherReport(NOW - 1, kind, reason="loss", message=text), started())
    found = judge(BOT, seen(BOT), lost, NOW + 10, SETTINGS)
    assert (found.health, found.message) == (Health.HEALTHY, text)
    whole = after(LauncherReport(NOW - 1, kind, message="its state is version 3"), started())
    assert judge(BOT, seen(BOT), whole, NOW + 10, SETTINGS).message == ""


def test_bot_that_crashes_after_three_seconds_is_never_healthy():
    """At no moment of a crash loop with lives of 3 s is the bot Healthy."""
    state, moment = ProcessState(), NOW
    for attempt in range(1, 12):
        for report in (started(attempt, moment), exited(attempt, moment + 3, restart_in=2.0**attempt)):
            state = fold(state, labels(BOT), report, report.t, RestartPolicy())
            for later in (0.0, 2.9):
                assert judged(seen(BOT), state, report.t + later)[0] is not Health.HEALTHY
        moment += 3 + min(2.0**attempt, 300)


def test_crash_loop_names_count_span_and_last_error():
    """The reason of a crash loop reads as a person would say it."""
    reports = []
    for number in range(5):
        moment = NOW + number * 60
        message = "ConnectionError: connection refused (main.py:41)"
        reports += [started(number + 1, moment), exited(number + 1, moment + 3, message=message)]
    found = judge(BOT, seen(BOT), after(*reports), NOW + 300, SETTINGS)
    assert (found.health, found.reason) == (Health.DEGRADED, Reason.CRASH_LOOP)
    assert found.message == "crashed 5 times in 4 min: ConnectionError: connection refused (main.py:41)"


def test_loop_is_still_degraded_while_it_tries_again():
    """A bot in a crash loop that runs again is Degraded until it has proved itself."""
    reports = []
    for number in range(5):
        reports += [started(number + 1, NOW + number * 10), exited(number + 1, NOW + number * 10 + 3)]
    state = after(*reports, started(6, NOW + 60))
    assert judged(seen(BOT), state, NOW + 75) == (Health.DEGRADED, Reason.CRASH_LOOP)


def test_unreported_placement_becomes_unknown():
    """Without any report, a running placement is awaited for 30 s and then Unknown."""
    assert judged(seen(BOT), now=NOW + 29) == (Health.PROGRESSING, Reason.AWAITING_REPORT)
    assert judged(seen(BOT), now=NOW + 30) == (Health.UNKNOWN, Reason.AWAITING_REPORT)


def test_reports_of_another_allocation_say_nothing_about_this_one():
    """A healthy predecessor does not make its unheard successor healthy."""
    process = after(started())
    observed = seen(BOT, allocation="other", started_at=NOW + 50)
    assert judged(observed, process, NOW + 60) == (Health.PROGRESSING, Reason.AWAITING_REPORT)


def test_the_copy_before_an_update_says_nothing_about_the_new_one():
    """A changed job shows the old placement for a moment, which is healthy; a scheduled bot's run goes on."""
    process, changed = after(started()), spec(parameters={"fast": 11})
    assert judged(seen(changed, allocation="sma-btc-a1"), process, NOW + 60, changed) == (
        Health.PROGRESSING,
        Reason.PENDING,
    )
    run, later = after(started(), bot=JOB), spec(parameters={"fast": 11}, kind=BotType.SCHEDULED)
    assert judged(seen(later), run, NOW + 60, later) == (Health.HEALTHY, Reason.RUNNING)


@pytest.mark.parametrize(
    ("outcome", "health", "reason"),
    [
        (Outcome.SUCCESS, Health.HEALTHY, Reason.WAITING_FOR_SLOT),
        (Outcome.STOPPED, Health.HEALTHY, Reason.WAITING_FOR_SLOT),
        (Outcome.ERROR, Health.DEGRADED, Reason.LAST_RUN_FAILED),
        (Outcome.CRASHED, Health.DEGRADED, Reason.LAST_RUN_FAILED),
        (Outcome.TIMED_OUT, Health.DEGRADED, Reason.LAST_RUN_FAILED),
        (Outcome.KILLED, Health.DEGRADED, Reason.LAST_RUN_FAILED),
    ],
)
def test_scheduled_bot_between_runs(outcome, health, reason):
    """Between two runs, a scheduled bot is as well as its last run was."""
    process = after(started(), exited(1, NOW + 5, outcome=outcome), bot=JOB)
    assert judged(seen(JOB, Phase.IDLE), process, bot=JOB) == (health, reason)


def test_scheduled_bot_before_its_first_run_is_healthy():
    """A scheduled bot that waits for its first slot is Healthy."""
    assert judged(seen(JOB, Phase.IDLE), bot=JOB) == (Health.HEALTHY, Reason.WAITING_FOR_SLOT)


def test_scheduled_bot_needs_no_minimum_life():
    """A run of a scheduled bot is Healthy at once: it is meant to end."""
    assert judged(seen(JOB), after(started(), bot=JOB), bot=JOB) == (Health.HEALTHY, Reason.RUNNING)


def test_failed_run_says_why():
    """The message of a failed run has the bot's own words."""
    end = exited(1, NOW, outcome=Outcome.ERROR, message="", result={"status": "error", "message": "no funds"})
    found = judge(JOB, seen(JOB, Phase.IDLE), after(started(), end, bot=JOB), NOW, SETTINGS)
    assert found.message == "the last run reported an error: no funds"


def test_stopped_bots_are_suspended_once_they_are_dead():
    """A bot that is meant not to run is Suspended when it is dead, on its way before."""
    assert judge_stopped(seen(BOT), Reason.SUSPENDED, "x").health is Health.PROGRESSING
    assert judge_stopped(seen(BOT, Phase.STOPPED), Reason.SUSPENDED, "x").health is Health.SUSPENDED
    assert judge_stopped(None, Reason.DISABLED, "x").health is Health.SUSPENDED
    assert judge_stopped(seen(BOT, Phase.LOST), Reason.SUSPENDED, "x").health is Health.UNKNOWN


def test_placement_waiting_in_a_loop_stays_degraded():
    """A crash-looping bot that is being placed again does not look fine meanwhile."""
    process = replace(after(started(), exited(1, NOW + 1)), looping=True, stage=Stage.EXITED)
    assert judged(seen(BOT, Phase.PENDING), process) == (Health.DEGRADED, Reason.CRASH_LOOP)
