"""What a bot left open, in words that name it."""

from telemetry.liveness.left_open import alert_text, left_open
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile, accounts_of
from tests.unit.telemetry.trading.lines import START, Printer


def found(*lines: object, account: str = "main") -> list[str]:
    known = BotTrading("sma")
    for line in lines:
        known.take([line])
    return left_open(accounts_of(known, Profile(account=account, currency="USDT"), START + 100))


def test_positions_and_orders_are_named_with_side_size_account_and_since():
    """Each open position and order is a phrase; what was closed is none."""
    says = Printer(mode="live")
    order = {
        "order_id": "8",
        "symbol": "ETH/USDT",
        "side": "sell",
        "status": "accepted",
        "quantity": 2,
        "price": 90,
    }
    lines = [says.fill("buy", 0.5, 64000, 60), says.line("order", 120, **order)]
    assert found(*lines) == [
        "long 0.5 BTC/USDT at 64000 (live, account main), since 2024-10-04 00:01 UTC",
        "order 8 to sell 2 ETH/USDT at 90 (live, account main), since 2024-10-04 00:02 UTC",
    ]
    closed = [says.fill("sell", 0.5, 64000, 180), says.line("order", 190, **{**order, "status": "canceled"})]
    assert found(*lines, *closed) == []


def test_an_alert_names_the_first_few_and_counts_the_rest():
    """A bot with a thousand positions makes no message that nobody reads."""
    text = alert_text("suspended: by desk-ops", [f"long {number} X" for number in range(1, 9)])
    assert text.startswith("it ended (suspended: by desk-ops) and left open: long 1 X; long 2 X; ")
    assert text.endswith("long 5 X, and 3 more")


def test_absurd_times_and_names_are_bounded():
    """A bot may call a symbol anything, and be open since the year 300,000."""
    says = Printer()
    (told,) = found(says.fill("sell", 1, 1, 1e13, symbol="S" * 5000))
    assert "since an unknown time" in told
    assert len(told) < 150
