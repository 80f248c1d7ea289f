"""What herdsman is doing about a bot, in a word and in a sentence: the third axis of a status. Pure."""

from dataclasses import dataclass

from controller.compare import Difference, Kind
from controller.status import OperationState, Reason
from schemas.errors import BuildFailed, HerdsmanError, RuntimeMissing


@dataclass(frozen=True, slots=True)
class Operation:
    """What is under way, or went wrong, with a bot's apply; `failed` explains with `message` and `log`.

    `building` says how far the build of its compiled program is, "" where none is under way; `log` are the
    lines of an installation or build that show why it failed.
    """

    revision: str
    failed: Reason | None = None
    message: str = ""
    busy: bool = False
    building: str = ""
    log: str = ""
    transient: bool = False
    """It is likely to go well when it is tried again."""


_VERBS = {
    Kind.CREATE: "starting it",
    Kind.UPDATE: "updating it",
    Kind.REMOVE: "removing it",
    Kind.STOP: "stopping it",
    Kind.DRIFTED: "correcting it",
}


def doing(difference: Difference, operation: Operation | None, waits_for: str) -> tuple[OperationState, str]:
    """Return the state of a bot's operation and what it is about.

    `waits_for` says what keeps a change from being begun, "" where nothing does.
    """
    if operation is not None and operation.failed is not None:
        return OperationState.FAILED, f"{operation.message}; it is tried again by itself"
    if operation is not None and operation.building:
        return OperationState.RUNNING, operation.building
    if not difference.wants:
        return OperationState.IDLE, ""
    about = _about(difference)
    if waits_for:
        return OperationState.WAITING, f"{about} waits: {waits_for}"
    if operation is not None and operation.busy and not difference.blocked:
        return OperationState.RUNNING, about
    return OperationState.WAITING, f"{about} waits{f': {difference.blocked}' if difference.blocked else ''}"


def _about(difference: Difference) -> str:
    verb = _VERBS[difference.kind]
    return f"{verb} ({difference.summary})" if difference.summary else verb


def reason_of(error: HerdsmanError) -> Reason:
    """Return the reason under which a step that failed is shown."""
    if isinstance(error, RuntimeMissing):
        return Reason.NO_RUNTIME
    return Reason.BUILD_FAILED if isinstance(error, BuildFailed) else Reason.APPLY_FAILED
