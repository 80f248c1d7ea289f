"""An engine on a clock of its own, for bots that say what a test has them say."""

from collections.abc import Mapping
from typing import Any

from schemas.alert_rules import AlertRule, read_rule
from telemetry.alerts.engine import Engine, Moved
from telemetry.alerts.watch import BotProfile
from telemetry.records import Event, Sample

NOW = 1_760_000_000.0
PROFILE = BotProfile("sma", "trend", "main", "prod", "live", {"team": "core"})


def rule(when: Mapping[str, Any], name: str = "one", **more: Any) -> AlertRule:
    """Return a rule as a document has it."""
    return read_rule(name, {"when": when, **more})


class Judge:
    """An engine, what it told of, and a clock."""

    def __init__(self, *rules: AlertRule, profile: BotProfile = PROFILE) -> None:
        self.now = NOW
        self.told: list[Moved] = []
        self.open = True
        self.engine = Engine(self.told.append, lambda _calendar, _now: self.open)
        self.engine.set_bot(profile, rules, self.now)

    def value(
        self, name: str, value: float, bot: str = "sma", at: float | None = None, **labels: str
    ) -> None:
        """Have a bot print a value."""
        made = {"fleet": "f", "bot": bot, **labels}
        self.engine.samples(bot, [Sample(name, made, self.now if at is None else at, value)], self.now)

    def event(self, kind: str = "log", message: str = "", level: str = "info", **data: Any) -> None:
        """Have the bot print a line."""
        at, stream = data.pop("at", self.now), data.pop("stream", "stdout")
        event = Event("a/stdout/0/1", "sma", at, kind, level, message, stream, data=data)
        self.engine.events("sma", [event], self.now)

    def wait(self, seconds: float, step: float = 1.0, *, heard: bool = True) -> None:
        """Let time pass in which the bot's process is measured, or is not heard of."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + step, end)
            if heard:
                self.engine.heard("sma", self.now, self.now)
            while self.engine.due(self.now):
                pass

    def states(self, bot: str = "sma") -> list[str]:
        """Return how the rules of a bot stand."""
        return [state.state.value for state in self.engine.watches[bot].states]

    @property
    def state(self) -> str:
        """Return how the one rule stands."""
        return self.states()[0]

    @property
    def moves(self) -> list[tuple[str, str]]:
        """Return everything that moved, with its reason."""
        return [(one.state.state.value, one.state.text) for one in self.told]
