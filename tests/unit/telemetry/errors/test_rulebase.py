"""Each rule of the rule base explains a sample of its own, and is the first to do so."""

import pytest

from telemetry.errors.explanation import explain
from telemetry.errors.frames import located
from telemetry.errors.occurrence import type_in
from telemetry.errors.parsing import parse_trace
from telemetry.errors.rulebase import Rule, rules
from tests.unit.telemetry.errors import traces


def test_there_are_enough_rules_and_each_has_its_name() -> None:
    """At least sixty errors are known, each under an id of its own."""
    ids = [rule.id for rule in rules()]
    assert len(ids) >= 60
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_a_rule_explains_its_sample(rule: Rule) -> None:
    """What a bot prints then is read, and this rule is its explanation, with a cause and a remedy."""
    trace = parse_trace(rule.sample)
    first, _, rest = rule.sample.strip().partition("\n")
    assert trace is not None or not rest
    type_ = type_in(first)
    message = first
    if not type_:
        type_, _, message = first.partition(": ")
    explanation = explain(located(trace) if trace else None, type_, message)
    assert explanation.rule == rule.id
    assert len(explanation.cause) > 20
    assert len(explanation.fix) > 20
    assert "{message}" not in explanation.cause


def test_the_root_of_a_chain_explains_as_well() -> None:
    """An error of the bot's own class is explained by what it was raised from."""
    trace = parse_trace(traces.CAUSED)
    assert trace is not None
    explanation = explain(located(trace), "", "")
    assert explanation.rule == "key-error-payload"
    assert "'price'" in explanation.cause


def test_what_no_rule_knows_is_said_so() -> None:
    """An unknown error is told as such, with where to look."""
    trace = parse_trace(
        traces.PYTHON.replace(
            "ccxt.base.errors.InsufficientFunds: binance Account has insufficient balance",
            "desk.Odd: it is odd",
        )
    )
    assert trace is not None
    explanation = explain(trace, "", "")
    assert (explanation.rule, explanation.title) == ("", "No rule knows desk.Odd")
    assert explain(None, "error", "something odd").title == "No rule knows this error"
