"""What a person reads about a change, and never reads."""

from dataclasses import replace

import pytest

from controller.differences import _kept, describe_new, describe_update, spec_changes
from controller.field_changes import field_changes
from schemas.bot import BotType, Mode, Resources, SecretReference
from tests.unit.controller.examples import spec

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"fast": 10}, {"fast": 12}, "fast 10 -> 12"),
        ({"fast": 10}, {"fast": 10, "slow": 3}, "slow added: 3"),
        ({"fast": 10, "slow": 3}, {"fast": 10}, "slow removed"),
        ({"risk": {"max": 1, "min": 0}}, {"risk": {"max": 2, "min": 0}}, "risk.max 1 -> 2"),
        ({"pair": "BTC/USDT"}, {"pair": "ETH/USDT"}, "pair BTC/USDT -> ETH/USDT"),
        ({"flag": 1}, {"flag": True}, "flag 1 -> true"),
        ({"name_of": "x" * 99}, {"name_of": "y"}, f"name_of {'x' * 37}... -> y"),
        ({"config": {"fast": 1}}, {"config": {"fast": 2}}, "fast 1 -> 2"),
    ],
)
def test_parameters_are_named_with_both_values(old, new, text):
    """A changed parameter is told with its old and its new value, nested ones by their path."""
    assert describe_update(spec(parameters=old), spec(parameters=new)) == text


@pytest.mark.parametrize("key", ["api_key", "API-KEY", "secret", "password", "passphrase", "authToken"])
def test_secrets_are_never_shown(key):
    """A parameter whose name looks like a secret is told without its values."""
    old, new = spec(parameters={key: "hunter2"}), spec(parameters={key: "hunter3"})
    text = describe_update(old, new)
    assert text == f"{key} changed"
    assert "hunter" not in text


def test_secrets_inside_other_values_are_never_shown():
    """A list that holds a secret is told as changed, not printed."""
    old = spec(parameters={"accounts": [{"api_key": "one"}]})
    new = spec(parameters={"accounts": [{"api_key": "two"}]})
    assert "one" not in describe_update(old, new)
    assert "two" not in describe_update(old, new)


def test_program_comes_first():
    """A new program version leads the summary, however many parameters changed."""
    old = spec(parameters={"a": 1, "b": 1, "c": 1, "d": 1}, version="1.4.2")
    new = spec(parameters={"a": 2, "b": 2, "c": 2, "d": 2}, version="1.5.0")
    assert describe_update(old, new) == "program sma 1.4.2 -> 1.5.0, a 1 -> 2, b 1 -> 2 and 2 more"


def test_other_content_under_the_same_version_is_told():
    """In development, content may change under one version; the summary says that."""
    old = spec()
    new = replace(old, program=replace(old.program, tree="other"), digest="other")
    assert describe_update(old, new) == "program sma 1.0.0, other content"


def test_policy_is_told_with_units():
    """Limits are told as people write them, and the mode by its name."""
    old = spec(resources=Resources(memory_limit=64 * MIB))
    new = spec(resources=Resources(memory_limit=128 * MIB, cpu_limit=500), mode=Mode.LIVE)
    assert list(spec_changes(old, new)) == [
        "mode dry -> live",
        "memory limit 64 MiB -> 128 MiB",
        "cpu limit none -> 500m",
    ]


def test_secret_references_are_told_by_variable():
    """A changed reference names the variable, not where its value lies."""
    old = spec(secrets=(SecretReference("KEY", "env:A"),))
    new = spec(secrets=(SecretReference("KEY", "env:B"), SecretReference("MORE", "env:C")))
    assert list(spec_changes(old, new)) == ["secret KEY changed", "secret MORE added"]


def test_unnamed_change_still_says_something():
    """Where only the digest differs, the summary does not pretend to know more."""
    assert describe_update(spec(), spec(digest="other")) == "settings changed"


def test_new_bots_are_described():
    """A new bot is described by its type, schedule and memory."""
    assert describe_new(spec(resources=Resources(memory_limit=64 * MIB))) == "realtime, 64 MiB"
    assert describe_new(spec(kind=BotType.SCHEDULED)) == "scheduled 0 * * * *"


def test_fields_stand_before_and_after():
    """Every field that differs is told with both values, one that a side lacks as None."""
    old = spec(parameters={"fast": 10, "risk": {"max": 1}, "old": True}, version="1.4.2")
    new = spec(parameters={"fast": 12, "risk": {"max": 2}, "new": [1, 2]}, version="1.5.0")
    told = [(one.name, one.before, one.after) for one in field_changes(old, new)]
    assert told == [
        ("program", "sma 1.4.2", "sma 1.5.0"),
        ("fast", "10", "12"),
        ("risk.max", "1", "2"),
        ("old", "true", None),
        ("new", None, "[1, 2]"),
    ]


def test_fields_never_hold_a_secret():
    """A secret's field says that there is one; its value is told nowhere, also not of a new bot."""
    old = spec(
        parameters={"api_key": "hunter2", "accounts": [{"token": "hunter4"}], "tls": {"key": "hunter6"}}
    )
    new = spec(
        parameters={"api_key": "hunter3", "accounts": [{"token": "hunter5"}], "tls": {"key": "hunter7"}}
    )
    new = replace(new, secrets=(SecretReference("KEY", "nomad:hunter8"),))
    told = [*field_changes(old, new), *field_changes(None, new)]
    assert {"api_key", "accounts", "tls.key", "secret KEY"} <= {one.name for one in told}
    assert "hunter" not in "".join(f"{one.before}{one.after}" for one in told)


def test_long_values_and_many_fields_are_cut():
    """A change stays small however large a manifest is: long values are cut, many fields counted."""
    new = spec(parameters={f"p{n}": "x" * 5000 for n in range(200)})
    told = field_changes(None, new)
    assert len(told) == 61
    assert told[-1].name.startswith("and 14")
    assert max(len(one.after or "") for one in told) == 200


def test_a_removed_bot_has_no_fields():
    """What is gone differs in nothing."""
    assert field_changes(spec(), None) == ()


def test_a_summary_is_kept_for_exactly_its_two_specs():
    """The words of one pair are never told of another, also of the same digests, and few pairs are kept."""
    old = spec(parameters={"fast": 0})
    for number in range(1, 3000):
        new = spec(parameters={"fast": number})
        assert describe_update(old, new) == describe_update(old, new) == f"fast 0 -> {number}"
    assert len(_kept) <= 1024
