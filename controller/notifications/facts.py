"""What there is to tell of: how a bot or a part of herdsman is (a fact), and what happened once (an event).

Pure. A fact is about a state that lasts, so that a problem and its end can be told as a pair; an event has
no end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from controller.notifications.alert_view import AlertView
from controller.records import CORRECTED, DRIFT, AuditEntry, RevisionRecord
from controller.status import BotStatus, Health, Reason
from gitops.revision import Revision
from schemas.alerts import Severity

_CRITICAL = frozenset(
    {Reason.CRASH_LOOP, Reason.LAUNCH_FAILED, Reason.NODE_LOST, Reason.STATE_ELSEWHERE, Reason.NO_RUNTIME}
)
_WARNING = frozenset(
    {Reason.ROLLED_BACK, Reason.APPLY_FAILED, Reason.BUILD_FAILED, Reason.INVALID_MANIFEST}
    | {Reason.LAST_RUN_FAILED, Reason.OUT_OF_MEMORY}
)
_OF_THE_FLEET = frozenset({Reason.SCHEDULER_UNAVAILABLE, Reason.SOURCE_UNREAD, Reason.RECOVERY_NEEDED})
"""Reasons of every bot at once, which are told once, of the part that causes them."""


class State(StrEnum):
    """Is there a problem?"""

    BAD = "bad"
    WELL = "well"
    BETWEEN = "between"
    """On its way, or not known: what was told before stays."""


@dataclass(frozen=True, slots=True)
class Fact:
    """How one subject is: a bot, or a part of herdsman (`fleet`); `since` in Unix seconds.

    `reason` tells one problem of a subject from another, `headline` says it as people read it.
    """

    subject: str
    state: State
    reason: str = ""
    headline: str = ""
    severity: Severity = Severity.INFO
    message: str = ""
    since: float = 0.0
    revision: str = ""
    program: str = ""
    environment: str = ""
    account: str = ""
    mode: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    fleet: bool = False
    bot: str = ""
    """The bot, where the subject is one of its alerts."""

    @property
    def name(self) -> str:
        """Return what people call the subject."""
        return self.bot or self.subject


@dataclass(frozen=True, slots=True)
class Event:
    """What happened once. `id` tells it from every other, `order` counts entries of the audit (0: none).

    Events with the same `headline`, `who` and `why` are told together, as of all their subjects.
    """

    id: str
    at: float
    severity: Severity
    headline: str
    subject: str = ""
    who: str = ""
    why: str = ""
    text: str = ""
    revision: Revision | None = None
    order: int = 0
    about: Fact | None = None
    """The bot that it concerns, for the routes; None where it concerns the fleet."""


def fact_of(status: BotStatus, labels: Mapping[str, str]) -> Fact:
    """Return how a bot is, as far as it is worth telling."""
    state = _state(status)
    critical = status.health is Health.DEGRADED and status.reason not in _WARNING
    return Fact(
        status.name,
        state,
        status.reason.value,
        f"{status.health.value}: {status.reason.value}",
        Severity.CRITICAL if critical or status.reason in _CRITICAL else Severity.WARNING,
        status.message,
        status.since,
        status.attempted_revision if status.reason is Reason.ROLLED_BACK else status.applied_revision,
        f"{status.program} {status.version}",
        status.environment,
        status.account,
        status.mode,
        labels,
    )


def is_bad(status: BotStatus) -> bool:
    """Say whether a bot's status is a problem of its own."""
    return _state(status) is State.BAD


def _state(status: BotStatus) -> State:
    reason, health = status.reason, status.health
    if reason in _OF_THE_FLEET:
        return State.BETWEEN
    if reason in _CRITICAL or reason in _WARNING or health is Health.DEGRADED:
        return State.BAD
    calm = health in (Health.HEALTHY, Health.SUSPENDED) or reason in (Reason.DISABLED, Reason.REMOVED)
    return State.WELL if calm else State.BETWEEN


PARTS: Mapping[str, tuple[str, Severity]] = {
    "scheduler": ("the scheduler does not answer", Severity.CRITICAL),
    "source": ("the source, or its newest revision, cannot be read", Severity.WARNING),
    "recovery": ("herdsman only observes until it is recovered", Severity.CRITICAL),
    "held": ("removals are held until they are confirmed", Severity.WARNING),
}
"""The parts of herdsman that can be in trouble: what is said then, and how much it matters."""


def part_fact(part: str, problem: str, since: float) -> Fact:
    """Return how a part of herdsman is; `problem` is "" where nothing is wrong."""
    headline, severity = PARTS[part]
    state = State.BAD if problem else State.WELL
    return Fact(part, state, part, headline, severity, problem, since, fleet=True)


RISK_LIMIT = "RiskLimit"
"""The reason of an alert that is a risk limit."""


ALERT_MARK = ": "
"""Stands in the subject of every alert, and in no bot's name."""


def alert_subject(alert: AlertView) -> str:
    """Return the subject of an alert's fact."""
    return f"{alert.bot}{ALERT_MARK}{alert.rule}"


def alert_fact(alert: AlertView, labels: Mapping[str, str]) -> Fact:
    """Return how an alert stands: a mute, or somebody who looks after it, leaves what was told as it is."""
    standing = alert.state
    quiet = alert.muted or bool(standing.acked_by)
    firing = State.BETWEEN if quiet else State.BAD
    said = f"{alert.message}: {standing.text}" if alert.message else standing.text
    done = f" ({standing.action_text})" if standing.action_text else ""
    return Fact(
        alert_subject(alert),
        {"firing": firing, "pending": State.BETWEEN}.get(standing.state, State.WELL),
        RISK_LIMIT if alert.risk else f"alert {alert.rule}",
        f"alert {alert.rule}",
        Severity[alert.severity.upper()],
        f"{said}{done}",
        standing.since,
        program=alert.program,
        environment=alert.environment,
        account=alert.account,
        mode=alert.mode,
        labels=labels,
        bot=alert.bot,
    )


def passed_event(number: int, alert: AlertView, fact: Fact) -> Event:
    """Return that an alert fired, and was over before anybody was told; `number` is that of the history."""
    text = fact.message
    headline = f"{fact.headline} fired and is over"
    return Event(
        f"alert:{number}", fact.since or 0.0, fact.severity, headline, alert.bot, why=text, about=fact
    )


_REVISIONS: Mapping[str, tuple[str, Severity]] = {
    "applied": ("revision applied", Severity.INFO),
    "failed": ("revision failed", Severity.WARNING),
    "refused": ("revision refused", Severity.WARNING),
    "pending": ("revision held", Severity.WARNING),
    "halted": ("revision halted", Severity.CRITICAL),
}


def revision_event(record: RevisionRecord) -> Event | None:
    """Return what a revision's state is worth telling, None where it is on its way."""
    said = _REVISIONS.get(record.state.value)
    if said is None or (record.state.value == "pending" and not record.held):
        return None
    if record.state.value == "applied" and not record.changes:
        return None
    headline, severity = said
    return Event(
        f"{record.revision.key}:{record.state.value}",
        record.finished_at or record.received_at,
        severity,
        headline,
        who=record.by,
        text=record.held or _errors_text(record) or _changes_text(record),
        revision=record.revision,
    )


def _errors_text(record: RevisionRecord) -> str:
    if not record.errors:
        return ""
    first = record.errors[0]
    more = f", and {len(record.errors) - 1} more" if len(record.errors) > 1 else ""
    return f"{first.file}:{first.line}: {first.message}{more}"


def _changes_text(record: RevisionRecord) -> str:
    counts: dict[str, int] = {}
    for change in record.changes:
        counts[change.state.value] = counts.get(change.state.value, 0) + 1
    told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items())
    bots = len(record.changes)
    return f"{bots} bot{'s' if bots != 1 else ''} changed: {told}" if counts else ""


_ACTIONS: Mapping[str, tuple[str, Severity]] = {
    "suspend": ("suspended", Severity.WARNING),
    "resume": ("resumed", Severity.INFO),
    "restart": ("restarted", Severity.INFO),
    "adopt": ("takes the place of a job", Severity.WARNING),
    "adopted": ("took the place of a job", Severity.INFO),
    "adopt-cancel": ("takes the place of no job", Severity.INFO),
    "recover": ("herdsman recovered", Severity.WARNING),
    "restore": ("restored from a backup", Severity.WARNING),
    "state": ("state changed", Severity.INFO),
    "pin": ("pinned", Severity.WARNING),
    "retry": ("tried again", Severity.INFO),
    "unpin": ("pin lifted", Severity.INFO),
    "rollback": ("rolled back", Severity.WARNING),
    DRIFT: ("changed behind our back", Severity.WARNING),
    CORRECTED: ("put right after drift", Severity.INFO),
    "kill": ("KILL SWITCH on", Severity.CRITICAL),
    "resolve": ("error resolved", Severity.INFO),
    "reopen": ("error reopened", Severity.INFO),
    "explain": ("language model asked about an error", Severity.INFO),
    "release": ("kill switch off", Severity.CRITICAL),
    "alert-ack": ("alert acknowledged", Severity.INFO),
    "alert-mute": ("alert muted", Severity.INFO),
    "alert-unmute": ("alert not muted any more", Severity.INFO),
}
_UNTOLD = frozenset({"refresh", "sync"})
"""What operators do all day, and what a revision tells of already."""


def audit_event(number: int, entry: AuditEntry, about: Fact | None) -> Event | None:
    """Return what an operator did; `about` is the bot, None where it is the fleet."""
    if entry.action in _UNTOLD or "token" in entry.action:
        return None
    headline, severity = _ACTIONS.get(entry.action, (entry.action.replace("-", " "), Severity.WARNING))
    return Event(
        f"audit:{number}",
        entry.at,
        severity,
        headline,
        subject=entry.subject,
        who=entry.who,
        why=entry.why,
        order=number,
        about=about,
    )
