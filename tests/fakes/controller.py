"""A controller whose bots, plans and passes a test sets by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.consent import NO_CONSENT, Consent
from controller.listing import listed
from controller.passes import NO_WISHES, Pass
from controller.plan import Plan
from controller.records import (
    Adoptable,
    Attempt,
    AuditEntry,
    Change,
    InventoryEntry,
    KillProgress,
    PastBot,
    RevisionRecord,
    RunRecord,
    Suspension,
    Wishes,
)
from controller.rollback.records import Deployment, WentBack
from controller.schedulers.protocol import Placed
from controller.state.changing import StateChange, change_state
from controller.state.saved import SavedStates
from controller.status import BotStatus, Health, Hold, Reason, Sync
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import ManifestError, NotFound
from schemas.fleet import Watching
from schemas.log_rules import LogRule
from schemas.state import StateVersion
from tests.fakes.scheduler import FakeScheduler

REVISION = Revision("3f9a2c1" + "0" * 33, "Ada <ada@example>", "tighter stops", 1_700_000_000.0, "main")


def bot_status(name: str = "sma-btc", health: Health = Health.HEALTHY, **changes: object) -> BotStatus:
    """Return a status with sound defaults."""
    values = {
        "program": "sma",
        "version": "1.5.0",
        "type": "realtime",
        "mode": "dry",
        "environment": "prod",
        "sync": Sync.SYNCED,
        "reason": Reason.RUNNING,
        "message": "",
        "applied_revision": REVISION.id,
        "attempted_revision": REVISION.id,
        "restarts": 0,
        "started_at": 1_700_000_000.0,
        "since": 1_700_000_010.0,
        **changes,
    }
    return BotStatus(name=name, health=health, **values)


@dataclass
class FakeController:
    """Answers with what a test put in, and notes what it was asked for."""

    bots: dict[str, BotStatus] = field(default_factory=dict)
    state: DesiredState | None = None
    next_plan: Plan = Plan(REVISION)
    passes: list[Pass] = field(default_factory=list)
    asked: list[tuple[object, ...]] = field(default_factory=list)
    records: list[RevisionRecord] = field(default_factory=list)
    run_records: list[RunRecord] = field(default_factory=list)
    attempt_records: list[Attempt] = field(default_factory=list)
    entries: dict[str, InventoryEntry] = field(default_factory=dict)
    own: dict[str, Suspension] = field(default_factory=dict)
    rules: list[Suspension] = field(default_factory=list)
    progress: list[KillProgress] = field(default_factory=list)
    refusals: list[tuple[str, tuple[ManifestError, ...], str]] = field(default_factory=list)
    gone: dict[str, PastBot] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    fleet_id: str = "desk-abc123"
    environments: tuple[str, ...] = ()
    synced_at: float | None = None
    plan_at_once: tuple[Plan, list[Change]] | None = None
    answer: str | Exception = "null"
    saved: SavedStates | None = None
    scheduler: FakeScheduler = field(default_factory=lambda: FakeScheduler("desk-abc123", lambda: 0.0))
    on_pass: Callable[[Pass], object] = id
    older: set[str] = field(default_factory=set)
    deployed: list[Deployment] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    adoptable: Adoptable = Adoptable()

    @property
    def adopting(self) -> "FakeAdopting":
        return FakeAdopting(self)

    @property
    def rollbacks(self) -> "FakeRollbacks":
        return FakeRollbacks(self)

    async def placed(self, allocation: str) -> Placed | None:
        return await self.scheduler.placed(allocation)

    async def change_state(
        self, name: str, change: StateChange, by: str, reason: str, *, token: str = ""
    ) -> StateVersion:
        self.asked.append(("change_state", name, by, reason, token))
        assert self.saved is not None
        return await change_state(self.saved, self.scheduler, name, change, by, reason)

    def statuses(self) -> list[BotStatus]:
        return list(self.bots.values())

    def status(self, name: str) -> BotStatus:
        if name not in self.bots:
            raise NotFound(name)
        return self.bots[name]

    def desired(self) -> DesiredState | None:
        return self.state

    def request_pass(
        self, trigger: str, *, by: str = "", consent: Consent = NO_CONSENT, wishes: Wishes = NO_WISHES
    ) -> Pass:
        asked = Pass(trigger, by, consent=consent, asked_at=0.0, wishes=wishes)
        self.passes.append(asked)
        if self.plan_at_once is not None:
            asked.begin(*self.plan_at_once)
        self.on_pass(asked)
        return asked

    def announce(self, source: str) -> None:
        self.announced.append(source)

    async def plan(self) -> Plan:
        return self.next_plan

    async def record_refusal(
        self, revision: Revision, errors: tuple[ManifestError, ...], by: str = ""
    ) -> None:
        self.refusals.append((revision.id, errors, by))

    async def outdated(self, names: Sequence[str] = ()) -> list[str]:
        return [name for name in names or sorted(self.bots) if name in self.older]

    async def refresh(self, name: str, by: str, reason: str = "", *, token: str = "") -> bool:
        self.asked.append(("refresh", name, by, reason))
        return name in self.older

    async def restart(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        self.asked.append(("restart", name, by, reason))

    async def suspend(
        self, name: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        self.asked.append(("suspend", name, by, reason, until))

    async def resume(self, name: str, by: str, reason: str = "", *, token: str = "") -> None:
        self.asked.append(("resume", name, by, reason))

    async def suspend_scope(
        self, scope: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        self.asked.append(("suspend_scope", scope, by, reason, until))

    async def resume_scope(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        self.asked.append(("resume_scope", scope, by, reason))

    async def kill(self, scope: str, by: str, reason: str, *, token: str = "") -> KillProgress:
        self.asked.append(("kill", scope, by, reason, token))
        rule = Suspension("", by, reason, 1.0, scope=scope, kill=True)
        return next((one for one in self.progress if one.rule.scope == scope), KillProgress(rule))

    async def release(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        self.asked.append(("release", scope, by, reason, token))

    async def recover(self, by: str, reason: str = "", *, token: str = "") -> list[str]:
        self.asked.append(("recover", by, reason))
        return list(self.bots)

    async def query(self, name: str, path: str, params: Mapping[str, Any]) -> str:
        self.asked.append(("query", name, path, dict(params)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def log_rules(self) -> tuple[LogRule, ...] | None:
        return self.state.log_rules if self.state else None

    def spec(self, name: str) -> BotSpec | None:
        return self.state.bots.get(name) if self.state else None

    def suspended(self, name: str) -> tuple[Suspension, ...]:
        own = self.own.get(name)
        return (*self.rules, own) if own else tuple(self.rules)

    def watching(self) -> Watching | None:
        """Return what the fleet looks out for."""
        return self.state.settings.watching if self.state else None

    def suspensions(self) -> list[Suspension]:
        return [*self.rules, *self.own.values()]

    def held_scopes(self) -> frozenset[str]:
        return frozenset(one.scope for one in self.rules if one.holds)

    def kills(self) -> list[KillProgress]:
        return self.progress

    def behind(self) -> float | None:
        return 0.0

    def problems(self) -> list[str]:
        return self.troubles

    def scheduler_problem(self) -> str:
        return ""

    def revision(self) -> RevisionRecord | None:
        return self.records[0] if self.records else None

    async def revisions(self, limit: int = 50, *, before: str = "", bot: str = "") -> list[RevisionRecord]:
        ids = [record.revision.id for record in self.records]
        later = self.records[ids.index(before) + 1 :] if before else self.records
        changed = [one for one in later if not bot or bot in [change.bot for change in one.changes]]
        return [listed(one, bot) for one in changed[:limit]]

    async def past(self, name: str) -> PastBot | None:
        return self.gone.get(name)

    async def find_revision(self, revision: str) -> RevisionRecord:
        for record in self.records:
            if record.revision.id.startswith(revision):
                return record
        raise NotFound(f"revision {revision} has never been seen here")

    async def runs(self, bot: str, limit: int = 50) -> list[RunRecord]:
        return [run for run in self.run_records if run.bot == bot][:limit]

    async def inventory(self, name: str) -> InventoryEntry | None:
        return self.entries.get(name)

    async def attempts(self, bot: str) -> list[Attempt]:
        return [one for one in self.attempt_records if one.bot == bot]

    async def audit(self, limit: int = 100) -> list[AuditEntry]:
        return [AuditEntry(1.0, "admin", "restart", "sma-btc", "stuck")][:limit]


@dataclass(frozen=True)
class FakeRollbacks:
    """Notes what was asked for with the controller's own questions."""

    controller: FakeController

    async def roll_back(
        self,
        name: str,
        to: str,
        by: str,
        reason: str,
        until: float | None = None,
        *,
        allow_major: bool = False,
        token: str = "",
    ) -> WentBack:
        self.controller.asked.append(("roll_back", name, to, by, reason, until, allow_major))
        return WentBack(REVISION.id, 1)

    async def roll_back_all(
        self,
        to: str,
        by: str,
        reason: str,
        until: float | None = None,
        *,
        allow_major: bool = False,
        confirm_prune: bool = False,
        token: str = "",
    ) -> WentBack:
        self.controller.asked.append(("roll_back_all", to, by, reason, until, allow_major, confirm_prune))
        return WentBack(REVISION.id, 2, "3 of 5 bots would be removed")

    async def unpin(
        self, subject: str, by: str, reason: str, *, confirm_prune: bool = False, token: str = ""
    ) -> WentBack:
        self.controller.asked.append(("unpin", subject, by, reason, confirm_prune))
        return WentBack(REVISION.id)

    async def retry(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        self.controller.asked.append(("retry", name, by, reason))

    async def deployments(self, name: str) -> list[Deployment]:
        return [one for one in self.controller.deployed if one.bot == name]

    def fleet_holds(self) -> list[Hold]:
        return self.controller.holds


@dataclass
class FakeAdopting:
    """What has bots take the place of jobs: records what was asked."""

    controller: FakeController

    async def adoptable(self) -> Adoptable:
        return self.controller.adoptable

    async def adopt(self, name: str, job: str, seen: str, by: str, reason: str, *, token: str = "") -> None:
        self.controller.asked.append(("adopt", name, job, seen, by, reason))

    async def cancel(self, name: str, by: str, reason: str, *, beside: bool = False, token: str = "") -> None:
        self.controller.asked.append(("adopt_cancel", name, by, beside))
