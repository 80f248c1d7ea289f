"""What makes an alert fire, hold, recover; and what never does."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.risk import read_risk
from telemetry.alerts.states import AlertState, State
from telemetry.alerts.values import Slot
from telemetry.alerts.watch import BotProfile
from tests.unit.telemetry.alerts.desk import NOW, PROFILE, Judge, rule

STOPPED = dataclasses.replace(PROFILE, running=False)
MEMORY = {"metric": "bot_memory_bytes", "above": "90%", "clear": "80%"}


def test_threshold_fires_at_once_and_recovers():
    """A value above its level fires, with the numbers in words; back below it, the alert is over."""
    judge = Judge(rule({"metric": "bot_price", "above": 100}))
    judge.value("bot_price", 99, symbol="BTC")
    judge.value("bot_price", 101, symbol="BTC")
    judge.value("bot_price", 102, symbol="BTC")
    judge.value("bot_price", 50, symbol="BTC")
    assert judge.moves == [
        ("firing", "bot_price (symbol BTC) is 101, above 100"),
        ("ok", "bot_price (symbol BTC) is 50"),
    ]
    assert judge.told[0].state.samples[-1] == (NOW, 101)


def test_below_and_labels_choose_the_series():
    """Only the series with the labels that the condition names is compared."""
    judge = Judge(rule({"metric": "bot_price", "labels": {"symbol": "ETH"}, "below": 10}))
    judge.value("bot_price", 5, symbol="BTC")
    assert judge.state == "ok"
    judge.value("bot_price", 5, symbol="ETH")
    assert judge.state == "firing"


def test_percent_is_of_the_bots_own_limit_and_holds_until_clear():
    """90% of the bot's memory limit fires; it goes on until memory is below the clearing level."""
    judge = Judge(rule(MEMORY))
    judge.value("bot_memory_bytes", 95)
    assert judge.state == "ok"  # it has no limit that is known
    judge.value("bot_memory_limit_bytes", 100)
    assert judge.moves == [("firing", "bot_memory_bytes is 95 B, above 90% (90 B)")]
    judge.value("bot_memory_bytes", 85)
    assert judge.state == "firing"
    judge.value("bot_memory_bytes", 79)
    assert judge.state == "ok"
    judge.value("bot_memory_bytes", 85)
    assert judge.state == "ok"


def test_limit_that_is_raised_ends_what_was_above_the_old_one():
    """A bot that gets more memory is judged by its new limit, though its use is the same."""
    judge = Judge(rule({"metric": "bot_memory_bytes", "above": "90%"}))
    judge.value("bot_memory_limit_bytes", 100)
    judge.value("bot_memory_bytes", 95)
    judge.value("bot_memory_limit_bytes", 200)
    assert [state for state, _ in judge.moves] == ["firing", "ok"]


def test_for_holds_an_alert_back_until_it_has_lasted():
    """What is over before its time is never told; what lasts fires by the clock alone."""
    judge = Judge(rule({"metric": "bot_x", "above": 1}, **{"for": "1m", "recover_for": "30s"}))
    judge.value("bot_x", 2)
    judge.wait(59)
    judge.value("bot_x", 0)
    judge.wait(60)
    assert [state for state, _ in judge.moves] == ["pending", "ok"]
    judge.value("bot_x", 2)
    judge.wait(40)
    judge.value("bot_x", 2)
    judge.wait(20)
    assert judge.state == "firing"
    judge.value("bot_x", 0)
    judge.wait(29)
    judge.value("bot_x", 2)
    judge.wait(29)
    assert judge.state == "firing"
    judge.value("bot_x", 0)
    judge.wait(31)
    assert judge.state == "ok"


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf])
def test_garbage_moves_nothing(garbage):
    """A value that is no number neither fires nor ends an alert."""
    judge = Judge(rule({"metric": "bot_x", "above": 1}), rule({"metric": "bot_x", "below": -1}, "two"))
    judge.value("bot_x", garbage)
    judge.value("bot_x", 0)
    judge.value("bot_x", garbage)
    assert judge.moves == []
    judge.value("bot_x", 2)
    judge.value("bot_x", garbage)
    assert judge.states() == ["firing", "ok"]


def test_old_lines_are_not_judged():
    """A value that comes late, or before a newer one, says how things were and not how they are."""
    judge = Judge(rule({"metric": "bot_x", "above": 1}))
    judge.value("bot_x", 5, at=NOW - 301)
    judge.value("bot_x", 0, at=NOW)
    judge.value("bot_x", 5, at=NOW - 1)
    assert judge.moves == []


def test_value_that_vanished_fires_no_more():
    """A series that has had no sample for an hour keeps no alert alive."""
    judge = Judge(rule({"metric": "bot_x", "above": 1}))
    judge.value("bot_x", 2)
    judge.wait(3700, step=30)
    assert judge.moves[-1] == ("ok", "bot_x has had no value for an hour")


def test_silence_fires_and_ends_with_the_next_line():
    """No line for the time of the rule fires by the clock; the next line ends it at once."""
    judge = Judge(rule({"no_data": "5m"}))
    judge.wait(299)
    judge.event()
    judge.wait(299)
    assert judge.moves == []
    judge.wait(2)
    assert judge.moves == [("firing", "no line for 5 min")]
    judge.event()
    assert judge.state == "ok"


def test_silence_of_a_kind_or_a_metric():
    """Other lines do not end the silence of one kind, nor other metrics that of one."""
    judge = Judge(
        rule({"no_data": "1m", "event": "heartbeat"}), rule({"no_data": "1m", "metric": "bot_x"}, "two")
    )
    for _ in range(7):
        judge.event()
        judge.value("bot_y", 1)
        judge.wait(10)
    assert judge.states() == ["firing", "firing"]
    judge.event("heartbeat")
    judge.value("bot_x", 1)
    assert judge.states() == ["ok", "ok"]


def test_bot_that_is_not_meant_to_run_is_not_silent():
    """A suspended bot prints nothing, and that is well; once it is resumed its silence counts anew."""
    judge = Judge(rule({"no_data": "1m"}))
    rules = judge.engine.watches["sma"].rules
    stopped = BotProfile("sma", "trend", "main", "prod", "live", {"team": "core"}, running=False)
    judge.engine.set_bot(stopped, rules, judge.now)
    judge.wait(600, step=10)
    assert judge.moves == []
    judge.engine.set_bot(PROFILE, rules, judge.now)
    judge.wait(59)
    assert judge.moves == []
    judge.wait(2)
    assert judge.state == "firing"


def test_change_within_a_time():
    """A fall by half within the time fires; a slow one over several such times does not."""
    judge = Judge(rule({"metric": "bot_x", "falls": "50%", "over": "10m"}))
    for value in (100, 95, 90, 60):
        judge.value("bot_x", value)
        judge.wait(60)
    assert judge.state == "ok"
    judge.value("bot_x", 49)
    assert judge.moves == [("firing", "bot_x fell by 51% within 10 min, from 100 to 49")]
    judge.wait(900)
    assert judge.state == "ok"


def test_anomaly_against_its_own_past():
    """A value far from what it was is unusual; before there is enough past nothing is."""
    judge = Judge(rule({"metric": "bot_x", "anomaly": 6, "over": "1h"}))
    judge.value("bot_x", 1e6)
    for number in range(40):
        judge.wait(60)
        judge.value("bot_x", 100 + number % 5)
    assert judge.state == "ok"
    judge.wait(60)
    judge.value("bot_x", 200)
    assert judge.state == "firing"


def test_anomaly_against_siblings():
    """A bot is compared with the others of its program, environment and mode."""
    unusual = rule({"metric": "bot_cpu_percent", "anomaly": 6, "against": "siblings"})
    judge = Judge(unusual)
    for number in range(6):
        judge.engine.set_bot(BotProfile(f"b{number}", "trend", "", "prod", "live"), [unusual], NOW)
        judge.value("bot_cpu_percent", 10 + number, bot=f"b{number}")
    judge.engine.set_bot(BotProfile("other", "grid", "", "prod", "live"), [unusual], NOW)
    judge.value("bot_cpu_percent", 90, bot="other")
    judge.wait(20)
    judge.value("bot_cpu_percent", 90)
    assert (judge.state, judge.states("other")) == ("firing", ["ok"])


def test_events_are_counted_within_their_time():
    """So many rejected orders within a minute fire; they are forgotten after it."""
    when = {"event": "order", "fields": {"status": "rejected"}, "count": 3, "within": "1m"}
    judge = Judge(rule(when))
    for status in ("rejected", "filled", "rejected", "filled"):
        judge.event("order", status=status)
        judge.wait(10)
    assert judge.state == "ok"
    judge.event("order", status="rejected")
    assert judge.moves == [("firing", "order (status rejected) 3 times within 1 min")]
    judge.wait(61)
    assert judge.state == "ok"


def test_lines_are_matched_by_level_and_pattern():
    """A pattern is matched in linear time against the message of lines that are severe enough."""
    judge = Judge(rule({"level": "error", "text": "insufficient (balance|margin)"}))
    judge.event(message="insufficient balance", level="info")
    judge.event(message="timeout", level="error")
    assert judge.state == "ok"
    judge.event(message="insufficient margin", level="critical")
    assert judge.state == "firing"


def test_many_patterns_are_looked_for_as_each_by_itself():
    """Of many rules about text those fire whose pattern the line holds: beginning, end, breaks."""
    patterns = ["^begins", "ends$", "two\\nlines", "(?i)LOUD", "a.b", "never"]
    judge = Judge(*(rule({"text": text}, f"rule-{place}") for place, text in enumerate(patterns)))
    judge.event(message="begins, aXb, two\nlines, loud, ends")
    assert judge.states() == ["firing"] * 5 + ["ok"]
    alone = Judge(*(rule({"text": text}, f"rule-{place}") for place, text in enumerate(patterns)))
    alone.event(message="it begins and ends so")
    alone.event(message="x" * 5000 + "never")
    assert alone.states() == ["ok"] * 6


def test_all_any_not():
    """Conditions are joined; what is not known never fires, not even by its opposite."""
    high, low = {"metric": "bot_x", "above": 1}, {"metric": "bot_y", "above": 1}
    judge = Judge(
        rule({"all": [high, {"not": low}]}), rule({"any": [high, low]}, "two"), rule({"not": low}, "three")
    )
    assert judge.states() == ["ok", "ok", "ok"]
    judge.value("bot_x", 2)
    assert judge.states() == ["ok", "firing", "ok"]
    judge.value("bot_y", 0)
    assert judge.states() == ["firing", "firing", "firing"]
    judge.value("bot_y", 2)
    assert judge.states() == ["ok", "firing", "ok"]


def test_closed_market_ends_and_prevents_alerts():
    """A rule with a calendar is judged in the hours of its market alone."""
    judge = Judge(rule({"metric": "bot_x", "above": 1}, calendar="XNYS"))
    judge.open = False
    judge.value("bot_x", 2)
    assert judge.state == "ok"
    judge.open = True
    judge.wait(61)
    assert judge.state == "firing"
    judge.open = False
    judge.wait(61)
    assert judge.moves[-1] == ("ok", "the market XNYS is closed")


def test_new_errors_fire_and_are_over_after_their_time():
    """An error group that is new fires once, for as long as the rule says."""
    judge = Judge(rule({"error": "new", "within": "5m"}), rule({"error": "regressed"}, "two"))
    judge.engine.error("sma", "g1", judge.now, "new", "KeyError: x", judge.now)
    assert judge.moves == [("firing", "new error: KeyError: x")]
    judge.wait(301)
    assert judge.states() == ["ok", "ok"]
    judge.engine.error("sma", "g2", NOW - 4000, "new", "an old one, told of again", judge.now)
    assert judge.states() == ["ok", "ok"]


def test_verdict_fires_for_as_long_as_it_holds():
    """A bot that is judged as one of the rule's words fires with what was said of it."""
    judge = Judge(rule({"verdict": ["stream_lost", "not_trading"]}))
    judge.engine.verdicts("sma", {"well": ""}, judge.now)
    judge.engine.verdicts("sma", {"crashed": "", "stream_lost": "no market data for 40 s"}, judge.now)
    judge.engine.verdicts("sma", {"well": ""}, judge.now)
    assert judge.moves == [("firing", "no market data for 40 s"), ("ok", "well")]


def test_rules_that_change_keep_what_goes_on():
    """A rule that stays keeps firing when a manifest changes; one that goes is told as over."""
    stays, goes = rule({"metric": "bot_x", "above": 1}), rule({"metric": "bot_x", "above": 2}, "two")
    judge = Judge(stays, goes)
    judge.value("bot_x", 5)
    judge.engine.set_bot(PROFILE, [stays], judge.now)
    assert judge.states() == ["firing"]
    assert [(one.rule.name, one.state.text) for one in judge.told[2:]] == [("two", "the rule is gone")]
    judge.value("bot_x", 0)
    assert judge.states() == ["ok"]


def test_bot_that_is_gone_ends_its_alerts():
    """Nothing fires of a bot that was removed."""
    judge = Judge(rule({"metric": "bot_x", "above": 1}))
    judge.value("bot_x", 5)
    judge.engine.forget("sma", judge.now)
    judge.value("bot_x", 9)
    assert judge.moves[-1] == ("ok", "the bot is gone")
    assert len(judge.told) == 2


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60), st.floats(-1e6, 1e6))
def test_quiet_range_never_changes_what_is_judged(values, level):
    """However a series moves, an alert fires exactly where its last number is above the level."""
    judge = Judge(
        rule({"metric": "bot_x", "above": level}), rule({"metric": "bot_x", "below": level - 1}, "two")
    )
    last = None
    for value in values:
        judge.value("bot_x", value)
        last = value if math.isfinite(value) else last
        if last is not None:
            assert judge.states() == [
                "firing" if last > level else "ok",
                "firing" if last < level - 1 else "ok",
            ]


def test_one_old_sample_does_not_last():
    """What was true once, of a bot that says nothing more, fires not by the clock; the next sample tells."""
    lasts = rule({"metric": "bot_x", "above": 90}, **{"for": "2m"})
    judge = Judge(lasts)
    judge.value("bot_x", 95)
    judge.wait(600)
    assert judge.state == "pending"
    judge.value("bot_x", 96)
    assert judge.state == "firing"


def test_what_was_pending_begins_anew_after_a_restart_a_stop_and_silence_of_ours():
    """Time in which nobody looked is none in which a value lasted."""
    lasts = rule({"metric": "bot_x", "above": 90}, **{"for": "2m"})
    judge = Judge()
    known = {"one": AlertState(State.PENDING, NOW - 3600)}
    judge.engine.forget("sma", NOW)
    judge.engine.set_bot(PROFILE, [lasts], NOW, known)
    judge.value("bot_x", 95)
    assert judge.state == "pending"
    judge.wait(100)
    judge.engine.set_bot(STOPPED, [lasts], judge.now)
    judge.wait(300, heard=False)
    judge.engine.set_bot(PROFILE, [lasts], judge.now)
    judge.value("bot_x", 95)
    judge.wait(100)
    assert judge.state == "pending"
    judge.wait(100, heard=False)
    judge.wait(1)
    judge.value("bot_x", 95)
    assert judge.state == "pending"


@pytest.mark.parametrize(
    "when",
    [
        {"metric": "bot_memory_bytes", "above": "90%"},
        {"metric": "bot_x", "rises": "50%", "over": "1m"},
        {"all": [{"metric": "bot_x", "above": 1}, {"metric": "bot_y", "above": 1}]},
    ],
)
def test_what_is_not_known_any_more_is_looked_at_now_and_then(when):
    """A rule that waits, of which nothing can be told, is over after its time and never judged in a loop."""
    judge = Judge(rule(when, **{"for": "2m"}))
    for name in ("bot_memory_limit_bytes", "bot_memory_bytes", "bot_x", "bot_y"):
        judge.value(name, 2)
    judge.now += 5
    for name in ("bot_memory_bytes", "bot_x", "bot_y"):
        judge.value(name, 20)
    assert judge.state == "pending"
    watch = judge.engine.watches["sma"]
    watch.slots = {name: Slot() for name in watch.slots}
    before = judge.engine.judged
    judge.wait(7200, heard=False)
    assert judge.state == "ok"
    assert judge.engine.judged - before < 2000


def test_silence_that_is_ours_is_none_of_the_bots():
    """Neither a clock that is set, nor an agent that is away, nor a bot that is down makes a bot silent."""
    judge = Judge(rule({"no_data": "5m"}, action="suspend"))
    judge.wait(60)
    judge.now += 3600
    judge.engine.clock_set(3600, judge.now)
    judge.wait(200)
    judge.wait(3600, step=10, heard=False)
    judge.wait(290)
    judge.event("log", stream="launcher")
    judge.wait(290)
    assert judge.moves == []
    judge.wait(20)
    assert judge.state == "firing"


def test_measurement_that_is_told_again_counts_once():
    """A batch that comes again and again, since a store takes nothing, makes no bot silent."""
    judge = Judge(rule({"no_data": "1m"}))
    measured = judge.now
    for _ in range(200):
        judge.now += 1
        judge.engine.heard("sma", measured, judge.now)
    assert judge.state == "ok"


@pytest.mark.parametrize("by", [3600.0, -3600.0])
def test_durations_go_on_when_the_clock_is_set(by):
    """What has to last, and what is counted within a time, does so whatever is done to the clock."""
    rejected = {"event": "order", "count": 3, "within": "1m"}
    judge = Judge(rule({"metric": "bot_x", "above": 1}, **{"for": "2m"}), rule(rejected, "two"))
    judge.value("bot_x", 2)
    judge.event("order")
    judge.wait(50)
    judge.event("order")
    judge.now += by
    judge.engine.clock_set(by, judge.now)
    judge.value("bot_x", 2)
    judge.wait(15)
    judge.event("order")
    assert judge.states() == ["pending", "ok"]
    judge.wait(50)
    judge.value("bot_x", 2)
    assert judge.states() == ["pending", "ok"]
    judge.wait(6)
    assert judge.states() == ["firing", "ok"]


def test_restart_ends_no_alert_whose_past_it_forgot():
    """What was counted, or compared with the past, fires on until its time has gone by in this life."""
    rules = [
        rule({"event": "order", "count": 5, "within": "1h"}, "counted"),
        rule({"metric": "bot_x", "falls": "50%", "over": "1h"}, "fell"),
        rule({"error": "new", "within": "1h"}, "new"),
    ]
    judge = Judge()
    judge.engine.forget("sma", NOW)
    firing = AlertState(State.FIRING, NOW - 10, "x")
    judge.engine.set_bot(PROFILE, rules, NOW, dict.fromkeys(("counted", "fell", "new"), firing))
    judge.value("bot_x", 1)
    judge.wait(3500, step=10)
    assert judge.states() == ["firing"] * 3
    judge.value("bot_x", 1)
    judge.wait(200, step=10)
    assert judge.states() == ["ok"] * 3


@pytest.mark.parametrize("figure", [True, False])
def test_bot_that_is_resumed_is_not_stopped_by_what_stopped_it(figure):
    """Hours later its first line says the same: the alert goes on firing, and acts no second time."""
    when = {"figure": "drawdown", "above": "10%"} if figure else {"metric": "bot_x", "above": 0.1}
    judge = Judge(rule(when, action="suspend"))

    def say(value: float) -> None:
        if figure:
            judge.engine.figures("sma", [({"currency": "USDT"}, {"drawdown": value})], judge.now)
        else:
            judge.value("bot_x", value)

    say(0.12)
    rules = judge.engine.watches["sma"].rules
    judge.engine.set_bot(STOPPED, rules, judge.now)
    judge.wait(9000, step=30, heard=False)
    judge.engine.set_bot(PROFILE, rules, judge.now)
    judge.wait(120, step=5)
    say(0.12)
    assert [state for state, _ in judge.moves] == ["firing"]
    say(0.01)
    assert judge.state == "ok"


def test_dry_figures_are_not_held_against_the_live_bot():
    """From dry to live, or to another account, figures begin anew; what fired of the old ones is over."""
    always = rule({"figure": "drawdown", "above": "10%"}, action="suspend")
    live = rule({"figure": "drawdown", "above": "10%"}, "two", modes=["live"], action="kill")
    memory = rule({"metric": "bot_memory_bytes", "above": 10}, "memory")
    judge = Judge(always, memory, profile=dataclasses.replace(PROFILE, mode="dry"))
    judge.engine.figures("sma", [({"account": "paper"}, {"drawdown": 0.2})], judge.now)
    judge.value("bot_memory_bytes", 20)
    judge.engine.set_bot(PROFILE, [always, live, memory], judge.now)
    judge.engine.figures("sma", [({"account": "main"}, {"drawdown": 0.0})], judge.now)
    assert judge.states() == ["ok", "ok", "firing"]
    assert judge.moves[2:] == [("ok", "it trades in another mode or account")]
    judge.engine.figures("sma", [({"account": "main"}, {"drawdown": 0.2})], judge.now)
    assert judge.states() == ["firing", "firing", "firing"]


def test_percent_of_a_risk_limit_is_of_its_currency_and_of_its_share():
    """80% of 500 USDT is not 400 yen, of 5% it is 4% of the equity that the day began with."""
    near = rule({"figure": "daily_loss", "above": "80%"})
    amount = dataclasses.replace(PROFILE, risk=read_risk({"daily_loss": "500 USDT"}))
    judge = Judge(near, profile=amount)
    yen = ({"currency": "JPY"}, {"daily_loss": 600.0})
    judge.engine.figures("sma", [yen, ({"currency": "USDT"}, {"daily_loss": 4.0})], judge.now)
    assert judge.state == "ok"
    judge.engine.figures("sma", [yen, ({"currency": "USDT"}, {"daily_loss": 401.0})], judge.now)
    assert judge.state == "firing"
    judge = Judge(near, profile=dataclasses.replace(PROFILE, risk=read_risk({"daily_loss": "5%"})))
    for loss, state in ((390.0, "ok"), (410.0, "firing")):
        found = ({"currency": "USDT"}, {"daily_loss": loss, "day_equity": 10_000.0})
        judge.engine.figures("sma", [yen, found], judge.now)
        assert judge.state == state
