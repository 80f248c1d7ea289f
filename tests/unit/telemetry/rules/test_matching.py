"""Many lines are searched at once, and each is matched as if it were alone."""

import re

import pytest

from schemas.log_rules import LogRule, RuleField
from telemetry.records import Event
from telemetry.rules.matching import LONGEST, RuleSet
from telemetry.rules.sketch import MOST_BUCKETS, Sketch
from telemetry.rules.trial import Trial
from telemetry.rules.values import number_in

PATTERNS = (r"^a", r"b$", r"[^x]+y", r"(?P<n>\d+)\s*(?P<word>\w+)?", r"(?s)c.*d", r"\s+", r"(?i)END", r"é(.)")
LINES = ("a b", "ab\n a", "", "xy zy", "c\nd", "cd", "12 ms", "  ", "the end", "né?é!", "x", "\n", "7")


def found(patterns, lines):
    rules = RuleSet([LogRule(f"r{place}", pattern) for place, pattern in enumerate(patterns)])
    return {(place, match.message): match.groups for place, matches in rules.find(lines) for match in matches}


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
    lines = ["filled BTC in 2 s", "filled ETH in n/a", "tick"]
    trial.take(0, [Event(f"a/stdout/0/{n}", "sma", 1.0, "log", "info", line) for n, line in enumerate(lines)])
    (tried,) = trial.tried
    assert (tried.lines, tried.matched, tried.misses, len(tried.label_sets)) == (3, 2, 1, 2)
    assert [(one.values, one.labels) for one in tried.samples] == [({"ms": 2000.0}, {"s": "BTC"})]
    assert [one.missed for one in tried.near] == [{"ms": "n/a"}]
