"""A bot's stored past, and trials of rules and limits on it."""

from collections.abc import Mapping
from typing import Any

from schemas.alert_rules import AlertRule
from schemas.risk import RiskLimits
from telemetry.alert_trials import AlertTrials, Outcome
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import Tried
from telemetry.alerts.watch import BotProfile
from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, TelemetryDatabase
from telemetry.errors.groups import ErrorGroup
from telemetry.records import Event, Sample
from telemetry.trial_reading import Bounds

NOW = 1_760_000_400.0
"""A whole minute."""
HOUR, DAY = 3600.0, 86400.0


class Past:
    """A bot's past in real embedded stores, and trials of rules on it."""

    def __init__(self, database: TelemetryDatabase) -> None:
        self.series = EmbeddedSeriesStore(database)
        self.events = EmbeddedEventStore(database)
        self.groups: list[ErrorGroup] = []
        self.open: list[tuple[float, float]] | None = None
        self.bounds = Bounds()
        self._offset = 0

    async def values(self, name: str, points: Mapping[float, float], bot: str = "sma", **labels: str) -> None:
        """Store values by how many seconds before now they were printed."""
        made = {"fleet": "f", "bot": bot, "program": "trend", "env": "prod", **labels}
        await self.series.write([Sample(name, made, NOW - ago, value) for ago, value in points.items()])

    async def lines(
        self,
        *agos: float,
        kind: str = "log",
        message: str = "",
        level: str = "info",
        bot: str = "sma",
        mode: str = "dry",
        **data: Any,
    ) -> None:
        """Store lines by how many seconds before now they were printed."""
        events = []
        for ago in agos:
            self._offset += 1
            place = f"a/stdout/0/{self._offset}"
            events.append(Event(place, bot, NOW - ago, kind, level, message, mode=mode, data=data))
        await self.events.append(events)

    async def measured(self, since: float, until: float = 0.0, bot: str = "sma") -> None:
        """Store that the bot's process was measured every ten seconds."""
        await self.values("bot_up", {float(ago): 1.0 for ago in range(int(until), int(since), 10)}, bot)

    async def run(
        self, *setups: Setup, span: float = HOUR, accounts: Mapping[str, RiskLimits] | None = None
    ) -> Outcome:
        async def groups(_bot: str) -> list[ErrorGroup]:
            return self.groups

        trials = AlertTrials(self.series, self.events, groups, lambda _calendar: self.open, self.bounds)
        return await trials.run(setups, NOW - span, NOW, accounts or {})

    async def one(self, tested: AlertRule, span: float = HOUR, **profile: Any) -> Tried:
        """Return what came of one rule of the one bot."""
        found = await self.run(
            Setup(BotProfile("sma", "trend", "main", "prod", "live", **profile), (tested,)), span=span
        )
        assert found.complete, found.notes
        return found.tried[0]


def spans(tried: Tried) -> list[tuple[float, float | None]]:
    """Return from when to when each alert fired, in seconds before now."""
    return [(NOW - one.began, None if one.ended is None else NOW - one.ended) for one in tried.episodes]
