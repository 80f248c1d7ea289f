"""Every part of the service, put together. This is the one place that knows them all."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from cli.service.error_parts import make_error_book
from cli.service.folder import read_secret, write
from cli.service.live_parts import LiveParts, make_live
from cli.service.notifying import make_herald, started_event, tell_of_alerts
from cli.service.options import UpOptions
from cli.service.relay import Relay
from cli.service.scheduling import controller_settings, make_scheduler
from cli.service.secret_parts import make_handing, make_secrets
from cli.service.sources import make_codes, make_plans, open_origin
from cli.service.state_store import open_states
from cli.service.statuses import make_reports, telling
from cli.service.system_parts import make_system
from cli.service.telemetry_parts import Telemetry, open_telemetry
from controller.clock import SystemClock
from controller.controller import Controller
from controller.database import Database
from controller.database.fleets import change_fleet_id, ensure_fleet
from controller.loop import Loop
from controller.notifications.desk import NotificationDesk
from controller.notifications.herald import Herald
from controller.schedulers.local.scheduler import LocalScheduler
from controller.state.guarding import GuardedStates
from controller.state.saved import SavedStates
from gitops.bundle import Bundle
from gitops.bundles import BundleStore
from gitops.compiling.steps import BuildLimits
from gitops.forges.reporting import StatusReports
from gitops.remote import GitRemote
from schemas.errors import UsageError
from telemetry.agent.agent import Agent
from telemetry.agent.concealing import of_scheduler
from telemetry.agent.sinks import DirectSink
from telemetry.agent.states.caretaker import Caretaker
from web.access.database import DatabaseTokens
from web.access.gate import Access
from web.access.listen import Listen
from web.access.sessions import Sessions
from web.access.sign_in import SignInCodes
from web.access.throttle import Throttle
from web.access.tokens import Tokens, ensure_admin_token
from web.dashboard_files import DashboardFiles
from web.git_gate import GitGate
from web.routes.bundles import bundle_path
from web.services import Services
from web.settings import WebSettings
from web.webhooks import Webhooks

if TYPE_CHECKING:
    from litestar.types import ASGIApp


@dataclass(frozen=True, slots=True)
class Parts:
    """The whole service, ready to run."""

    options: UpOptions
    fleet: str
    url: str
    sign_in_url: str
    database: Database
    telemetry: Telemetry
    controller: Controller
    live: LiveParts
    agent: Agent | None
    """Reads local bots' output; on Nomad each node has its own."""
    git: GitRemote | None
    services: Services
    follows: tuple[str, ...] = ()
    """A line for people about each source elsewhere."""
    repositories: tuple[Path, ...] = ()
    """Our own git repositories."""
    statuses: StatusReports | None = None
    """Writes commit statuses, where a source has them."""
    herald: Herald | None = None
    """Tells people of problems, None where nobody is to be told."""


async def put_together(options: UpOptions, listening: Listen) -> Parts:
    """Open everything that can be opened before the first request is answered."""
    url = listening.url(tls=options.tls is not None)
    database = await Database.open(str(options.data / "herdsman.db"))
    fleet = await find_fleet(options, database)
    telemetry = await open_telemetry(options, fleet)
    bundles = BundleStore(
        options.data / "bundles",
        limits=BuildLimits(options.build_timeout, options.build_memory << 20, options.build_jobs),
        hidden=(options.data, Path.home()),
    )
    bundle_key = read_secret(options.data / "bundle-key")
    advertised = (options.advertise_url or url).rstrip("/")

    def url_of(bundle: Bundle) -> str:
        return advertised + bundle_path(bundle_key, bundle.digest)

    saved = SavedStates(open_states(options), fleet)
    secrets_key = read_secret(options.data / "secrets-key")
    secrets = make_secrets(options, fleet, secrets_key)
    scheduler = await make_scheduler(options, fleet, bundles, url_of, secrets_key)
    settings = web_settings(options, url)
    origin = open_origin(options, lambda: controller, secrets)
    relay = Relay()
    controller: Controller

    async def logs_acknowledged(bot: str) -> bool:
        return live.intake.drained(bot)

    controller = Controller(
        Loop(
            scheduler,
            origin.source,
            origin.states,
            bundles,
            database,
            SystemClock(),
            controller_settings(options),
            relay,
            name=options.fleet,
            logs_acknowledged=logs_acknowledged,
            saved_states=saved,
            secrets=make_handing(secrets_key, secrets, origin.source.repository, options.subfolder),
        )
    )
    guarded = GuardedStates(saved, controller, fleet)
    live = make_live(telemetry, database, controller, scheduler.kind, settings, fleet)
    relay.target = live.publisher
    statuses = make_reports(origin.forges, options)
    relay.revisions = telling(statuses, url, options.fleet)
    git = None
    if origin.hosted and origin.hosted_states:
        gate = GitGate(controller, origin.hosted_states.build_from, settings, origin.trust)
        git = GitRemote(origin.hosted, gate)
    clock = SystemClock()
    started = started_event(clock.time(), "herdsman started")
    told = make_herald(options, controller, database, clock, relay, advertised, started)
    if told:
        tell_of_alerts(told[0], live.alerts.desk)
    ring = told[1].ring if told else (lambda: None)
    notifications = NotificationDesk(database, clock, options.fleet, ring)
    access = await make_access(options, listening, database)
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
        bundles=bundles,
        builds=bundles.compiler.records,
        states=saved,
        desk=guarded,
        bundle_key=bundle_key,
        registry=telemetry.health.registry,
        dashboard=DashboardFiles(settings.static),
        fleet=live.header,
        checks=make_checks(controller, telemetry),
        git=cast("ASGIApp | None", git),
        notifications=notifications,
        system=make_system(
            options, fleet, settings.version, origin, controller, telemetry, live.intake, notifications
        ),
        webhooks=Webhooks(origin.webhooks, controller.announce, time.time, telemetry.health.registry),
        plans=make_plans(origin, controller, options),
        errors=make_error_book(options, telemetry, database, live.publisher.errors),
        codes=make_codes(origin),
        alerts=live.alerts,
    )
    admin = await ensure_admin_token(access.tokens, options.data / "admin-token", time.time())
    agent = None
    if isinstance(scheduler, LocalScheduler):
        agent = Agent(
            scheduler.allocations,
            DirectSink(live.intake),
            options.data / "agent-checkpoint",
            fleet=fleet,
            health=telemetry.health,
            states=local_states(options, guarded, telemetry),
            release=version("herdsman"),
            concealed=of_scheduler(scheduler.concealed),
        )
    return Parts(
        options,
        fleet,
        url,
        services.sign_in_url(admin.token),
        database,
        telemetry,
        controller,
        live,
        agent,
        git,
        services,
        origin.follows,
        origin.repositories,
        statuses,
        told[0] if told else None,
    )


def local_states(options: UpOptions, desk: GuardedStates, telemetry: Telemetry) -> Caretaker:
    """Return what cares for the states of bots on this machine."""
    spool = options.data / "state-spool"
    return Caretaker(desk, options.data / "local" / "state", spool, health=telemetry.health)


async def find_fleet(options: UpOptions, database: Database) -> str:
    """Return the fleet's id, kept in the database and in a file.

    A database that was lost must not give the fleet another name: on Nomad its jobs would go on unseen, and
    every bot would be started a second time.
    """
    path = options.data / "fleet-id"
    known = path.read_text().strip() if path.exists() else ""
    fleet = await database.run(
        lambda connection: ensure_fleet(connection, options.fleet, time.time(), known=known)
    )
    if options.adopt_fleet:
        fleet = await _adopt(options, database, fleet)
    if fleet != known:
        write(path, f"{fleet}\n")
    return fleet


async def _adopt(options: UpOptions, database: Database, fleet: str) -> str:
    """Take over the id of an earlier installation. Raises UsageError where bots run under the id of now."""
    wanted = options.adopt_fleet
    if await database.run(lambda connection: change_fleet_id(connection, wanted)):
        return wanted
    raise UsageError(
        f"--adopt-fleet {wanted}: this installation is the fleet {fleet} and has started bots of its own, "
        "which would be forgotten; start with an empty data folder (and database), or leave the option out"
    )


def web_settings(options: UpOptions, url: str) -> WebSettings:
    """Return the web service's settings."""
    return WebSettings(
        url=url,
        version=version("herdsman"),
        tls=options.tls is not None,
        branch=options.branch or "main",
        subfolder=options.subfolder,
    )


async def make_access(options: UpOptions, listening: Listen, database: Database) -> Access:
    """Return what decides about credentials, its tokens loaded."""
    tokens = Tokens(DatabaseTokens(database))
    await tokens.load()
    return Access(
        tokens=tokens,
        sessions=Sessions(tokens, time.time, options.data / "sessions.json"),
        codes=SignInCodes(time.time),
        throttle=Throttle(time.time),
        clock=time.time,
        cookie=f"herdsman_{listening.port}",
        hosts=options.allowed_hosts | own_names(options, listening),
        any_address=listening.host in ("0.0.0.0", "::"),  # noqa: S104  compared only
    )


def own_names(options: UpOptions, listening: Listen) -> frozenset[str]:
    """Return the names by which nodes and people reach us: where we listen, and what we advertise."""
    advertised = urlsplit(options.advertise_url).hostname
    return frozenset(name for name in (listening.host, advertised) if name)


def make_checks(controller: Controller, telemetry: Telemetry) -> Callable[[], Awaitable[Mapping[str, str]]]:
    """Return what tells of each part whether it can work."""

    async def checks() -> Mapping[str, str]:
        return {
            "controller": "ok" if controller.fleet_id else "its status is being loaded",
            "scheduler": controller.scheduler_problem() or "ok",
            "series": await telemetry.check(),
        }

    return checks
