"""A bot's status as three conditions, for whoever waits for one of them. Pure."""

from dataclasses import dataclass

from controller.status import BotStatus, Health, OperationState, Reason, Sync

TYPES = ("Ready", "Reconciling", "Stalled")
_STALLED = frozenset(
    {
        Reason.APPLY_FAILED,
        Reason.BUILD_FAILED,
        Reason.CRASH_LOOP,
        Reason.INVALID_MANIFEST,
        Reason.LAUNCH_FAILED,
        Reason.NODE_LOST,
        Reason.NO_RUNTIME,
        Reason.PRUNE_HELD,
        Reason.RECOVERY_NEEDED,
        Reason.ROLLED_BACK,
        Reason.ROLLOUT_HALTED,
        Reason.SCHEDULER_UNAVAILABLE,
        Reason.STATE_ELSEWHERE,
    }
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about a bot: `type` Ready, Reconciling or Stalled, `status` True, False or Unknown.

    `message` is the status's own where the answer is what it explains, "" where the question does not apply.
    """

    type: str
    status: str
    reason: Reason
    message: str
    since: float


def conditions(status: BotStatus) -> tuple[Condition, ...]:
    """Return whether the bot is well and in sync, whether that is being worked on, whether it is stuck."""
    return tuple(
        Condition(kind, answer, status.reason, _explained(kind, answer, status.message), status.since)
        for kind, answer in zip(TYPES, answers(status), strict=True)
    )


def answers(status: BotStatus) -> tuple[str, str, str]:
    """Return the answers to `TYPES` alone: True, False or Unknown."""
    working = status.operation is OperationState.RUNNING or status.reason is Reason.UPDATING
    reconciling = working or status.health is Health.PROGRESSING
    return _ready(status), _said(reconciling), _said(is_stalled(status))


def is_stalled(status: BotStatus) -> bool:
    """Say whether the bot stays as it is until a person, or something outside, changes."""
    return status.reason in _STALLED


def _explained(kind: str, answer: str, message: str) -> str:
    """Return the message where it says something: how ready the bot is, or where the answer is yes."""
    return message if kind == "Ready" or answer == "True" else ""


def _ready(status: BotStatus) -> str:
    if status.health is Health.UNKNOWN:
        return "Unknown"
    return _said(status.health is Health.HEALTHY and status.sync is Sync.SYNCED)


def _said(answer: bool) -> str:
    return str(answer)
