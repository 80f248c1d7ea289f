"""What silence, troubles and standing come to, second by second."""

import random

import pytest

from telemetry.liveness.standing import Life
from telemetry.liveness.verdict import Verdict
from telemetry.liveness.watch import BotWatch
from tests.unit.telemetry.liveness.life import START, Bot, line

PRICE = line("price", symbol="BTC/USDT", value=1.0)
BEAT = line("heartbeat", state="running")
SAID = line("log", "all is well")
OUTAGE = (
    line(
        "log",
        "2026-11-23 08:00:01,120 - freqtrade.exchange.common - WARNING - fetch_ticker() returned exception: "
        '"Could not load ticker due to ExchangeNotAvailable. Message: binance GET http://127.0.0.1:9/x". '
        "Retrying still for 4 times.",
        "warning",
    ),
    line(
        "log",
        "2026-11-23 08:00:01,140 - freqtrade.exchange.common - WARNING - fetch_ticker() returned exception: "
        '"Could not load ticker due to ExchangeNotAvailable. Message: binance GET http://127.0.0.1:9/x". '
        "Giving up.",
        "warning",
    ),
    line(
        "log",
        "2026-11-23 08:00:01,150 - freqtrade.worker - WARNING - Error: Could not load ticker due to "
        "ExchangeNotAvailable. Message: binance GET http://127.0.0.1:9/x, retrying in 30 seconds...",
        "warning",
    ),
)
"""What a bot prints whose exchange is gone, as it comes: lines for people, and no metric."""
TIME_OUT = line(
    "log",
    "2026-11-23 08:00:11,120 - freqtrade.exchange.common - WARNING - fetch_ticker() returned exception: "
    '"Could not get order book due to RequestTimeout. Message: binance GET http://127.0.0.1:9/x". '
    "Retrying still for 4 times.",
    "warning",
)
"""What it prints every 10 s where the exchange takes connections and does not answer."""


def test_market_data_that_stops_is_found_while_the_bot_prints_on():
    """A bot that printed a price each second and heartbeats on is alive but not trading within 30 s."""
    bot = Bot()
    bot.passes(300, 1, PRICE, BEAT)
    assert bot.found == [(1.0, Verdict.HEALTHY)]
    bot.passes(30, 1, BEAT)
    assert [verdict for _, verdict in bot.found] == [Verdict.HEALTHY, Verdict.NOT_TRADING]
    assert bot.found[1][0] <= 330
    finding = bot.watch.finding
    assert finding.sign == "market_data"
    assert "no market data for more than 20 s; it comes every 1.0 s, though its loop goes on" in finding.text
    bot.says(PRICE)
    bot.judge()
    assert bot.verdict is Verdict.HEALTHY


def test_a_loop_that_stops_is_found_while_lines_come():
    """The loop is what heartbeats and other metric lines tell of."""
    bot = Bot()
    bot.passes(120, 2, line("equity", equity=1.0), SAID)
    bot.passes(30, 2, SAID)
    assert (bot.verdict, bot.watch.finding.sign) == (Verdict.NOT_TRADING, "loop")


def test_a_bot_that_says_nothing_at_all_any_more_hangs():
    """A process that lives and prints nothing is hung, found once and not as something else before."""
    bot = Bot()
    bot.passes(120, 1, PRICE, BEAT, SAID)
    bot.passes(60)
    assert [verdict for _, verdict in bot.found] == [Verdict.HEALTHY, Verdict.HUNG]
    assert "its process lives, and no output for more than 30 s" in bot.watch.finding.text


def test_a_bot_that_never_printed_is_not_accused():
    """There is no habit to hold against it."""
    bot = Bot()
    bot.passes(4 * 3600)
    assert bot.found == [(1.0, Verdict.HEALTHY)]
    assert "no silence is held against it" in bot.watch.finding.text


def test_a_bot_of_few_lines_is_not_accused():
    """A handful of lines at its start makes no habit."""
    bot = Bot()
    bot.passes(5, 1, SAID, PRICE)
    bot.passes(3600)
    assert bot.verdict is Verdict.HEALTHY


@pytest.mark.parametrize("seed", range(4))
def test_an_irregular_bot_is_not_accused(seed: int):
    """Prices at random moments, with pauses up to many times the usual one, are its habit."""
    luck = random.Random(seed)
    bot = Bot()
    for _ in range(1500):
        bot.passes(max(1.0, luck.expovariate(1 / 5)))
        bot.says(PRICE)
        bot.judge()
    bad = [found for found in bot.found if found[1] is not Verdict.HEALTHY]
    assert len(bad) == 0


def test_an_outage_of_the_exchange_is_found_in_lines_alone():
    """A bot without any metric that prints retries and gives up is not trading, within 30 s."""
    bot = Bot()
    bot.passes(600, 60, line("log", "freqtrade.worker - INFO - Bot heartbeat. PID=7, state='RUNNING'"))
    bot.says(*OUTAGE)
    bot.passes(30)
    assert bot.verdict is Verdict.NOT_TRADING
    assert bot.found[-1][0] <= 630
    assert "cannot reach what it needs" in bot.watch.finding.text
    bot.passes(300, 30, *OUTAGE)
    assert [verdict for _, verdict in bot.found] == [Verdict.HEALTHY, Verdict.NOT_TRADING]
    bot.passes(90, 30, SAID)
    assert bot.verdict is Verdict.HEALTHY


def test_tries_that_fail_at_once_are_no_habit():
    """A bot that fails ten times a second in each pass of its loop is found in the first outage it has."""
    bot = Bot()
    bot.passes(600, 60, line("log", "freqtrade.worker - INFO - Bot heartbeat. PID=7, state='RUNNING'"))
    for _ in range(6):
        for _ in range(30):
            bot.now += 0.05
            bot.says(OUTAGE[0])
        bot.passes(5)
    assert bot.verdict is Verdict.NOT_TRADING
    assert bot.found[-1][0] <= 620


def test_an_outage_told_by_troubles_is_no_habit_of_the_market_data():
    """The silence of the prices while the bot was in trouble does not make them seem rarer."""
    bot = Bot()
    bot.passes(1200, 5, PRICE, BEAT)
    bot.passes(120, 5, *OUTAGE, BEAT)
    assert bot.watch.finding.sign == "trouble"
    longest = bot.watch.signs.market.longest
    bot.passes(60, 5, PRICE, BEAT)
    assert bot.verdict is Verdict.HEALTHY
    assert bot.watch.signs.market.longest == longest


def test_the_second_outage_of_a_young_bot_is_found_as_soon_as_the_first():
    """A few gaps are known yet, and the one that the first outage made is none of them."""
    bot, took = Bot(), []
    bot.passes(120, 5, PRICE, BEAT)
    for _ in range(2):
        began = bot.now
        bot.passes(60, 5, *OUTAGE)
        assert bot.verdict is Verdict.NOT_TRADING
        took.append(bot.found[-1][0] - (began - START))
        bot.passes(60, 5, PRICE, BEAT)
        assert bot.verdict is Verdict.HEALTHY
    assert max(took) <= 30


def test_an_exchange_that_hangs_is_found_at_the_second_time_out():
    """A bot that tries again after each 10 s without an answer tells twice in 30 s, and that is enough."""
    bot = Bot()
    bot.passes(600, 60, line("log", "freqtrade.worker - INFO - Bot heartbeat. PID=7, state='RUNNING'"))
    bot.passes(5)
    bot.passes(25, 10, TIME_OUT)
    assert bot.verdict is Verdict.NOT_TRADING
    assert bot.found[-1][0] <= 630


def test_one_time_out_is_no_outage():
    """A request that was in vain once, also where that is told twice, is no news."""
    bot = Bot()
    bot.passes(600, 60, SAID)
    bot.says(TIME_OUT)
    bot.passes(2)
    bot.says(TIME_OUT)
    bot.passes(120, 60, SAID)
    assert bot.found == [(1.0, Verdict.HEALTHY)]


def test_one_hiccup_is_no_outage():
    """A try that failed three times within a moment and then went through is no news."""
    bot = Bot()
    bot.passes(600, 60, SAID)
    bot.says(*[OUTAGE[0]] * 3)
    bot.passes(120, 60, SAID)
    assert bot.found == [(1.0, Verdict.HEALTHY)]


def test_a_bot_that_trades_through_its_troubles_is_healthy():
    """Lines of trouble say nothing while prices come, be they ever so many."""
    luck, bot = random.Random(1), Bot()
    bad = line("log", "Traceback ...\nBadAnswer: cannot read '<html>502 Bad Gateway'", "error")
    for _ in range(3000):
        bot.passes(1)
        bot.says(PRICE if luck.random() < 0.25 else bad, line("health", failures=1))
    assert bot.found == [(1.0, Verdict.HEALTHY)]


def test_an_outage_of_a_bot_with_prices_is_found_sooner_by_its_troubles():
    """Troubles and no market data beyond what is usual are enough before the silence alone is."""
    bot = Bot()
    bot.passes(700, 10, PRICE, BEAT)
    bot.passes(30, 5, *OUTAGE, BEAT)
    assert (bot.verdict, bot.watch.finding.sign) == (Verdict.NOT_TRADING, "trouble")


def test_troubles_that_a_bot_always_has_say_nothing():
    """A bot of lines alone that prints them by habit is not accused of them."""
    bot = Bot()
    bot.set(watch=("output",))
    bot.passes(1800, 20, OUTAGE[0])
    bot.set()
    bot.passes(600, 20, OUTAGE[0])
    assert bot.verdict is Verdict.HEALTHY


def test_a_silent_agent_is_a_lost_stream_and_not_a_hung_bot():
    """Where neither measurements nor lines arrive, nothing is known of it; what follows is judged anew."""
    bot = Bot()
    bot.passes(300, 1, PRICE, BEAT)
    bot.measured = False
    bot.passes(120)
    assert [verdict for _, verdict in bot.found] == [Verdict.HEALTHY, Verdict.STREAM_LOST]
    bot.measured = True
    bot.passes(30, 1, PRICE, BEAT)
    assert [verdict for _, verdict in bot.found][2:] == [Verdict.HEALTHY]


@pytest.mark.parametrize(
    ("life", "verdict"),
    [
        (Life.CRASHED, Verdict.CRASHED),
        (Life.ENDED, Verdict.FINISHED),
        (Life.SUSPENDED, Verdict.SUSPENDED),
        (Life.WAITING, Verdict.WAITING),
        (Life.STARTING, Verdict.STARTING),
        (Life.LOST, Verdict.STREAM_LOST),
    ],
)
def test_a_bot_that_does_not_run_is_told_by_why(life: Life, verdict: Verdict):
    """Crashed, finished, suspended, waiting, starting and lost are different things; its silence is none."""
    bot = Bot()
    bot.passes(60, 1, PRICE, SAID)
    bot.measured = False
    bot.stands(life, message="why")
    bot.passes(600)
    assert [found for _, found in bot.found] == [Verdict.HEALTHY, verdict]
    assert bot.watch.finding.text == "why"


def test_a_bot_that_fell_silent_before_it_had_a_habit_is_lost_all_the_same():
    """Its agent is refused from the first moments on: after five minutes it is said that nothing is known."""
    bot = Bot()
    bot.passes(3)
    bot.measured = False
    bot.passes(290)
    assert bot.verdict is Verdict.HEALTHY
    bot.passes(30)
    assert bot.verdict is Verdict.STREAM_LOST
    assert bot.watch.finding.text.startswith("no word of its process for more than 5 min")


def test_a_closed_market_excuses_silence():
    """While the market of its calendar is closed the bot's silence is no news, and is again once it opens."""
    bot = Bot()
    bot.set(calendar="XNYS")
    bot.passes(300, 1, PRICE)
    bot.stands(Life.RUNNING, market_open=False, opens_at=bot.now + 600)
    bot.passes(590, 10, SAID)
    assert bot.verdict is Verdict.MARKET_CLOSED
    assert "XNYS is closed, it opens at 2026-" in bot.watch.finding.text
    bot.stands(Life.RUNNING, market_open=True, opened_at=bot.now)
    bot.passes(15, 5, SAID)
    assert bot.verdict is Verdict.HEALTHY
    bot.passes(30, 5, SAID)
    assert bot.verdict is Verdict.NOT_TRADING


def test_a_bot_that_pauses_by_its_own_word_is_not_accused():
    """A heartbeat says that it is paused: no market data is what it wants."""
    bot = Bot()
    bot.passes(100, 1, PRICE, BEAT)
    bot.passes(100, 1, line("heartbeat", state="paused"))
    assert bot.verdict is Verdict.HEALTHY


def test_heartbeats_tell_of_the_data_and_the_loop_behind_them():
    """A heartbeat of a thread of its own goes on while the moments that it names stand still."""
    bot = Bot()
    while bot.now < START + 100:
        bot.says(line("heartbeat", state="running", last_data_ts=bot.now, last_loop_ts=bot.now))
        bot.passes(1)
    stuck = line("heartbeat", state="running", last_data_ts=bot.now * 1000, last_loop_ts=bot.now)
    bot.passes(40, 1, stuck)
    assert (bot.verdict, bot.watch.finding.sign) == (Verdict.NOT_TRADING, "market_data")


def test_a_bot_warms_up_after_each_start():
    """No silence counts for two minutes after a start; a bot that never comes to its work is found then."""
    bot = Bot()
    bot.passes(300, 1, PRICE, BEAT)
    bot.now += 1
    bot.stands(Life.RUNNING, started_at=bot.now)
    bot.passes(100, 1, BEAT)
    assert bot.verdict is Verdict.HEALTHY
    bot.passes(40, 1, BEAT)
    assert (bot.verdict, bot.watch.finding.sign) == (Verdict.NOT_TRADING, "market_data")
    assert "since its start" in bot.watch.finding.text


def test_what_the_manifest_says_goes_before_the_habit():
    """A longest silence of its own takes the place of the habit's, and what is not watched is not found."""
    bot = Bot()
    bot.set(market_data=300.0)
    bot.passes(120, 1, PRICE, BEAT)
    bot.passes(200, 1, BEAT)
    assert bot.verdict is Verdict.HEALTHY
    bot.passes(110, 1, BEAT)
    assert bot.verdict is Verdict.NOT_TRADING
    bot.set(watch=("output", "stream"))
    bot.passes(2, 1, BEAT)
    assert bot.verdict is Verdict.HEALTHY


def test_a_manifest_may_ask_for_what_the_bot_never_gave():
    """With a longest silence of its own, a bot that never printed market data is found."""
    bot = Bot()
    bot.set(market_data=30.0, warm_up=0.0)
    bot.passes(60, 1, SAID)
    assert bot.verdict is Verdict.NOT_TRADING


def test_a_quiet_hour_of_the_week_is_a_habit():
    """A bot that is quiet at the same time for two days is not accused on the third."""
    bot = Bot()
    start_of_day = bot.now
    accused = []
    for day in range(4):
        before = len(bot.found)
        bot.passes(start_of_day + day * 86400 + 18 * 3600 - bot.now, 60, PRICE, SAID)
        bot.passes(6 * 3600, 60, SAID)
        accused.append(any(verdict is Verdict.NOT_TRADING for _, verdict in bot.found[before:]))
    assert accused == [True, True, False, False]


def test_what_was_found_holds_over_a_restart_of_ours():
    """A bot that did not trade before a restart of herdsman still does not, and is not told anew."""
    bot = Bot()
    bot.passes(300, 1, PRICE, BEAT)
    bot.passes(60, 1, BEAT)
    assert bot.verdict is Verdict.NOT_TRADING
    bot.now += 600
    bot.watch = BotWatch.restored(bot.watch.keep(), bot.now)
    told = len(bot.found)
    bot.passes(300, 1, BEAT)
    assert (len(bot.found), bot.verdict) == (told, Verdict.NOT_TRADING)
    bot.says(PRICE)
    bot.judge()
    assert bot.verdict is Verdict.HEALTHY


def test_a_restart_of_ours_accuses_nobody():
    """The time that herdsman was away says nothing of a bot that was well."""
    bot = Bot()
    bot.passes(300, 1, PRICE, BEAT)
    bot.now += 7200
    bot.watch = BotWatch.restored(bot.watch.keep(), bot.now)
    bot.passes(60)
    bot.passes(60, 1, PRICE, BEAT)
    assert bot.found == [(1.0, Verdict.HEALTHY)]


def test_a_scheduled_run_is_not_judged_by_its_silence():
    """Its time-out ends a run that takes too long; between two runs it waits."""
    bot = Bot()
    bot.stands(Life.RUNNING, scheduled=True)
    bot.passes(60, 1, PRICE, SAID)
    bot.passes(3000)
    assert bot.found == [(0.0, Verdict.HEALTHY)]
