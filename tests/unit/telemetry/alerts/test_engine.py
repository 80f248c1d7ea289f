"""What makes an alert fire, hold, recover; and what never does."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.alerts.watch import BotProfile
from tests.unit.telemetry.alerts.desk import NOW, PROFILE, Judge, rule

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
    assert judge.moves == [("firing", "bot_memory_bytes is 95, above 90% (90)")]
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
    judge.wait(60)
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
