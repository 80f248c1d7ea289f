"""Rules that are sent to be tried: which are taken, for which bots, and what is said of the others."""

import json

import pytest

from schemas.errors import InvalidManifests, UsageError
from telemetry.alert_trials import Outcome
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import Episode, Tried
from telemetry.alerts.watch import BotProfile
from tests.unit.telemetry.alerts.desk import rule
from web.trial_documents import TrialBot, TrialRequest, setups_of, trial_answer

HIGH = {"when": {"metric": "bot_x", "above": 1}}
KNOWN = {
    name: Setup(BotProfile(name, "trend", mode="live"), (rule(HIGH["when"], "own"),) if name == "sma" else ())
    for name in ("grid", "sma")
}


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
    assert names(found) == {"limited": ["all"], "new": ["all", "mine"]}
    assert found[0].profile.risk.daily_loss is not None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (TrialRequest({"high": HIGH}, rule="hihg"), "no rule hihg is for any bot; there are high, own"),
        (TrialRequest({"high": HIGH}, bot="gone"), "there is no bot gone to try rules on"),
        (
            TrialRequest({}, {"a": TrialBot()}),
            "no alert rule is for any bot; docs/alerts.md says how one is written",
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
