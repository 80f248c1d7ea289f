"""Which log rules each bot has, compiled once for all bots that have the same. A part of `rules_desk.py`."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.log_rules import LogRule
from telemetry.rules.matching import RuleSet

_log = logging.getLogger("herdsman.rules")


@dataclass(frozen=True, slots=True)
class BotFacts:
    """What decides which rules a bot has: its program, environment, labels and source, and its fleet's id."""

    fleet: str
    program: str
    environment: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


class RuleSets:
    """The rules that hold now, by bot. `about` says who a bot is, `failed` hears of one that has no set."""

    def __init__(self, about: Callable[[str], BotFacts | None], failed: Callable[[str], None]) -> None:
        self._about, self._failed = about, failed
        self.rules: tuple[LogRule, ...] = ()
        self.alone: set[str] = set()
        """Rules whose patterns are too large to be looked for with others: each is looked for by itself."""
        self._sets: dict[tuple[str, ...], RuleSet | None] = {}
        self._of_bot: dict[str, tuple[BotFacts | None, RuleSet | None]] = {}

    def change(self, rules: tuple[LogRule, ...]) -> None:
        """Have these rules hold from now on."""
        self.rules = rules
        self._sets.clear()
        self._of_bot.clear()
        self.alone.clear()

    def rules_of(self, bot: str) -> tuple[LogRule, ...]:
        """Return the rules that a bot has now."""
        facts = self._about(bot)
        return () if facts is None else tuple(rule for rule in self.rules if _covers(rule, bot, facts))

    def labels_of(self, bot: str) -> dict[str, str]:
        """Return what labels a bot's series have, whatever rule makes them."""
        facts = self._about(bot)
        if facts is None:
            return {"bot": bot}
        named = {"fleet": facts.fleet, "bot": bot, "program": facts.program, "env": facts.environment}
        return {name: value for name, value in named.items() if value}

    async def of(self, bot: str) -> RuleSet | None:
        """Return the rules of a bot, compiled; None where it has none."""
        facts = self._about(bot)
        known = self._of_bot.get(bot)
        if known is not None and known[0] == facts:
            return known[1]
        rules = self.rules_of(bot)
        names = tuple(f"{rule.source}:{rule.name}" for rule in rules)
        if names not in self._sets:
            self._sets[names] = await self._set(bot, rules)
        self._of_bot[bot] = (facts, self._sets[names])
        return self._sets[names]

    async def _set(self, bot: str, rules: tuple[LogRule, ...]) -> RuleSet | None:
        """Return a bot's rules, compiled; None where they cannot be: that is tried once."""
        try:
            made = await asyncio.to_thread(_compiled, rules) if rules else None
        except Exception:  # noqa: BLE001 - a mistake of ours, or no memory
            self._failed(bot)
            return None
        new = {rule.name for rule in made.alone} - self.alone if made else set()
        if new:
            self.alone |= new
            _log.warning("log rules too large for one search are each searched for alone: %s", ", ".join(new))
        return made


def _compiled(rules: Sequence[LogRule]) -> RuleSet:
    return RuleSet(rules)


def _covers(rule: LogRule, bot: str, facts: BotFacts) -> bool:
    if rule.source and rule.source != facts.source:
        return False
    return rule.scope.covers(bot, facts.program, facts.environment, facts.labels)
