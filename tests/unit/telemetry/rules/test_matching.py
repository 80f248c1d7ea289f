"""Many lines are searched at once, and each is matched as if it were alone."""

import re

import pytest

from schemas.log_patterns import MOST_SET_MEMORY
from schemas.log_rules import LogRule, RuleField
from telemetry.records import Event
from telemetry.rules.matching import LONGEST, RuleSet
from telemetry.rules.sketch import MOST_BUCKETS, Sketch
from telemetry.rules.trial import Trial
from telemetry.rules.values import number_in

PATTERNS = (r"^a", r"b$", r"[^x]+y", r"(?P<n>\d+)\s*(?P<word>\w+)?", r"(?s)c.*d", r"\s+", r"(?i)END", r"é(.)")
LINES = ("a b", "ab\n a", "", "xy zy", "c\nd", "cd", "12 ms", "  ", "the end", "né?é!", "x", "\n", "7")


def said(*lines, **data):
    return [
        Event(f"a/stdout/0/{n}", "sma", 1.0, "log", "info", line, data=data) for n, line in enumerate(lines)
    ]


def matched(rules, events):
    return {
        (place, match.message): match.groups for place, matches in rules.find(events) for match in matches
    }


def found(patterns, lines, memory=MOST_SET_MEMORY):
    rules = [LogRule(f"r{place}", pattern) for place, pattern in enumerate(patterns)]
    return matched(RuleSet(rules, memory), said(*lines))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_lines_beside_a_line_change_nothing(pattern):
    """What a rule finds in a line is the same alone and among others: no pattern reaches into the next."""
    alone = {}
    for place, line in enumerate(LINES):
        one = found([pattern], [line])
        alone.update(((0, place), groups) for groups in one.values())
    assert found([pattern], LINES) == alone


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_line_matches_where_one_of_its_own_lines_does(pattern):
    """Python's own expressions, on each line by itself, are the oracle."""
    oracle = re.compile(pattern)
    wanted = {place for place, line in enumerate(LINES) if any(map(oracle.search, line.split("\n")))}
    assert {message for _, message in found([pattern], LINES)} == wanted


def test_every_rule_finds_its_own_lines():
    """Several rules match one message, each once, with its groups in any script."""
    lines = ["order 7 BTC€ filled", "nothing", "order 7 x filled\norder 8 y filled"]
    assert found([r"order 7 (?P<s>\S+)", r"order 8 (?P<s>\S+)", "never"], lines) == {
        (0, 0): {"s": "BTC€"},
        (0, 2): {"s": "x"},
        (1, 2): {"s": "y"},
    }


def test_only_the_beginning_of_a_huge_line_is_looked_at():
    """A line of a megabyte costs no more than one of some kilobytes."""
    assert found(["end"], ["x" * LONGEST + "end"]) == {}
    assert found(["end"], ["x" * (LONGEST - 3) + "end"]) == {(0, 0): {}}


def test_lone_surrogates_and_other_broken_text_are_searched():
    """What no encoding takes becomes a question mark, and the places stay right."""
    assert found(["c(?P<d>.)"], ["a\ud800b", "c1"]) == {(0, 1): {"d": "1"}}


@pytest.mark.parametrize("memory", [64 << 20, 1 << 20, 1 << 17])
def test_patterns_that_are_too_large_together_still_find_their_lines(memory):
    """In fewer at once, or each by itself: never nothing, which is what RE2 says where it has no room."""
    large = [rf"word{number} (?P<a>\w{{1,200}}) (?P<b>.{{1,300}}) end" for number in range(12)]
    lines = [f"word{number} x y end" for number in range(12)]
    wanted = {(place, place): {"a": "x", "b": "y"} for place in range(12)}
    assert found([*large, "never"], lines, memory) == wanted


def test_rules_too_large_for_any_set_are_named():
    """Whoever asks is told which rules cost more, and the others are looked for together."""
    rules = [LogRule("small", "ab"), LogRule("large", r"(?i)\pL{1,100}x"), LogRule("tiny", "c")]
    assert [rule.name for rule in RuleSet(rules, 1 << 20).alone] == ["large"]
    assert RuleSet(rules).alone == []


REJECTED = LogRule(
    "rejected",
    "",
    (RuleField("latency", unit="ms", path="order.latencyMs"), RuleField("fee", path="fee")),
    ("venue",),
    where={"event": ("order_*",), "order.side": ("buy", "sell"), "live": ("true",)},
    label_paths={"venue": "order.venue"},
)


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        ({}, True),
        ({"event": "order_"}, True),
        ({"event": "orders"}, False),
        ({"event": None}, False),
        ({"live": False}, False),
        ({"live": "true"}, True),
        ({"order": {"side": "hold"}}, False),
        ({"order": "buy"}, False),
        ({"order.side": "sell", "order": 7}, True),
    ],
)
def test_a_rule_asks_for_fields_of_a_structured_line(data, fits):
    """All of them, in objects too, each with one of its words; a key with dots is taken as it stands."""
    line = {"event": "order_rejected", "live": True, "order": {"side": "buy"}, **data}
    assert bool(matched(RuleSet([REJECTED]), said("text", **line))) is fits


def test_fields_of_a_line_become_numbers_and_labels():
    """Numbers as they are, words with a unit as any; what is no word and no number is left out."""
    order = {"side": "buy", "latencyMs": 12.5, "venue": "kraken"}
    line = {"event": "order_filled", "live": True, "order": order, "fee": [1]}
    assert matched(RuleSet([REJECTED]), said("text", **line)) == {
        (0, 0): {"latency": "12.5", "venue": "kraken"}
    }


def test_text_and_fields_are_asked_for_together():
    """Groups of the pattern and fields of the line stand in one match."""
    fields = (RuleField("ms"), RuleField("size", path="size"))
    rule = LogRule("slow", r"took (?P<ms>\d+)", fields, where={"level": ("warning", "error")})
    lines = [
        Event("1", "sma", 1.0, "log", level, text, data={"size": 7, "level": 40})
        for level, text in (("warning", "took 5"), ("info", "took 6"), ("error", "idle"))
    ]
    assert matched(RuleSet([rule]), lines) == {(0, 0): {"ms": "5", "size": "7"}}


def test_every_rule_is_found_by_its_own_field():
    """Of many rules over one field, and over several; a value that is seen again is known."""
    names = [LogRule(f"r{n}", "", where={"event": (f"e{n}",)}) for n in range(50)]
    any_level = LogRule("all", "", where={"level": ("info",)})
    like = LogRule("like", "", where={"event": ("*1*7", "e*0")})
    rules = RuleSet([*names, any_level, like])
    events = [one for n in (17, 20, 99, 17) for one in said("x", event=f"e{n}")]
    assert {(rules.rules[place].name, line) for place, line in matched(rules, events)} == {
        *(("r17", line) for line in (0, 3)),
        ("r20", 1),
        *(("all", line) for line in range(4)),
        *(("like", line) for line in (0, 1, 3)),
    }


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1,234.5", "", 1234.5),
        ("12 ms", "s", 0.012),
        ("350ms", "ms", 350.0),
        ("1.5s", "ms", 1500.0),
        ("2m", "s", 120.0),
        ("3%", "%", 3.0),
        ("25 bps", "%", 0.25),
        ("5 MiB", "bytes", 5242880.0),
        ("$4.20", "USDT", 4.2),
        ("-1.5 USDT", "USDT", -1.5),
        ("1e-3", "", 0.001),
        ("nan", "", None),
        ("inf", "", None),
        ("1e300", "", None),
        ("", "", None),
        ("abc", "", None),
        ("9" * 100, "", None),
    ],
)
def test_numbers_are_read_as_people_write_them(text, unit, value):
    """With separators, currency signs and units, which are converted; what is no measurement is no number."""
    number = number_in(text, unit)
    assert number == pytest.approx(value) if value is not None else number is None


def test_sketch_knows_quantiles_within_a_hundredth():
    """Also of negative numbers and zeros, and with a bounded number of buckets."""
    sketch = Sketch()
    values = [(-1) ** place * 1.01**place for place in range(2000)] + [0.0] * 10
    for value in values:
        sketch.add(value)
    values.sort()
    for share in (0.01, 0.05, 0.95, 0.99, 1.0):
        assert sketch.quantile(share) == pytest.approx(values[int(share * (len(values) - 1))], rel=0.03)
    assert len(sketch.above) <= MOST_BUCKETS
    assert (sketch.least, sketch.most) == (values[0], values[-1])


def test_trial_shows_what_would_be_read_and_what_would_not():
    """Matches with their numbers and labels; those without a number apart."""
    rule = LogRule("fill", r"filled (?P<s>\S+) in (?P<ms>.*)", (RuleField("ms", unit="ms"),), ("s",))
    trial = Trial([rule])
    trial.take(0, said("filled BTC in 2 s", "filled ETH in n/a", "tick"))
    (tried,) = trial.tried
    assert (tried.lines, tried.matched, tried.misses, len(tried.label_sets)) == (3, 2, 1, 2)
    assert [(one.values, one.labels) for one in tried.samples] == [({"ms": 2000.0}, {"s": "BTC"})]
    assert [one.missed for one in tried.near] == [{"ms": "n/a"}]
