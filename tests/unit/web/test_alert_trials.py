"""Rules that are sent to be tried: which are taken, for which bots, and what is said of the others."""

import json
from collections.abc import Mapping, Sequence

import pytest

from schemas.alert_rules import AlertRule
from schemas.errors import InvalidManifests, UsageError
from schemas.risk import RiskLimits, read_risk
from telemetry.alert_trials import Outcome
from telemetry.alerts.builtin import BUILT_IN
from telemetry.alerts.limits.breaches import OF_BOT, limit_rules
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import Episode, Tried
from telemetry.alerts.watch import BotProfile, Watch
from tests.unit.telemetry.alerts.desk import rule
from web.alert_documents import RuleDocument
from web.trial_choice import InForce, choose, rules_in_force
from web.trial_documents import TrialBot, TrialRequest, trial_answer

HIGH = {"when": {"metric": "bot_x", "above": 1}}
KNOWN = {
    name: Setup(BotProfile(name, "trend", mode="live"), (rule(HIGH["when"], "own"),) if name == "sma" else ())
    for name in ("grid", "sma")
}


def setups_of(
    asked: TrialRequest,
    fleet: Sequence[AlertRule],
    known: Mapping[str, Setup],
    accounts: Mapping[str, RiskLimits] | None = None,
) -> list[Setup]:
    return choose(asked, InForce(fleet, known, accounts or {})).setups


def names(found: list[Setup]) -> dict[str, list[str]]:
    return {one.profile.bot: [its.name for its in one.rules] for one in found}


def test_sent_rules_take_the_place_of_the_fleets_and_bots_keep_their_own() -> None:
    """Without bots, those of now are tried; selectors choose among them."""
    sent = TrialRequest({"high": HIGH, "other": {**HIGH, "bots": ["sma"]}})
    assert names(setups_of(sent, [rule(HIGH["when"], "old")], KNOWN)) == {
        "grid": ["high"],
        "sma": ["high", "other", "own"],
    }
    assert names(setups_of(TrialRequest(), [rule(HIGH["when"], "old")], KNOWN)) == {
        "grid": ["old"],
        "sma": ["old", "own"],
    }


def test_what_stops_a_bot_now_says_nothing_of_its_past() -> None:
    """A bot that is suspended, perhaps by the very rule, is tried as it ran."""
    stopped = Setup(BotProfile("sma", running=False), (rule({"no_data": "10m"}),))
    assert [one.profile.running for one in setups_of(TrialRequest(), (), {"sma": stopped})] == [True]


def test_sent_bots_are_those_of_the_folder() -> None:
    """With what selectors ask of them, their own rules, and limits that shares are taken of."""
    bots = {
        "new": TrialBot("trend", mode="live", rules={"mine": HIGH, "high": {"enabled": False}}),
        "limited": TrialBot("grid", risk={"daily_loss": "5%"}),
    }
    found = setups_of(TrialRequest({"high": {**HIGH, "modes": ["live"]}, "all": HIGH}, bots), (), KNOWN)
    assert names(found) == {"limited": ["all", "risk-daily-loss"], "new": ["all", "mine"]}
    assert found[0].profile.risk.daily_loss is not None


LIMITED = {
    name: Setup(BotProfile(name, "trend", "main", mode="live", risk=read_risk(risk)))
    for name, risk in (("grid", {}), ("sma", {"daily_loss": "5%", "order_rate": 9, "action": "kill"}))
}
MAIN = {"main": read_risk({"drawdown": "10%"})}


def test_limits_in_force_are_tried_and_may_be_left_out_or_asked_for_by_name() -> None:
    """Those of the bot and of its account; of one bot alone not its account's, which is said."""
    every = ["risk-daily-loss", "risk-order-rate", "account-drawdown"]
    assert names(setups_of(TrialRequest(), (), LIMITED, MAIN)) == {"grid": every[2:], "sma": every}
    asked = TrialRequest(rule="risk-order-rate", limits=False)
    assert names(setups_of(asked, (), LIMITED, MAIN)) == {"sma": ["risk-order-rate"]}
    high = rule(HIGH["when"], "high")
    assert names(setups_of(TrialRequest(limits=False), [high], LIMITED, MAIN))["sma"] == ["high"]
    one = choose(TrialRequest(bot="sma"), InForce((), LIMITED, MAIN))
    assert names(one.setups) == {"sma": every[:2]}
    assert one.notes == [
        "the limits of the account main are not tried for one of its bots: they are of all of them together"
    ]


def test_limits_that_were_sent_go_before_those_in_force() -> None:
    """Those of accounts with the folder, and a bot's own with the bot; what is not sound is refused."""
    bots = {"new": TrialBot(account="main", risk={"exposure": 7}, currency="EUR")}
    found = choose(TrialRequest({}, bots, accounts={"main": {"order_rate": 3}}), InForce((), LIMITED, MAIN))
    assert names(found.setups) == {"new": ["risk-exposure", "account-order-rate"]}
    assert (found.setups[0].currency, found.accounts["main"].drawdown) == ("EUR", None)
    for wrong in (
        TrialRequest({}, {"new": TrialBot(risk={"daily_los": 5})}),
        TrialRequest({}, accounts={"main": {"drawdown": 5}}),
    ):
        with pytest.raises(InvalidManifests):
            choose(wrong, InForce((), LIMITED, MAIN))


def test_rules_that_are_there_by_themselves_are_tried_as_far_as_they_can_be() -> None:
    """Those of errors; of the others it is said why not, unless one is asked for by its name."""
    found = choose(TrialRequest(built_in=True, limits=False), InForce((), LIMITED, {}))
    assert names(found.setups)["grid"] == ["new-error", "regressed-error"]
    assert found.notes == [
        "not-trading, hung, stream-lost, left-open, limit-guards-nothing cannot be tried: "
        "they go by how herdsman judged the bots' lives, and verdicts are not kept"
    ]
    off = rule(HIGH["when"], "new-error", enabled=False)
    assert names(setups_of(TrialRequest(built_in=True, limits=False), [off], LIMITED))["grid"] == [
        "regressed-error"
    ]
    assert names(setups_of(TrialRequest(rule="hung"), (), LIMITED)) == {"grid": ["hung"], "sma": ["hung"]}


async def test_rules_in_force_are_told_by_name() -> None:
    """Of how many bots each is, what it does, whether it can be tried; what people wrote comes first."""
    high, hung = rule(HIGH["when"], "high", action="stop"), BUILT_IN[3]
    limits = limit_rules(read_risk({"order_rate": 5}), OF_BOT)
    watches = [
        Watch(BotProfile(name), rules, 0.0) for name, rules in (("a", [hung, *limits, high]), ("b", [high]))
    ]
    assert await rules_in_force(watches) == [
        RuleDocument("high", 2, "warning", "stop", False, False, True),
        RuleDocument("risk-order-rate", 1, "critical", "suspend", True, False, True),
        RuleDocument("hung", 1, "critical", "", False, True, False),
    ]


def test_text_is_written_as_the_file_is_and_may_be_tried_alone() -> None:
    """Its rules and limits, with none of the bots' own; a mistake has its line and what was meant."""
    text = "alerts:\n  rules:\n    high: {when: {metric: bot_x, above: 1}}\n"
    assert names(setups_of(TrialRequest(text=text), (), KNOWN)) == {"grid": ["high"], "sma": ["high", "own"]}
    alone = TrialRequest(text=text, alone=True)
    assert names(setups_of(alone, (), {**KNOWN, **LIMITED}, MAIN)) == {"grid": ["high"], "sma": ["high"]}
    limits = "risk: {accounts: {main: {exposure: 9}}}\ndefaults: {herdsman: {risk: {drawdown: 5%}}}\n"
    tried = names(setups_of(TrialRequest(text=limits, alone=True), (), LIMITED, MAIN))
    assert set(map(tuple, tried.values())) == {("risk-drawdown", "account-exposure")}
    assert list(tried) == ["grid", "sma"]
    with pytest.raises(InvalidManifests) as error:
        setups_of(TrialRequest(text=text.replace("metric", "metrc")), (), KNOWN)
    [one] = error.value.errors
    assert str(one).startswith("rules:3:19  ")
    assert 'did you mean "metric"?' in str(one)
    with pytest.raises(UsageError, match="there is nothing to try in it"):
        setups_of(TrialRequest(text="name: mine\n"), (), KNOWN)


@pytest.mark.parametrize("text", ["", " \n", "# high: off\n"])
def test_empty_text_that_is_tried_alone_tries_nothing_in_force(text: str) -> None:
    """What is written there is tried alone: alerts of other rules would be taken for its own."""
    with pytest.raises(UsageError, match="there is nothing to try in it"):
        setups_of(TrialRequest(text=text, alone=True), [rule(HIGH["when"], "old")], LIMITED, MAIN)


def test_limit_of_an_account_for_one_of_its_bots_says_why_it_is_not_tried() -> None:
    """It is there, so that it is not said to be unknown."""
    with pytest.raises(UsageError) as error:
        setups_of(TrialRequest(bot="sma", rule="account-drawdown"), (), LIMITED, MAIN)
    assert str(error.value) == (
        "the limits of the account main are not tried for one of its bots: they are of all of them together"
    )


def test_text_that_is_too_long_is_not_read() -> None:
    """To read it would hold up the service."""
    with pytest.raises(UsageError, match=r"too long to be tried \(262,145 characters; 262,144 at most\)"):
        setups_of(TrialRequest(text="#" * (256 * 1024 + 1)), (), KNOWN)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (TrialRequest({"high": HIGH}, rule="hihg"), "no rule hihg is for any bot; there are high, own"),
        (TrialRequest({"high": HIGH}, bot="gone"), "there is no bot gone to try rules on"),
        (
            TrialRequest({}, {"a": TrialBot()}),
            "no alert rule and no risk limit is for any bot; docs/alerts.md says how they are written",
        ),
    ],
)
def test_what_cannot_be_tried_is_said(asked: TrialRequest, said: str) -> None:
    """An unknown rule or bot, or no rule at all."""
    with pytest.raises(UsageError) as error:
        setups_of(asked, (), KNOWN)
    assert str(error.value) == said


@pytest.mark.parametrize(
    "sent", [{"high": {"when": {"metrc": "bot_x", "above": 1}}}, {"high": 7}, {"high": {}}]
)
def test_rule_that_is_wrong_is_refused(sent: dict[str, object]) -> None:
    """As at a push, of the fleet and of a bot; nothing is left out silently."""
    for asked in (TrialRequest(sent), TrialRequest({}, {"a": TrialBot(rules=sent)})):
        with pytest.raises(InvalidManifests):
            setups_of(asked, (), KNOWN)


def test_answer_is_json_with_raw_numbers_and_those_that_fired_first() -> None:
    """Whoever reads it with a program gets numbers, in order."""
    fired = Tried(
        "sma", rule(HIGH["when"], "high"), [Episode(10.0, "x", 2.5, ((10.0, 2.5),), False)], 1, 50.0, 1
    )
    quiet = Tried("grid", rule(HIGH["when"], "high"), lacks="no value of bot_x")
    answer = trial_answer(Outcome(0.0, 60.0, 0.0, 2, 2, [quiet, fired]))
    assert [(one.bot, one.alerts, one.lacks) for one in answer.rules] == [
        ("sma", 1, ""),
        ("grid", 0, "no value of bot_x"),
    ]
    assert json.dumps(answer.rules[0].episodes[0].samples) == "[[10.0, 2.5]]"
