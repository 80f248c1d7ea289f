"""A bot's health, from what it should be, what the scheduler shows and what its launcher reports.

Pure: time comes in as a value, and the judgement says when time alone may change it (`recheck_at`).
"""

from dataclasses import dataclass

from controller.process import ProcessState, Stage, loop_ends_at
from controller.schedulers.protocol import ObservedBot, Phase
from controller.settings import Settings
from controller.status import Health, Reason
from schemas.bot import BotSpec, BotType, RestartPolicy
from schemas.reports import OUT_OF_MEMORY, Outcome

_BAD_RUNS = frozenset(
    {Outcome.ERROR.value, Outcome.CRASHED.value, Outcome.TIMED_OUT.value, Outcome.KILLED.value}
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Health with its reason in a constant and in words; `recheck_at` in Unix seconds."""

    health: Health
    reason: Reason
    message: str = ""
    recheck_at: float | None = None


def judge(
    spec: BotSpec, seen: ObservedBot | None, process: ProcessState, now: float, settings: Settings
) -> Judgement:
    """Return the health of a bot that is meant to run."""
    if seen is None:
        return Judgement(Health.MISSING, Reason.NOT_APPLIED, "not running: it was not applied yet")
    match seen.phase:
        case Phase.LOST:
            return Judgement(Health.UNKNOWN, Reason.NODE_LOST, seen.message or _lost_text(seen))
        case Phase.STOPPING:
            return Judgement(Health.PROGRESSING, Reason.STOPPING, "stopping")
        case Phase.STOPPED:
            return Judgement(Health.MISSING, Reason.NOT_APPLIED, "stopped")
        case Phase.PENDING:
            return _pending(seen, process)
        case Phase.IDLE:
            return _idle(seen, process)
        case Phase.RUNNING:
            return _running(spec, seen, process, now, settings)


def judge_stopped(seen: ObservedBot | None, reason: Reason, message: str) -> Judgement:
    """Return the health of a bot that is meant not to run."""
    if seen is None or seen.phase is Phase.STOPPED:
        return Judgement(Health.SUSPENDED, reason, message)
    if seen.phase is Phase.LOST:
        return Judgement(Health.UNKNOWN, Reason.NODE_LOST, seen.message or _lost_text(seen))
    return Judgement(Health.PROGRESSING, Reason.STOPPING, f"stopping: {message}")


def describes(process: ProcessState, seen: ObservedBot) -> bool:
    """Say whether the reports are about the placement that the scheduler shows."""
    return bool(process.allocation) and (not seen.allocation or process.allocation == seen.allocation)


def _is_former(spec: BotSpec, seen: ObservedBot, process: ProcessState) -> bool:
    """Say whether what runs is the copy before an update, whose placement a changed job shows for a moment.

    A scheduled bot's run goes on beside a newer job.
    """
    return spec.type is BotType.REALTIME and "" not in (seen.spec, process.spec) and process.spec != seen.spec


def crash_text(process: ProcessState) -> str:
    """Return `crashed 5 times in 4 min: ConnectionError: refused (main.py:41)`."""
    span = process.crashes[-1] - process.crashes[0] if process.crashes else 0.0
    times = len(process.crashes)
    text = f"crashed {times} times in {duration(span)}" if times > 1 else "crashed"
    return f"{text}: {process.last_error}" if process.last_error else text


def duration(seconds: float) -> str:
    """Return a length of time as people say it: `40 s`, `4 min`, `3 h`, `2 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _pending(seen: ObservedBot, process: ProcessState) -> Judgement:
    if seen.reason == "no_runtime":
        return Judgement(Health.DEGRADED, Reason.NO_RUNTIME, seen.message or "no node has its runtime")
    if seen.reason == "artifact":
        return Judgement(
            Health.DEGRADED, Reason.LAUNCH_FAILED, seen.message or "its bundle cannot be fetched"
        )
    if process.looping and process.spec == seen.spec:
        return Judgement(Health.DEGRADED, Reason.CRASH_LOOP, crash_text(process))
    return Judgement(Health.PROGRESSING, Reason.PENDING, seen.message or "waiting to be placed on a node")


def _idle(seen: ObservedBot, process: ProcessState) -> Judgement:
    if process.stage is Stage.FAILED:
        return Judgement(Health.DEGRADED, Reason.LAUNCH_FAILED, process.message)
    if process.last_outcome in _BAD_RUNS:
        return Judgement(Health.DEGRADED, Reason.LAST_RUN_FAILED, _last_run_text(process))
    return Judgement(Health.HEALTHY, Reason.WAITING_FOR_SLOT, seen.message)


def _running(
    spec: BotSpec, seen: ObservedBot, process: ProcessState, now: float, settings: Settings
) -> Judgement:
    if not describes(process, seen):
        return _unreported(seen, now, settings)
    if _is_former(spec, seen, process):
        return Judgement(Health.PROGRESSING, Reason.PENDING, "the old copy is being replaced")
    match process.stage:
        case Stage.STARTED:
            return _alive(spec, process, now)
        case Stage.EXITED:
            return _exited(spec, process)
        case Stage.FAILED:
            return Judgement(Health.DEGRADED, Reason.LAUNCH_FAILED, process.message)
        case Stage.WAITING | Stage.LEASE_LOST:
            return _waiting(process)
        case Stage.PREPARING:
            if process.looping:
                return Judgement(Health.DEGRADED, Reason.CRASH_LOOP, crash_text(process))
            return Judgement(Health.PROGRESSING, Reason.STARTING, process.message or "fetching its content")
        case Stage.NONE:
            return Judgement(Health.PROGRESSING, Reason.STARTING, "starting")


_UNHEARD = "is `herdsman agent` running there, and is it refused (`herdsman status --service`)?"


def _unreported(seen: ObservedBot, now: float, settings: Settings) -> Judgement:
    """Judge a placement of which no launcher has reported: patiently, then as unknown."""
    deadline = (seen.started_at if seen.started_at is not None else now) + settings.report_timeout
    message = "no report from the node yet"
    if now >= deadline:
        return Judgement(Health.UNKNOWN, Reason.AWAITING_REPORT, f"{message}: {_UNHEARD}")
    return Judgement(Health.PROGRESSING, Reason.AWAITING_REPORT, message, deadline)


def _alive(spec: BotSpec, process: ProcessState, now: float) -> Judgement:
    since = process.alive_since if process.alive_since is not None else now
    if spec.type is BotType.SCHEDULED:
        if process.last_outcome in _BAD_RUNS:
            return Judgement(Health.DEGRADED, Reason.LAST_RUN_FAILED, _last_run_text(process))
        return Judgement(Health.HEALTHY, Reason.RUNNING)
    if process.looping:
        message = f"{crash_text(process)}; alive again for {duration(now - since)}"
        return Judgement(Health.DEGRADED, Reason.CRASH_LOOP, message, loop_ends_at(process, spec.restart))
    due = since + spec.healthy_after
    if now < due:
        message = f"alive, healthy once it stays so for {duration(spec.healthy_after)}"
        return Judgement(Health.PROGRESSING, Reason.NOT_YET_HEALTHY, message, due)
    return Judgement(Health.HEALTHY, Reason.RUNNING, process.note)


def _exited(spec: BotSpec, process: ProcessState) -> Judgement:
    if spec.type is BotType.SCHEDULED:
        if process.last_outcome in _BAD_RUNS:
            return Judgement(Health.DEGRADED, Reason.LAST_RUN_FAILED, _last_run_text(process))
        return Judgement(Health.HEALTHY, Reason.WAITING_FOR_SLOT)
    if process.looping:
        return Judgement(Health.DEGRADED, Reason.CRASH_LOOP, crash_text(process))
    if process.last_outcome == Outcome.CRASHED:
        again = f"; starts again in {duration(process.restart_in)}" if process.restart_in else ""
        starved = process.reason == OUT_OF_MEMORY
        reason = Reason.OUT_OF_MEMORY if starved else Reason.RESTARTING
        return Judgement(Health.PROGRESSING, reason, f"{_once_crashed(process)}{again}")
    return Judgement(Health.PROGRESSING, Reason.RESTARTING, process.message or "ended; starts again")


def _once_crashed(process: ProcessState) -> str:
    return f"crashed: {process.last_error}" if process.last_error else "crashed"


def _waiting(process: ProcessState) -> Judgement:
    if process.stage is Stage.LEASE_LOST:
        message = process.message or "its lease could not be renewed, so it was ended"
        return Judgement(Health.PROGRESSING, Reason.WAITING_FOR_LEASE, message)
    if process.reason == "state_elsewhere":
        message = process.message or "its state is on another node; it never starts without it"
        return Judgement(Health.DEGRADED, Reason.STATE_ELSEWHERE, message)
    if process.reason == "kill_switch":
        return Judgement(Health.PROGRESSING, Reason.KILL_SWITCH, process.message)
    message = process.message or "another copy may still live; it starts once that one's lease is free"
    return Judgement(Health.PROGRESSING, Reason.WAITING_FOR_LEASE, message)


def _last_run_text(process: ProcessState) -> str:
    words = process.last_outcome.replace("_", " ")
    return (
        f"the last run {_verb(words)}: {process.last_error}"
        if process.last_error
        else f"the last run {_verb(words)}"
    )


def _verb(words: str) -> str:
    return {"error": "reported an error", "killed": "was killed"}.get(words, words)


def _lost_text(seen: ObservedBot) -> str:
    return f"node {seen.node or '?'} does not answer; the bot may still run there"


def crash_policy(spec: BotSpec | None) -> RestartPolicy:
    """Return the restart policy to count crashes by, the default where the spec is not known."""
    return spec.restart if spec else RestartPolicy()
