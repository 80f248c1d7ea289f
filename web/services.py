"""What the web needs of everything below it, as narrow Protocols, so that each can be a fake in a test."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from controller.passes import Pass
from controller.plan import Plan
from controller.records import Attempt, RevisionRecord, RunRecord, Suspension
from controller.status import BotStatus
from gitops.bundle import Bundle
from gitops.desired import DesiredState
from telemetry.intake import IngestAnswer
from telemetry.live import Broadcaster
from telemetry.prometheus import Registry
from telemetry.stores import EventStore, SeriesStore
from web.access.gate import Access
from web.dashboard_files import DashboardFiles
from web.fleet_header import FleetHeader
from web.rows import Rows
from web.settings import WebSettings

if TYPE_CHECKING:
    from litestar.types import ASGIApp


class FleetController(Protocol):
    """The controller, as far as the web speaks to it."""

    def statuses(self) -> list[BotStatus]:
        """Return every bot's status."""
        ...

    def status(self, name: str) -> BotStatus:
        """Return one bot's status. Raises NotFound."""
        ...

    def desired(self) -> DesiredState | None:
        """Return the desired state last built, None before the first."""
        ...

    def request_pass(self, trigger: str, *, by: str = "", confirm_prune: bool = False) -> Pass:
        """Ask for a pass as soon as it can be."""
        ...

    async def plan(self) -> Plan:
        """Return what a pass would do now."""
        ...

    async def restart(self, name: str, by: str, reason: str) -> None:
        """Restart a bot."""
        ...

    async def suspend(self, name: str, by: str, reason: str, until: float | None = None) -> None:
        """Keep a bot from running until it is resumed, or until that moment."""
        ...

    async def resume(self, name: str, by: str, reason: str) -> None:
        """End a bot's suspension."""
        ...

    def suspension(self, name: str) -> Suspension | None:
        """Return a bot's suspension, None where it has none."""
        ...

    async def revisions(self, limit: int) -> Sequence[RevisionRecord]:
        """Return the newest revisions, newest first."""
        ...

    async def revision(self, revision: str) -> RevisionRecord | None:
        """Return one revision's record by its full id, None where it is unknown."""
        ...

    async def runs(self, name: str, limit: int) -> Sequence[RunRecord]:
        """Return a bot's newest runs, newest first."""
        ...

    async def attempts(self, name: str) -> Sequence[Attempt]:
        """Return a bot's last applies, newest first."""
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


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the routes use."""

    settings: WebSettings
    access: Access
    controller: FleetController
    series: SeriesStore
    events: EventStore
    live: Broadcaster
    rows: Rows
    intake: TelemetryIntake
    bundles: BundleShelf
    bundle_key: bytes
    """The secret under which bundles' addresses are made; see `routes/bundles.py`."""
    registry: Registry
    dashboard: DashboardFiles
    fleet: FleetHeader
    checks: Callable[[], Awaitable[Mapping[str, str]]]
    """Returns each part's state by name, "ok" or what is wrong in words."""
    git: "ASGIApp | None" = None
    """Serves `/git/fleet.git`, None where the fleet's source is elsewhere."""
    clock: Callable[[], float] = time.time

    def sign_in_url(self, token: str) -> str:
        """Return an address that signs a browser in once, with the rights of the token of this id."""
        return f"{self.settings.url}/sign-in?code={self.access.codes.issue(token)}"
