"""Every part of `herdsman web`, put together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cli.service.bot_series import count_statuses
from cli.service.error_parts import make_error_book
from cli.service.live_parts import LiveParts, make_live
from cli.service.parts import make_access, web_settings
from cli.service.process_options import WebOptions
from cli.service.state_store import open_states
from cli.service.telemetry_parts import Telemetry, open_telemetry
from cli.service.web_system import make_web_system
from controller.clock import SystemClock
from controller.database import Database
from controller.database.drains import answer_drained, open_drains
from controller.database.fleets import fleet_id
from controller.database.keys import shared_key
from controller.database.notices import Channel
from controller.notifications.desk import NotificationDesk
from controller.remote.asking import Asking
from controller.remote.bell import Bell, rung
from controller.remote.controller import RemoteController
from controller.remote.mirror import Mirror
from controller.state.guarding import GuardedStates
from controller.state.saved import SavedStates
from gitops.shelf import FolderShelf
from schemas.errors import HerdsmanError
from web.access.listen import Listen
from web.access.tokens import ensure_admin_token
from web.dashboard_files import DashboardFiles
from web.leader import LeaderForward, LeadersBuilds
from web.services import Services

_LOOK_EVERY = 1.0
_DRAINS_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class WebParts:
    """The web process, ready to run."""

    options: WebOptions
    fleet: str
    url: str
    sign_in_url: str
    database: Database
    bell: Bell
    mirror: Mirror
    controller: RemoteController
    telemetry: Telemetry
    live: LiveParts
    leader: LeaderForward
    services: Services


async def wait_for_fleet(database: Database, stop: asyncio.Event, say: Callable[[str], None]) -> str:
    """Return the fleet's id as soon as a controller has made one, "" where it is time to stop first."""
    told = False
    while not stop.is_set():
        if found := await database.run(fleet_id):
            return found
        if not told:
            say("waiting for the first `herdsman controller` on this database: it names the fleet")
        told = True
        await rung(stop, _LOOK_EVERY)
    return ""


async def put_together(options: WebOptions, listening: Listen, database: Database, fleet: str) -> WebParts:
    """Open everything that can be opened before the first request is answered."""
    up = options.up
    url = listening.url(tls=up.tls is not None)
    telemetry = await open_telemetry(up, fleet)
    settings = web_settings(up, url)
    bell = Bell(options.database)
    mirror = Mirror(database, bell)
    await mirror.load()
    controller = RemoteController(mirror, Asking(database, bell), database, fleet)
    live = make_live(telemetry, database, controller, "nomad", settings, fleet)
    mirror.listener = live.publisher
    leader = LeaderForward(lambda: mirror.leader.address if mirror.leader else "")
    access = await make_access(up, listening, database)
    saved = SavedStates(open_states(up), fleet)
    notifications = NotificationDesk(database, SystemClock(), fleet)
    services = Services(
        settings=settings,
        access=access,
        controller=controller,
        series=telemetry.series,
        events=telemetry.events,
        trading=telemetry.trading,
        liveness=telemetry.liveness,
        rules=telemetry.rules,
        resources=telemetry.resources,
        live=telemetry.live,
        tails=live.publisher.tails,
        rows=live.rows,
        intake=live.intake,
        bundles=FolderShelf(up.data / "bundles"),
        builds=LeadersBuilds(lambda: "the leader's own process tells of builds"),
        states=saved,
        desk=GuardedStates(saved, controller, fleet),
        bundle_key=await database.run(lambda connection: shared_key(connection, "bundles")),
        registry=telemetry.health.registry,
        dashboard=DashboardFiles(settings.static),
        fleet=live.header,
        checks=make_checks(mirror, telemetry),
        git=leader,
        leader=leader,
        errors=make_error_book(up, telemetry, database, live.publisher.errors),
        notifications=notifications,
        alerts=live.alerts,
        system=make_web_system(fleet, settings.version, mirror, telemetry, live.intake, notifications),
    )
    count_statuses(telemetry.health, controller.statuses)
    admin = await ensure_admin_token(access.tokens, up.data / "admin-token", time.time())
    return WebParts(
        options,
        fleet,
        url,
        services.sign_in_url(admin.token),
        database,
        bell,
        mirror,
        controller,
        telemetry,
        live,
        leader,
        services,
    )


def make_checks(mirror: Mirror, telemetry: Telemetry) -> Callable[[], Awaitable[Mapping[str, str]]]:
    """Return what tells of each part whether it can work."""

    async def checks() -> Mapping[str, str]:
        return {
            "database": mirror.problem or "ok",
            "controller": "ok" if mirror.leader else "no controller leads",
            "scheduler": mirror.fleet.scheduler_problem or "ok",
            "series": await telemetry.check(),
        }

    return checks


async def answer(database: Database, bot: str) -> None:
    """Say that all lines of a bot have arrived."""
    await database.run(lambda connection: answer_drained(connection, bot, time.time()))


async def answer_drains(parts: WebParts) -> None:
    """Tell the leader of stopped bots whose last lines have arrived, so that their jobs can be purged."""
    while True:
        ring = parts.bell.next(Channel.DRAINS)
        waiting = False
        try:
            for bot in await parts.database.run(open_drains):
                waiting = True
                if parts.live.intake.drained(bot):
                    await answer(parts.database, bot)
        except HerdsmanError:
            waiting = True  # it is asked again
        await rung(ring, 0.5 if waiting else _DRAINS_EVERY)
