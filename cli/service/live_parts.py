"""The way of what bots print through the service, put together: intake, publisher, alerts, rules, liveness.

The same in one process and in the web of several: only who answers for the controller is another.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cli.service.alert_parts import MarketHours, end_alerts, make_alerts, start_alerts
from cli.service.liveness_parts import Liveness
from cli.service.rule_parts import connect_rules
from cli.service.telemetry_parts import Telemetry
from controller.database import Database
from controller.reports import Reported
from controller.status import BotStatus
from schemas.errors import NotFound
from telemetry.errors.desk import ErrorDesk
from telemetry.intake import Intake
from web.alerts import Alerts
from web.fleet_controller import FleetController
from web.fleet_header import FleetHeader
from web.kept_watching import KeptWatching
from web.publishing import LivePublisher
from web.rows import Rows
from web.settings import WebSettings
from web.trading import profiles


class Recording(FleetController, Protocol):
    """The controller, which takes launchers' reports as well."""

    async def record(self, reports: Sequence[Reported]) -> None:
        """Take reports durably. Raises HerdsmanError where they must come again."""
        ...


@dataclass(frozen=True, slots=True)
class LiveParts:
    """What hears each line of a bot, and whom it tells."""

    telemetry: Telemetry
    rows: Rows
    header: FleetHeader
    publisher: LivePublisher
    alerts: Alerts
    hours: MarketHours
    """When the markets are open whose hours alert rules follow."""
    watching: KeptWatching
    liveness: Liveness
    intake: Intake

    def start(self) -> "list[asyncio.Task[None]]":
        """Have what comes in followed, judged and acted upon from now on."""
        telemetry = self.telemetry
        parts = (telemetry.trading.run(), self.liveness.run(), telemetry.rules.run(), self.watching.run())
        return [asyncio.create_task(part) for part in parts] + start_alerts(self.alerts, self.hours)

    async def end(self, tasks: "list[asyncio.Task[None]]") -> None:
        """End it, and keep what moved last."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await end_alerts(self.alerts)


def make_live(
    telemetry: Telemetry,
    database: Database,
    controller: Recording,
    scheduler: str,
    settings: WebSettings,
    fleet: str,
) -> LiveParts:
    """Connect all of it; `scheduler` names where the bots run. The controller is asked once it all runs."""
    rows = Rows(telemetry.latest, telemetry.liveness)
    header = FleetHeader(controller, scheduler, settings.version, time.time)
    publisher = LivePublisher(
        telemetry.live,
        telemetry.latest,
        telemetry.trading,
        telemetry.liveness,
        telemetry.resources,
        rows,
        header,
        find=lambda name: _find_status(controller, name),
        record=controller.record,
        rows_every=settings.rows_every,
    )
    telemetry.trading.profile, telemetry.trading.told = profiles(controller), publisher.derived
    connect_rules(telemetry.rules, controller, publisher, fleet)
    alerts, hours, watching = make_alerts(telemetry, database, controller)
    publisher.alerts, alerts.desk.told = alerts.desk, publisher.alerts_moved
    liveness = Liveness(telemetry, controller, publisher, alerts.desk, hours.sessions)
    intake = Intake(
        telemetry.events,
        publisher,
        telemetry.output,
        telemetry.health,
        fleet=fleet,
        errors=ErrorDesk(telemetry.errors, publisher.errors),
    )
    telemetry.liveness.held_up, telemetry.liveness.heard_out = intake.held_up, intake.heard_out
    return LiveParts(telemetry, rows, header, publisher, alerts, hours, watching, liveness, intake)


def _find_status(controller: FleetController, name: str) -> BotStatus | None:
    """Return a bot's status, None where it has none."""
    try:
        return controller.status(name)
    except NotFound:
        return None
