"""What the controller remembers: plain frozen values, the same in memory and in the database.

Times are Unix seconds; None where there is no such moment.
"""

from collections.abc import Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from controller.rollout import RolloutView
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import ManifestError


class Halt(StrEnum):
    """Why we stopped a bot ourselves (else a stopped bot was stopped behind our back)."""

    NONE = ""
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """One bot that we own, and what of it was applied last (`spec` None: intended, never yet accepted).

    `intent` is the digest that was about to be applied, written before the scheduler is asked, so that a
    crash in between leaves no job that the database has not heard of. `halted` says which of our own
    decisions stopped it, NONE while it is meant to run. `code` and `dependencies` are bundle keys. `source`
    is the name of the source that declares it, "" where the fleet has one.
    """

    bot: str
    path: str
    revision: str
    spec: BotSpec | None
    token: str
    scheduler: str
    node: str = ""
    intent: str = ""
    halted: Halt = Halt.NONE
    code: str = ""
    dependencies: str = ""
    applied_at: float | None = None
    source: str = ""

    @property
    def digest(self) -> str:
        """The digest that was applied last, "" where none was."""
        return self.spec.digest if self.spec else ""


@dataclass(frozen=True, slots=True)
class Suspension:
    """An operator's word that a bot, or every bot of a scope, must not run; overrides git until it ends.

    `bot` is set where it is about one bot by its own, else `scope` (see `scopes.py`). `kill`: it is the kill
    switch, which ends by being released alone.
    """

    bot: str
    by: str
    reason: str
    since: float
    until: float | None = None
    scope: str = ""
    kill: bool = False

    @property
    def key(self) -> str:
        """Which of a fleet's rules it is: there is one of each kind for each scope."""
        return f"{'kill' if self.kill else 'suspend'} {self.scope}"

    @property
    def holds(self) -> bool:
        """Whether it suspends a scope's bots until somebody ends that; a kill switch is another thing."""
        return bool(self.scope) and not self.kill and self.until is None


@dataclass(frozen=True, slots=True)
class Rules:
    """The suspensions of scopes and the kill switches in force; `number` grows with every change of them."""

    number: int = 0
    rules: tuple[Suspension, ...] = ()

    @property
    def kills(self) -> tuple[Suspension, ...]:
        """The kill switches that are on."""
        return tuple(one for one in self.rules if one.kill)

    def find(self, key: str) -> Suspension | None:
        """Return one rule by its key."""
        return next((one for one in self.rules if one.key == key), None)

    def including(self, rule: Suspension) -> "Rules":
        """Return them with one more, in place of an earlier one of its key."""
        others = tuple(one for one in self.rules if one.key != rule.key)
        return Rules(self.number + 1, (*others, rule))

    def without(self, key: str) -> "Rules":
        """Return them with one less."""
        return Rules(self.number + 1, tuple(one for one in self.rules if one.key != key))

    def over(self, scopes: Set[str]) -> tuple[Suspension, ...]:
        """Return those that a bot of these scopes is under, kill switches first."""
        found = [one for one in self.rules if one.scope in scopes]
        return tuple(sorted(found, key=lambda one: (not one.kill, one.since)))


@dataclass(frozen=True, slots=True)
class Adoption:
    """An operator's word that a bot takes the place of a job which herdsman did not start.

    `token` is the job's as it was looked at; "" once that word was taken back: then nobody ends the job, and
    the bot waits until it has ended. `at` in Unix seconds.
    """

    bot: str
    job: str
    token: str
    by: str
    reason: str
    at: float

    @property
    def apart(self) -> bool:
        """Whether the job is only kept apart from the bot, and not to be ended."""
        return not self.token


STOPPED = "stopped"
"""The status of another's job that was asked to end, whether or not its copies have."""


@dataclass(frozen=True, slots=True)
class OtherJob:
    """A job of the scheduler that is not this fleet's.

    `fleet` is whose mark it carries ("" for none), `component` which part of herdsman it is ("" for none).
    `copies` are those known to be alive, `submitted_at` Unix seconds, None where nobody knows.
    """

    id: str
    kind: str
    status: str
    token: str
    copies: int = 0
    fleet: str = ""
    component: str = ""
    submitted_at: float | None = None


@dataclass(frozen=True, slots=True)
class Adoptable:
    """The jobs that are not this fleet's, and the adoptions that were not carried out yet."""

    jobs: tuple[OtherJob, ...] = ()
    waiting: tuple[Adoption, ...] = ()


class Fate(StrEnum):
    """How far a kill switch has come with a bot that it has not seen dead yet."""

    WAITING = "waiting"
    """Not asked to end yet, as far as is known."""
    ASKED = "asked"
    """Asked to end; it has its kill_timeout for it."""
    UNKNOWN = "unknown"
    """Its node does not answer: it may still run there."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """A bot under a kill switch that is not known to be dead, and why."""

    bot: str
    fate: Fate
    why: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class KillProgress:
    """How far a kill switch has come. `total` counts the bots that it found alive; `asked`, `dead` of them.

    `stopping` of the dead have jobs that are still being stopped: their launchers said that they ended.
    `survivors` are those not known to be dead, the first 200 of them. `patience` are the seconds that the
    most patient bot has to end. `problem` says what keeps the switch itself from being kept everywhere.
    """

    rule: Suspension
    total: int = 0
    asked: int = 0
    dead: int = 0
    survivors: tuple[Survivor, ...] = ()
    patience: float = 0.0
    problem: str = ""
    stopping: int = 0


BUILDING = "building: "
"""What the message of a change begins with while its program is being built."""


class ChangeState(StrEnum):
    """How far one bot's change has come."""

    WAITING = "waiting"
    HELD = "held"
    """It waits for a sync window, or for a person to go on with a halted rollout."""
    RUNNING = "running"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """It was applied as asked, and the bot itself does not keep running: it crashed."""
    FAILED = "failed"
    """It could not be applied, or what was applied could not be started."""
    REMOVED = "removed"
    """Also a bot that was asked to stop, and did."""
    ROLLED_BACK = "rolled_back"
    """The bot runs what it was before, and not what the revision asks for."""
    UNCHANGED = "unchanged"
    """Nothing was left to do: overtaken by a newer revision, or as it should be already."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a manifest before and after, as text without a secret; None where it was not there."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One bot's change in one pass; `seconds` since the pass was asked for."""

    bot: str
    action: str
    """create, update, remove, stop."""
    summary: str
    state: ChangeState = ChangeState.WAITING
    message: str = ""
    seconds: float = 0.0
    fields: tuple[FieldChange, ...] = ()
    """What differs from the manifest that was applied before; a listing of revisions leaves it out."""

    @property
    def building(self) -> bool:
        """Whether it waits for its program to be built, which may take minutes."""
        return self.state is ChangeState.WAITING and self.message.startswith(BUILDING)

    def to(self, state: ChangeState, message: str, seconds: float) -> "Change":
        """Return this change a step further."""
        return replace(self, state=state, message=message, seconds=round(seconds, 3))


@dataclass(frozen=True, slots=True)
class OpenChange:
    """A change of the revision with this key that an earlier life left on its way.

    `newer` is the id of a newer revision that is about the same bot, "" where there is none.
    """

    revision: str
    change: Change
    newer: str = ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How whoever asks for a pass wants a revision to reach its bots."""

    no_waves: bool = False
    """All at once."""
    go_on: bool = False
    """Go on with a rollout that was halted, without the bot that halted it."""
    override_window: str | None = None
    """Why sync windows are to be passed over for this revision; None: they hold."""

    def joined(self, other: "Wishes") -> "Wishes":
        """Return what both ask for."""
        override = self.override_window if other.override_window is None else other.override_window
        return Wishes(self.no_waves or other.no_waves, self.go_on or other.go_on, override)


class RevisionState(StrEnum):
    """How far a revision has come."""

    PENDING = "pending"
    """Seen, and held back (a prune to confirm, a recovery, a sync window)."""
    RUNNING = "running"
    HALTED = "halted"
    """A bot of a wave did not get healthy, so the rest was not changed."""
    APPLIED = "applied"
    FAILED = "failed"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many bots' changes have this action and state."""

    action: str
    state: ChangeState
    bots: int


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """One revision's way through the controller."""

    revision: Revision
    state: RevisionState
    received_at: float
    finished_at: float | None = None
    trigger: str = ""
    by: str = ""
    held: str = ""
    """Why it is held, "" where it is not."""
    changes: tuple[Change, ...] = ()
    errors: tuple[ManifestError, ...] = ()
    tally: tuple[Tally, ...] = ()
    """All changes counted, where a listing holds only the first of them in `changes`; else empty."""
    rollout: RolloutView | None = None
    """Its waves, None where it went without."""


@dataclass(frozen=True, slots=True)
class PastBot:
    """A bot that is gone: what was done to it last, by which revision and when (Unix seconds)."""

    name: str
    revision: str
    action: str
    at: float


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution of a bot. `outcome` is an `Outcome`, or "missed" or "skipped"; "" while it runs."""

    id: str
    bot: str
    allocation: str
    node: str
    revision: str
    started_at: float | None = None
    ended_at: float | None = None
    outcome: str = ""
    exit_code: int | None = None
    signal: int | None = None
    message: str = ""
    result: Any = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to apply a bot."""

    bot: str
    revision: str
    digest: str
    started_at: float
    ended_at: float
    ok: bool
    message: str = ""


RESTORE, RECOVER = "restore", "recover"
"""Actions of the audit: a database was restored from a backup; what runs was made known to it again."""

DRIFT, CORRECTED = "drift", "drift-corrected"
"""Actions of the audit: a bot was changed behind our back; that has ended, and how."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that a person or a token did, and why."""

    at: float
    who: str
    action: str
    subject: str
    why: str = ""
    token: str = ""
    details: dict[str, Any] = field(default_factory=dict)
