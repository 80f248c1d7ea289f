"""Many bots are compared by how they lie, each counting once, and what could be chance is not told."""

import random

import pytest

from telemetry.comparing.compared import Side, compare
from telemetry.comparing.periods import Period
from telemetry.comparing.templates import Lines
from telemetry.comparing.together import (
    can_tell,
    changed_together,
    numbers_on,
    side_by_side,
    with_currency,
)
from telemetry.errors.groups import ErrorGroup, RevisionSpan

HOUR = 3600.0
BEFORE = Period("aaaa", ((0.0, 10 * HOUR),))
AFTER = Period("bbbb", ((10 * HOUR, 20 * HOUR),))


def side(period, lines=None, labels=(), **levels):
    """Return one side of a bot: series that lie around these levels, lines by template."""
    rng = random.Random(1)
    series = {
        (name, labels): [(period.start + 60.0 * place, rng.gauss(level, 0.1)) for place in range(100)]
        for name, level in levels.items()
    }
    return Side(period, series, Lines(period.seconds, lines or {}, {}))


def group(revision="bbbb", **given):
    span = RevisionSpan(revision, 3, 11 * HOUR, 12 * HOUR)
    facts = {"id": "g", "bot": "b", "program": "p", "version": "1.0.0", "mode": "dry", "fingerprint": "f"}
    facts |= {"type": "BadAnswer", "message": "order 17 unknown", "language": "python", "file": "", "line": 0}
    facts |= {"function": "", "count": 3, "first_seen": 11 * HOUR, "last_seen": 12 * HOUR, "samples": ()}
    return ErrorGroup(**{**facts, "revisions": (span,), **given})


def told(rows):
    return {row.name: row.verdict for row in rows}


def test_a_program_is_higher_where_most_of_its_bots_are():
    """Three quarters of those that can be judged; below that the bots differ, and each is counted."""
    bots = [compare(side(BEFORE, bot_ms=10, bot_x=5), side(AFTER, bot_ms=20, bot_x=5), [])] * 3
    bots.append(compare(side(BEFORE, bot_ms=10, bot_x=5), side(AFTER, bot_ms=5, bot_x=8), []))
    rows = {row.name: row for row in changed_together(bots)}
    assert (rows["bot_ms"].verdict, rows["bot_ms"].moved) == ("higher", {"higher": 3, "lower": 1})
    assert rows["bot_x"].verdict == "same"
    assert rows["bot_ms"].after.bots == 4
    assert rows["bot_ms"].after.median == pytest.approx(20, abs=0.1)
    assert told(changed_together(bots[2:]))["bot_ms"] == "mixed"


def test_errors_of_several_bots_are_one_row_and_the_worst_is_said():
    """By type and message without values; a bot that has none of it says nothing against it."""
    quiet = compare(side(BEFORE, {"tick": 90}), side(AFTER, {"tick": 90}), [])
    failing = [
        compare(side(BEFORE, {"tick": 90}), side(AFTER, {"tick": 9}), [group(message=f"order {n} unknown")])
        for n in (1, 2)
    ]
    error, line = changed_together([quiet, *failing])
    assert (error.section, error.name, error.verdict) == ("errors", "BadAnswer: order <n> unknown", "new")
    assert (error.moved, error.before, error.after.bots) == ({"new": 2}, None, 2)
    assert (line.name, line.verdict, line.moved) == ("tick", "less", {"same": 1, "less": 2})


def test_currencies_are_rows_of_their_own():
    """Also where a bot's series name none: then it is the bot's; trading is shown and never judged."""
    bots = [
        compare(*(with_currency(side(period, bot_equity=level), currency) for period in (BEFORE, AFTER)), [])
        for currency, level in (("USDT", 100), ("EUR", 5000))
    ]
    rows = changed_together(bots)
    assert {row.labels["currency"] for row in rows} == {"EUR", "USDT"}
    assert {(row.verdict, row.after.bots) for row in rows} == {("shown", 1)}
    own = with_currency(side(AFTER, labels=(("currency", "BTC"),), bot_equity=1), "USDT")
    assert list(own.series) == [("bot_equity", (("currency", "BTC"),))]


def numbered(*levels, errors=(), lines=None):
    return [numbers_on(side(AFTER, lines, bot_ms=level, bot_equity=level), errors) for level in levels]


def test_groups_differ_where_it_is_more_than_chance():
    """Ranks of the bots decide; trading is shown."""
    rows = told(side_by_side(numbered(1, 2, 3, 4), numbered(11, 12, 13, 14)))
    assert rows == {"bot_ms": "higher", "bot_equity": "shown"}
    assert told(side_by_side(numbered(1, 12, 3, 14), numbered(11, 2, 13, 4)))["bot_ms"] == "same"
    assert told(side_by_side(numbered(100, 101, 102, 103), numbered(104, 104, 104, 104)))["bot_ms"] == "same"


def test_of_few_bots_nothing_is_said():
    """Three against three could be chance whatever they do; the numbers are there."""
    (row, _) = side_by_side(numbered(1, 2, 3), numbered(11, 12, 13))
    assert (row.verdict, row.before.bots) == ("few", 3)
    assert row.after.median == pytest.approx(12, abs=0.1)
    assert [can_tell(*bots) for bots in ((3, 3), (4, 4), (0, 9), (3, 4))] == [False, True, False, True]


def test_errors_of_one_group_alone_are_told():
    """A bot that never had it counts as well; one of many bots is no difference."""
    calm, failing = numbered(1, 2, 3, 4), numbered(1, 2, 3, 4, errors=[group()])
    assert told(side_by_side(calm, failing))["BadAnswer: order <n> unknown"] == "new"
    assert told(side_by_side(failing, calm))["BadAnswer: order <n> unknown"] == "gone"
    assert told(side_by_side(calm, [*calm[1:], failing[0]]))["BadAnswer: order <n> unknown"] == "same"


def test_absurd_numbers_are_compared():
    """Numbers near the greatest there are do not overflow."""
    huge = [{("metrics", "bot_x", ()): value} for value in (1e308, -1e308, 1.7e308, 0.0)]
    (row,) = side_by_side(huge, huge)
    assert row.verdict == "same"


class Told(float):
    """A number that counts how often it is compared."""

    compared = 0

    def _count(self):
        Told.compared += 1

    def __lt__(self, other):
        self._count()
        return float(self) < float(other)

    def __gt__(self, other):
        self._count()
        return float(self) > float(other)

    def __eq__(self, other):
        self._count()
        return float(self) == float(other)

    __hash__ = float.__hash__


def test_many_kinds_of_lines_cost_little():
    """A kind that one bot alone has is chance at once; one that all have is sorted, not paired."""
    shared = [("lines", f"shared {kind}", ()) for kind in range(20)]
    groups = [
        [
            {("lines", f"{letter}{bot}-{kind}", ()): Told(1) for kind in range(50)}
            | {row: Told(bot) for row in shared}
            for bot in range(50)
        ]
        for letter in "ab"
    ]
    Told.compared = 0
    rows = side_by_side(*groups)
    assert {row.verdict for row in rows} == {"same"}
    assert len(rows) == 20 + 2 * 50 * 50
    assert Told.compared < 20 * 50 * 40


def test_verdicts_are_those_of_all_pairs():
    """Ties count by half, and a bot without a line has none of it."""
    rng = random.Random(5)
    for _ in range(300):
        groups = [[rng.choice((0, 1, 2, 9)) for _ in range(rng.randint(4, 8))] for _ in "ab"]
        pairs = [(theirs > ours) - (theirs < ours) for ours in groups[0] for theirs in groups[1]]
        chance = ((len(groups[0]) + len(groups[1]) + 1) / (12 * len(groups[0]) * len(groups[1]))) ** 0.5
        certain = abs(sum(pairs)) / (2 * len(pairs)) >= 2 * chance
        (row,) = side_by_side(*([{("lines", "x", ()): n} if n else {} for n in own] for own in groups)) or (
            None,
        )
        middles = [sorted(own)[len(own) // 2] for own in groups]
        differs = certain and (middles[0] != middles[1] or not any(middles))
        assert (row is None) == (not any(map(any, groups)))
        assert row is None or (row.verdict != "same") == differs


def test_a_rate_beyond_all_numbers_is_left_out():
    """A counter that jumps to the greatest number and back is nonsense of one bot; the others are told."""
    counter = ("bot_x_total", ())
    absurd, sound = (
        [Side(period, {counter: points(period)}, Lines(period.seconds, {}, {})) for period in (BEFORE, AFTER)]
        for points in (
            lambda period: [(period.start + 60.0 * n, 0.0 if n % 2 else 1.5e308) for n in range(50)],
            lambda period: [(period.start + 60.0 * n, float(n)) for n in range(50)],
        )
    )
    assert numbers_on(absurd[1], []) == {}
    found = [compare(*sides, []) for sides in (absurd, sound, sound)]
    (row,) = changed_together(found)
    assert (row.before.bots, row.after.bots, row.moved) == (2, 2, {"same": 2})
