"""Two revisions are held against each other by what is robust, and what could be chance is not told."""

import random

import pytest

from telemetry.comparing.compared import Comparison, Side, compare
from telemetry.comparing.numbers import numbers_of, shift, slope_per_hour, verdict
from telemetry.comparing.periods import MOST_SECONDS, Period, periods_of
from telemetry.comparing.templates import MOST_TEMPLATES, OTHERS, Lines, count_templates, template_of
from telemetry.errors.groups import ErrorGroup, RevisionSpan, Sample
from telemetry.records import Event

HOUR = 3600.0
BEFORE = Period("aaaa", ((0.0, 10 * HOUR),))
AFTER = Period("bbbb", ((10 * HOUR, 20 * HOUR),))
NO_LINES = Lines(10 * HOUR, {}, {})


def points(period: Period, value, count: int = 200) -> list[tuple[float, float]]:
    step = period.seconds / count
    return [(period.start + place * step, value(place)) for place in range(count)]


def compared(
    before=None, after=None, errors=(), lines=(NO_LINES, NO_LINES), periods=(BEFORE, AFTER)
) -> Comparison:
    sides = [
        Side(period, {(name, ()): own for name, own in (series or {}).items()}, found)
        for period, series, found in zip(periods, (before, after), lines, strict=True)
    ]
    return compare(sides[0], sides[1], errors)


def of_series(found: Comparison) -> dict[str, str]:
    return {one.name: one.verdict for one in found.series}


def test_periods_are_the_times_that_a_bot_ran():
    """Restarts leave gaps, overlapping runs count once, the newest revision comes first, a run goes on."""
    runs = [("b", 50.0, None), ("b", 30.0, 40.0), ("a", 20.0, 30.0), ("a", 0.0, 10.0), ("a", 5.0, 12.0)]
    newest, first = periods_of([*runs, ("c", None, None), ("", 1.0, 2.0)], 60.0)
    assert (newest.revision, newest.spans, newest.seconds) == ("b", ((30.0, 40.0), (50.0, 60.0)), 20.0)
    assert (first.revision, first.spans, first.longest) == ("a", ((0.0, 12.0), (20.0, 30.0)), (0.0, 12.0))
    assert first.covers(11.0)
    assert not first.covers(15.0)


def test_of_a_long_period_the_last_week_is_looked_at():
    """A bot that ran for a month is compared by its last seven days."""
    (period,) = periods_of([("a", 0.0, 1000.0), ("a", 2000.0, 30 * 86400.0)], 31 * 86400.0)
    assert (period.seconds, period.end) == (MOST_SECONDS, 30 * 86400.0)


def test_a_shift_of_the_middle_is_told_and_an_outlier_is_not():
    """Medians and ranks: one absurd value moves nothing."""
    rng = random.Random(4)
    calm = points(BEFORE, lambda _: rng.gauss(10, 1))
    spiked = [
        (at, 1e300 if place == 7 else value)
        for place, (at, value) in enumerate(points(AFTER, lambda _: rng.gauss(10, 1)))
    ]
    slower = points(AFTER, lambda _: rng.gauss(13, 1))
    found = compared({"bot_ms": calm, "bot_b": calm}, {"bot_ms": slower, "bot_b": spiked})
    assert of_series(found) == {"bot_ms": "higher", "bot_b": "same"}
    lower = compared({"bot_ms": slower_of(slower, BEFORE)}, {"bot_ms": slower_of(calm, AFTER)})
    assert of_series(lower) == {"bot_ms": "lower"}


def slower_of(own, period):
    return [(period.start + place, value) for place, (_, value) in enumerate(own)]


def test_few_points_say_nothing():
    """Neither of a difference nor of a series that is on one side alone."""
    found = compared(
        {"bot_a": points(BEFORE, lambda _: 1.0, 19), "bot_gone": points(BEFORE, float, 200)},
        {
            "bot_a": points(AFTER, lambda _: 9.0),
            "bot_b": points(AFTER, float, 3),
            "bot_c": points(AFTER, float),
        },
    )
    assert of_series(found) == {"bot_a": "few", "bot_b": "few", "bot_c": "new", "bot_gone": "gone"}


def test_points_outside_of_the_period_and_no_numbers_are_left_out():
    """A gap between runs may hold a point of another revision."""
    gapped = Period("a", ((0.0, 10.0), (20.0, 30.0)))
    numbers = numbers_of("bot_x", [(5.0, 1.0), (15.0, 99.0), (25.0, 3.0), (26.0, float("nan"))], gapped)
    assert numbers is not None
    assert (numbers.count, numbers.median, numbers.most, numbers.last) == (2, 2.0, 3.0, 3.0)
    assert numbers_of("bot_x", [(15.0, 1.0)], gapped) is None


def test_counters_are_compared_by_their_rate():
    """They begin anew at a restart; half as much again is told."""
    slow = points(BEFORE, lambda place: float(place % 100))
    fast = points(AFTER, lambda place: 2.0 * place)
    found = compared({"bot_log_fill_total": slow}, {"bot_log_fill_total": fast})
    (one,) = found.series
    assert (one.verdict, one.before.count) == ("higher", 200)
    assert one.before.per_minute == pytest.approx(198 / 600)
    assert one.after.per_minute == pytest.approx(398 / 600)


def test_shift_is_a_half_where_nothing_moved():
    """Ties count for both sides."""
    same = numbers_of("x", points(BEFORE, lambda _: 5.0), BEFORE)
    assert same is not None
    assert shift(same, same) == 0.5
    assert verdict(same, same) == "same"
    huge = numbers_of("x", points(BEFORE, lambda place: 1e308 if place % 2 else -1e308), BEFORE)
    assert verdict(huge, huge) == "same"


def test_trading_is_shown_and_never_judged():
    """What a market did is no word about a revision, and this is said."""
    found = compared(
        {"bot_equity": points(BEFORE, lambda _: 100.0)}, {"bot_equity": points(AFTER, lambda _: 900.0)}
    )
    assert [(one.section, one.verdict) for one in found.series] == [("trading", "shown")]
    assert any("no advice" in one for one in found.cautions)


def test_memory_grows_by_the_slope_of_its_middle():
    """A restart begins anew and a spike changes nothing: the longest time without a restart tells."""
    leak = [(at, 1e6 * (at - AFTER.start) / HOUR) for at, _ in points(AFTER, float)]
    leak[50] = (leak[50][0], 1e12)
    found = compared({"bot_memory_bytes": points(BEFORE, lambda _: 5e7)}, {"bot_memory_bytes": leak})
    assert found.memory_per_hour == (pytest.approx(0.0), pytest.approx(1e6, rel=0.01))
    assert slope_per_hour([(1.0, 1.0)], BEFORE) is None


def group(name: str, **counts: int) -> ErrorGroup:
    spans = tuple(RevisionSpan(revision, count, 0.0, 1.0) for revision, count in counts.items())
    where = ("sma", "sma", "1.0.0", "dry", name, name, "went wrong", "python", "main.py", 1, "main")
    return ErrorGroup(name, *where, sum(counts.values()), 0.0, 1.0, spans, (Sample("e", 1.0),))


def test_errors_are_new_gone_or_more_often_by_the_time_that_they_had():
    """Counts are held against the time; what could be chance counts as the same."""
    groups = [
        group("fresh", bbbb=1),
        group("fixed", aaaa=30),
        group("rare", aaaa=1),
        group("worse", aaaa=10, bbbb=90),
        group("better", aaaa=90, bbbb=10),
        group("chance", aaaa=2, bbbb=4),
        group("elsewhere", cccc=7),
    ]
    told = {one.id: one.verdict for one in compared(errors=groups).errors}
    assert told == {
        "fresh": "new", "worse": "more", "fixed": "gone", "better": "less", "rare": "same", "chance": "same"
    }  # fmt: skip
    short = Period("bbbb", ((10 * HOUR, 10 * HOUR + 60),))
    found = compared(errors=[group("fixed", aaaa=30)], periods=(BEFORE, short))
    assert [one.verdict for one in found.errors] == ["same"]


def test_lines_are_compared_as_templates():
    """Numbers, symbols, times and quoted texts are no difference; a new kind of line is."""
    lines = ["2026-01-01 12:00:00,000 - main - INFO - tick 17 of BTC/USDT", "INFO:main:tick 4 of ETH/USDT"]
    assert len({template_of(line) for line in lines}) == 1
    words = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(MOST_TEMPLATES + 5)]
    events = [Event(f"a/{word}", "sma", 1.0, "log", "info", f"line of {word}\nmore") for word in words]
    counts, examples = count_templates(events)
    assert (len(counts), counts[OTHERS]) == (MOST_TEMPLATES + 1, 5)
    assert examples["line of bb"] == "line of bb"
    before = Lines(HOUR, {"tick": 600, "bye": 60}, {"tick": "tick 1", "bye": "bye 1"})
    after = Lines(HOUR, {"tick": 100, "hello": 1}, {"tick": "tick 2", "hello": "hello 1"})
    found = compared(lines=(before, after))
    assert [(one.template, one.verdict, one.before, one.after) for one in found.lines] == [
        ("hello", "new", 0.0, pytest.approx(1 / 60)),
        ("bye", "gone", 1.0, 0.0),
        ("tick", "less", 10.0, pytest.approx(100 / 60)),
    ]


def test_short_and_unequal_times_are_said():
    """Twelve minutes are twelve minutes; so are lines that were not all looked at."""
    short = Period("bbbb", ((10 * HOUR, 10 * HOUR + 720),))
    found = compared(lines=(NO_LINES, Lines(60.0, {}, {}, all_read=False)), periods=(BEFORE, short))
    first, second, third = found.cautions
    assert first == "after ran for 12 min only: little can be said"
    assert "(10 h and 12 min)" in second
    assert "of the last 60 s" in third or "of the last 1 min" in third
    assert compared().cautions == ()
