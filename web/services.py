"""What the web needs of everything below it, as narrow Protocols, so that each can be a fake in a test."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

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
from gitops.bundle import Bundle
from gitops.candidates import Packed
from gitops.compiling.records import BuildRecord
from gitops.desired import DesiredState
from gitops.source_code import Asked, SourceCode, SourceCodes
from schemas.bot import BotSpec
from schemas.fleet import Watching
from schemas.log_rules import LogRule
from schemas.state import SaveAnswer, StateClaim, StateSave, StateVersion
from telemetry.intake import IngestAnswer
from telemetry.live import Broadcaster
from telemetry.liveness_desk import LivenessDesk
from telemetry.prometheus import Registry
from telemetry.resources_desk import ResourcesDesk
from telemetry.rules_desk import RulesDesk
from telemetry.stores import EventStore, SeriesStore
from telemetry.trading_desk import TradingDesk
from web.access.gate import Access
from web.alerts import Alerts
from web.dashboard_files import DashboardFiles
from web.documents.revisions import PlanDocument
from web.errors import ErrorBook
from web.fleet_header import FleetHeader
from web.notifications import NoNotifications, NotificationDesk
from web.plans import NoPlans
from web.rows import Rows
from web.settings import WebSettings
from web.system.health import SystemHealth
from web.tails import Tails
from web.turn import Turn, turn_of_comparisons
from web.webhooks import Webhooks, no_webhooks

if TYPE_CHECKING:
    from litestar.types import ASGIApp


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


class MakesPlans(Protocol):
    """Plans of any revision; `web.plans.Plans` fulfils it."""

    async def now(self) -> PlanDocument:
        """Return what a pass would do now. Raises SourceUnavailable."""
        ...

    async def of(self, asked: str | Packed, source: str) -> PlanDocument:
        """Return what a pass would do for a ref of a source, or for what a pack holds."""
        ...


def slots_of_code() -> asyncio.Semaphore:
    """Return as many places as may read source lines at once: each takes a thread, and git."""
    return asyncio.Semaphore(2)


class ReadsCode(Protocol):
    """Source lines of programs; `gitops.source_code.SourceCodes` fulfils it."""

    def read(self, asked: Asked) -> SourceCode:
        """Return the lines around the one asked for; blocks. Raises NotFound, SourceUnavailable."""
        ...


class TelemetryIntake(Protocol):
    """Where batches of agents go."""

    async def accept(self, body: bytes) -> IngestAnswer:
        """Take one batch."""
        ...


class BundleShelf(Protocol):
    """The bundles that nodes may fetch."""

    def find(self, digest: str) -> Bundle | None:
        """Return the bundle with this digest (hex SHA-256), None where there is none."""
        ...


class BuildShelf(Protocol):
    """The builds of compiled programs; `gitops.compiling.records.BuildRecords` fulfils it."""

    def all(self) -> list[BuildRecord]:
        """Return every build on record, the newest first."""
        ...

    def find(self, program: str, tree: str = "") -> BuildRecord | None:
        """Return a program's build of a git tree; without one, its newest."""
        ...

    def log(self, record: BuildRecord) -> str:
        """Return a build's log as far as it is written."""
        ...


class SavedStates(Protocol):
    """The saved states of bots; `controller.state.saved.SavedStates` fulfils it."""

    async def upload(self, bot: str, sha256: str, data: bytes) -> None:
        """Take a content of a version to come."""
        ...

    async def download(self, bot: str, sha256: str) -> bytes:
        """Return a content. Raises NotFound, StateDamaged."""
        ...

    async def newest(self, bot: str) -> StateVersion | None:
        """Return the newest version, None where nothing was saved."""
        ...

    async def history(self, bot: str) -> list[StateVersion]:
        """Return the versions, newest first."""
        ...

    async def version(self, bot: str, number: int) -> StateVersion:
        """Return one version, 0 for the newest. Raises NotFound."""
        ...


class StateDesk(Protocol):
    """Saved states for agents; `controller.state.guarding.GuardedStates` fulfils it. Raises StateRefused."""

    async def prove(self, claim: StateClaim, bot: str) -> None:
        """Return where an allocation is that bot's."""
        ...

    async def offer(self, claim: StateClaim, bot: str, save: StateSave) -> SaveAnswer:
        """Take a version. Raises Conflict where it is that of a fenced copy."""
        ...

    async def upload(self, claim: StateClaim, bot: str, sha256: str, data: bytes) -> None:
        """Take a content of a version to come."""
        ...

    async def newest(self, claim: StateClaim, bot: str) -> StateVersion | None:
        """Return the newest version, None where nothing was saved."""
        ...

    async def download(self, claim: StateClaim, bot: str, sha256: str) -> bytes:
        """Return a content. Raises NotFound, StateDamaged."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the routes use."""

    settings: WebSettings
    access: Access
    controller: FleetController
    series: SeriesStore
    events: EventStore
    trading: TradingDesk
    liveness: LivenessDesk
    rules: RulesDesk
    resources: ResourcesDesk
    live: Broadcaster
    tails: Tails
    """Filters of events that are followed live."""
    rows: Rows
    intake: TelemetryIntake
    bundles: BundleShelf
    builds: BuildShelf
    states: SavedStates
    """For people, who are let in by their scope."""
    desk: StateDesk
    """For agents, who speak for allocations."""
    bundle_key: bytes
    """The secret under which bundles' addresses are made; see `routes/bundles.py`."""
    registry: Registry
    dashboard: DashboardFiles
    fleet: FleetHeader
    checks: Callable[[], Awaitable[Mapping[str, str]]]
    """Returns each part's state by name, "ok" or what is wrong in words."""
    git: "ASGIApp | None" = None
    """Serves `/git/fleet.git`, None where the fleet's source is elsewhere."""
    leader: "ASGIApp | None" = None
    """Serves bundles and webhooks where another process has them, None where `bundles` and `webhooks` do."""
    clock: Callable[[], float] = time.time
    system: SystemHealth = field(default_factory=SystemHealth)
    """How each part of herdsman is."""
    webhooks: Webhooks = field(default_factory=no_webhooks)
    """Takes the deliveries of git servers."""
    plans: MakesPlans = field(default_factory=NoPlans)
    """Makes plans of any revision."""
    notifications: NotificationDesk = field(default_factory=NoNotifications)
    """Destinations of notifications, and tests of them."""
    alerts: Alerts | None = None
    """The alerts of bots, None in a process that judges none."""
    errors: ErrorBook | None = None
    """The errors of bots, None in a process that keeps none."""
    codes: ReadsCode = field(default_factory=lambda: SourceCodes({}))
    """Source lines of programs."""
    code_slots: asyncio.Semaphore = field(default_factory=slots_of_code)
    """Who reads source lines."""
    comparing: Turn = field(default_factory=turn_of_comparisons)
    """Who compares many bots."""
    role: Callable[[], str] = str
    """Returns what this process is among several; see `documents.Readiness`."""

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be, None where there is none of this name."""
        return self.controller.spec(name)

    def sign_in_url(self, token: str) -> str:
        """Return an address that signs a browser in once, with the rights of the token of this id."""
        return f"{self.settings.url}/sign-in?code={self.access.codes.issue(token)}"
