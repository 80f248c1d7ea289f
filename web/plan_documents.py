"""Plans with their details as the API shows them. Pure."""

from collections.abc import Mapping
from typing import Any

from controller.plan import Action, Plan
from controller.preview import Detail, Preview
from gitops.code_changes import CodeChange
from gitops.desired import DesiredState
from schemas.report import error_document
from web.documents.revisions import PlanDocument
from web.push_lines import Verdict, refusal_line


def preview_document(
    preview: Preview,
    judged: DesiredState,
    verdict: Verdict,
    code: Mapping[str, CodeChange],
    base: str = "",
    name: str = "",
) -> PlanDocument:
    """Return a plan with everything that a person needs to judge it.

    `judged` is the state of the revision's own source, `verdict` about it; `code` is by bot.
    """
    plan = preview.plan
    actions = [_action(one, plan, preview.details[one.bot], code.get(one.bot)) for one in plan.actions]
    idle = sorted(set(preview.desired.bots) - {action.bot for action in plan.actions})
    actions += [{"bot": bot, "action": "none", "summary": "", "reason": ""} for bot in idle]
    revision = plan.revision
    return PlanDocument(
        revision=revision.id,
        actions=actions,
        errors=[{**error_document(one), "new": one in verdict.introduced} for one in judged.errors],
        held=plan.held,
        base=base,
        name=name,
        author=revision.author,
        message=revision.message,
        source=revision.origin,
        total=plan.total,
        summary=plan.summary(),
        kept=[{"bot": bot, "reason": reason} for bot, reason in sorted(preview.kept.items())],
        refused=[refusal_line(verdict)] if verdict.introduced else [],
        waves=list(plan.waves),
        prune=sorted(plan.codes.values()),
    )


def _action(action: Action, plan: Plan, detail: Detail, code: CodeChange | None) -> dict[str, Any]:
    spec = detail.after or detail.before
    return {
        "bot": action.bot,
        "action": action.kind.value,
        "summary": action.summary,
        "reason": action.reason,
        "held": plan.held_for(action.source) or plan.held if action.held else "",
        "blocked": action.blocked,
        "after": list(action.after),
        "waits": action.waits,
        "wave": action.wave,
        "drift": action.drift,
        "source": action.source,
        "environment": spec.environment if spec else "",
        "mode": spec.mode.value if spec else "",
        "fields": [{"name": one.name, "before": one.before, "after": one.after} for one in detail.fields],
        "code": _code(code),
    }


def _code(code: CodeChange | None) -> dict[str, Any] | None:
    if code is None:
        return None
    return {
        "added": code.added,
        "changed": code.changed,
        "removed": code.removed,
        "paths": list(code.paths),
    }
