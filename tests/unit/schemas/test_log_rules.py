"""Log rules are read whole, and every mistake in one is told with its place and what to do."""

import pytest

from schemas.fleet import parse_fleet
from schemas.log_rules import MOST_SIZE, FieldKind, LogRule, RuleField, RuleScope, parse_rules

RULE = """rules:
  - name: fill
    description: How long fills take
    pattern: 'filled (?P<symbol>\\S+) in (?P<latency>\\S+)'
    applies_to: {bots: ["sma-*"], programs: [sma], environments: [prod], labels: {desk: a}}
    fields:
      latency: {kind: histogram, unit: ms}
    labels: [symbol]
    most_labels: 5
"""


def errors_of(text: str):
    return parse_rules("rules/fills.yaml", text.encode())[1]


def test_every_key_is_read():
    """Pattern, fields with kind and unit, labels, which bots; and where it stands."""
    rules, errors = parse_rules("rules/fills.yaml", RULE.encode())
    assert errors == []
    assert rules == (
        LogRule(
            "fill",
            r"filled (?P<symbol>\S+) in (?P<latency>\S+)",
            (RuleField("latency", FieldKind.HISTOGRAM, "ms"),),
            ("symbol",),
            RuleScope(("sma-*",), ("sma",), ("prod",), {"desk": "a"}),
            5,
            "How long fills take",
            "rules/fills.yaml",
            2,
        ),
    )


def test_series_are_named_after_rule_field_and_unit():
    """Their prefix is no type's, so that no rule can write into a series of herdsman's or the bot's own."""
    fields = (
        RuleField("latency", FieldKind.HISTOGRAM, "ms"),
        RuleField("paid", FieldKind.COUNTER, "USDT"),
        RuleField("load_percent", FieldKind.GAUGE, "%"),
    )
    assert LogRule("fill", "x", fields).series == (
        "bot_log_fill_total",
        "bot_log_fill_latency_ms_p50",
        "bot_log_fill_latency_ms_p95",
        "bot_log_fill_latency_ms_max",
        "bot_log_fill_paid_usdt_total",
        "bot_log_fill_load_percent",
    )


@pytest.mark.parametrize(
    ("pattern", "told", "advice"),
    [
        ("(?=x)", "a look ahead is not possible", "ungrouped"),
        ("(?!x)", "a look ahead is not possible", "ungrouped"),
        ("(?<=x)y", "a look behind is not possible", "ungrouped"),
        (r"(a)\1", "a reference back (\\1) is not possible", "by itself"),
        ("(?P<a>x)(?P=a)", "a reference back is not possible", "by itself"),
        ("(?>a)", "an atomic group is not possible", "(?:...)"),
        ("a*+", "a possessive repetition is not possible", "leave out the +"),
        (r"x\Z", "each line is looked at by itself", '"$"'),
        (r"\Ax", "each line is looked at by itself", '"^"'),
        ("(?-m:^x)", "turns the flag m off", ""),
        ("(x", "RE2 does not take it: missing )", ""),
    ],
)
def test_pattern_that_re2_does_not_take_is_explained(pattern, told, advice):
    """What is not possible, why, and what to write instead, at the pattern's line."""
    (error,) = errors_of(f"rules:\n  - name: a\n    pattern: '{pattern}'\n")
    assert told in error.message
    assert advice in (error.suggestion or "")
    assert (error.file, error.line, error.warning) == ("rules/fills.yaml", 3, False)


def test_field_without_a_group_names_the_nearest_one():
    """A misspelled group is found by name."""
    (error,) = errors_of(RULE.replace("  latency: {", "  latncy: {"))
    assert (error.line, error.suggestion) == (7, "latency")
    assert "which has latency, symbol" in error.message


def test_label_cannot_be_one_that_every_series_has():
    """`bot` says whose series it is; a line cannot say otherwise."""
    (error,) = errors_of(RULE.replace("[symbol]", "[bot]"))
    assert "none of fleet, bot, program, env" in error.message


def test_two_rules_cannot_write_one_series():
    """Neither by the same name, nor by a field that makes it the same."""
    same = "rules:\n  - {name: a, pattern: x}\n  - {name: a, pattern: y}\n"
    assert [error.message for error in errors_of(same)] == ['a rule "a" is there already in this file']
    joined = (
        "rules:\n  - {name: a_b, pattern: '(?P<c>x)', fields: {c: gauge}}\n"
        "  - {name: a, pattern: '(?P<b_c>x)', fields: {b_c: gauge}}\n"
    )
    assert "bot_log_a_b_c is written by the rule" in errors_of(joined)[0].message


@pytest.mark.parametrize("pattern", [".*", "", "x?", "."])
def test_pattern_that_matches_everything_warns(pattern):
    """It counts every line, which may be meant, and mostly is not."""
    text = f"rules:\n  - name: a\n    pattern: '{pattern or '()'}'\n"
    rules, errors = parse_rules("rules/a.yaml", text.encode())
    assert rules is not None
    assert [(error.warning, error.line) for error in errors] == [(True, 3)]


def test_rules_stand_in_the_fleets_settings_as_well():
    """A warning about one of them takes no other setting away."""
    settings, errors = parse_fleet("herdsman.yaml", b"name: desk\nrules:\n  - {name: all, pattern: '.*'}\n")
    assert settings is not None
    assert (settings.name, [rule.name for rule in settings.rules]) == ("desk", ["all"])
    assert [error.warning for error in errors] == [True]


def test_scope_fits_names_with_stars_and_all_labels():
    """Every selector that is given must fit."""
    scope = RuleScope(("sma-*",), (), (), {"desk": "a"})
    assert scope.covers("sma-btc", "any", "", {"desk": "a", "x": "y"})
    assert not scope.covers("grid-btc", "any", "", {"desk": "a"})
    assert not scope.covers("sma-btc", "any", "", {})


FIELDS = """rules:
  - name: rejected
    where: {event: order_rejected, order.venue: [kraken, "bin*"], live: true, code: 5.0}
    fields:
      latency: {kind: histogram, unit: ms, from: order.latencyMs}
      fee: counter
    labels: {venue: order.venue}
  - name: slow
    pattern: 'took (?P<ms>\\d+)'
    fields: {ms: gauge, size: {from: bytes}}
    where: {level: warning}
    labels: [symbol]
"""


def test_rules_over_fields_of_structured_lines_are_read():
    """With what each may say as text; of numbers and labels, which field of the line they are."""
    rules, errors = parse_rules("rules/a.yaml", FIELDS.encode())
    assert (errors, rules is not None) == ([], True)
    rejected, slow = rules
    assert rejected.where == {
        "event": ("order_rejected",),
        "order.venue": ("kraken", "bin*"),
        "live": ("true",),
        "code": ("5",),
    }
    assert (rejected.pattern, rejected.labels) == ("", ("venue",))
    assert rejected.paths == {"latency": "order.latencyMs", "fee": "fee", "venue": "order.venue"}
    assert slow.paths == {"size": "bytes", "symbol": "symbol"}


@pytest.mark.parametrize(
    ("rule", "line", "told", "advice"),
    [
        ("{name: a}", 2, "neither a pattern nor where", "where: {event: order_rejected}"),
        ("{name: a, where: {level: warn}}", 2, '"warn" is no level', "warning"),
        ("{name: a, where: {}}", 2, '"rules[0].where"', ""),
        ("{name: a, where: {b: {c: 1}}}", 2, "a word, a number, true or false", ""),
        ("{name: a, where: {b: c}, labels: {fleet: d}}", 2, "none of fleet, bot, program, env", ""),
        ("{name: a, where: {b: c}, fields: {d: {form: e}}}", 2, '"form"', "from"),
        ("{name: a, where: {b: c}, fields: {d: gauge}, labels: [d]}", 2, "is a field already", ""),
    ],
)
def test_a_mistake_in_a_rule_over_fields_has_its_place(rule, line, told, advice):
    """And says what to write instead."""
    (error,) = errors_of(f"rules:\n  - {rule}\n")
    assert (error.line, error.warning) == (line, False)
    assert told in error.message
    assert advice in (error.suggestion or "")


def test_patterns_that_are_too_large_together_are_refused():
    """At the one that is too much, with how large it is, and what is smaller."""
    large = "  - {name: %s, pattern: '(?i)\\pL{1,100}%s'}\n"
    errors = errors_of(
        "rules:\n" + "".join(large % (name, name) for name in "abc") + "  - {name: d, pattern: x}\n"
    )
    assert [error.line for error in errors] == [3, 4]
    assert f"{MOST_SIZE:,}" in errors[0].message
    assert "beside" in errors[0].message
    assert "counted repetition" in (errors[0].suggestion or "")
