"""Which rules and limits a trial is of, and which bots: what was sent, where nothing was what is in force."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.alert_rules import AlertRule, read_rules
from schemas.conditions import IsJudged, leaves
from schemas.errors import InvalidManifests, UsageError
from schemas.fleet import FleetSettings, parse_fleet
from schemas.risk import KINDS, NO_LIMITS, Action, RiskLimits, read_risk
from telemetry.alert_desk import AlertDesk
from telemetry.alerts.builtin import BUILT_IN
from telemetry.alerts.limits.breaches import OF_ACCOUNT, OF_BOT, limit_rules, rule_name
from telemetry.alerts.ports import Setup
from telemetry.alerts.watch import BotProfile, Watch, rules_of
from web.alert_documents import RuleDocument
from web.trial_documents import TrialBot, TrialRequest

MOST_SENT = 10_000
"""Bots that may be sent with their rules."""
_AT_ONCE = 200
"""Bots that are looked at before others have their turn."""
_LIMIT_NAMES = frozenset(rule_name(whose, kind) for whose in (OF_BOT, OF_ACCOUNT) for kind in KINDS)
_LONGEST_TEXT = 256 * 1024
_EMPTY = (
    "there is nothing to try in it: rules stand under alerts: rules:, limits under "
    "defaults: herdsman: risk: (of each bot) and risk: accounts:"
)
_TEXT = "rules"
"""What a text that was sent is called where something is wrong with it."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds now: the fleet's rules, the bots with their own, the limits of accounts."""

    rules: Sequence[AlertRule]
    bots: Mapping[str, Setup]
    accounts: Mapping[str, RiskLimits]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to try: bots with the rules that stand for their limits among theirs; `notes` say what is not."""

    setups: list[Setup]
    accounts: Mapping[str, RiskLimits]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was sent to be tried, None where nothing was; `risk`: limits of each bot."""

    rules: Sequence[AlertRule] | None = None
    accounts: Mapping[str, RiskLimits] | None = None
    risk: RiskLimits | None = None


async def in_force(desk: AlertDesk, *, bots: bool) -> InForce:
    """Return what holds now; without `bots` it names none."""
    known: dict[str, Setup] = {}
    for count, bot in enumerate(desk.bots() if bots else (), 1):
        if (setup := desk.setup(bot)) is not None:
            known[bot] = setup
        if count % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return InForce(desk.fleet() or (), known, desk.limits.accounts())


async def rules_in_force(watches: Iterable[Watch]) -> list[RuleDocument]:
    """Return the rules that bots are under, those that people wrote first, then by name."""
    found: dict[str, RuleDocument] = {}
    for count, watch in enumerate(list(watches), 1):
        for one in watch.rules:
            known = found.get(one.name)
            if known is None:
                does = one.action.value if one.action is not Action.NOTIFY else ""
                tried = not _is_of_verdicts(one)
                known = RuleDocument(one.name, 0, one.severity.word, does, one.risk, one.built_in, tried)
                found[one.name] = known
            known.bots += 1
        if count % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return sorted(found.values(), key=lambda one: (one.built_in, one.risk, one.rule))


def _is_of_verdicts(rule: AlertRule) -> bool:
    """Say whether nothing that is stored tells how a rule stood."""
    return all(isinstance(leaf, IsJudged) for leaf in leaves(rule.when))


def choose(asked: TrialRequest, now: InForce) -> Choice:
    """Return what to try.

    Raises InvalidManifests where a rule is wrong, UsageError where there is nothing to try.
    """
    sent = _read_text(asked.text) if asked.text.strip() else _read_sent(asked)
    if asked.alone and sent == _Sent():
        raise UsageError(_EMPTY)
    rules = now.rules if sent.rules is None else sent.rules
    bots = now.bots if asked.bots is None else _sent_bots(asked.bots)
    if asked.bot and asked.bot not in bots:
        raise UsageError(f"there is no bot {asked.bot} to try rules on")
    if asked.alone:
        bots = {name: replace(one, rules=()) for name, one in bots.items()}
    if (risk := sent.risk) is not None:
        bots = {name: replace(one, profile=replace(one.profile, risk=risk)) for name, one in bots.items()}
    known = {} if asked.alone else now.accounts
    accounts = known if sent.accounts is None else sent.accounts
    limited = asked.limits or asked.rule in _LIMIT_NAMES
    choice = Choice([], accounts if limited else {}, [])
    own = limited and (not asked.alone or risk is not None)
    untried: dict[str, None] = {}
    for name, setup in sorted(bots.items()):
        if asked.bot in ("", name):
            limits = limit_rules(setup.profile.risk, OF_BOT) if own else []
            limits += _limits_of_account(asked, setup.profile, choice)
            its = _rules_of(asked, setup, rules, limits, untried)
            if its:
                # Whether it is stopped now, by one of these rules perhaps, says nothing of the past.
                profile = replace(setup.profile, running=True)
                choice.setups.append(replace(setup, profile=profile, rules=tuple(its)))
    if not choice.setups:
        raise UsageError("; ".join(choice.notes) or _nothing(asked, rules, bots))
    if untried:
        choice.notes.append(
            f"{', '.join(untried)} cannot be tried: they go by how herdsman judged the bots' lives, "
            "and verdicts are not kept"
        )
    return choice


def _rules_of(
    asked: TrialRequest,
    setup: Setup,
    rules: Sequence[AlertRule],
    limits: Sequence[AlertRule],
    untried: dict[str, None],
) -> list[AlertRule]:
    """Return the rules to try of a bot; note in `untried` those there by themselves that cannot be."""
    found = rules_of(setup.profile, _built_in(asked), rules, setup.rules, limits)
    its = []
    for one in found:
        if asked.rule not in ("", one.name):
            continue
        if one.built_in and not asked.rule and _is_of_verdicts(one):
            untried[one.name] = None
        else:
            its.append(one)
    return its


def _limits_of_account(asked: TrialRequest, profile: BotProfile, choice: Choice) -> list[AlertRule]:
    found = limit_rules(choice.accounts.get(profile.account, NO_LIMITS), OF_ACCOUNT)
    if asked.bot and any(asked.rule in ("", one.name) for one in found):
        choice.notes.append(
            f"the limits of the account {profile.account} are not tried for one of its bots: "
            "they are of all of them together"
        )
        return []
    return found


def _built_in(asked: TrialRequest) -> Iterable[AlertRule]:
    return [one for one in BUILT_IN if asked.built_in or asked.rule == one.name]


def _read_text(text: str) -> _Sent:
    """Return what a text holds that is written as `herdsman.yaml` is. Raises InvalidManifests, UsageError."""
    if len(text) > _LONGEST_TEXT:
        raise UsageError(
            f"the text is too long to be tried ({len(text):,} characters; {_LONGEST_TEXT:,} at most): "
            "send only the rules and limits that are to be tried"
        )
    settings = _parsed(_TEXT, text.encode())
    risk = settings.defaults.get("herdsman", {}).get("risk")
    sent = _Sent(
        read_rules(settings.watching.rules),
        {name: read_risk(limits) for name, limits in settings.watching.accounts.items()},
        read_risk(risk) if risk is not None else None,
    )
    if not (sent.rules or sent.accounts or sent.risk):
        raise UsageError(_EMPTY)
    return sent


def _read_sent(asked: TrialRequest) -> _Sent:
    rules = None if asked.rules is None else read_sent("alerts", asked.rules)
    accounts = None if asked.accounts is None else _read_accounts("risk", asked.accounts)
    return _Sent(rules, accounts)


def read_sent(name: str, rules: Mapping[str, Any]) -> tuple[AlertRule, ...]:
    """Return rules as somebody sent them. Raises InvalidManifests."""
    if not rules:
        return ()
    settings = _parsed(name, json.dumps({"alerts": {"rules": rules}}, indent=2).encode())
    return tuple(read_rules(settings.watching.rules))


def _read_accounts(name: str, accounts: Mapping[str, Any]) -> dict[str, RiskLimits]:
    if not accounts:
        return {}
    settings = _parsed(name, json.dumps({"risk": {"accounts": accounts}}, indent=2).encode())
    return {account: read_risk(limits) for account, limits in settings.watching.accounts.items()}


def _parsed(name: str, text: bytes) -> FleetSettings:
    settings, errors = parse_fleet(name, text)
    if settings is None:
        raise InvalidManifests(tuple(one for one in errors if not one.warning))
    return settings


def _sent_bots(bots: Mapping[str, TrialBot]) -> dict[str, Setup]:
    if len(bots) > MOST_SENT:
        raise UsageError(f"at most {MOST_SENT:,} bots are taken at once; {len(bots):,} were sent")
    read: dict[str, tuple[AlertRule, ...]] = {}
    limits: dict[str, RiskLimits] = {}
    found = {}
    for name, one in bots.items():
        key, risk = json.dumps(one.rules, sort_keys=True), json.dumps(one.risk, sort_keys=True)
        if key not in read:
            read[key] = read_sent(f"alerts of {name}", one.rules)
        if risk not in limits:
            limits[risk] = _read_accounts(f"risk of {name}", {name: one.risk})[name]
        profile = BotProfile(
            name, one.program, one.account, one.environment, one.mode, dict(one.labels), limits[risk]
        )
        found[name] = Setup(profile, read[key], one.currency)
    return found


def _nothing(asked: TrialRequest, rules: Sequence[AlertRule], bots: Mapping[str, Setup]) -> str:
    if asked.rule:
        names = {rule.name for rule in rules} | {rule.name for one in bots.values() for rule in one.rules}
        names |= {rule.name for one in bots.values() for rule in limit_rules(one.profile.risk, OF_BOT)}
        there = f"; there are {', '.join(sorted(names)[:20])}" if names else ""
        return f"no rule {asked.rule} is for {asked.bot or 'any bot'}{there}"
    return (
        f"no alert rule and no risk limit is for {asked.bot or 'any bot'}; "
        "docs/alerts.md says how they are written"
    )
