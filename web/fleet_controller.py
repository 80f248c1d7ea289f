"""The controller as the web speaks to it, so that one in this process or elsewhere can be behind it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from controller.consent import NO_CONSENT, Consent
from controller.passes import NO_WISHES, Pass
from controller.plan import Plan
from controller.records import (
    Attempt,
    AuditEntry,
    InventoryEntry,
    KillProgress,
    PastBot,
    RevisionRecord,
    RunRecord,
    Suspension,
    Wishes,
)
from controller.remote.adoptions import Adopts
from controller.remote.rollbacks import Rolling
from controller.state.changing import StateChange
from controller.status import BotStatus
from gitops.desired import DesiredState
from schemas.bot import BotSpec
from schemas.fleet import Watching
from schemas.log_rules import LogRule
from schemas.state import StateVersion


class FleetController(Protocol):
    """The controller, as far as the web speaks to it; `controller.controller.Controller` fulfils it."""

    @property
    def fleet_id(self) -> str:
        """Return the fleet's id."""
        ...

    @property
    def environments(self) -> tuple[str, ...]:
        """Return the environments that this service runs the bots of; none where it runs all."""
        ...

    @property
    def synced_at(self) -> float | None:
        """Return when the source was last seen, in Unix seconds."""
        ...

    def statuses(self) -> list[BotStatus]:
        """Return every bot's status, sorted by name."""
        ...

    def status(self, name: str) -> BotStatus:
        """Return one bot's status. Raises NotFound."""
        ...

    def desired(self) -> DesiredState | None:
        """Return the desired state that holds now, None before the first."""
        ...

    @property
    def log_rules(self) -> tuple[LogRule, ...] | None:
        """Return the log rules that hold now, None before they are known."""
        ...

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be, else what was applied last."""
        ...

    def watching(self) -> Watching | None:
        """Return what the fleet looks out for in all bots, None while that is not known."""
        ...

    def suspended(self, name: str) -> tuple[Suspension, ...]:
        """Return everything that keeps a bot from running, kill switches first."""
        ...

    def kills(self) -> list[KillProgress]:
        """Return how far each kill switch that is on has come."""
        ...

    def suspensions(self) -> list[Suspension]:
        """Return everything that keeps bots from running, kill switches first."""
        ...

    def held_scopes(self) -> frozenset[str]:
        """Return the scopes of which every bot is suspended until somebody ends that."""
        ...

    def behind(self) -> float | None:
        """Return how many seconds late suspensions are known here, None while they are not known."""
        ...

    def problems(self) -> list[str]:
        """Return what keeps the controller from doing its work, in words."""
        ...

    def revision(self) -> RevisionRecord | None:
        """Return the newest revision's record."""
        ...

    def request_pass(
        self, trigger: str, *, by: str = "", consent: Consent = NO_CONSENT, wishes: Wishes = NO_WISHES
    ) -> Pass:
        """Ask for a pass as soon as it can be."""
        ...

    async def plan(self) -> Plan:
        """Return what a pass would do now."""
        ...

    async def outdated(self, names: Sequence[str] = ()) -> list[str]:
        """Return the bots whose jobs would be rendered otherwise now."""
        ...

    async def refresh(self, name: str, by: str, reason: str = "", *, token: str = "") -> bool:
        """Apply a bot's job as it is rendered now; say whether it changed."""
        ...

    async def restart(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Restart a bot's process."""
        ...

    async def suspend(
        self, name: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Keep a bot from running until it is resumed, or until a Unix time."""
        ...

    async def resume(self, name: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End a bot's suspension."""
        ...

    async def suspend_scope(
        self, scope: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Keep every bot of a scope from running, also those to come."""
        ...

    async def resume_scope(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End the suspension of exactly this scope."""
        ...

    async def kill(self, scope: str, by: str, reason: str, *, token: str = "") -> KillProgress:
        """Turn the kill switch of a scope on; return how far it has come."""
        ...

    async def release(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """Turn the kill switch of a scope off."""
        ...

    async def change_state(
        self, name: str, change: StateChange, by: str, reason: str, *, token: str = ""
    ) -> StateVersion:
        """Change a bot's saved state, while no copy of it runs."""
        ...

    @property
    def adopting(self) -> Adopts:
        """Return what has bots take the place of jobs that herdsman did not start."""
        ...

    @property
    def rollbacks(self) -> Rolling:
        """Return what holds bots at other revisions than git's newest."""
        ...

    async def recover(self, by: str, reason: str = "", *, token: str = "") -> list[str]:
        """Take over jobs that the database does not know; return their bots."""
        ...

    async def query(self, name: str, path: str, params: Mapping[str, Any]) -> str:
        """Return what a bot's query program answers, as JSON text."""
        ...

    async def revisions(self, limit: int = 50, *, before: str = "", bot: str = "") -> list[RevisionRecord]:
        """Return revisions newest first, each with the first of its changes. Raises NotFound."""
        ...

    async def find_revision(self, revision: str) -> RevisionRecord:
        """Return one revision's record by its id or the first digits of it. Raises NotFound."""
        ...

    async def past(self, name: str) -> PastBot | None:
        """Return what is remembered of a bot that may be gone, None where nothing is."""
        ...

    async def runs(self, bot: str, limit: int = 50) -> list[RunRecord]:
        """Return a bot's newest runs, newest first."""
        ...

    async def inventory(self, name: str) -> InventoryEntry | None:
        """Return what we own of a bot, None where nothing was ever applied."""
        ...

    async def attempts(self, bot: str) -> list[Attempt]:
        """Return a bot's last applies, newest first."""
        ...

    async def audit(self, limit: int = 100) -> list[AuditEntry]:
        """Return what was done by whom, newest first."""
        ...
