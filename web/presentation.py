"""From what the layers below know to the documents of the API. Pure."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from controller.conditions import conditions
from controller.field_changes import field_changes
from controller.listing import listed, tally_of, urgency
from controller.plan import Plan
from controller.records import (
    Attempt,
    AuditEntry,
    Change,
    InventoryEntry,
    KillProgress,
    PastBot,
    RevisionRecord,
    RunRecord,
    Suspension,
)
from controller.rollback.records import Deployment
from controller.rollout import RolloutView
from controller.scopes import bot_scope, scope_words
from controller.status import BotStatus, Drift, Health, Hold, Reason, Sync
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.report import error_document
from telemetry.records import Event, Sample
from telemetry.stores import Counts, EventPage
from web.documents.access import AuditDocument
from web.documents.bots import Bot, Resources, Run
from web.documents.operations import DeploymentDocument
from web.documents.revisions import PlanDocument, RevisionDocument
from web.documents.series import CountsAnswer, EventsAnswer, FacetDocument, LogEvent
from web.documents.suspensions import KillDocument, SurvivorDocument, SuspensionDocument


def run_document(run: RunRecord, deploy: str = "") -> Run:
    """Return one execution; `deploy` says what brought its revision."""
    return Run(
        id=run.id,
        started_at=run.started_at,
        ended_at=run.ended_at,
        outcome=run.outcome or None,
        exit_code=run.exit_code,
        signal=run.signal,
        message=run.message,
        result=run.result,
        revision=run.revision,
        node=run.node,
        deploy=deploy,
    )


def deploy_words(record: RevisionRecord, change: Change | None) -> str:
    """Return who brought a revision, and what it changes about a bot: "by ada: fast 10 -> 12"."""
    who = record.by or record.revision.author.partition(" <")[0]
    by, what = f"by {who}" if who else "", change.summary if change else ""
    return ": ".join(part for part in (by, what) if part)


def change_document(change: Change) -> dict[str, Any]:
    """Return one bot's change."""
    return {
        "bot": change.bot,
        "action": change.action,
        "summary": change.summary,
        "state": change.state.value,
        "message": change.message,
        "seconds": change.seconds,
    }


def whole_change_document(change: Change) -> dict[str, Any]:
    """Return one bot's change with the fields of its manifest that differ."""
    fields = [{"name": one.name, "before": one.before, "after": one.after} for one in change.fields]
    return {**change_document(change), "fields": fields}


def revision_document(record: RevisionRecord) -> RevisionDocument:
    """Return one revision as a list shows it: its first changes, and all of them counted."""
    return _revision(record, [change_document(change) for change in listed(record).changes])


def whole_revision_document(record: RevisionRecord) -> RevisionDocument:
    """Return one revision with all its changes and their fields."""
    return _revision(
        record, [whole_change_document(change) for change in sorted(record.changes, key=urgency)]
    )


def moved_revision_document(record: RevisionRecord, moved: Sequence[Change]) -> dict[str, Any]:
    """Return what the stream tells of a revision under way: how it is, and the changes that moved."""
    return {
        "revision": _revision(record, []),
        "changes": [whole_change_document(change) for change in moved],
    }


def _revision(record: RevisionRecord, changes: list[dict[str, Any]]) -> RevisionDocument:
    revision = record.revision
    actions, results = Counter[str](), Counter[str]()
    for one in record.tally or tally_of(record.changes):
        actions[one.action] += one.bots
        results[one.state.value] += one.bots
    return RevisionDocument(
        id=revision.id,
        author=revision.author,
        message=revision.message,
        committed_at=revision.committed_at,
        received_at=record.received_at,
        finished_at=record.finished_at,
        state=record.state.value,
        changes=changes,
        errors=[error_document(error) for error in record.errors],
        trigger=record.trigger,
        by=record.by,
        branch=revision.branch,
        held=record.held,
        actions=dict(actions),
        results=dict(results),
        source=revision.origin,
        rewritten=revision.rewritten,
        signature=revision.signature,
        signer=revision.signer,
        rollout=_rollout(record.rollout),
    )


def _rollout(view: RolloutView | None) -> dict[str, Any] | None:
    if view is None:
        return None
    return {
        "text": view.text(),
        "wave": min(view.at + 1, len(view.waves)),
        "done": view.done,
        "waves": [{"bots": one.bots, "healthy": one.healthy} for one in view.waves],
        "halted": view.halted,
        "failed": view.failed,
        "resumes_at": view.resumes_at,
    }


def revision_summary(revision: Revision) -> dict[str, Any]:
    """Return a commit as the bot page shows it."""
    return {
        "id": revision.id,
        "author": revision.author,
        "message": revision.message,
        "committed_at": revision.committed_at,
    }


def plan_document(plan: Plan, desired: DesiredState | None) -> PlanDocument:
    """Return a plan: its actions first, in their order, then the bots that nothing happens to."""
    actions: list[dict[str, Any]] = [
        {
            "bot": action.bot,
            "action": action.kind.value,
            "summary": action.summary,
            "reason": action.blocked or action.waits or action.reason,
        }
        for action in plan.actions
    ]
    changing = {action.bot for action in plan.actions}
    idle = sorted(set(desired.bots if desired else ()) - changing)
    actions += [{"bot": name, "action": "none", "summary": "", "reason": ""} for name in idle]
    errors = [error_document(error) for error in plan.errors]
    codes = sorted(plan.codes.values())
    return PlanDocument(plan.revision.id, actions, errors, plan.held, waves=list(plan.waves), prune=codes)


def event_document(event: Event) -> LogEvent:
    """Return one event."""
    return LogEvent(
        id=event.id,
        bot=event.bot,
        time=event.time,
        kind=event.kind,
        level=event.level,
        message=event.message,
        stream=event.stream,
        run=event.run,
        revision=event.revision,
        data=dict(event.data),
        program=event.program,
    )


def events_answer(page: EventPage) -> EventsAnswer:
    """Return one page of events."""
    return EventsAnswer([event_document(event) for event in page.events], page.next_cursor)


def counts_answer(counts: Counts) -> CountsAnswer:
    """Return counts of events."""
    return CountsAnswer(
        counts.total,
        counts.complete,
        counts.since,
        counts.start,
        counts.end,
        counts.width,
        [(begin, dict(levels)) for begin, levels in counts.buckets],
        {name: FacetDocument(list(facet.values), facet.more) for name, facet in counts.facets.items()},
        counts.unindexed,
    )


def sample_document(sample: Sample) -> dict[str, Any]:
    """Return one sample as the stream carries it."""
    return {
        "name": sample.name,
        "labels": sample.labels,
        "time": sample.time,
        "value": sample.value,
    }


def attempt_document(attempt: Attempt) -> dict[str, Any]:
    """Return one apply."""
    return {
        "revision": attempt.revision,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "ok": attempt.ok,
        "message": attempt.message,
    }


def suspension_document(one: Suspension) -> SuspensionDocument:
    """Return what keeps bots from running: by whose word, why and until when."""
    scope = one.scope or bot_scope(one.bot)
    return SuspensionDocument(scope, scope_words(scope), one.kill, one.by, one.reason, one.since, one.until)


def kill_document(progress: KillProgress, most: int = 200) -> KillDocument:
    """Return how far a kill switch has come, with so many of its survivors."""
    rule, survivors = progress.rule, progress.survivors[:most]
    return KillDocument(
        scope=rule.scope,
        words=scope_words(rule.scope),
        by=rule.by,
        reason=rule.reason,
        since=rule.since,
        total=progress.total,
        asked=progress.asked,
        dead=progress.dead,
        complete=progress.dead == progress.total and not progress.problem,
        survivors=[SurvivorDocument(one.bot, one.fate.value, one.why, one.node) for one in survivors],
        patience=progress.patience,
        problem=progress.problem,
        stopping=progress.stopping,
    )


def condition_documents(status: BotStatus) -> list[dict[str, Any]]:
    """Return a status as the three conditions that other tools know."""
    return [
        {
            "type": one.type,
            "status": one.status,
            "reason": one.reason.value,
            "message": one.message,
            "since": one.since,
        }
        for one in conditions(status)
    ]


def hold_document(hold: Hold | None) -> dict[str, Any] | None:
    """Return what holds a bot, or all of them, at another revision than git's newest."""
    return None if hold is None else {**asdict(hold), "by": hold.by.value}


def drift_document(drift: Drift | None) -> dict[str, Any] | None:
    """Return what was done to a bot behind our back, and what became of it."""
    return None if drift is None else {**asdict(drift), "kind": drift.kind.value}


def inventory_document(entry: InventoryEntry | None) -> dict[str, Any] | None:
    """Return what we own of a bot, without its configuration."""
    if entry is None:
        return None
    program = entry.spec.program if entry.spec is not None else None
    return {
        "job_version": entry.token,
        "scheduler": entry.scheduler,
        "node": entry.node,
        "program": program.name if program else "",
        "version": program.version if program else "",
        "tree": program.tree if program else "",
        "code": entry.code,
        "dependencies": entry.dependencies,
        "digest": entry.digest,
        "revision": entry.revision,
        "path": entry.path,
        "source": entry.source,
        "applied_at": entry.applied_at,
        "halted": entry.halted.value,
    }


def deployment_document(one: Deployment, current: BotSpec | None) -> DeploymentDocument:
    """Return one applied spec with what differs from the current one."""
    fields = field_changes(current, one.spec) if current is not None else ()
    return DeploymentDocument(
        revision=revision_summary(one.revision),
        program=one.spec.program.name,
        version=one.spec.program.version,
        applied_at=one.applied_at,
        healthy_at=one.healthy_at,
        current=one.current,
        refused=one.refused,
        fields=[{"name": field.name, "before": field.before, "after": field.after} for field in fields],
    )


def secrets_of(spec: BotSpec | None) -> list[dict[str, str]]:
    """Return which secrets a bot gets, and from where."""
    return [
        {"name": one.variable, "from": one.kind, "place": one.place, "key": one.key}
        for one in (spec.secrets if spec is not None else ())
    ]


def parameters_of(spec: BotSpec | None) -> dict[str, Any]:
    """Return a bot's resolved instance, {} where nothing is known of it."""
    found = json.loads(spec.config_json) if spec else {}
    return found if isinstance(found, dict) else {}


def past_row(past: PastBot) -> Bot:
    """Return the row of a bot that is gone: empty but for what was done last."""
    return Bot(
        name=past.name,
        program="",
        version="",
        type="",
        mode="",
        environment="",
        sync=Sync.SYNCED.value,
        health=Health.UNKNOWN.value,
        reason=Reason.REMOVED.value,
        message=f"removed from the fleet by revision {past.revision[:7]}" if past.action == "remove" else "",
        applied_revision="",
        attempted_revision=past.revision,
        restarts=0,
        started_at=None,
        since=past.at,
        node="",
        allocation="",
        schedule="",
        timezone="",
        next_run=None,
        account="",
        currency="",
        resources=Resources(),
    )


def audit_document(entry: AuditEntry) -> AuditDocument:
    """Return one line of the audit."""
    return AuditDocument(entry.at, entry.who, entry.action, entry.subject, entry.why, dict(entry.details))


def counts(statuses: Sequence[BotStatus]) -> Mapping[str, int]:
    """Return how many bots there are of each health, in the order of `Health`."""
    numbers = {health.value: 0 for health in Health}
    for status in statuses:
        numbers[status.health.value] += 1
    return numbers
