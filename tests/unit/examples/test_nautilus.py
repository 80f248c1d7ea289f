"""`examples/nautilus`: the reporter's equity is whole or not said, and its handlers raise nothing."""

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.examples.loading import load

MODULES = (
    "nautilus_trader.common.actor",
    "nautilus_trader.config",
    "nautilus_trader.model.enums",
    "nautilus_trader.model.events",
    "nautilus_trader.model.identifiers",
    "nautilus_trader.model.objects",
)


class Number(SimpleNamespace):
    """A price, quantity or money."""

    def __init__(self, value: float, currency: str = "USDT") -> None:
        """Take its value."""
        super().__init__(value=value, currency=currency)

    def as_decimal(self) -> Decimal:
        """Return it as it is written."""
        return Decimal(str(self.value))


def instrument(base: str | None) -> Any:
    """Return one that is paid in USDT: a coin, or (without a base) a share."""
    return SimpleNamespace(id=f"{base}/USDT", quote_currency="USDT", get_base_currency=lambda: base)


class Cache(SimpleNamespace):
    """A node's memory: an account, the open positions, and the prices that are known."""

    def account_for_venue(self, venue: str) -> Any:
        """Return the account."""
        return self.account

    def positions_open(self, venue: str = "") -> list[Any]:
        """Return an open position for each of these instruments."""
        return [SimpleNamespace(instrument_id=one) for one in self.open]

    def instrument(self, name: str) -> Any:
        """Return an instrument, None where it is not known."""
        return next((one for one in self.known if one.id == name), None)

    def instruments(self, venue: str) -> list[Any]:
        """Return all of them."""
        return list(self.known)

    def price(self, name: str, kind: str) -> Number | None:
        """Return the newest price."""
        return Number(self.prices[name]) if name in self.prices else None


def reporter(
    account: Any, open_: tuple[str, ...] = (), made: dict[str, Any] | None = None, **prices: float
) -> Any:
    """Return a reporter on such an account."""
    one = load("nautilus/reporter.py", *MODULES).Reporter(None)
    known = [instrument("BTC"), instrument("ETH"), instrument(None)]
    named = {f"{coin}/USDT": price for coin, price in prices.items()}
    one.config = SimpleNamespace(venue="SIM", currency="USDT", instrument_ids=())
    one.cache = Cache(account=account, open=open_, known=known, prices=named)
    one.portfolio = SimpleNamespace(unrealized_pnl=(made or {}).get)
    one.clock = SimpleNamespace(timestamp_ns=lambda: 1_000_000)
    one.warnings = []
    one.log = SimpleNamespace(warning=one.warnings.append)
    return one


def account(cash: bool, base: str | None = None, **totals: float) -> Any:
    """Return a cash account (spot) or a margin account with these balances."""
    balances = {currency: Number(total) for currency, total in totals.items()}
    return SimpleNamespace(is_cash_account=cash, base_currency=base, balances_total=lambda: balances)


def equity(one: Any, capsys: pytest.CaptureFixture[str]) -> float | None:
    """Return the equity that is said now."""
    capsys.readouterr()
    one.say_equity()
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line["_metric"] == "equity" for line in said)
    return said[0]["equity"] if said else None


def test_a_purchase_on_a_cash_account_is_no_loss(capsys: pytest.CaptureFixture[str]) -> None:
    """A coin bought is worth its price: equity before and after differ by the fee."""
    before = reporter(account(True, USDT=100_000.0))
    after = reporter(account(True, USDT=39_970.0, BTC=1.0), ("BTC/USDT",), BTC=60_000.0)
    assert equity(before, capsys) == 100_000
    assert equity(after, capsys) == 99_970


def test_a_balance_without_a_price_says_no_equity(capsys: pytest.CaptureFixture[str]) -> None:
    """It says once which currency it is; a balance of zero needs no price."""
    one = reporter(account(True, USDT=39_970.0, BTC=1.0, ETH=0.0), ("BTC/USDT",))
    assert equity(one, capsys) is None
    assert equity(one, capsys) is None
    (said,) = one.warnings
    assert "BTC has no price in USDT" in said


@pytest.mark.parametrize(("base", "held"), [("USDT", "BTC/USDT"), (None, "None/USDT"), (None, "unknown")])
def test_a_cash_account_that_holds_no_coins_says_no_equity(
    base: str | None, held: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one currency, or with shares, what was bought is no balance: it would be a loss."""
    assert equity(reporter(account(True, base, USDT=39_970.0), (held,), BTC=60_000.0), capsys) is None


def test_a_margin_account_is_its_balance_and_what_positions_made(capsys: pytest.CaptureFixture[str]) -> None:
    """Of all open positions, in whatever currency; one of which nothing is known says no equity."""
    held = account(False, USDT=10_000.0)
    made = {"BTC/USDT": Number(25.0), "ETH/USDT": Number(0.001, "BTC")}
    both = "BTC/USDT", "ETH/USDT"
    assert equity(reporter(held, both, made, BTC=60_000.0), capsys) == 10_085
    assert equity(reporter(held, both, made), capsys) is None
    assert equity(reporter(held, both, {"BTC/USDT": Number(25.0)}, BTC=60_000.0), capsys) is None


def test_no_handler_raises_in_the_middle_of_a_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    """A position that the cache does not have is left out; what fails is told once, and goes no further."""
    one = reporter(account(False, USDT=10_000.0))
    one.cache.position = lambda name: None
    one.on_position_event(SimpleNamespace(position_id="P-1"))
    assert (json.loads(capsys.readouterr().out)["equity"], one.warnings) == (10_000, [])
    for handler in (one.on_position_event, one.on_order_event, one.on_timer):
        handler(None)
        handler(None)
    assert [text.partition(" failed")[0] for text in one.warnings] == [
        "on_position_event",
        "on_order_event",
        "on_timer",
    ]
