"""A controller whose bots, plans and passes a test sets by hand."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from controller.passes import Pass
from controller.plan import Plan
from controller.records import Attempt, RevisionRecord, RunRecord, Suspension
from controller.status import BotStatus, Health, Reason, Sync
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.errors import NotFound

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
    suspensions: dict[str, Suspension] = field(default_factory=dict)
    asked_for_pass: asyncio.Event = field(default_factory=asyncio.Event)

    def statuses(self) -> list[BotStatus]:
        return list(self.bots.values())

    def status(self, name: str) -> BotStatus:
        if name not in self.bots:
            raise NotFound(name)
        return self.bots[name]

    def desired(self) -> DesiredState | None:
        return self.state

    def request_pass(self, trigger: str, *, by: str = "", confirm_prune: bool = False) -> Pass:
        self.passes.append(Pass(trigger, by, confirm_prune=confirm_prune, asked_at=0.0))
        self.asked_for_pass.set()
        return self.passes[-1]

    async def plan(self) -> Plan:
        return self.next_plan

    async def restart(self, name: str, by: str, reason: str) -> None:
        self.asked.append(("restart", name, by, reason))

    async def suspend(self, name: str, by: str, reason: str, until: float | None = None) -> None:
        self.asked.append(("suspend", name, by, reason, until))

    async def resume(self, name: str, by: str, reason: str) -> None:
        self.asked.append(("resume", name, by, reason))

    def suspension(self, name: str) -> Suspension | None:
        return self.suspensions.get(name)

    async def revisions(self, limit: int) -> Sequence[RevisionRecord]:
        return self.records[:limit]

    async def revision(self, revision: str) -> RevisionRecord | None:
        return next((one for one in self.records if one.revision.id == revision), None)

    async def runs(self, name: str, limit: int) -> Sequence[RunRecord]:
        return [run for run in self.run_records if run.bot == name][:limit]

    async def attempts(self, name: str) -> Sequence[Attempt]:
        return [one for one in self.attempt_records if one.bot == name]
