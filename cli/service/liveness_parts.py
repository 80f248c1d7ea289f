"""The liveness of bots, put together: its desk, what the controller knows of them, and what alerts hear."""

import asyncio
import logging
import time
from collections.abc import Callable

from cli.service.telemetry_parts import Telemetry
from controller.windows import Sessions
from telemetry.alert_desk import AlertDesk
from telemetry.alerts.builtin import left_open_rule
from telemetry.alerts.watch import BotProfile
from telemetry.liveness.left_open import alert_text
from telemetry.liveness.watch import LivenessView
from web.alerts import Watched
from web.liveness import judged_of, left_open_in, standings
from web.publishing import LivePublisher

_LOG = logging.getLogger(__name__)
_EVERY = 2.0
"""Seconds between two tellings of all verdicts to the alerts, which may have been set up meanwhile."""
_AT_ONCE = 200
_LAST_LINES = 10.0
"""Seconds in which the last lines of a bot that was removed may still come."""


class Liveness:
    """Runs the desk, and tells alerts how bots live and what those leave open that end."""

    def __init__(
        self,
        telemetry: Telemetry,
        controller: Watched,
        publisher: LivePublisher,
        alerts: AlertDesk,
        sessions: Callable[[str], Sessions],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steady = steady
        self._desk = telemetry.liveness
        self._resources = telemetry.resources
        self._trading = telemetry.trading
        self._publisher = publisher
        self._alerts = alerts
        self._gone: dict[str, tuple[float, BotProfile]] = {}
        """Bots that were removed: when, by our steady clock, and who they were."""
        self._desk.standing = standings(controller, sessions, time.time)
        self._desk.told = self._told
        self._desk.gone = self._removed
        self._resources.told = publisher.derived

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._desk.run())
            group.create_task(self._resources.run())
            group.create_task(self._tell_alerts())

    def _told(self, view: LivenessView) -> None:
        self._publisher.lives(view)
        self._judge(view.bot)

    def _removed(self, bot: str) -> None:
        setup = self._alerts.setup_of(bot)
        if setup is not None and bot not in self._gone:
            self._gone[bot] = (self._steady(), setup.profile)

    async def _tell_alerts(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self._tell_all()
            except Exception:  # noqa: BLE001 - nobody would begin this task again
                _LOG.exception("alerts could not be told how bots live")

    async def _tell_all(self) -> None:
        for number, bot in enumerate(self._desk.bots()):
            self._judge(bot)
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        now = self._steady()
        for bot, (at, profile) in list(self._gone.items()):
            if self._desk.found(bot) is not None:
                del self._gone[bot]  # it is back
            elif now >= at + _LAST_LINES and not self._alerts.knows(bot):
                del self._gone[bot]
                if found := left_open_in(self._trading, bot, profile.mode):
                    rule = left_open_rule(profile.mode)
                    self._alerts.left(profile, rule, alert_text("removed from git", found))

    def _judge(self, bot: str) -> None:
        setup = self._alerts.setup_of(bot)
        if setup is None:
            return  # it is told with the next telling of all
        judged = judged_of(self._desk, self._trading, bot, setup.profile.mode)
        if judged:
            self._alerts.verdicts(bot, judged)
