"""What goes on inside a bot's placement: launcher reports folded into a process state and into runs.

Pure and idempotent: the same report twice changes nothing, and what an old allocation still has to say
never overwrites what is known of a newer one (it only completes its own runs).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from controller.records import RunRecord
from schemas.bot import RestartPolicy
from schemas.labels import AllocationLabels
from schemas.reports import OUT_OF_MEMORY, LauncherReport, Outcome, ReportKind

SKIPPED = "skipped"
"""A run's outcome where its start was not due or overlapped."""
MISSED = "missed"
"""A run's outcome where nothing was there to start it at its slot."""
_REMEMBERED = 4
_FAILURES = frozenset({Outcome.ERROR, Outcome.CRASHED, Outcome.TIMED_OUT})

_BEGINNINGS = frozenset(
    {
        ReportKind.PREPARING,
        ReportKind.WAITING,
        ReportKind.LEASE_ACQUIRED,
        ReportKind.STARTED,
        ReportKind.FAILED,
    }
)


class Stage(StrEnum):
    """How far the launcher has come with the bot."""

    NONE = ""
    PREPARING = "preparing"
    WAITING = "waiting"
    STARTED = "started"
    EXITED = "exited"
    LEASE_LOST = "lease_lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One bot's process, by its launcher's reports.

    `first_at` and `last_at` are the launcher's times of the current allocation; `alive_since` is when we
    heard of the start by *our* clock (a node's clock may be wrong, and a backlog arrives late).
    """

    allocation: str = ""
    spec: str = ""
    node: str = ""
    first_at: float = 0.0
    last_at: float = 0.0
    stage: Stage = Stage.NONE
    run: str = ""
    ended: str = ""
    """The newest run that has ended."""
    attempt: int = 0
    reason: str = ""
    message: str = ""
    started_at: float | None = None
    alive_since: float | None = None
    restart_in: float | None = None
    restarts: int = 0
    crashes: tuple[float, ...] = ()
    """Times of the newest crashes of this spec, oldest first."""
    looping: bool = False
    last_error: str = ""
    last_outcome: str = ""
    """Outcome of the newest finished run, "" before there is one."""
    last_ended_at: float | None = None
    note: str = ""
    """What is to be known of a placement that is well: that it began with a part of its state lost."""
    superseded: tuple[str, ...] = ()
    """The newest allocations that this one has replaced."""


def fold(
    state: ProcessState,
    labels: AllocationLabels,
    report: LauncherReport,
    now: float,
    policy: RestartPolicy,
    placed: str = "",
) -> ProcessState:
    """Return the state after one report; `placed` is the allocation that the scheduler shows, if any."""
    if not _takes_part(state, labels.allocation, report, placed):
        return state
    if labels.allocation != state.allocation:
        state = _next_allocation(state, labels, report)
    if report.kind is ReportKind.STARTED:
        return _started(state, report, now)
    if report.kind is ReportKind.RUNNING:
        return _running(state, report, now)
    if report.kind is ReportKind.EXITED:
        return _exited(state, report, policy)
    return _other(state, report)


def settle(state: ProcessState, now: float, policy: RestartPolicy) -> ProcessState:
    """Return the state with a crash loop ended, once the bot stayed alive longer than the loop's spacing."""
    if state.looping and state.stage is Stage.STARTED and now >= loop_ends_at(state, policy):
        return replace(state, looping=False, crashes=())
    return state


def loop_ends_at(state: ProcessState, policy: RestartPolicy) -> float:
    """Return when a bot in a crash loop, if it stays alive, counts as out of it."""
    return (state.alive_since or 0.0) + policy.degraded_window / max(1, policy.degraded_crashes)


def merge_run(known: RunRecord | None, labels: AllocationLabels, report: LauncherReport) -> RunRecord | None:
    """Return the run that a report tells of, merged with what is known; None where it tells of none."""
    if report.kind is ReportKind.SKIPPED:
        return known or _skipped(labels, report)
    if report.kind not in (ReportKind.STARTED, ReportKind.EXITED):
        return None
    run = known or RunRecord(
        id=run_id(labels, report),
        bot=labels.bot,
        allocation=labels.allocation,
        node=labels.node,
        revision=labels.revision,
    )
    if report.kind is ReportKind.STARTED:
        return run if run.started_at is not None else replace(run, started_at=report.started_at or report.t)
    if run.outcome:
        return run
    return replace(
        run,
        started_at=run.started_at if run.started_at is not None else report.started_at,
        ended_at=report.ended_at if report.ended_at is not None else report.t,
        outcome=_outcome(report),
        exit_code=report.exit_code,
        signal=report.signal,
        message=exit_text(report),
        result=report.result,
    )


def run_id(labels: AllocationLabels, report: LauncherReport) -> str:
    """Return the identity of the run that a report is about."""
    if report.kind is ReportKind.SKIPPED and not report.run:
        slot = report.t if report.started_at is None else report.started_at
        return f"{labels.allocation}-{report.reason or SKIPPED}-{slot:.3f}"
    return report.run or f"{labels.allocation}-{report.attempt}"


def exit_text(report: LauncherReport) -> str:
    """Return how a run ended, in words: its own message, else its exit code or signal."""
    if report.message:
        return report.message
    said = _result_message(report.result)
    if said:
        return said
    if report.signal:
        return f"ended by signal {report.signal}"
    return f"exit code {report.exit_code}" if report.exit_code else ""


def _takes_part(state: ProcessState, allocation: str, report: LauncherReport, placed: str) -> bool:
    """Say whether a report is about the current allocation, or about one that replaces it.

    A launcher may be heard of before the scheduler shows its allocation, so only what began later, and
    says that something begins, takes the place of what is known.
    """
    if not state.allocation or allocation in (state.allocation, placed):
        return True
    if allocation in state.superseded:
        return False
    return report.kind in _BEGINNINGS and report.t >= state.first_at


def _next_allocation(state: ProcessState, labels: AllocationLabels, report: LauncherReport) -> ProcessState:
    old = (*state.superseded, state.allocation) if state.allocation else state.superseded
    same = labels.spec == state.spec
    return ProcessState(
        allocation=labels.allocation,
        spec=labels.spec,
        node=labels.node,
        first_at=report.t,
        restarts=state.restarts if same else 0,
        crashes=state.crashes if same else (),
        looping=state.looping and same,
        last_error=state.last_error if same else "",
        last_outcome=state.last_outcome,
        last_ended_at=state.last_ended_at,
        superseded=old[-_REMEMBERED:],
    )


def _started(state: ProcessState, report: LauncherReport, now: float) -> ProcessState:
    run = report.run or str(report.attempt)
    if _repeated(state, report, run == state.run):
        return state
    again = bool(state.run) and report.attempt > state.attempt and state.last_outcome == Outcome.CRASHED
    return replace(
        state,
        stage=Stage.STARTED,
        run=run,
        attempt=report.attempt,
        started_at=report.started_at or report.t,
        alive_since=now,
        restart_in=None,
        reason="",
        message="",
        restarts=state.restarts + 1 if again else state.restarts,
        last_at=max(state.last_at, report.t),
    )


def _running(state: ProcessState, report: LauncherReport, now: float) -> ProcessState:
    """Learn of a run whose start was never heard of, or was forgotten with the database."""
    known = report.run in (state.run, state.ended) or report.attempt < state.attempt
    return state if known else _started(state, report, now)


def _repeated(state: ProcessState, report: LauncherReport, same: bool) -> bool:
    """Say whether this was told before; a node's clock that steps back hides no new attempt."""
    return report.t <= state.last_at and (same or report.attempt < state.attempt)


def _exited(state: ProcessState, report: LauncherReport, policy: RestartPolicy) -> ProcessState:
    run = report.run or str(report.attempt)
    if _repeated(state, report, run == state.ended):
        return state
    ended = report.ended_at if report.ended_at is not None else report.t
    outcome = _outcome(report)
    state = replace(
        state,
        stage=Stage.EXITED,
        run=run,
        ended=run,
        attempt=report.attempt,
        alive_since=None,
        restart_in=report.restart_in,
        reason=report.reason if report.reason == OUT_OF_MEMORY else outcome,
        message=exit_text(report),
        last_outcome=outcome,
        last_ended_at=ended,
        last_at=max(state.last_at, report.t),
    )
    return _crashed(state, ended, policy) if outcome == Outcome.CRASHED else _failed(state, outcome)


def _failed(state: ProcessState, outcome: str) -> ProcessState:
    return replace(state, last_error=state.message) if outcome in _FAILURES else state


def _crashed(state: ProcessState, ended: float, policy: RestartPolicy) -> ProcessState:
    crashes = (*state.crashes, ended)[-max(1, policy.degraded_crashes) :]
    full = len(crashes) >= policy.degraded_crashes
    within = full and crashes[-1] - crashes[0] <= policy.degraded_window
    return replace(state, crashes=crashes, looping=state.looping or within, last_error=state.message)


_STAGES = {
    ReportKind.PREPARING: Stage.PREPARING,
    ReportKind.WAITING: Stage.WAITING,
    ReportKind.LEASE_LOST: Stage.LEASE_LOST,
    ReportKind.FAILED: Stage.FAILED,
}


def _other(state: ProcessState, report: LauncherReport) -> ProcessState:
    """Fold a report that starts or ends no run; one not newer than the last is a repetition."""
    if report.t <= state.last_at:
        return state
    if report.kind is ReportKind.STATE_RESTORED:
        return replace(state, last_at=report.t, note=report.message if report.reason == "loss" else "")
    stage = _STAGES.get(report.kind)
    retried = stage is Stage.PREPARING and state.stage is Stage.FAILED
    if stage is None or retried:
        return replace(state, last_at=report.t)
    if stage is Stage.WAITING and report.reason == "backoff":
        return replace(state, last_at=report.t, restart_in=report.restart_in or state.restart_in)
    failed = stage is Stage.FAILED
    return replace(
        state,
        last_at=report.t,
        stage=stage,
        reason=report.reason,
        message=report.message,
        alive_since=None,
        last_error=report.message if failed else state.last_error,
    )


def _outcome(report: LauncherReport) -> str:
    if report.outcome is not None:
        return report.outcome.value
    clean = not report.exit_code and report.signal is None
    return Outcome.SUCCESS.value if clean else Outcome.CRASHED.value


def _result_message(result: Any) -> str:
    if isinstance(result, dict) and isinstance(result.get("message"), str):
        return str(result["message"])
    return ""


def _skipped(labels: AllocationLabels, report: LauncherReport) -> RunRecord:
    slot = report.t if report.started_at is None else report.started_at
    return RunRecord(
        id=run_id(labels, report),
        bot=labels.bot,
        allocation=labels.allocation,
        node=labels.node,
        revision=labels.revision,
        started_at=slot,
        ended_at=slot,
        outcome=MISSED if report.reason == MISSED else SKIPPED,
        message=report.message or report.reason.replace("_", " "),
    )
