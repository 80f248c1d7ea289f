"""What the web needs of everything below it, as narrow Protocols, so that each can be a fake in a test."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from gitops.bundle import Bundle
from gitops.candidates import Packed
from gitops.compiling.records import BuildRecord
from gitops.source_code import Asked, SourceCode, SourceCodes
from schemas.bot import BotSpec
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
from web.fleet_controller import FleetController
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
