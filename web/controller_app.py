"""The HTTP application of a controller process: health, metrics, bundles, and git while it leads."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.di import Provide

from schemas.bot import BotSpec
from telemetry.names import Health
from telemetry.prometheus import Registry
from web.access.gate import Access
from web.access.guard import require_access
from web.app import MOST_BODY
from web.front import Front
from web.leader import LeadersBuilds, LeadersCode, LeadersPlans, LeadersWebhooks
from web.problems import EXCEPTION_HANDLERS
from web.routes import builds, bundles, errors, git, health, plans, webhooks
from web.services import BundleShelf, slots_of_code

if TYPE_CHECKING:
    from litestar.types import ASGIApp

ROUTES = (
    *(health.livez, health.readyz, health.metrics),
    *(builds.builds, builds.build, bundles.bundle, plans.plan_of, errors.code, webhooks.webhook),
)


@dataclass(frozen=True, slots=True)
class ControllerServices:
    """What these routes use; the names are those of `web.services.Services`."""

    access: Access
    bundles: BundleShelf
    bundle_key: bytes
    registry: Registry
    checks: Callable[[], Awaitable[Mapping[str, str]]]
    role: Callable[[], str]
    webhooks: LeadersWebhooks
    plans: LeadersPlans
    builds: LeadersBuilds
    codes: LeadersCode
    git: "ASGIApp | None"
    tls: bool = False
    code_slots: asyncio.Semaphore = field(default_factory=slots_of_code)

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be. Raises NoController."""
        return self.builds.spec(name)


def create_controller_app(services: ControllerServices) -> Litestar:
    """Return the application; people's pages and the API are the web process's."""
    app = Litestar(
        route_handlers=[*ROUTES, git.mount(services.git)],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        guards=[require_access],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=None,
        request_max_body_size=MOST_BODY,
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = Front(app.asgi_handler, services.access, Health(services.registry), tls=services.tls)
    return app
