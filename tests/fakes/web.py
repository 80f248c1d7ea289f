"""The web service on a real socket, over fakes of everything below it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from controller.state.folder import FolderStore
from controller.state.guarding import GuardedStates
from controller.state.saved import SavedStates
from gitops.bundle import Bundle
from gitops.compiling.records import BuildRecords
from telemetry.latest import Latest
from telemetry.live import Broadcaster
from telemetry.liveness_desk import LivenessDesk
from telemetry.prometheus import Registry
from telemetry.resources_desk import ResourcesDesk
from telemetry.rules_desk import RulesDesk
from telemetry.trading_desk import TradingDesk
from tests.fakes.controller import FakeController, bot_status
from tests.fakes.telemetry import FakeIntake, MemoryEvents, MemoryLiveness, MemorySeries, MemoryTrading
from tests.fakes.tokens import MemoryTokenStore
from web.access.gate import Access
from web.access.listen import Listen
from web.access.scopes import Scope
from web.access.sessions import Sessions
from web.access.sign_in import SignInCodes
from web.access.throttle import Throttle
from web.access.tokens import Tokens
from web.app import create_app
from web.dashboard_files import DashboardFiles
from web.fleet_header import FleetHeader
from web.rows import Rows
from web.server import address_of, bind, serve
from web.services import Services
from web.settings import WebSettings
from web.tails import Tails

BUNDLE_KEY = b"k" * 32


@dataclass
class Shelf:
    """Bundles by digest."""

    bundles: dict[str, Bundle] = field(default_factory=dict)

    def find(self, digest: str) -> Bundle | None:
        return self.bundles.get(digest)


@dataclass
class Running:
    """A web service that answers, the fakes under it, and a token of each scope."""

    url: str
    services: Services
    controller: FakeController
    secrets: dict[Scope, str]
    stop: asyncio.Event
    serving: "asyncio.Task[None]"

    def client(self, scope: Scope | None = Scope.ADMIN, **options: Any) -> httpx.AsyncClient:
        """Return a client with the token of a scope, None for no token."""
        headers = {"Authorization": f"Bearer {self.secrets[scope]}"} if scope else {}
        headers.update(options.pop("headers", {}))
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, trust_env=False, **{"timeout": 60, **options}
        )


async def make_services(folder: Path, url: str, **changes: Any) -> tuple[Services, dict[Scope, str]]:
    """Return services over fakes, with a token of each scope named after it."""
    tokens = Tokens(MemoryTokenStore())
    secrets = {}
    for scope in Scope:
        _, secrets[scope] = await tokens.create(scope.value, scope, time.time(), by="test")
    controller = changes.pop("controller", None) or FakeController({"sma-btc": bot_status()})
    tls = changes.pop("tls", False)
    settings = WebSettings(url=url, version="0.0.1", tls=tls, static=folder / "static", recheck=0.0)
    access = Access(
        tokens=tokens,
        sessions=Sessions(tokens, time.time),
        codes=SignInCodes(time.time),
        throttle=Throttle(time.time, most=5),
        clock=time.time,
        cookie="herdsman_session",
        hosts=frozenset({"fleet.example"}),
    )

    async def checks() -> dict[str, str]:
        return {"controller": "ok"}

    live = Broadcaster(heartbeat=0.05)
    states = SavedStates(FolderStore(folder / "states"), controller.fleet_id)
    controller.saved = states
    liveness = LivenessDesk(MemoryLiveness(), MemorySeries())
    services = Services(
        settings=settings,
        access=access,
        controller=controller,
        series=MemorySeries(),
        events=MemoryEvents(),
        trading=TradingDesk(MemoryEvents(), MemoryTrading(), MemorySeries()),
        liveness=liveness,
        rules=RulesDesk(MemoryEvents(), MemoryTrading(), MemorySeries()),
        resources=ResourcesDesk(MemorySeries()),
        live=live,
        tails=Tails(live),
        rows=Rows(Latest(), liveness),
        intake=FakeIntake(),
        bundles=Shelf(),
        builds=BuildRecords(folder / "builds"),
        states=states,
        desk=GuardedStates(states, controller, controller.fleet_id),
        bundle_key=BUNDLE_KEY,
        registry=Registry(),
        dashboard=DashboardFiles(settings.static),
        fleet=FleetHeader(controller, "local", "0.0.1", time.time),
        checks=checks,
    )
    return replace(services, **changes), secrets


@asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[Running]:
    """Run the web service on a free port of 127.0.0.1 until the block ends."""
    sock = bind(Listen("127.0.0.1", 0))
    url = address_of(sock).url(tls=False)
    services, secrets = await make_services(folder, url, **changes)
    stop, started = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        serve(create_app(services), sock, stop, end_streams=services.live.close, started=started)
    )
    await started.wait()
    try:
        yield Running(url, services, services.controller, secrets, stop, serving)
    finally:
        stop.set()
        await serving
