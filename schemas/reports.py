"""What a launcher reports of its bot's life, as the agent reads it from the allocation's log folder.

The launcher appends one JSON object a line to `logs/<task>.launcher.<n>` (same layout as the bot's
`<task>.stdout.<n>` and `<task>.stderr.<n>`); the file is the durable queue, the agent carries each line
to the intake like any other. Only the keys of `LauncherReport` are used, absent ones have its defaults.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LAUNCHER_STREAM = "launcher"


class ReportKind(StrEnum):
    """What happened."""

    PREPARING = "preparing"
    """Bundles and dependencies are being fetched."""
    WAITING = "waiting"
    """The bot may not start yet: `reason` says why (a constant of `WaitReason`)."""
    STATE_RESTORED = "state_restored"
    """The bot's state was brought from the store (`message`); `reason` "loss": something of it is lost."""
    LEASE_ACQUIRED = "lease_acquired"
    LEASE_LOST = "lease_lost"
    """The lease could not be renewed in time: the bot is being ended."""
    LEASE_RELEASED = "lease_released"
    STARTED = "started"
    """The bot's process runs; `run`, `pid`, `attempt`."""
    RUNNING = "running"
    """The bot's process still runs, said again every minute: for a controller that has lost its memory of it.

    `run`, `pid`, `attempt`, `started_at`.
    """
    EXITED = "exited"
    """The bot's process is gone; `outcome`, `exit_code` or `signal`, `started_at`, `restart_in`."""
    SKIPPED = "skipped"
    """A scheduled start was not due (`reason`: off_slot, overlap)."""
    FAILED = "failed"
    """The launcher could not even start the bot (no interpreter, no dependencies): `message`."""


class WaitReason(StrEnum):
    """Why a launcher waits."""

    LEASE = "lease"
    BACKOFF = "backoff"
    STATE_ELSEWHERE = "state_elsewhere"
    KILL_SWITCH = "kill_switch"


OUT_OF_MEMORY = "out_of_memory"
"""The `reason` of an EXITED report where the kernel killed the bot because memory ran out."""


class Outcome(StrEnum):
    """How one run ended."""

    SUCCESS = "success"
    """Exit code 0 of a scheduled bot, whose result (if it wrote one) says success."""
    ERROR = "error"
    """The result says error (the SDK then exits with 1): the bot itself reports a failure."""
    CRASHED = "crashed"
    """A non-zero exit, a signal or an uncaught exception; for a realtime bot any exit not asked for."""
    STOPPED = "stopped"
    """It was asked to stop, and did."""
    KILLED = "killed"
    """It was asked to stop, did not within its time, and was killed."""
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class LauncherReport:
    """One line of a launcher's report; `t` and the other times are Unix seconds (float)."""

    t: float
    kind: ReportKind
    run: str = ""
    """Identity of one execution, `<allocation>-<attempt>`; empty before the first start."""
    pid: int = 0
    launcher_pid: int = 0
    attempt: int = 0
    reason: str = ""
    message: str = ""
    outcome: Outcome | None = None
    exit_code: int | None = None
    signal: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    restart_in: float | None = None
    """Seconds until the next start after a crash; None where there is none."""
    result: Any = None
    """The bot's `result.json` (an object with status, message, data), where it wrote one."""
