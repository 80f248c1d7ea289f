"""Fills, orders, positions and equity become a bot's trading."""

import msgspec
import pytest

from telemetry.bot_lines import MOST_IDS
from telemetry.records import Event
from telemetry.trading.state import BotTrading
from telemetry.trading.views import AccountView, Profile, accounts_of
from tests.unit.telemetry.trading.lines import DAY, START, Printer


def views(*events: Event, profile: Profile | None = None, now: float = 0.0) -> list[AccountView]:
    bot = BotTrading("sma")
    for event in events:
        bot.take([event])
    return accounts_of(bot, profile or Profile("cross"), START + now)


def view(*events: Event, profile: Profile | None = None, now: float = 0.0) -> AccountView:
    (only,) = views(*events, profile=profile, now=now)
    return only


def test_fills_make_a_position_at_their_average_price() -> None:
    """A sale realises against the average of the buys; the rest is marked at the newest price."""
    says = Printer()
    found = view(
        says.fill("buy", 1, 100, fee=1, fee_currency="USDT"),
        says.fill("buy", 1, 110, fee=1, fee_currency="USDT"),
        says.fill("sell", 0.5, 125, fee=1, fee_currency="USDT"),
        says.line("price", symbol="BTC/USDT", value=120.0),
    )
    (position,) = found.positions
    assert (position.quantity, position.entry_price, position.mark_price) == (1.5, 105.0, 120.0)
    assert position.source == "fills"
    assert (found.realized_pnl, found.unrealized_pnl, found.fees) == (10.0, 22.5, 3.0)
    assert found.net_pnl == 29.5
    assert (found.gross_exposure, found.net_exposure) == (180.0, 180.0)
    assert (found.account, found.currency, found.mode, found.program) == ("", "USDT", "dry", "cross")


def test_a_fill_through_zero_closes_a_round_trip_and_opens_the_next() -> None:
    """A sale of more than is held leaves a short position, and its fee is shared between both."""
    says = Printer()
    found = view(says.fill("buy", 1, 100), says.fill("sell", 3, 110, fee=3), now=5)
    (position,) = found.positions
    assert (position.quantity, position.entry_price, position.unrealized_pnl) == (-2.0, 110.0, 0.0)
    assert (found.closed.wins, found.closed.won) == (1, 9.0)
    assert (found.gross_exposure, found.net_exposure) == (220.0, -220.0)


def test_a_round_trip_that_only_pays_its_fees_is_a_loss_and_one_without_any_breaks_even() -> None:
    """Break-even is a class of its own, net of fees."""
    says = Printer()
    found = view(
        *(says.fill("buy", 0.1, 100.1), says.fill("sell", 0.1, 100.1)),
        *(says.fill("buy", 1, 100), says.fill("sell", 1, 100, fee=0.5)),
    )
    assert (found.trips.even, found.trips.losses, found.trips.wins) == (1, 1, 0)
    assert (found.trips.win_rate, found.trips.count) == (None, 2)


def test_crumbs_of_rounding_are_no_position() -> None:
    """0.1 + 0.2 - 0.3 is flat."""
    says = Printer()
    found = view(says.fill("buy", 0.1, 10), says.fill("buy", 0.2, 10), says.fill("sell", 0.3, 11))
    assert not found.positions
    assert found.closed.count == 1


def test_positions_that_a_bot_names_are_kept_apart() -> None:
    """Hedged positions in one symbol have an own id each."""
    says = Printer()
    found = view(says.fill("buy", 1, 100, position_id="L"), says.fill("sell", 1, 110, position_id="S"))
    assert sorted(one.quantity for one in found.positions) == [-1.0, 1.0]


def test_position_lines_win_over_fills() -> None:
    """Where a bot tells its positions these are shown; what they lack comes from its fills."""
    says = Printer()
    bought = says.fill("buy", 1, 100)
    told = says.line("position", 5, symbol="BTC/USDT", side="long", quantity=2.0, mark_price=120.0)
    found = view(bought, told)
    (position,) = found.positions
    assert (position.quantity, position.source, position.entry_price) == (2.0, "bot", 100.0)
    assert (position.unrealized_pnl, position.opened_at) == (40.0, START + 5)
    flat = says.line("position", 6, symbol="BTC/USDT", side="flat", quantity=0)
    assert not view(bought, told, flat).positions


def test_a_short_position_that_is_told_has_a_negative_quantity() -> None:
    """Side and quantity become one number, and the bot's own unrealised P&L is taken."""
    says = Printer()
    line = says.line("position", symbol="ETH-USDT", side="short", quantity=3, unrealized_pnl=-4.5, leverage=5)
    (position,) = view(line).positions
    assert (position.quantity, position.unrealized_pnl, position.leverage) == (-3.0, -4.5, 5.0)


def test_orders_are_open_until_they_end() -> None:
    """States, partial fills and the end of an order; a late line of an ended order opens it not again."""
    says = Printer()
    order = {"symbol": "BTC/USDT", "side": "buy", "quantity": 2.0, "price": 99.0}
    opened = [
        says.line("order", 1, order_id="1", status="submitted", order_type="limit", **order),
        says.line("order", 2, order_id="1", status="partially_filled", filled_quantity=0.5, **order),
        says.fill("buy", 0.5, 99, 2, order_id="1"),
        says.line("order", 3, order_id="2", status="accepted", **order),
    ]
    first, second = view(*opened).orders
    assert (first.order.status, first.order.filled, first.order.order_type) == (
        "partially_filled",
        0.5,
        "limit",
    )
    assert (first.order.since, second.order.status) == (START + 1, "accepted")
    ended = [
        *opened,
        says.line("order", 4, order_id="1", status="canceled", **order),
        says.line("order", 3, order_id="1", status="accepted", **order),
        says.fill("buy", 2, 99, 5, order_id="2"),
    ]
    assert not view(*ended).orders


def test_fees_in_another_currency_are_counted_apart() -> None:
    """A fee in what was bought is worth what was paid for it; one in a third currency is not summed."""
    says = Printer()
    found = view(
        says.fill("buy", 1, 100, fee=0.01, fee_currency="BTC"),
        says.fill("buy", 1, 100, fee=0.5, fee_currency="BNB"),
    )
    assert found.fees == 1.0
    assert found.other_fees == {"BNB": 0.5}


def test_modes_accounts_and_currencies_are_never_one() -> None:
    """Dry and live, two accounts and two currencies are four views, each with its own amounts."""
    dry, live = Printer(), Printer(mode="live", allocation="a2")
    found = views(
        dry.fill("buy", 1, 100),
        live.fill("buy", 1, 100),
        live.fill("buy", 1, 100, account="b"),
        live.fill("buy", 1, 100, account="b", symbol="BTC/EUR"),
    )
    keys = [(one.mode, one.account, one.currency) for one in found]
    assert keys == [("dry", "", "USDT"), ("live", "b", "EUR"), ("live", "b", "USDT")]
    assert [one.fills for one in found] == [1, 1, 2], "a line without an account is of the only one named"


def test_what_lines_leave_out_is_what_the_manifest_says() -> None:
    """Equity without a currency and fills of a pair meet in the bot's own currency and account."""
    says = Printer()
    profile = Profile("cross", account="main", currency="USDT", annualization=252)
    found = view(
        says.line("equity", equity=1000.0), says.fill("buy", 1, 100, symbol="BTCUSDT"), profile=profile
    )
    assert (found.account, found.currency, found.equity, found.fills) == ("main", "USDT", 1000.0, 1)
    assert found.ratios.annualization == 252


def test_drawdown_counts_from_the_peak_and_leaves_transfers_out() -> None:
    """A withdrawal is no loss, a deposit no gain; time under water counts from the peak."""
    says = Printer()
    found = view(
        says.equity(1000, 0),
        says.equity(1250, 10),
        says.line("transfer", 15, amount=-250.0, currency="USDT"),
        says.equity(1000, 20),
        says.equity(800, 30),
        says.equity(900, 40),
    )
    drawdown = found.drawdown
    assert drawdown is not None
    assert (drawdown.current, drawdown.maximum) == (pytest.approx(-0.1), pytest.approx(-0.2))
    assert (drawdown.under_water, drawdown.longest_under) == (20.0, 20.0)
    assert found.change_today == 900 - 1000 + 250


def test_a_lost_account_that_gets_fresh_money_begins_anew() -> None:
    """All lost is the deepest drawdown there is, and what comes after it is measured from the fresh money."""
    says = Printer()
    found = view(
        says.equity(1000, 0),
        says.equity(0, 1),
        says.line("transfer", 2, amount=500.0, currency="USDT"),
        says.equity(500, 3),
        says.equity(450, 4),
    )
    assert found.drawdown is not None
    assert (found.drawdown.maximum, found.drawdown.current) == (-1.0, pytest.approx(-0.1))


def test_the_last_sample_of_a_day_is_the_days_equity() -> None:
    """Days without a sample carry the last one forward; the day that is not over is no day yet."""
    says = Printer()
    samples = [says.equity(100, 5), says.equity(110, 50), says.equity(121, 3 * DAY), says.equity(1, 4 * DAY)]
    found = view(*samples, now=4 * DAY + 10)
    assert found.days.closes == [110.0, 110.0, 110.0, 121.0]
    assert found.ratios.returns == 3
    assert found.ratios.sharpe is None


def test_what_fills_made_is_held_against_the_change_of_equity() -> None:
    """Both from the first sample of equity on, transfers left out; the rest is the difference."""
    says = Printer()
    found = view(
        says.fill("buy", 1, 100, fee=1),
        says.equity(1000, 1),
        says.fill("sell", 1, 130, 2, fee=1),
        says.line("transfer", 3, amount=50.0, currency="USDT"),
        says.equity(1075, 4),
    )
    agreed = found.reconciliation
    assert agreed is not None
    assert (agreed.equity_change, agreed.pnl_from_fills, agreed.difference) == (25.0, 29.0, -4.0)


def test_a_bot_that_tells_no_fill_is_believed_about_its_pnl() -> None:
    """Its equity lines' own numbers are shown, and said to be its own; there is nothing to reconcile."""
    says = Printer()
    found = view(says.equity(1000, realized_pnl=12.5, unrealized_pnl=-2.0, fees=0.5))
    assert (found.realized_pnl, found.unrealized_pnl, found.net_pnl) == (12.5, -2.0, 10.0)
    assert (found.pnl_source, found.reconciliation) == ("bot", None)


def test_numbers_that_are_none_move_nothing() -> None:
    """Infinite, absurd and missing numbers are passed over."""
    says = Printer()
    found = views(
        says.fill("buy", 0, 100),
        says.fill("buy", 10**400, 100),
        says.line("position", symbol="X", side="long", quantity=float("inf")),
        says.line("equity", equity=float("nan")),
        says.fill("buy", 1e200, 1e200, symbol="LONG/USDT"),
        says.fill("sell", 1e200, 1e200, symbol="SHORT/USDT"),
    )
    assert [one.fills for one in found if one.positions or one.equity is not None or one.fills] == []


def deposited(profile: Profile, transfer: dict[str, str], *sampled: dict[str, str]) -> list[AccountView]:
    """Return the views of a bot whose equity grows by a deposit of 500 and by nothing else."""
    says = Printer()
    bot = BotTrading("sma", account=profile.account, currency=profile.currency)
    equity = [{"currency": "USDT", **one} for one in sampled]
    bot.take([says.line("equity", 1, equity=1000.0, **one) for one in equity])
    bot.take([says.line("transfer", 2, **{"amount": 500.0, "currency": "USDT", **transfer})])
    bot.take([says.line("equity", 3, equity=1500.0, **one) for one in equity])
    return [one for one in accounts_of(bot, profile, START + 10) if one.equity is not None]


@pytest.mark.parametrize(
    ("transfer", "sampled"),
    [
        ({}, {"account": "main"}),
        ({"account": "main"}, {}),
        ({"account": "main"}, {"account": "main"}),
        ({}, {"account": "main", "currency": ""}),
        ({"currency": ""}, {"account": "main"}),
    ],
)
def test_a_transfer_finds_the_equity_that_it_moved(transfer: dict[str, str], sampled: dict[str, str]) -> None:
    """An account or a currency that one of both leaves out is the only one that the bot names."""
    (found,) = deposited(Profile(), transfer, sampled)
    assert found.change_today == 0.0
    assert found.drawdown is not None
    assert found.drawdown.maximum == 0.0


def test_a_transfer_that_may_be_of_two_accounts_is_the_manifests() -> None:
    """It names no account: it is of the one that the manifest says, and of none where it says none."""
    accounts = ({"account": "main"}, {"account": "sub"})
    found = deposited(Profile("cross", account="main"), {}, *accounts)
    assert {one.account: one.change_today for one in found} == {"main": 0.0, "sub": 500.0}
    found = deposited(Profile(), {}, *accounts)
    assert {one.account: one.change_today for one in found} == {"main": 500.0, "sub": 500.0}


def test_a_transfer_in_another_currency_moves_no_equity() -> None:
    """Neither one whose currency the manifest says nor one whose fills do is moved by an amount of BTC."""
    (other,) = deposited(Profile("cross", currency="USDT"), {"currency": "BTC"}, {"currency": ""})
    assert other.change_today == 500.0
    says = Printer()
    found = views(
        *(says.fill("buy", 1, 100), says.line("equity", 1, equity=1000.0)),
        says.line("transfer", 2, amount=1.0, currency="BTC"),
        says.line("transfer", 2, amount=-5.0, currency="USDT"),
        says.line("equity", 3, equity=1000.0),
        profile=Profile(),
    )
    (own,) = (one for one in found if one.equity is not None)
    assert (own.currency, own.fills, own.change_today) == ("USDT", 1, 5.0)


def test_all_that_is_withdrawn_is_no_loss() -> None:
    """An account goes on where it was withdrawn from, however long it was empty."""
    says = Printer()
    found = view(
        *(says.equity(1000, 0), says.equity(900, 1)),
        *(says.line("transfer", 2, amount=-900.0, currency="USDT"), says.equity(0, 3), says.equity(0, 4)),
        *(says.line("transfer", 5, amount=500.0, currency="USDT"), says.equity(500, 6)),
        says.equity(450, 7),
    )
    assert found.drawdown is not None
    assert found.drawdown.maximum == pytest.approx(-0.19)
    assert found.drawdown.current == pytest.approx(-0.19)


def test_an_account_that_begins_empty_has_lost_nothing() -> None:
    """The first deposit is where it begins."""
    says = Printer()
    deposit = says.line("transfer", 1, amount=1000.0, currency="USDT")
    found = view(says.equity(0, 0), deposit, says.equity(1000, 2), says.equity(990, 3))
    assert found.drawdown is not None
    assert found.drawdown.maximum == pytest.approx(-0.01)


def test_a_fee_is_of_its_own_currency_also_where_the_fills_is_not_said() -> None:
    """What BTCUSDT is traded in the manifest may say: a fee in BNB is none of it, and one in USDT is."""
    says = Printer()
    plain = [
        says.fill("buy", 1, 100, symbol="XBTUSDT", fee=0.5, fee_currency="BNB"),
        says.fill("buy", 1, 100, symbol="XBTUSDT", fee=0.25, fee_currency="USDT"),
        says.fill("buy", 1, 100, symbol="XBT", fee=0.125, fee_currency="USDT"),
        says.line("equity", 3, equity=1000.0),
    ]
    found = view(*plain, profile=Profile("cross", currency="USDT"))
    assert (found.fees, found.other_fees) == (0.375, {"BNB": 0.5})
    unknown = view(*plain)
    assert (unknown.currency, unknown.fees, unknown.other_fees) == ("", 0.25, {"BNB": 0.5, "USDT": 0.125})


def test_equity_without_a_currency_is_held_against_the_fills_of_one() -> None:
    """Fills in the one currency count, also where an account is left out; of several none does."""
    says = Printer()
    lines = [
        *(says.line("equity", 1, equity=1000.0, account="main"), says.fill("buy", 1, 100, 2)),
        *(says.fill("sell", 1, 110, 3), says.line("equity", 4, equity=1010.0, account="main")),
    ]
    (found,) = views(*lines, profile=Profile())
    assert found.reconciliation is not None
    assert (found.reconciliation.pnl_from_fills, found.reconciliation.difference) == (10.0, 0.0)
    euro = [says.fill(side, 1, price, 5, symbol="BTC/EUR") for side, price in (("buy", 1), ("sell", 8))]
    bot = BotTrading("sma")
    bot.take([*lines, *euro, says.line("equity", 6, equity=1010.0, account="main")])
    (ledger,) = (one for one in bot.ledgers.values() if one.equity is not None)
    assert ledger.equity is not None
    assert ledger.equity.made == 0.0


def test_a_fill_that_is_printed_again_counts_once_also_in_a_state_that_was_kept() -> None:
    """A bot that reconnects prints its fills and transfers anew, with the ids that they had."""
    says, again = Printer(), Printer(allocation="a2")
    bot = BotTrading("sma")
    bot.take([says.equity(1000, 0), says.fill("buy", 1, 100, 1, event_id="f1")])
    bot.take([says.line("transfer", 2, amount=50.0, currency="USDT", event_id=7)])
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(bot), type=BotTrading)
    kept.take(
        [
            again.fill("buy", 1, 100, 3, event_id="f1"),
            again.line("transfer", 4, amount=50.0, currency="USDT", event_id=7),
            again.fill("buy", 1, 100, 5, event_id="f2"),
            again.equity(1050, 6),
        ]
    )
    (found,) = accounts_of(kept, Profile(), START + 10)
    assert (found.fills, found.change_today) == (2, 0.0)


def test_only_the_newest_ids_are_remembered() -> None:
    """What is kept of a bot is bounded."""
    says, bot = Printer(), BotTrading("sma")
    bot.take([says.fill("buy", 1, 100, event_id=str(number)) for number in range(MOST_IDS + 5)])
    assert len(bot.ids) == MOST_IDS
    assert bot.take([says.fill("buy", 1, 100, event_id=str(MOST_IDS))])
    (ledger,) = bot.ledgers.values()
    assert ledger.fills == MOST_IDS + 5


def test_what_is_kept_of_long_fields_is_bounded() -> None:
    """Ids, symbols and types as long as a line cost a state a little each."""
    long, says, bot = "x" * 60_000, Printer(), BotTrading("sma")
    bot.take(
        [
            says.fill(
                "buy", 1, 100, symbol=long, position_id=long, order_id=long, account=long, currency=long
            ),
            says.line("order", order_id=long, symbol=long, side="buy", status="accepted", order_type=long),
            says.line("order", order_id=f"{long}2", symbol=long, side="buy", status="canceled"),
            says.line("position", symbol=long, position_id=long, side="long", quantity=1.0, mark_price=2.0),
            says.line("price", symbol=long, value=1.0),
            says.line("balance", asset=long, account=long, total=1.0),
            says.line("transfer", amount=1.0, currency=long, account=long, event_id=long),
        ]
    )
    assert len(msgspec.msgpack.encode(bot)) < 6000
