"""How far one bot's change has come, from what is known of the bot. Pure."""

from dataclasses import dataclass

from controller.delays import Delay
from controller.doing import Operation
from controller.process import ProcessState, Stage
from controller.records import ChangeState, InventoryEntry
from controller.schedulers.protocol import ObservedBot, Phase
from controller.status import BotStatus, Health, Reason

NO_REPORT = "no report from the node yet"
_HOPELESS = frozenset({Reason.NO_RUNTIME, Reason.STATE_ELSEWHERE, Reason.LAUNCH_FAILED, Reason.CRASH_LOOP})


@dataclass(frozen=True, slots=True)
class Aim:
    """What a change aims at: `digest` is to run ("" where the bot is to stop, or to be gone).

    `run_before` and `allocation_before` are what was there already, and count for nothing.
    """

    action: str
    digest: str = ""
    scheduled: bool = False
    run_before: str = ""
    allocation_before: str = ""
    failure_before: Operation | None = None
    """What had failed already when the change was asked for: no failure of this change."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the bot now; `placed_for` is for how many seconds its placement has run."""

    owned: InventoryEntry | None
    seen: ObservedBot | None
    process: ProcessState
    operation: Operation | None
    status: BotStatus | None
    blocked: str = ""
    delay: Delay | None = None
    placed_for: float | None = None
    report_grace: float = 10.0


def progress(aim: Aim, evidence: Evidence) -> tuple[ChangeState, str]:
    """Return the state that the evidence shows, and its text."""
    if aim.action == "remove" and evidence.owned is None and evidence.seen is None:
        return ChangeState.REMOVED, ""
    operation = evidence.operation
    if operation is not None and operation.failed and operation is not aim.failure_before:
        return ChangeState.FAILED, f"{operation.message}\n{operation.log}".strip()
    if evidence.delay is not None:
        return (ChangeState.HELD if evidence.delay.lasting else ChangeState.WAITING), evidence.delay.text
    if aim.action == "remove":
        return ChangeState.WAITING, _ending(evidence)
    if aim.action == "stop":
        stopped = evidence.seen is None or evidence.seen.phase is Phase.STOPPED
        return (ChangeState.REMOVED, "stopped") if stopped else (ChangeState.WAITING, _ending(evidence))
    if evidence.owned is None or evidence.owned.digest != aim.digest or evidence.owned.intent:
        return ChangeState.WAITING, evidence.blocked or (operation.building if operation else "")
    return _scheduled(aim, evidence) if aim.scheduled else _realtime(aim, evidence)


def _ending(evidence: Evidence) -> str:
    if evidence.blocked:
        return evidence.blocked
    stopping = evidence.seen is not None and evidence.seen.phase is Phase.STOPPING
    return "stopping" if stopping else ""


def _scheduled(aim: Aim, evidence: Evidence) -> tuple[ChangeState, str]:
    seen = evidence.seen
    if seen is None or seen.spec != aim.digest:
        return ChangeState.WAITING, ""
    if seen.phase in (Phase.IDLE, Phase.RUNNING):
        return ChangeState.HEALTHY, "waits for its next slot"
    return ChangeState.WAITING, seen.message


def _realtime(aim: Aim, evidence: Evidence) -> tuple[ChangeState, str]:
    process, status = evidence.process, evidence.status
    if process.spec == aim.digest and process.allocation:
        told = _told(aim, process, status)
        if told is not None:
            return told
    if _current(aim, evidence) and status is not None and status.reason in _HOPELESS:
        crashes = status.reason is Reason.CRASH_LOOP
        return (ChangeState.DEGRADED if crashes else ChangeState.FAILED), status.message
    if evidence.placed_for is not None and evidence.placed_for >= evidence.report_grace:
        return ChangeState.RUNNING, NO_REPORT
    return ChangeState.WAITING, _placing(evidence.seen)


def _told(aim: Aim, process: ProcessState, status: BotStatus | None) -> tuple[ChangeState, str] | None:
    """Return what the launcher's own reports say of the new spec's process, None where nothing yet."""
    if process.stage is Stage.FAILED and process.allocation != aim.allocation_before:
        return ChangeState.FAILED, process.message
    if not process.run or process.run == aim.run_before:
        return None
    if process.stage is Stage.STARTED:
        if status is not None and status.health is Health.HEALTHY:
            return ChangeState.HEALTHY, ""
        if process.last_error and process.ended not in ("", aim.run_before):
            # Alive between two crashes is no news of a bot that runs.
            return ChangeState.DEGRADED, f"crashed: {process.last_error}; alive again"
        return ChangeState.RUNNING, ""
    if process.last_error and process.ended == process.run:
        return ChangeState.DEGRADED, f"crashed: {process.last_error}"
    return None


def _current(aim: Aim, evidence: Evidence) -> bool:
    return evidence.seen is not None and evidence.seen.spec == aim.digest


def _placing(seen: ObservedBot | None) -> str:
    return seen.message if seen is not None and seen.phase is Phase.PENDING else ""
