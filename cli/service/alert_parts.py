"""Alerts, put together: the desk that judges, the book that keeps, the markets whose hours rules follow."""

import asyncio
import contextlib
import logging
import time

from cli.service.telemetry_parts import Telemetry
from controller.clock import SystemClock
from controller.database import Database
from controller.markets import Markets
from controller.windows import Sessions
from schemas.errors import HerdsmanError
from telemetry.alert_desk import AlertDesk
from telemetry.alert_past import Stored
from telemetry.alert_trials import AlertTrials
from telemetry.embedded.kept import EmbeddedKeptStates
from telemetry.embedded.risk import EmbeddedRiskStore
from telemetry.errors.store import GroupQuery
from web.alerts import Alerts, Bots, ControllersHands, DatabaseAlerts, Watched
from web.kept_watching import KeptWatching

_LOG = logging.getLogger(__name__)
_MOST_GROUPS = 1000
"""Error groups of one bot that rules are tried on."""


class MarketHours:
    """Says whether a market is open; its calendar is read once somebody asks for it."""

    def __init__(self) -> None:
        self._wanted: frozenset[str] = frozenset()
        self.markets = Markets(SystemClock(), lambda: None)

    def sessions(self, calendar: str) -> Sessions:
        """Return when markets are open, as far as that was read; from now on also this one."""
        if calendar not in self._wanted:
            self._wanted |= {calendar}
            self.markets.want(self._wanted)
        return self.markets.sessions

    def is_open(self, calendar: str, now: float) -> bool:
        """Say whether a market is open; where its hours are not known, as if it were."""
        spans = self.sessions(calendar).get(calendar)
        return spans is None or any(start <= now < end for start, end in spans)


def make_alerts(
    telemetry: Telemetry, database: Database, controller: Watched
) -> tuple[Alerts, MarketHours, KeptWatching]:
    """Return the alerts of all bots, the market hours that they follow, and what the fleet looks out for."""
    hours = MarketHours()
    book = DatabaseAlerts(database, time.time)
    hands, risks = ControllersHands(controller, database), EmbeddedRiskStore(telemetry.database)
    desk = AlertDesk(
        book,
        hands,
        risks,
        telemetry.health,
        time.time,
        time.monotonic,
        hours.is_open,
        stored=Stored(telemetry.series, EmbeddedKeptStates(telemetry.database, "trades_since")),
    )
    watching = KeptWatching(EmbeddedKeptStates(telemetry.database, "watching"), controller.watching)
    bots = Bots(controller, watching.current)
    desk.setup, desk.fleet, desk.bots = bots.setup, bots.rules, bots.names
    desk.limits.accounts = bots.accounts
    desk.limits.trading = lambda bot: (telemetry.trading.state(bot), telemetry.trading.profile(bot))
    desk.figures = lambda bot, mode: [one for one in telemetry.trading.accounts(bot) if one.mode == mode]
    figures = telemetry.health
    figures.reads("herdsman_alerts_firing", lambda: float(len(desk.firing)))
    figures.reads("herdsman_alert_rules", lambda: float(desk.rules))
    trials = AlertTrials(
        telemetry.series,
        telemetry.events,
        lambda bot: telemetry.errors.groups(GroupQuery(time.time(), bot, limit=_MOST_GROUPS)),
        lambda calendar: hours.sessions(calendar).get(calendar),
    )
    return Alerts(desk, book, time.time, trials), hours, watching


def start_alerts(alerts: Alerts, hours: MarketHours) -> "list[asyncio.Task[None]]":
    """Have alerts judged and acted upon from now on."""
    judging = asyncio.create_task(alerts.desk.run())
    judging.add_done_callback(_report)
    return [judging, asyncio.create_task(hours.markets.run())]


async def end_alerts(alerts: Alerts) -> None:
    """Keep what moved last, once nothing is judged any more."""
    with contextlib.suppress(HerdsmanError):  # it is judged again after the next start
        await alerts.desk.flush()
    with contextlib.suppress(HerdsmanError):
        await alerts.desk.limits.keep()


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.critical("alerts are not judged any more: restart herdsman", exc_info=error)
