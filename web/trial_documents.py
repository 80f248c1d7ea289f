"""Alert rules that are tried on what is stored, as documents of the API. Times are Unix seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from telemetry.alert_trials import Outcome
from telemetry.alerts.trial import Episode, Tried


@dataclass(slots=True)
class TrialBot:
    """A bot as rules choose by it, and its own rules as its manifest has them."""

    program: str = ""
    account: str = ""
    environment: str = ""
    mode: str = "dry"
    labels: dict[str, str] = field(default_factory=dict)
    risk: dict[str, Any] = field(default_factory=dict)
    """As in the manifest: its limits are tried as well, and rules may speak of shares of them."""
    rules: dict[str, Any] = field(default_factory=dict)
    currency: str = ""
    """That of its lines that name none, as its manifest says."""


@dataclass(slots=True)
class TrialRequest:
    """What to try: `rules` as under `alerts:` of `herdsman.yaml`, on `bots`.

    Without `rules` those that the fleet has now; without `bots` the fleet's bots as they are now.
    """

    rules: dict[str, Any] | None = None
    bots: dict[str, TrialBot] | None = None
    rule: str = ""
    """This rule alone."""
    bot: str = ""
    """This bot alone."""
    accounts: dict[str, Any] | None = None
    """Limits of accounts, as under `risk: accounts:` of `herdsman.yaml`; without, those in force."""
    text: str = ""
    """In place of `rules` and `accounts` both as YAML, written as `herdsman.yaml` is. What stands under
    `defaults: herdsman: risk:` is tried on each bot in place of its own limits."""
    alone: bool = False
    """Try what is sent alone: no rules and limits of the bots' own, no limits of accounts in force."""
    limits: bool = True
    """Try risk limits as well: each is a rule by the name of `risk-daily-loss`, `account-drawdown`, ..."""
    built_in: bool = False
    """Try as well the rules that are there by themselves, as far as they go by what is stored."""


@dataclass(slots=True)
class EpisodeDocument:
    """One alert that would have been: `ended` is null where it fires at the end of the range."""

    began: float
    ended: float | None
    text: str
    ended_text: str
    value: float | None
    samples: Sequence[tuple[float, float]]
    muted: bool


@dataclass(slots=True)
class TriedDocument:
    """What a rule would have done for a bot."""

    bot: str
    rule: str
    severity: str
    does: str
    """The rule's action where that is more than telling people: suspend, stop or kill. Nothing was done."""
    alerts: int
    """How many alerts there would have been; the first of them are in `episodes`."""
    messages: int
    """Times that people would have been told, before messages are put together by routes."""
    firing_seconds: float
    state: str
    """How it stands at the end of the range."""
    seen: int
    """Samples and events that its condition could be judged by."""
    lacks: str
    """What its condition had nothing to go by, in words; empty where it had all."""
    episodes: list[EpisodeDocument]


@dataclass(slots=True)
class TrialAnswer:
    """What rules would have done; `complete` is false where not all was tried, and `notes` say what."""

    start: float
    end: float
    step: float
    """Seconds between two values that were judged; 0 where each was."""
    bots: int
    """How many bots were tried."""
    of: int
    """How many have rules that were asked for."""
    complete: bool
    notes: list[str]
    rules: list[TriedDocument]


def trial_answer(found: Outcome, notes: Sequence[str] = ()) -> TrialAnswer:
    """Return what came of a trial, those first that would have fired most; `notes` come before its own."""
    rows = sorted(found.tried, key=lambda one: (-one.begun, one.rule.name, one.bot))
    return TrialAnswer(
        found.start,
        found.end,
        found.step,
        found.bots,
        found.of,
        found.complete,
        [*notes, *found.notes],
        [_tried(one) for one in rows],
    )


def _tried(one: Tried) -> TriedDocument:
    return TriedDocument(
        one.bot,
        one.rule.name,
        one.rule.severity.word,
        one.rule.action.value if one.rule.action.value != "notify" else "",
        one.begun,
        one.messages,
        one.firing,
        one.standing,
        one.seen,
        one.lacks,
        [_episode(episode) for episode in one.episodes],
    )


def _episode(one: Episode) -> EpisodeDocument:
    return EpisodeDocument(one.began, one.ended, one.text, one.ended_text, one.value, one.samples, one.muted)
