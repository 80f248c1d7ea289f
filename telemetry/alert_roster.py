"""Which bots are under which rules: the fleet's, their own, their limits'. A part of `alert_desk.py`."""

from collections.abc import Callable, Mapping, Sequence

from schemas.alert_rules import AlertRule
from telemetry.alert_past import AlertPast
from telemetry.alerts.engine import Engine
from telemetry.alerts.leftovers import Leftovers
from telemetry.alerts.ports import Setup
from telemetry.alerts.states import AlertState
from telemetry.alerts.watch import rules_of
from telemetry.limits_desk import LimitsDesk


class AlertRoster:
    """Puts bots under their rules. `fleet_rules` is None while nobody knows the fleet's."""

    def __init__(
        self,
        engine: Engine,
        limits: LimitsDesk,
        past: AlertPast | None,
        leftovers: Leftovers,
        built_in: Sequence[AlertRule],
    ) -> None:
        self._engine, self._limits, self._past = engine, limits, past
        self._leftovers, self._built_in = leftovers, tuple(built_in)
        self.fleet_rules: Sequence[AlertRule] | None = None
        self._setups: dict[str, tuple[Setup, Sequence[AlertRule] | None]] = {}

    def setup_of(self, bot: str) -> Setup | None:
        """Return who a bot was when it was put under its rules last, None where it never was."""
        known = self._setups.get(bot)
        return known[0] if known is not None else None

    def begin_anew(self, fleet_rules: Sequence[AlertRule]) -> None:
        """Take other rules of the fleet: every bot is to be set up anew."""
        self.fleet_rules = fleet_rules
        self._setups.clear()

    def set_up(self, bot: str, found: Setup | None, now: float) -> Mapping[str, AlertState]:
        """Put a bot under its rules where they changed; None is a bot that is gone.

        Returns how rules stood for it in an earlier life, by name; each is returned once.
        """
        known = self._setups.get(bot)
        if found is None:
            self._setups.pop(bot, None)
            self._engine.forget(bot, now)
            self._limits.forget(bot)
            if self._past is not None and known is not None:
                self._past.forget(bot)
            return {}
        if known is not None and known[0] is found and known[1] is self.fleet_rules:
            self._limits.arm(bot)
            return {}
        whole = self.fleet_rules is not None
        if not whole and not found.profile.risk and not found.rules:
            return {}  # what was kept of it waits until all of its rules are known
        limits = self._limits.rules(found.profile)
        built_in = self._built_in if whole else ()
        rules = rules_of(found.profile, built_in, self.fleet_rules or (), found.rules, limits)
        before = self._leftovers.take(bot, None if whole else {rule.name for rule in rules})
        self._limits.set_bot(found.profile, before, whole=whole)
        self._engine.set_bot(found.profile, rules, now, before)
        if self._past is not None:
            self._past.want(found.profile)
        self._limits.release(bot, now)
        self._limits.arm(bot)
        self._setups[bot] = (found, self.fleet_rules)
        return before

    def forget_past(self, is_gone: Callable[[str], bool]) -> None:
        """Forget what is stored of bots that went while herdsman was down."""
        if self._past is None:
            return
        for bot in self._past.known:
            if bot not in self._setups and is_gone(bot):
                self._past.forget(bot)
