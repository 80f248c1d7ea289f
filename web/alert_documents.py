"""Alerts as documents of the API and of the live stream. Times are Unix seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from telemetry.alerts.ports import Kept, Muting


@dataclass(slots=True)
class AlertDocument:
    """How a rule stands for a bot. `state`: ok, pending or firing; `what`: what happened to it just now."""

    bot: str
    rule: str
    severity: str
    state: str
    since: float
    text: str
    """Why, with the numbers, in words."""
    value: float | None
    message: str
    """What the rule itself says to people."""
    program: str
    account: str
    environment: str
    mode: str
    muted: bool
    does: str
    """The rule's action where that is more than telling people: suspend, stop or kill."""
    action: str
    """How far that has come: wanted, done, failed, given up."""
    action_text: str
    action_at: float | None
    acked_by: str
    acked_at: float | None
    ack_reason: str
    risk: bool
    """Whether it is a risk limit."""
    built_in: bool
    at: float
    what: str
    samples: Sequence[tuple[float, float]]
    """The newest values that it was judged by: (time, value)."""
    number: int = 0
    """Its place in the history, 0 outside of it."""
    unit: str = ""
    """What `value` and `samples` are of: bytes, bytes/s, %, share (0.1: 10%), s, ms, a currency, or empty."""


@dataclass(slots=True)
class RuleDocument:
    """A rule that is in force, by its name: for how many bots it is, and what it does."""

    rule: str
    bots: int
    severity: str
    does: str
    """Its action where that is more than telling people: suspend, stop or kill; of the first bot."""
    risk: bool
    """Whether it is a risk limit."""
    built_in: bool
    tried: bool
    """Whether it can be tried on what is stored."""


@dataclass(slots=True)
class MuteDocument:
    """A mute: nobody is told of the alerts of a bot, of a rule (empty: any), until a time."""

    id: str
    bot: str
    rule: str
    until: float
    by: str
    reason: str
    at: float


@dataclass(slots=True)
class AlertsAnswer:
    """The alerts that were asked for, the most severe first, and the mutes in force."""

    alerts: list[AlertDocument]
    mutes: list[MuteDocument]
    rules: int
    """How many rules there are of all bots together."""
    ready: bool
    """Whether the rules of every bot are known yet."""


@dataclass(slots=True)
class AlertHistoryAnswer:
    """What happened to alerts, newest first; `next` is the `before` of the next page, 0 at the end."""

    alerts: list[AlertDocument]
    next: int = 0


@dataclass(slots=True)
class AcknowledgeRequest:
    """Which alert somebody looks after, and what they say of it."""

    bot: str
    rule: str
    reason: str = ""


@dataclass(slots=True)
class MuteRequest:
    """Of what nobody is to be told: a bot, a rule or both, for how many seconds, and why."""

    bot: str = ""
    rule: str = ""
    seconds: float = 3600.0
    reason: str = ""


@dataclass(slots=True)
class EndMuteAnswer:
    """The mute that was ended."""

    ended: MuteDocument
    mutes: list[MuteDocument] = field(default_factory=list)


def alert_document(one: Kept, number: int = 0) -> AlertDocument:
    """Return an alert."""
    state = one.state
    return AlertDocument(
        one.bot,
        one.rule,
        one.severity,
        state.state.value,
        state.since,
        one.text if one.what else state.text,
        state.value,
        one.message,
        one.program,
        one.account,
        one.environment,
        one.mode,
        one.muted,
        one.does,
        state.action.value,
        state.action_text,
        state.action_at,
        state.acked_by,
        state.acked_at,
        state.ack_reason,
        one.risk,
        one.built_in,
        one.at,
        one.what.value,
        list(state.samples),
        number,
        one.state.unit,
    )


def mute_document(one: Muting) -> MuteDocument:
    """Return a mute."""
    return MuteDocument(one.id, one.bot, one.rule, one.until, one.by, one.reason, one.at)
