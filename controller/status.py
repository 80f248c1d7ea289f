"""Status as a language: sync, health and operation are separate axes; reasons are constants.

Unknown never applies and never prunes.
"""

from dataclasses import dataclass
from enum import StrEnum


class Sync(StrEnum):
    """Does what runs equal what git asks for?"""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


class Health(StrEnum):
    """Is the bot well?"""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    MISSING = "Missing"
    UNKNOWN = "Unknown"


class OperationState(StrEnum):
    """What is herdsman doing about the bot?"""

    IDLE = "Idle"
    """Nothing: it is as it should be, or nothing may be done."""
    WAITING = "Waiting"
    """Something is to be done, and waits."""
    RUNNING = "Running"
    """Something is being done."""
    FAILED = "Failed"
    """The last try went wrong; it is tried again by itself."""


class Reason(StrEnum):
    """Why a bot's health or sync is what it is. `docs/status.md` describes each with what to do."""

    RUNNING = "Running"
    WAITING_FOR_SLOT = "WaitingForSlot"
    LAST_RUN_FAILED = "LastRunFailed"
    STARTING = "Starting"
    STOPPING = "Stopping"
    UPDATING = "Updating"
    PENDING = "Pending"
    AWAITING_REPORT = "AwaitingReport"
    WAITING_FOR_LEASE = "WaitingForLease"
    STATE_ELSEWHERE = "StateElsewhere"
    NOT_YET_HEALTHY = "NotYetHealthy"
    RESTARTING = "Restarting"
    OUT_OF_MEMORY = "OutOfMemory"
    CRASH_LOOP = "CrashLoop"
    LAUNCH_FAILED = "LaunchFailed"
    NODE_LOST = "NodeLost"
    NO_RUNTIME = "NoRuntime"
    DISABLED = "Disabled"
    SUSPENDED = "Suspended"
    KILL_SWITCH = "KillSwitch"
    RISK_LIMIT = "RiskLimit"
    NOT_APPLIED = "NotApplied"
    APPLY_FAILED = "ApplyFailed"
    BUILDING = "Building"
    BUILD_FAILED = "BuildFailed"
    INVALID_MANIFEST = "InvalidManifest"
    SOURCE_UNREAD = "SourceUnread"
    PRUNE_HELD = "PruneHeld"
    WAITS_FOR_WAVE = "WaitsForWave"
    ROLLOUT_HALTED = "RolloutHalted"
    WAITS_FOR_WINDOW = "WaitsForWindow"
    WAITS_FOR_BOT = "WaitsForBot"
    DEPENDENCY_UNHEALTHY = "DependencyUnhealthy"
    REMOVED = "Removed"
    DRIFTED = "Drifted"
    PINNED = "Pinned"
    ROLLED_BACK = "RolledBack"
    SCHEDULER_UNAVAILABLE = "SchedulerUnavailable"
    RECOVERY_NEEDED = "RecoveryNeeded"


class DriftKind(StrEnum):
    """What was done to a bot behind our back. `docs/status.md` describes each with what to do."""

    STOPPED = "Stopped"
    PURGED = "Purged"
    CHANGED = "Changed"
    SCALED = "Scaled"
    MARK_LOST = "MarkLost"
    NODE_SILENT = "NodeSilent"
    KILLED = "Killed"


@dataclass(frozen=True, slots=True)
class Drift:
    """One drift of a bot: `text` says what differs, `since` when that was noticed (Unix seconds).

    `corrected_at` is None while it is not corrected; `correction` says how it was. `times` counts
    the bot's drifts that came within `Settings.drift_window` of each other, this one included.
    """

    kind: DriftKind
    text: str
    since: float
    corrected_at: float | None = None
    correction: str = ""
    times: int = 1

    @property
    def open(self) -> bool:
        """Whether it is not corrected yet."""
        return self.corrected_at is None


class HeldBy(StrEnum):
    """What holds a bot at another revision than git's newest."""

    BOT = "bot"
    """A pin of the bot."""
    FLEET = "fleet"
    """A pin of all bots."""
    GUARD = "guard"
    """The flap guard: what git asks for did not get healthy."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A bot held at `revision` though git is at `git`, by whose word (`who`), why, since and until when.

    `text` says all of it in words; `differs` is False where git asks for the same.
    """

    by: HeldBy
    revision: str
    git: str
    who: str
    reason: str
    since: float
    until: float | None = None
    text: str = ""
    differs: bool = True
    source: str = ""
    """Whose bots are held, in a hold of all bots of one of several sources."""


@dataclass(frozen=True, slots=True)
class BotStatus:
    """The whole status of one bot; times in Unix seconds, None where there is no such moment.

    `applied_revision` is the revision whose content runs, written last; `attempted_revision` the one last
    tried. `reason` and `message` explain the health, or the sync where that is the trouble.
    """

    name: str
    program: str
    version: str
    type: str
    mode: str
    environment: str
    sync: Sync
    health: Health
    reason: Reason
    message: str
    applied_revision: str
    attempted_revision: str
    restarts: int
    started_at: float | None
    since: float
    """When health or reason last changed."""
    path: str = ""
    node: str = ""
    allocation: str = ""
    run: str = ""
    schedule: str = ""
    timezone: str = ""
    next_run: float | None = None
    memory_limit: int | None = None
    cpu_limit: int | None = None
    account: str = ""
    currency: str = ""
    observed_generation: int = 0
    """The generation that everything else here speaks of: below `generation` while a change waits."""
    source: str = ""
    """The name of the source that declares it, where the fleet has several."""
    hold: Hold | None = None
    """What keeps it from being what git asks for, None where nothing does."""
    generation: int = 0
    """How many different things were asked of the bot so far, by git, pins and suspensions."""
    asked: str = ""
    """What the newest generation asks for: a digest, or why it must not run."""
    operation: OperationState = OperationState.IDLE
    operation_message: str = ""
    """What is being done, what it waits for or how it failed; "" where nothing is to be done."""
    drift: Drift | None = None
    """The newest drift, corrected or not; None where there never was one."""
