"""Risk limits: what breaks one, once, and everything that must never stop a healthy bot."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.risk import read_risk
from telemetry.alerts.limits.book import RiskBook
from telemetry.alerts.watch import BotProfile
from telemetry.records import Event
from tests.unit.telemetry.alerts.limited import HOUR, NOW, Desk


def test_daily_loss_breaks_once_with_its_numbers() -> None:
    """The line that loses too much breaks the limit; what comes after it breaks nothing more."""
    desk = Desk(daily_loss=500)
    for value in (10_000, 9_600, 9_499, 9_000, 9_900, 8_000):
        desk.equity(value)
    assert desk.broken == [("risk-daily-loss", "daily loss of 501.00 USDT is over the limit of 500")]


def test_day_begins_anew() -> None:
    """What was lost yesterday is not lost today."""
    desk = Desk(daily_loss=500)
    desk.equity(10_000)
    desk.equity(9_600)
    desk.now = NOW + 25 * HOUR
    desk.equity(9_200)
    assert desk.broken == []
    desk.equity(9_099)
    assert desk.broken == [("risk-daily-loss", "daily loss of 501.00 USDT is over the limit of 500")]


def test_shares_are_of_equity() -> None:
    """Daily loss in percent is of the equity that the day began with, exposure of the equity now."""
    desk = Desk(daily_loss="5%", exposure="150%")
    desk.equity(1_000)
    desk.equity(951)
    desk.line("position", symbol="BTC/USDT", side="long", quantity=1, entry_price=1_400)
    assert desk.broken == []
    desk.equity(949)
    desk.line("position", symbol="BTC/USDT", side="long", quantity=1.1, entry_price=1_400)
    assert [rule for rule, _ in desk.broken] == ["risk-daily-loss", "risk-exposure"]


def test_drawdown_counts_from_the_peak_and_leaves_transfers_out() -> None:
    """A withdrawal is no loss, a fall below the peak of the rest is."""
    desk = Desk(drawdown="10%", daily_loss=100_000)
    desk.equity(10_000)
    desk.equity(11_000)
    desk.line("transfer", amount=-3_000, currency="USDT", asset="USDT")
    desk.equity(8_000)
    assert desk.broken == []
    desk.equity(7_195)
    assert desk.broken == [("risk-drawdown", "drawdown of 10.06% is over the limit of 10%")]


def test_exposure_is_of_all_positions_at_believed_marks() -> None:
    """Long and short add up; one absurd price of a symbol that is held moves nothing."""
    desk = Desk(exposure=10_000)
    desk.line("position", symbol="BTC/USDT", side="long", quantity=1, entry_price=4_000, mark_price=4_000)
    desk.line("position", symbol="ETH/USDT", side="short", quantity=2, entry_price=2_000)
    desk.line("price", symbol="BTC/USDT", value=9_000_000)
    desk.line("price", symbol="BTC/USDT", value=4_100)
    desk.line("price", symbol="ETH/USDT", value=1e9)
    desk.line("price", symbol="ETH/USDT", value=2_000)
    assert desk.broken == []
    desk.line("position", symbol="SOL/USDT", side="long", quantity=20, entry_price=100)
    assert desk.broken == [("risk-exposure", "exposure of 10,100.00 USDT is over the limit of 10,000")]


def test_fills_alone_tell_of_a_loss() -> None:
    """A bot that prints no equity is held to what its fills lost."""
    desk = Desk(daily_loss=100)
    desk.line("trade", symbol="BTC/USDT", side="buy", quantity=1, price=1_000)
    desk.line("trade", symbol="BTC/USDT", side="sell", quantity=1, price=880)
    assert desk.broken == [("risk-daily-loss", "daily loss of 120.00 USDT is over the limit of 100")]


def test_orders_are_counted_once_each() -> None:
    """An order's later lines count no second time; a minute later it counts no more."""
    desk = Desk(order_rate=5)
    for number in range(5):
        for status in ("submitted", "accepted", "filled"):
            desk.line("order", order_id=f"o{number}", symbol="BTC/USDT", side="buy", status=status)
    assert desk.broken == []
    desk.now += 61
    for number in range(5, 10):
        desk.line("order", order_id=f"o{number}", symbol="BTC/USDT", side="buy", status="submitted")
    assert desk.broken == []
    desk.line("order", order_id="o11", symbol="BTC/USDT", side="buy", status="submitted")
    assert desk.broken == [("risk-order-rate", "6 orders in a minute, over the limit of 5")]


@pytest.mark.parametrize("garbage", [0.0, -1.0, 1.0, 1e9, math.nan, math.inf, 1e300, "lots", None])
def test_one_garbage_value_stops_nobody(garbage: Any) -> None:
    """A single line of nonsense is passed over, whichever way it is off, and spoils neither day nor peak."""
    desk = Desk(daily_loss=500, drawdown="10%")
    desk.equity(10_000)
    desk.equity(garbage)
    desk.equity(10_010)
    desk.equity(garbage)
    desk.now = NOW + 25 * HOUR
    desk.equity(9_990)
    desk.equity(9_980)
    assert desk.broken == []


def test_crash_by_half_is_believed_at_the_second_line() -> None:
    """What would be nonsense in one line is a loss where the next one says so too, or fills explain it."""
    desk = Desk(daily_loss=500)
    desk.equity(10_000)
    desk.equity(4_000)
    assert desk.broken == []
    desk.equity(3_900)
    assert desk.broken == [("risk-daily-loss", "daily loss of 6,100.00 USDT is over the limit of 500")]
    explained = Desk(daily_loss=500)
    explained.line("trade", symbol="BTC/USDT", side="buy", quantity=1, price=10_000)
    explained.equity(10_000)
    explained.feed(
        [
            Event("a/stdout/0/900", "sma", explained.now, "trade", "info", "", mode="live",
                  data={"symbol": "BTC/USDT", "side": "sell", "quantity": 1, "price": 4_000}),
            Event("a/stdout/0/901", "sma", explained.now, "equity", "info", "", mode="live",
                  data={"equity": 4_000, "currency": "USDT"}),
        ]
    )  # fmt: skip
    assert [rule for rule, _ in explained.broken] == ["risk-daily-loss"]


def test_late_lines_act_on_nothing() -> None:
    """Lines of an hour ago, read after an outage, stop nobody; the next line of now does."""
    desk = Desk(daily_loss=500)
    desk.equity(10_000)
    start = desk.now
    desk.now += 2 * HOUR
    for number in range(50):
        desk.line("equity", at=start + number * 60, equity=9_000, currency="USDT")
    assert desk.broken == []
    desk.equity(9_001)
    assert len(desk.broken) == 1


def test_bot_whose_clock_is_wrong_is_held_to_its_limits_all_the_same() -> None:
    """Lines that are an hour behind, and come as steadily as time passes, are of now."""
    desk = Desk(daily_loss=500)
    for number in range(10):
        desk.line("equity", at=desk.now - HOUR, equity=10_000 - number * 100, currency="USDT")
    assert len(desk.broken) == 1


def test_time_of_the_event_is_not_the_time_of_its_line() -> None:
    """A line of now may speak of a candle that closed an hour ago: its own timestamp counts."""
    desk = Desk(daily_loss=500)
    desk.equity(10_000)
    desk.line("equity", at=desk.now - 0.5 * HOUR, equity=9_000, currency="USDT", timestamp=desk.now)
    desk.line("equity", equity=9_000, currency="USDT", timestamp=desk.now)
    assert len(desk.broken) == 1


def test_operator_who_resumes_has_the_limits_count_anew() -> None:
    """Nothing that was printed before stops the bot again, nor what was lost by then; a new loss does."""
    desk = Desk(daily_loss=500, drawdown="20%", exposure=1_000)
    desk.equity(10_000)
    desk.line("position", symbol="BTC/USDT", side="long", quantity=1, entry_price=1_100)
    desk.equity(9_400)
    assert [rule for rule, _ in desk.broken] == ["risk-exposure", "risk-daily-loss"]
    desk.now += 600
    desk.guard.arm("sma", desk.now)
    assert {(rule, truth) for _, rule, truth, _ in desk.told[2:]} == {
        ("risk-exposure", False),
        ("risk-daily-loss", False),
    }
    desk.line("equity", at=desk.now - 700, equity=9_000, currency="USDT")
    desk.equity(9_300)
    desk.line("position", symbol="BTC/USDT", side="long", quantity=1, entry_price=1_100)
    assert len(desk.broken) == 2
    desk.line("position", symbol="BTC/USDT", side="long", quantity=0.5, entry_price=1_100)
    desk.line("position", symbol="BTC/USDT", side="long", quantity=1, entry_price=1_100)
    assert [rule for rule, _ in desk.broken[2:]] == ["risk-exposure"]
    desk.equity(8_899)
    assert [rule for rule, _ in desk.broken[3:]] == ["risk-daily-loss"]


def test_restart_forgets_neither_the_day_nor_what_was_armed() -> None:
    """The book goes on where it was: the day's loss adds up over a restart, and a broken limit stays so."""
    desk = Desk(daily_loss=500)
    desk.equity(10_000)
    desk.equity(9_600)
    book, trading = desk.guard.bots["sma"].book, desk.trading
    again = Desk(daily_loss=500)
    again.guard.bots.clear()
    again.trading, again._offsets = trading, desk._offsets
    again.guard.set_bot(BotProfile("sma", mode="live", risk=read_risk({"daily_loss": 500})), book)
    again.now = desk.now
    again.equity(9_499)
    assert len(again.broken) == 1
    third = Desk(daily_loss=500)
    third.guard.latch("sma", "risk-daily-loss")
    third.trading = trading
    third.now = again.now
    third.equity(9_000)
    assert third.broken == []


def test_currencies_modes_and_bots_are_apart() -> None:
    """Losses of two currencies, of dry and live, or of two bots are never added."""
    desk = Desk(daily_loss=500)
    desk.bot("other", read_risk({"daily_loss": 500}))
    desk.equity(10_000)
    desk.equity(10_000, currency="EUR")
    desk.line("equity", mode="dry", equity=10_000, currency="USDT")
    desk.line("equity", bot="other", equity=10_000, currency="USDT")
    desk.equity(9_600)
    desk.equity(9_600, currency="EUR")
    desk.line("equity", mode="dry", equity=2_000, currency="USDT")
    desk.line("equity", mode="dry", equity=2_000, currency="USDT")
    desk.line("equity", bot="other", equity=9_600, currency="USDT")
    assert desk.broken == []


def test_limit_of_one_currency_is_for_that_one() -> None:
    """A limit that names its currency says nothing of another."""
    desk = Desk(daily_loss="500 USDT")
    desk.equity(10_000, currency="EUR")
    desk.equity(9_000, currency="EUR")
    assert desk.broken == []


def test_account_adds_up_its_bots_of_one_mode() -> None:
    """What two bots lose together breaks their account's limit, for both and for nobody else."""
    desk = Desk(accounts={"main": {"daily_loss": 500, "drawdown": "4%", "order_rate": 3}})
    for name, mode, account in (
        ("a", "live", "main"), ("b", "live", "main"), ("c", "live", "spare"), ("d", "dry", "main"),
    ):  # fmt: skip
        desk.bot(name, mode=mode, account=account)
    for value in (10_000, 9_800, 9_700):
        for bot, mode in (("a", "live"), ("b", "live"), ("c", "live"), ("d", "dry")):
            desk.line("equity", bot=bot, mode=mode, equity=value, currency="USDT")
    text = "daily loss of 600.00 USDT is over the limit of 500 of the account main"
    assert [(bot, rule, said) for bot, rule, truth, said in desk.told if truth] == [
        ("a", "account-daily-loss", text),
        ("b", "account-daily-loss", text),
    ]


def test_account_counts_anew_once_a_bot_of_it_is_resumed() -> None:
    """After an operator resumed one of its bots, the account's loss counts from there."""
    desk = Desk(accounts={"main": {"daily_loss": 500}})
    desk.bot("a")
    desk.bot("b")
    for value in (10_000, 9_700):
        for bot in ("a", "b"):
            desk.line("equity", bot=bot, equity=value, currency="USDT")
    assert len(desk.broken) == 2
    desk.guard.arm("a", desk.now)
    desk.line("equity", bot="a", equity=9_690, currency="USDT")
    desk.line("equity", bot="a", equity=9_300, currency="USDT")
    assert len(desk.broken) == 2
    desk.line("equity", bot="a", equity=9_100, currency="USDT")
    assert [bot for bot, _, truth, _ in desk.told if truth] == ["a", "b", "a"]


@given(
    st.lists(
        st.one_of(
            st.floats(9_600, 12_000),
            st.sampled_from([math.nan, math.inf, -math.inf, 1e300, 0.0, -5.0, 1e12, 3.0]),
        ),
        max_size=80,
    )
)
def test_no_single_garbage_line_ever_breaks_a_limit(values: list[float]) -> None:
    """Whatever nonsense stands between sound lines: where no two in a row agree, nobody is stopped."""
    desk = Desk(daily_loss=2_500, drawdown="25%")
    desk.equity(10_000)
    for value in values:
        desk.equity(value)
        desk.equity(10_000)
    assert desk.broken == []


@given(st.floats(501, 1_900), st.integers(1, 20))
def test_every_loss_beyond_the_limit_breaks_it_at_its_line(loss: float, lines: int) -> None:
    """However the loss comes about, the first line that is beyond the limit breaks it, and once."""
    desk = Desk(daily_loss=500)
    desk.equity(10_000)
    for number in range(1, lines + 1):
        before = len(desk.broken)
        value = 10_000 - loss * number / lines
        desk.equity(value)
        assert len(desk.broken) == (1 if before or 10_000 - value > 500 else 0)


def test_book_survives_its_keeping() -> None:
    """What is kept of a book is read back as it was."""
    desk = Desk(daily_loss=500)
    desk.equity(10_000)
    desk.line("price", symbol="BTC/USDT", value=5)
    book = desk.guard.bots["sma"].book
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(book), type=RiskBook) == book


def order(desk: Desk, name: str, status: str = "submitted") -> None:
    """Have the bot print a line of an order."""
    desk.line("order", order_id=name, symbol="BTC/USDT", side="buy", status=status)
    desk.now -= 0.9


def test_orders_that_rest_or_end_were_sent_before() -> None:
    """A market maker that cancels and fills all its orders after a restart of herdsman has sent none."""
    desk = Desk(order_rate=60)
    order(desk, "first")
    for number in range(200):
        order(desk, f"o{number}", "filled" if number % 2 else "canceled")
    assert desk.broken == []
    later = desk.again()
    for number in range(200, 400):
        order(later, f"o{number}", "filled" if number % 2 else "canceled")
    assert later.broken == []


def test_fills_count_as_orders_where_a_bot_tells_of_nothing_else() -> None:
    """A bot that prints an order once it is filled sends as many as it says."""
    desk = Desk(order_rate=60)
    for number in range(61):
        for status in ("partially_filled", "filled"):
            order(desk, f"o{number}", status)
    assert [rule for rule, _ in desk.broken] == ["risk-order-rate"]


@pytest.mark.parametrize("ends", ["filled", "canceled", "rejected", "a new process"])
def test_ids_that_come_again_are_other_orders(ends: str) -> None:
    """A bot that numbers its orders from 1 again, once they have ended or it has, sends all of them."""
    desk = Desk(order_rate=60)
    for life in range(4):
        for number in range(20):
            order(desk, str(number))
            order(desk, str(number), "accepted" if ends == "a new process" else ends)
        if ends == "a new process":
            place = f"alloc-sma/launcher/0/{life}"
            event = Event(
                place, "sma", desk.now, "lifecycle", "info", "", "launcher", data={"kind": "started"}
            )
            desk.feed([event])
    assert desk.broken == [("risk-order-rate", "61 orders in a minute, over the limit of 60")]


@pytest.mark.parametrize("behind", [0.0, 3_600.0, 18_000.0, -18_000.0])
def test_resumed_bot_is_under_its_limits_whatever_its_clock_says(behind: float) -> None:
    """Naive local time, hours behind or ahead: what it loses after it was resumed stops it again."""
    desk = Desk(daily_loss=500)
    for value in [10_000] * 10 + [9_000] * 3:
        desk.line("equity", at=desk.now - behind, equity=value, currency="USDT")
    assert len(desk.broken) == 1
    desk.now += 200
    desk.guard.arm("sma", desk.now)
    for number in range(20):
        desk.line("equity", at=desk.now - behind, equity=9_000 - number * 20, currency="USDT")
    assert len(desk.broken) == 1
    for number in range(20, 40):
        desk.line("equity", at=desk.now - behind, equity=9_000 - number * 20, currency="USDT")
    assert len(desk.broken) == 2


def test_limit_of_a_currency_holds_for_a_bot_that_names_none() -> None:
    """Where it has one only; of several nobody says which it is."""
    desk = Desk(daily_loss="500 USDT")
    desk.line("equity", equity=10_000)
    desk.line("equity", equity=9_400)
    assert desk.broken == [("risk-daily-loss", "daily loss of 600.00 is over the limit of 500 USDT")]
    several = Desk(daily_loss="500 USDT")
    for value in (10_000, 9_000):
        for name in ("first", "second"):
            several.line("equity", equity=value, account=name)
    assert several.broken == []


def test_withdrawal_whose_line_comes_after_the_equity_is_no_loss() -> None:
    """Within half a second the transfer explains the fall; what no transfer explains is a loss then."""
    desk = Desk(daily_loss=500, drawdown="5%")
    desk.equity(10_000)
    for number, (kind, name, value) in enumerate(
        [("equity", "equity", 9_000), ("transfer", "amount", -1_000)]
    ):
        said = {name: value, "currency": "USDT"}
        desk.feed([Event(f"a/stdout/0/{number}9", "sma", desk.now, kind, "", "", mode="live", data=said)])
        desk.now += 0.1
        desk.guard.wake(desk.now)
        desk.look()
    assert desk.guard.waiting
    desk.now += 1
    desk.guard.wake(desk.now)
    desk.look()
    desk.equity(9_000)
    desk.equity(8_600)
    assert (desk.broken, desk.guard.waiting) == ([], {})
    desk.equity(8_499)
    assert [rule for rule, _ in desk.broken] == ["risk-daily-loss", "risk-drawdown"]


def test_transfer_that_does_not_explain_a_fall_hides_no_loss() -> None:
    """A loss of 600, then 3,000 withdrawn: the loss counts, the withdrawal does not."""
    desk = Desk(daily_loss=500)
    desk.equity(10_000)
    desk.equity(9_800)
    desk.line("transfer", amount=-3_000, currency="USDT", asset="USDT")
    desk.equity(6_800)
    assert desk.broken == []
    desk.equity(6_499)
    assert desk.broken == [("risk-daily-loss", "daily loss of 501.00 USDT is over the limit of 500")]


@pytest.mark.parametrize("garbage", [19_000, 13_000, 7_500, 5_200])
def test_one_equity_that_is_not_so_far_off_stops_nobody(garbage: float) -> None:
    """A quarter more, or a fifth less, in one line alone: neither it nor the line after it is a loss."""
    desk = Desk(drawdown="10%", daily_loss="20%")
    for value in (10_000, 10_010, garbage, 10_005, 10_004):
        desk.equity(value)
    assert desk.broken == []
    for value in (7_500, 7_490):
        desk.equity(value)
    assert [rule for rule, _ in desk.broken] == ["risk-daily-loss", "risk-drawdown"]


def test_nothing_left_is_believed_after_a_minute() -> None:
    """An exchange that is away has bots print zero: said for a minute, it is a loss."""
    desk = Desk(drawdown="10%")
    for value in (10_000, 0, 0, 0, 10_005):
        desk.equity(value)
    for _ in range(60):
        desk.equity(0)
    assert desk.broken == []
    desk.now += 1
    desk.equity(0)
    assert desk.broken == [("risk-drawdown", "drawdown of 100.00% is over the limit of 10%")]
