"""Log rules at work in the service: where they come from, and what they ask about a bot."""

from collections.abc import Mapping

from telemetry.rule_sets import BotFacts
from telemetry.rules_desk import RuleCounts, RulesDesk
from web.documents.system import SystemFact, SystemPart, SystemTable
from web.fleet_controller import FleetController
from web.publishing import LivePublisher
from web.system.health import Probe

_MOST_SHOWN = 50


def connect_rules(desk: RulesDesk, controller: FleetController, publisher: LivePublisher, fleet: str) -> None:
    """Have the desk follow the controller's rules and the intake's lines, and tell of what comes of them."""

    def about(bot: str) -> BotFacts | None:
        spec = controller.spec(bot)
        if spec is None:
            return None
        return BotFacts(fleet, spec.program.name, spec.environment, spec.labels, spec.source)

    desk.rules, desk.about, desk.told = lambda: controller.log_rules, about, publisher.made
    publisher.lines = desk.events


def rules_probe(desk: RulesDesk) -> Probe:
    """Return what tells of the log rules: what each matched, and what it could not read."""

    async def probe() -> SystemPart:
        rules = desk.rules()
        if rules is None or not desk.ready:
            return SystemPart("rules", "ok", "the log rules come with the first revision that is read")
        counts = {rule.name: desk.counts.get(rule.name) or RuleCounts() for rule in rules}
        misses = sum(one.misses for one in counts.values())
        refused = sum(one.refused for one in counts.values())
        alone = len(desk.alone)
        return SystemPart(
            "rules",
            "warning" if refused or alone else "ok",
            _said(len(rules), refused, alone),
            _to_do(refused, alone),
            facts=[
                SystemFact("rules", float(len(rules))),
                SystemFact("matches", float(sum(one.matches for one in counts.values()))),
                SystemFact("no number", float(misses), hint="Groups that should have held a number"),
            ],
            table=_rule_table(counts) if rules else None,
        )

    return probe


def _to_do(refused: int, alone: int) -> str:
    if refused:
        return "`herdsman rules list` says which; fewer labels make fewer series"
    return "`herdsman rules list` says which; + and * are smaller than {1,300}" if alone else ""


def _said(rules: int, refused: int, alone: int) -> str:
    if not rules:
        return "no log rules; docs/rules.md says how one is written"
    if refused:
        return f"{refused:,} numbers were not kept: a bot has too many series of rules"
    if alone:
        return f"{alone:,} rules are too large to be looked for with others, and cost more for each line"
    return "lines are matched as they come"


def _rule_table(counts: Mapping[str, RuleCounts]) -> SystemTable:
    shown = sorted(counts.items(), key=lambda one: (-one[1].matches, one[0]))[:_MOST_SHOWN]
    rows: list[list[float | str | None]] = [
        [name, float(one.matches), float(one.misses), float(one.others), float(len(one.bots)), one.at or None]
        for name, one in shown
    ]
    columns = ["rule", "matches", "no number", "other labels", "bots", "last"]
    return SystemTable(columns, ["", "", "", "", "", "at"], rows)
