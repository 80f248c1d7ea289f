"""What only the leader has: the controller itself, its scheduler, the git remote, its doors to the web."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from cli.service.bot_series import count_drifts, count_statuses
from cli.service.notifying import make_herald, report_herald, started_event
from cli.service.relay import Relay
from cli.service.scheduling import controller_settings, make_scheduler
from cli.service.secret_parts import make_handing, make_secrets
from cli.service.sources import make_codes, make_plans, open_origin
from cli.service.standby import Standby
from cli.service.state_store import open_states
from cli.service.statuses import make_reports, telling
from controller.clock import SystemClock
from controller.controller import Controller
from controller.database import Database
from controller.database.drains import ask_drained
from controller.loop import Loop
from controller.notifications.herald import Herald
from controller.remote.fenced import FencedScheduler
from controller.remote.leadership import Lead
from controller.remote.receiving import Receiving
from controller.remote.serving import Serving
from controller.remote.showing import Showing
from controller.state.saved import SavedStates
from gitops.bundle import Bundle
from gitops.bundles import BundleStore
from gitops.compiling.steps import BuildLimits
from gitops.forges.reporting import StatusReports
from gitops.remote import GitRemote
from gitops.source_code import SourceCodes
from gitops.upkeep import keep_packed
from schemas.alerts import Severity
from telemetry.names import Health
from web.git_gate import GitGate
from web.leader import LeadingBuilds
from web.plans import Plans
from web.routes.bundles import bundle_path
from web.settings import WebSettings
from web.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Leading:
    """A controller that may act, for one lead."""

    lead: Lead
    database: Database
    controller: Controller
    showing: Showing
    serving: Serving
    receiving: Receiving
    webhooks: Webhooks
    plans: Plans
    builds: LeadingBuilds
    codes: SourceCodes
    statuses: StatusReports | None
    git: GitRemote | None
    repositories: tuple[Path, ...]
    """Our own git repositories."""
    herald: Herald | None = None
    """Tells people of problems, None where nobody is to be told."""

    @property
    def pushed_to(self) -> bool:
        """Whether somebody is pushing right now."""
        return self.git is not None and self.git.busy


async def make_leading(standby: Standby, lead: Lead, settings: WebSettings) -> Leading:
    """Put together a controller whose every write and change is fenced by this lead."""
    options, clock = standby.options.up, SystemClock()
    database = await Database.open(standby.options.database)
    database.guard = lead.guard
    bundles = BundleStore(
        options.data / "bundles",
        limits=BuildLimits(options.build_timeout, options.build_memory << 20, options.build_jobs),
    )
    advertised = (options.advertise_url or standby.url).rstrip("/")

    def url_of(bundle: Bundle) -> str:
        return advertised + bundle_path(standby.bundle_key, bundle.digest)

    async def logs_acknowledged(bot: str) -> bool:
        return await database.run(lambda connection: ask_drained(connection, bot, clock.time()))

    secrets = make_secrets(options, standby.fleet, standby.secrets_key)
    scheduler = FencedScheduler(
        await make_scheduler(options, standby.fleet, bundles, url_of, standby.secrets_key), lead.check
    )
    origin = open_origin(options, lambda: controller, secrets)
    relay = Relay()
    controller: Controller
    controller = Controller(
        Loop(
            scheduler,
            origin.source,
            origin.states,
            bundles,
            database,
            clock,
            controller_settings(options),
            relay,
            name=options.fleet,
            logs_acknowledged=logs_acknowledged,
            saved_states=SavedStates(open_states(options), standby.fleet),
            secrets=make_handing(standby.secrets_key, secrets, origin.source.repository, options.subfolder),
        )
    )
    figures = Health(standby.services.registry)
    count_statuses(figures, lambda: controller.statuses() if lead.lasts else [])
    count_drifts(figures, controller.drifts)
    showing = Showing(controller, database, clock)
    relay.target = showing
    statuses = make_reports(origin.forges, options)
    relay.revisions = telling(statuses, settings.url, options.fleet)
    headline = f"controller {standby.options.called} leads" + (" now: it took over" if lead.epoch > 1 else "")
    started = started_event(clock.time(), headline, Severity.WARNING if lead.epoch > 1 else Severity.INFO)
    link = standby.options.web_url or advertised
    told = make_herald(options, controller, database, clock, relay, link, started)
    git = None
    if origin.hosted and origin.hosted_states:
        gate = GitGate(controller, origin.hosted_states.build_from, settings, origin.trust)
        git = GitRemote(origin.hosted, gate)
    return Leading(
        lead,
        database,
        controller,
        showing,
        Serving(controller, database, standby.bell, clock, lead.epoch),
        Receiving(controller.record, database, standby.bell, clock),
        Webhooks(origin.webhooks, controller.announce, time.time, standby.services.registry),
        make_plans(origin, controller, options),
        LeadingBuilds(bundles.compiler.records, controller.spec),
        make_codes(origin),
        statuses,
        git,
        origin.repositories,
        told[0] if told else None,
    )


async def lead_until(standby: Standby, leading: Leading, stop: asyncio.Event) -> None:
    """Lead until told to stop. Raises what ended it before, NotLeading where the lead was lost."""
    controller = asyncio.create_task(leading.controller.run())
    tasks = [controller, asyncio.create_task(leading.lead.hold())]
    stopping = asyncio.create_task(stop.wait())
    beside: list[asyncio.Task[None]] = []
    try:
        ready = asyncio.create_task(leading.controller.ready())
        await asyncio.wait({ready, *tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.cancel():
            ready.result()
            tasks += [
                asyncio.create_task(part.run())
                for part in (leading.showing, leading.serving, leading.receiving)
            ]
            if leading.herald:
                telling = asyncio.create_task(leading.herald.run())
                telling.add_done_callback(report_herald)
                beside.append(telling)
            folder = standby.options.up.data / "git"
            packing = keep_packed(folder, leading.repositories, lambda: leading.pushed_to)
            tasks.append(asyncio.create_task(packing))
            if leading.statuses:
                tasks.append(asyncio.create_task(leading.statuses.run()))
            standby.git.remote, standby.webhooks.leading = leading.git, leading.webhooks
            standby.plans.leading, standby.builds.leading = leading.plans, leading.builds
            standby.codes.leading = leading.codes
            await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        standby.git.remote, standby.webhooks.leading = None, None
        standby.plans.leading, standby.builds.leading = None, None
        standby.codes.leading = None
        stopping.cancel()
        for task in beside:
            task.cancel()
        await end(leading, controller, tasks)


async def end(leading: Leading, controller: "asyncio.Task[None]", tasks: "list[asyncio.Task[None]]") -> None:
    """End what leads, the controller before its doors, and let go of the lead last of all."""
    controller.cancel()
    await asyncio.gather(controller, return_exceptions=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if leading.git:
        await leading.git.close()
    await leading.database.close()
    await leading.lead.close()
