"""Rules tried over what is stored: every kind of condition, by the engine that judges live."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from schemas.risk import read_risk
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import Trial
from telemetry.alerts.watch import BotProfile
from telemetry.embedded import TelemetryDatabase
from telemetry.errors.groups import ErrorGroup
from telemetry.records import Event, Sample, Series
from telemetry.stores import SeriesQuery
from telemetry.trial_reading import Allowance, Bounds, Reader
from tests.unit.telemetry.alerts.desk import rule
from tests.unit.telemetry.alerts.tried import DAY, HOUR, NOW, Past, spans


@pytest.fixture
async def past(tmp_path: Path) -> AsyncIterator[Past]:
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    yield Past(database)
    await database.close()


async def test_threshold_begins_and_ends_when_it_would_have(past: Past) -> None:
    """Each time that the value was above its level is an alert, with its values, messages and seconds."""
    await past.values("bot_x", {3000: 1, 2000: 5, 1500: 1, 500: 7})
    tried = await past.one(rule({"metric": "bot_x", "above": 3}))
    assert spans(tried) == [(2000, 1500), (500, None)]
    assert [one.value for one in tried.episodes] == [5, 7]
    assert (tried.begun, tried.messages, tried.firing, tried.standing) == (2, 3, 1000, "firing")


async def test_what_began_before_counts_from_the_start(past: Past) -> None:
    """An alert that fires as the range begins is one of it; one that was over by then is not."""
    await past.values("bot_x", {4400: 9, 4300: 1, 4200: 9, 1000: 1})
    tried = await past.one(rule({"metric": "bot_x", "above": 3}))
    assert spans(tried) == [(3600, 1000)]
    assert (tried.begun, tried.messages) == (1, 2)


async def test_duration_holds_back_what_did_not_last(past: Past) -> None:
    """`for` is counted by the clock of the past, between values as well."""
    await past.measured(HOUR)
    held = {float(ago): 5.0 for ago in range(1000, 600, -10)}
    await past.values("bot_x", {2000: 5, 1990: 1, **held, 600: 1})
    tried = await past.one(rule({"metric": "bot_x", "above": 3}, **{"for": "2m"}))
    assert spans(tried) == [(880, 600)]


async def test_share_of_the_bots_limit(past: Past) -> None:
    """A share is taken of the limit as it was stored; without one the rule says what it lacks."""
    when = {"metric": "bot_memory_bytes", "above": "90%"}
    await past.values("bot_memory_bytes", {900: 95})
    tried = await past.one(rule(when))
    assert (tried.begun, tried.lacks) == (0, "no limit to take a share of: bot_memory_limit_bytes")
    await past.values("bot_memory_limit_bytes", {1000: 100})
    tried = await past.one(rule(when))
    assert (spans(tried), tried.lacks) == ([(900, None)], "")


async def test_change_is_of_what_was_before_the_range(past: Past) -> None:
    """A fall within a week is seen on the first value of the last hour."""
    await past.values("bot_x", {5 * DAY: 100, 600: 40})
    tried = await past.one(rule({"metric": "bot_x", "falls": "50%", "over": "7d"}))
    assert tried.episodes[0].text == "bot_x fell by 60% within 7 d, from 100 to 40"


async def test_anomaly_of_its_own_past_and_of_siblings(past: Past) -> None:
    """What is unusual for a bot, and among the bots of its program."""
    await past.values("bot_x", {60.0 * minute: 90 + minute % 3 for minute in range(1, 60)})
    await past.values("bot_x", {30: 1000})
    tried = await past.one(rule({"metric": "bot_x", "anomaly": 6, "over": "1h"}))
    assert spans(tried) == [(30, None)]
    odd = rule({"metric": "bot_cpu_percent", "anomaly": 6, "against": "siblings"})
    setups = [Setup(BotProfile(f"b{number}", "trend", "", "prod", "live"), (odd,)) for number in range(6)]
    for number in range(6):
        value = 90.0 if number == 3 else 10.0 + number
        await past.values("bot_cpu_percent", {float(ago): value for ago in range(0, 600, 10)}, f"b{number}")
    found = await past.run(*setups)
    assert {one.bot for one in found.tried if one.begun} == {"b3"}


@pytest.mark.parametrize(
    ("when", "series", "values"),
    [
        ({"figure": "drawdown", "above": "10%"}, "bot_trading_drawdown", {900: -0.05, 500: -0.15}),
        ({"figure": "sharpe", "falls": "50%", "over": "7d"}, "bot_trading_sharpe", {DAY: 2.0, 500: 0.5}),
        ({"figure": "daily_loss", "above": 100}, "bot_trading_change_today", {900: 50, 500: -150}),
    ],
)
async def test_figures_are_those_that_were_kept(past: Past, when, series, values) -> None:
    """Drawdown, losses and ratios are judged as the trading of that time came to."""
    await past.values(series, values, account="main", currency="USDT")
    tried = await past.one(rule({**when, "currency": "USDT"}))
    assert spans(tried) == [(500, None)]
    other = await past.one(rule({**when, "currency": "EUR"}))
    assert (other.begun, other.lacks) == (0, f"no value of {when['figure']}")


async def test_share_of_a_risk_limit(past: Past) -> None:
    """A share of a daily loss that is itself a share is of the equity that the day began with."""
    labels = {"account": "main", "currency": "USDT"}
    await past.values("bot_trading_change_today", {600: -30.0, 300: -45.0}, **labels)
    await past.values("bot_trading_equity", {600: 970.0, 300: 955.0}, **labels)
    tried = await past.one(
        rule({"figure": "daily_loss", "above": "80%"}), risk=read_risk({"daily_loss": "5%"})
    )
    assert spans(tried) == [(300, None)]


async def test_events_are_counted_and_read(past: Past) -> None:
    """Events of a kind with their fields, and lines by level and pattern, within their time."""
    await past.lines(3000, 1000, 990, 980, kind="order", status="rejected")
    await past.lines(970, 400, kind="order", status="filled")
    rejected = {"event": "order", "fields": {"status": "rejected"}, "count": 3, "within": "1m"}
    tried = await past.one(rule(rejected))
    assert (spans(tried), tried.seen) == ([(980, 940)], 4)
    await past.lines(200, message="insufficient margin", level="error")
    await past.lines(100, message="insufficient margin", level="info")
    tried = await past.one(rule({"level": "error", "text": "insufficient (balance|margin)"}))
    assert spans(tried) == [(200, 140)]


async def test_silence_counts_while_the_bot_was_measured(past: Past) -> None:
    """No line for five minutes of a bot that lives; of one that was down nothing is said, only that."""
    await past.measured(2000, 500)
    await past.lines(1900, 1700, 1200)
    tried = await past.one(rule({"no_data": "5m"}))
    assert spans(tried) == [(1400, 1200), (900, None)]
    await past.values("bot_y", {1900: 1, 700: 1})
    tried = await past.one(rule({"no_data": "10m", "metric": "bot_y"}))
    assert spans(tried) == [(1300, 700)]
    other = await past.run(Setup(BotProfile("other"), (rule({"no_data": "5m"}),)))
    assert (other.tried[0].begun, other.tried[0].lacks) == (
        0,
        "the bot was not measured: its silence means nothing",
    )


async def test_errors_that_were_new(past: Past) -> None:
    """An error group fires when it was first seen, for as long as the rule says."""
    past.groups = [_group(1000.0)]
    tried = await past.one(rule({"error": "new", "within": "5m"}))
    assert spans(tried) == [(1000, 700)]
    assert tried.episodes[0].text == "new error: ValueError: no price"


async def test_verdicts_cannot_be_tried_and_say_so(past: Past) -> None:
    """A part that is not kept is told of; the rest of the rule is tried."""
    await past.values("bot_x", {900: 5})
    either = rule({"any": [{"verdict": "hung"}, {"metric": "bot_x", "above": 3}]})
    tried = await past.one(either)
    assert (tried.begun, tried.lacks) == (1, "verdicts (hung) are not kept: this cannot be tried")


async def test_mutes_and_market_hours(past: Past) -> None:
    """Nobody would be told within a mute; a closed market has no alerts, and unknown hours are said."""
    await past.values("bot_x", {1000: 5, 500: 1})
    muted = rule({"metric": "bot_x", "above": 3}, mutes=[{"schedule": "* * * * *", "duration": "5m"}])
    tried = await past.one(muted)
    assert (tried.begun, tried.messages, tried.episodes[0].muted) == (1, 0, True)
    market = Setup(BotProfile("sma"), (rule({"metric": "bot_x", "above": 3}, calendar="XNYS"),))
    unknown = await past.run(market)
    assert unknown.tried[0].begun == 1
    assert unknown.notes == ["the hours of XNYS are not known yet, and it counts as open: try again soon"]
    past.open = [(NOW - DAY, NOW - 2 * HOUR)]
    closed = await past.run(market)
    assert (closed.tried[0].begun, closed.notes) == (0, [])


async def test_trial_that_takes_too_long_says_what_was_not_tried(past: Past) -> None:
    """What was reached is told, and that there is more."""
    past.bounds = Bounds(seconds=0.0)
    found = await past.run(Setup(BotProfile("sma"), (rule({"metric": "bot_x", "above": 3}),)))
    assert not found.complete
    assert found.notes == [
        "after 0 s 0 of 1 bots were tried: name fewer by --bot, or less time",
    ]


async def test_long_ranges_are_tried_on_steps(past: Past) -> None:
    """A week is tried on values a minute apart, across pieces, each alert once."""
    await past.values("bot_x", {float(ago): 1.0 for ago in range(600, int(6 * DAY), 600)})
    await past.values("bot_x", {3 * DAY - 300: 9.0, 120.0: 9.0})
    found = await past.run(Setup(BotProfile("sma"), (rule({"metric": "bot_x", "above": 3}),)), span=7 * DAY)
    assert found.step == 60
    assert [round(ago / 60) for ago, _ in spans(found.tried[0])] == [3 * 24 * 60 - 5, 2]


class Clock:
    """A clock that goes on by a second whenever something is asked of the store that it stands in for."""

    def __init__(self) -> None:
        self.now = 0.0

    async def query(self, query: SeriesQuery) -> list[Series]:
        self.now += 1
        points = [(query.start + 10 * number, 10.0) for number in range(10)]
        return [Series({"bot": query.bot or "", "__name__": query.metric}, points)]


def siblings(count: int) -> list[Setup]:
    odd = rule({"metric": "bot_cpu_percent", "anomaly": 6, "against": "siblings"})
    return [
        Setup(BotProfile(f"b{number:02}", "trend", "", "prod", "live"), (odd,)) for number in range(count)
    ]


async def test_time_is_over_within_a_group_and_within_a_piece(past: Past) -> None:
    """Fifty bots that are compared with each other are read as far as the time allows, and that is said."""
    clock = Clock()
    past.series = clock  # type: ignore[assignment]
    past.bounds = Bounds(seconds=70.0, clock=lambda: clock.now)
    found = await past.run(*siblings(50), span=DAY)
    assert (clock.now, found.complete) == (70, False)
    assert found.notes[0].endswith("alone: 70 s were over")


def test_trial_stops_playing_once_time_is_over() -> None:
    """Neither what is played nor the time in between goes on; what was found by then stays."""
    over = [False]
    trial = Trial(siblings(2), NOW, NOW, told=1, over=lambda: over[0])
    labels = {"bot": "b00"}
    values = [Sample("bot_cpu_percent", labels, NOW + number, number) for number in range(2000)]

    def until_half() -> Iterator[Sample]:
        for number, value in enumerate(values):
            over[0] = number >= 1000
            yield value

    assert trial.take(until_half()) is False
    assert NOW + 900 <= trial.now <= NOW + 1001
    before = trial.now
    trial.end(NOW + DAY)
    assert trial.now == before


async def test_so_much_is_held_at_once_and_nothing_is_lost_by_it(past: Past) -> None:
    """What does not fit is read in smaller pieces: the same alerts come of it."""
    await past.lines(*(float(ago) for ago in range(3600, 0, -6)), message="x" * 1000)
    await past.lines(1000.5, message="insufficient margin")
    text = rule({"text": "insufficient (balance|margin)"})
    past.bounds = Bounds(held=200)
    tried = await past.one(text)
    assert spans(tried) == [(1000.5, 940.5)]
    bot = [Setup(BotProfile("sma", "trend", "main", "prod", "live"), (text,))]
    watches = list(Trial(bot, NOW, NOW).engine.watches.values())
    reader = Reader(past.series, past.events, no_errors, 0.0, 200)
    piece = await reader.piece(watches, NOW - 3600, NOW, Allowance(past.bounds))
    assert (piece.full, piece.whole) == (True, False)
    assert sum(len(part) for part in piece.parts) <= 200


async def test_little_is_held_at_once_and_nothing_is_missed_by_that(past: Past) -> None:
    """Where much happened less time is read at a time; what is too much within a minute ends the trial."""
    past.bounds = Bounds(held=20)
    await past.values("bot_x", {float(ago): 5.0 if ago % 600 == 0 else 1.0 for ago in range(60, 3600, 60)})
    await past.lines(*[float(ago) for ago in range(1800, 900, -5)], message="oh no", code=7)
    said = rule({"event": "log", "text": "oh no", "count": 3, "within": "1m"}, "said")
    coded = rule({"event": "log", "fields": {"code": 7}, "count": 3, "within": "1m"}, "coded")
    setup = Setup(BotProfile("sma"), (rule({"metric": "bot_x", "above": 3}), said, coded))
    found = await past.run(setup)
    assert found.complete, found.notes
    assert [one.begun for one in found.tried] == [5, 1, 1]
    await past.lines(*[600.0 + part / 100 for part in range(40)])
    crowded = await past.run(setup)
    assert not crowded.complete
    assert crowded.notes[0].endswith("more happened then than is tried at once: name fewer by --bot")
    assert [one.begun for one in crowded.tried] == [4, 1, 1]


async def test_lines_are_held_without_what_no_rule_asks_for(past: Past) -> None:
    """Neither the words of a line nor its fields, where rules count kinds alone."""
    await past.lines(100, kind="order", message="x" * 9000, status="rejected", note="y" * 9000)
    counts = rule({"event": "order", "fields": {"status": "rejected"}, "count": 1, "within": "1m"})
    watches = list(Trial([Setup(BotProfile("sma"), (counts,))], NOW, NOW).engine.watches.values())
    reader = Reader(past.series, past.events, no_errors, 0.0, 200)
    piece = await reader.piece(watches, NOW - 3600, NOW, Allowance(past.bounds))
    [event] = [one for part in piece.parts for one in part]
    assert isinstance(event, Event)
    assert (event.message, event.data) == ("", {"status": "rejected"})


async def test_answer_has_a_bound_whatever_fires(past: Past) -> None:
    """So many alerts of all rules are told one by one, the rest counted; so many rules are tried."""
    values = {ago * 10.0: float(ago % 2) for ago in range(1, 300)}
    rules = tuple(rule({"metric": "bot_x", "above": 0.5}, f"r{number}") for number in range(4))
    for bot in ("a", "b", "c"):
        await past.values("bot_x", values, bot)
    past.bounds = Bounds(told=24, rules=8)
    found = await past.run(*(Setup(BotProfile(bot), rules) for bot in ("a", "b", "c")))
    assert {len(one.episodes) for one in found.tried} == {3}
    assert {one.begun for one in found.tried} == {150}
    assert (found.bots, found.complete) == (2, False)
    assert found.notes == ["2 of 3 bots are tried at once: name others by --bot"]


async def no_errors(_bot: str) -> list[ErrorGroup]:
    return []


async def test_long_ranges_invent_no_silence(past: Past) -> None:
    """A series whose silence counts is read finely enough, whatever the range is tried on."""
    await past.measured(4000)
    await past.values("bot_w", {30.0 * number: 1.0 for number in range(3, 120)})
    short = rule({"metric": "bot_w", "no_data": "50s"})
    for span in (4 * DAY, 15 * HOUR):
        tried = await past.one(short, span=span)
        assert [began for began, _ in spans(tried) if began < 3500] == [40.0]


def _group(ago: float) -> ErrorGroup:
    at = NOW - ago
    facts = ("e1", "sma", "trend", "1.0.0", "live", "f1", "ValueError", "no price", "python", "", 0, "")
    return ErrorGroup(*facts, 1, at, at, (), ())
