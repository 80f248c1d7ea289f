"""One account of a bot in one currency: its fills, orders, positions as told, and equity."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from telemetry.trading.currencies import currency_named, number_of, pair_of, text_of
from telemetry.trading.equity import EquityTrack, begun
from telemetry.trading.holdings import Holding, RoundTrips
from telemetry.trading.orders import Orders

_MOST_SYMBOLS = 2000
_MOST_OTHER = 16
"""Other currencies in which fees are counted."""


class ToldPosition(Struct):
    """A position as the bot's own `position` lines have it; `quantity` is negative where it is short."""

    symbol: str
    quantity: float
    at: float
    opened_at: float
    entry_price: float | None = None
    unrealized_pnl: float | None = None
    realized_pnl: float | None = None
    leverage: float | None = None


class Ledger(Struct):
    """All that lines said of one account in one currency, in one mode; amounts are in that currency."""

    mode: str
    account: str
    currency: str
    fills: int = 0
    realized: float = 0.0
    """What fills realised, before fees."""
    fees: float = 0.0
    other_fees: dict[str, float] = field(default_factory=dict)
    """Fees in currencies other than this one, and in all where this one was not known."""
    volume: float = 0.0
    last_fill_at: float = 0.0
    trips: RoundTrips = field(default_factory=RoundTrips)
    holdings: dict[str, Holding] = field(default_factory=dict)
    """By symbol, or `symbol#position_id` where fills name a position."""
    told: dict[str, ToldPosition] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    equity: EquityTrack | None = None
    said: dict[str, float] = field(default_factory=dict)
    """What the newest equity line said besides: balance, realized_pnl, unrealized_pnl, fees, exposures."""

    @property
    def tells(self) -> bool:
        """Say whether lines told of more than transfers."""
        return bool(self.fills or self.equity or self.told or self.orders.open or self.orders.ended)

    def trade(self, line: Mapping[str, Any], at: float, currency: str = "") -> float | None:
        """Take a fill; return its price. `currency` is the ledger's, as far as it is known otherwise."""
        quantity, price = number_of(line, "quantity"), number_of(line, "price")
        if quantity is None or price is None or not quantity:
            return None
        signed = abs(quantity) if line.get("side") == "buy" else -abs(quantity)
        key = _position_key(line)
        holding = self.holdings.get(key)
        if holding is None:
            _make_room(self.holdings)
            holding = self.holdings[key] = Holding()
        self.realized += holding.fill(
            signed, price, self._fee(line, price, self.currency or currency), at, self.trips
        )
        if holding.quantity == 0.0:
            del self.holdings[key]
        self.fills += 1
        self.volume += abs(quantity) * price
        self.last_fill_at = max(self.last_fill_at, at)
        self.orders.filled(line, abs(quantity), at)
        return price

    def order(self, line: Mapping[str, Any], at: float) -> None:
        """Take an order's state."""
        self.orders.take(line, at)

    def position(self, line: Mapping[str, Any], at: float) -> float | None:
        """Take a position as it is told; return its mark price, None where it has none."""
        quantity, side = number_of(line, "quantity"), line.get("side")
        symbol, key = text_of(line, "symbol"), _position_key(line)
        if quantity is None:
            return None
        closed = side == "flat" or line.get("status") == "closed"
        signed = 0.0 if closed else -abs(quantity) if side == "short" else abs(quantity)
        before = self.told.get(key)
        if before is None:
            _make_room(self.told)
        goes_on = before is not None and before.quantity != 0 and (before.quantity > 0) == (signed > 0)
        opened = before.opened_at if before is not None and goes_on else at
        self.told[key] = ToldPosition(
            symbol,
            signed,
            at,
            opened,
            number_of(line, "entry_price"),
            number_of(line, "unrealized_pnl"),
            number_of(line, "realized_pnl"),
            number_of(line, "leverage"),
        )
        return number_of(line, "mark_price")

    def sample(self, line: Mapping[str, Any], at: float, made: float | None) -> None:
        """Take a sample of the equity; `made`: what fills made by now, None where there were none."""
        equity = number_of(line, "equity")
        if equity is None:
            return
        if self.equity is None:
            self.equity = begun(equity, at, made)
        elif not self.equity.add(equity, at):
            return
        self.equity.made = made or 0.0
        self.said = {name: value for name in _SAID if (value := number_of(line, name)) is not None}

    def transfer(self, line: Mapping[str, Any]) -> None:
        """Take a transfer into the account (negative: out of it)."""
        amount = number_of(line, "amount")
        if self.equity is not None and amount is not None:
            self.equity.pending += amount

    def fees_in(self, currency: str) -> float:
        """Return the fees in this ledger's currency, of which it turned out to be `currency`."""
        return self.fees + self.other_fees.get(currency, 0.0)

    def made(self, marks: Mapping[str, float], currency: str = "") -> float:
        """Return what fills made in all: realised and, at these prices, unrealised, less fees."""
        held = sum([one.unrealized(marks.get(symbol_of(key))) for key, one in self.holdings.items()])
        return self.realized + held - self.fees_in(currency)

    def _fee(self, line: Mapping[str, Any], price: float, own: str) -> float:
        """Count the fee of a fill; return what of it is in this ledger's currency `own`."""
        fee, currency = number_of(line, "fee"), currency_named(line, "fee_currency")
        if not fee:
            return 0.0
        if currency and currency != own and not _quoted_in(line, currency, own):
            base, _ = pair_of(text_of(line, "symbol"))
            if currency.upper() != base:
                if currency in self.other_fees or len(self.other_fees) < _MOST_OTHER:
                    self.other_fees[currency] = self.other_fees.get(currency, 0.0) + fee
                return 0.0
            fee *= price  # taken in what was bought: worth what was paid for it
        self.fees += fee
        return fee


_SAID = ("balance", "realized_pnl", "unrealized_pnl", "fees", "gross_exposure", "net_exposure")


def _quoted_in(line: Mapping[str, Any], currency: str, own: str) -> bool:
    """Say whether a symbol of an unknown currency ends with this one, as BTCUSDT does."""
    return not own and text_of(line, "symbol").upper().endswith(currency.upper())


def _position_key(line: Mapping[str, Any]) -> str:
    position, symbol = text_of(line, "position_id"), text_of(line, "symbol")
    return f"{symbol}#{position}" if position else symbol


def symbol_of(key: str) -> str:
    """Return the symbol of a position's key."""
    return key.partition("#")[0]


def _make_room(kept: dict[str, Any]) -> None:
    """Let go of the oldest where there are too many symbols."""
    if len(kept) >= _MOST_SYMBOLS:
        del kept[next(iter(kept))]
