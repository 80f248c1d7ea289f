"""Alert rules that are tried on what is stored, as documents of the API. Times are Unix seconds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.alert_rules import AlertRule, read_rules
from schemas.errors import InvalidManifests, UsageError
from schemas.fleet import parse_fleet
from schemas.risk import read_risk
from telemetry.alert_trials import Outcome
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import Episode, Tried
from telemetry.alerts.watch import BotProfile, rules_of

MOST_SENT = 10_000
"""Bots that may be sent with their rules."""


@dataclass(slots=True)
class TrialBot:
    """A bot as rules choose by it, and its own rules as its manifest has them."""

    program: str = ""
    account: str = ""
    environment: str = ""
    mode: str = "dry"
    labels: dict[str, str] = field(default_factory=dict)
    risk: dict[str, Any] = field(default_factory=dict)
    """As in the manifest: rules may speak of shares of it."""
    rules: dict[str, Any] = field(default_factory=dict)


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


def setups_of(asked: TrialRequest, fleet: Sequence[AlertRule], known: Mapping[str, Setup]) -> list[Setup]:
    """Return the bots to try with the rules to try; `fleet` and `known` are those of now.

    Raises InvalidManifests where a rule is wrong, UsageError where there is nothing to try.
    """
    rules = tuple(fleet) if asked.rules is None else read_sent("alerts", asked.rules)
    bots = known if asked.bots is None else _sent_bots(asked.bots)
    if asked.bot and asked.bot not in bots:
        raise UsageError(f"there is no bot {asked.bot} to try rules on")
    found = []
    for name, setup in sorted(bots.items()):
        if asked.bot in ("", name):
            its = [one for one in rules_of(setup.profile, rules, setup.rules) if asked.rule in ("", one.name)]
            if its:
                # Whether it is stopped now, by one of these rules perhaps, says nothing of the past.
                found.append(Setup(replace(setup.profile, running=True), tuple(its)))
    if not found:
        raise UsageError(_nothing(asked, rules, bots))
    return found


def read_sent(name: str, rules: Mapping[str, Any]) -> tuple[AlertRule, ...]:
    """Return rules as somebody sent them. Raises InvalidManifests."""
    if not rules:
        return ()
    text = json.dumps({"alerts": {"rules": rules}}, indent=2)
    settings, errors = parse_fleet(name, text.encode())
    if settings is None:
        raise InvalidManifests(tuple(one for one in errors if not one.warning))
    return tuple(read_rules(settings.watching.rules))


def _sent_bots(bots: Mapping[str, TrialBot]) -> dict[str, Setup]:
    if len(bots) > MOST_SENT:
        raise UsageError(f"at most {MOST_SENT:,} bots are taken at once; {len(bots):,} were sent")
    read: dict[str, tuple[AlertRule, ...]] = {}
    found = {}
    for name, one in bots.items():
        key = json.dumps(one.rules, sort_keys=True)
        if key not in read:
            read[key] = read_sent(f"alerts of {name}", one.rules)
        profile = BotProfile(
            name,
            one.program,
            one.account,
            one.environment,
            one.mode,
            dict(one.labels),
            read_risk(one.risk),
        )
        found[name] = Setup(profile, read[key])
    return found


def _nothing(asked: TrialRequest, rules: Sequence[AlertRule], bots: Mapping[str, Setup]) -> str:
    if asked.rule:
        names = {rule.name for rule in rules} | {rule.name for one in bots.values() for rule in one.rules}
        there = f"; there are {', '.join(sorted(names)[:20])}" if names else ""
        return f"no rule {asked.rule} is for {asked.bot or 'any bot'}{there}"
    return f"no alert rule is for {asked.bot or 'any bot'}; docs/alerts.md says how one is written"


def trial_answer(found: Outcome) -> TrialAnswer:
    """Return what came of a trial, those first that would have fired most."""
    rows = sorted(found.tried, key=lambda one: (-one.begun, one.rule.name, one.bot))
    return TrialAnswer(
        found.start,
        found.end,
        found.step,
        found.bots,
        found.of,
        found.complete,
        found.notes,
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
