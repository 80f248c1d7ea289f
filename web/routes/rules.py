"""Log rules: those that hold now, and what each of them did."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from schemas.log_rules import LogRule
from telemetry.rules_desk import RuleCounts, RulesDesk
from web.access.scopes import Scope
from web.documents.rules import RuleDocument, RuleFieldDocument, RulesAnswer
from web.routes.bots import ever_known
from web.routes.parameters import Wired


@get("/api/v1/rules", opt={"access": Scope.READ}, tags=["rules"])
async def rules(
    services: Wired, bot: Annotated[str, QueryParameter(description="Those of this bot alone.")] = ""
) -> RulesAnswer:
    """Return the log rules that hold now, with what each matched since the start."""
    if bot:
        await ever_known(services, bot)
    desk = services.rules
    known = desk.rules_of(bot) if bot else desk.rules() or ()
    return RulesAnswer([_document(desk, rule) for rule in known], desk.ready)


def _document(desk: RulesDesk, rule: LogRule) -> RuleDocument:
    counts = desk.counts.get(rule.name) or RuleCounts()
    fields = [
        RuleFieldDocument(one.name, one.kind.value, one.unit, list(rule.field_series(one)), one.path)
        for one in rule.fields
    ]
    return RuleDocument(
        rule.name,
        rule.description,
        rule.pattern,
        fields,
        list(rule.labels),
        _scope(rule),
        rule.count_series,
        rule.file,
        rule.line,
        rule.source,
        counts.matches,
        counts.misses,
        counts.others,
        counts.refused,
        len(counts.bots),
        counts.at or None,
        {path: list(wanted) for path, wanted in rule.where.items()},
        dict(rule.label_paths),
        rule.name in desk.alone,
    )


def _scope(rule: LogRule) -> dict[str, list[str]]:
    scope = rule.scope
    named = {
        "bots": list(scope.bots),
        "programs": list(scope.programs),
        "environments": list(scope.environments),
        "labels": [f"{name}={value}" for name, value in scope.labels.items()],
    }
    return {name: values for name, values in named.items() if values}
