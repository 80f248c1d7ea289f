"""The API tells which log rules hold, and what they did."""

from schemas.log_rules import FieldKind, LogRule, RuleField, RuleScope
from telemetry.rule_sets import BotFacts
from telemetry.rules_desk import RuleCounts, RulesDesk
from tests.fakes.controller import bot_status
from tests.fakes.telemetry import MemoryEvents, MemorySeries, MemoryTrading
from tests.fakes.web import running
from web.access.scopes import Scope

FILL = LogRule(
    "fill",
    r"filled (?P<symbol>\S+) in (?P<ms>\S+)",
    (RuleField("ms", FieldKind.HISTOGRAM, "ms"),),
    ("symbol",),
    RuleScope(("sma-*",), labels={"desk": "a"}),
    file="rules/fills.yaml",
    line=2,
    where={"event": ("filled",)},
)
ALL = LogRule("all", "x")


def desk(*rules: LogRule) -> RulesDesk:
    made = RulesDesk(MemoryEvents(), MemoryTrading(), MemorySeries())
    made.rules = lambda: rules
    made.about = lambda bot: BotFacts("f", "sma", "", {"desk": "a"} if bot == "sma-btc" else {})
    return made


async def test_rules_are_told_with_what_they_did(tmp_path):
    """Every rule with its series, its place and its counts; ready once its lines are matched as they come."""
    rules = desk(FILL, ALL)
    rules.counts["fill"] = RuleCounts(7, 2, 1, 0, 1_790_000_000.0, {"sma-btc"})
    async with running(tmp_path, rules=rules) as web, web.client(Scope.READ) as client:
        web.controller.bots["sma-btc"] = bot_status("sma-btc")
        answer = (await client.get("/api/v1/rules")).json()
        assert answer["ready"] is False
        fill, all_ = answer["rules"]
        assert fill["fields"] == [
            {
                "name": "ms",
                "kind": "histogram",
                "unit": "ms",
                "series": ["bot_log_fill_ms_p50", "bot_log_fill_ms_p95", "bot_log_fill_ms_max"],
                "path": "",
            }
        ]
        assert (fill["where"], fill["alone"], all_["where"]) == ({"event": ["filled"]}, False, {})
        assert (fill["matches"], fill["misses"], fill["others"], fill["bots"]) == (7, 2, 1, 1)
        assert fill["applies_to"] == {"bots": ["sma-*"], "labels": ["desk=a"]}
        assert (fill["file"], fill["line"], fill["matched_at"]) == ("rules/fills.yaml", 2, 1_790_000_000.0)
        assert (all_["matches"], all_["matched_at"], all_["applies_to"]) == (0, None, {})
        await rules.work()
        assert (await client.get("/api/v1/rules")).json()["ready"] is True
        of_bot = (await client.get("/api/v1/rules", params={"bot": "sma-btc"})).json()
        assert [one["name"] for one in of_bot["rules"]] == ["fill", "all"]
        assert (await client.get("/api/v1/rules", params={"bot": "nobody"})).status_code == 404
