"""Prints what happens in a nautilus_trader node as JSON lines: fills, orders, positions, equity, prices.

It knows nothing of the strategy; add it to any node. An exception here would be raised where the event comes
from, in the middle of the strategy: handlers log it instead. Equity is said of margin accounts and of cash
accounts (spot) in several currencies, while each of their amounts has a price; of others nothing is said.
"""

import functools
import json
from collections import Counter
from datetime import timedelta

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.enums import (
    PriceType,
    liquidity_side_to_str,
    order_side_to_str,
    position_side_to_str,
)
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.objects import Currency

ORDER_STATUS = {
    "OrderSubmitted": "submitted",
    "OrderAccepted": "accepted",
    "OrderRejected": "rejected",
    "OrderDenied": "rejected",
    "OrderCanceled": "canceled",
    "OrderExpired": "expired",
    "OrderFilled": "filled",
}


def number(value) -> float | None:
    """Return a price, quantity or money as it is written: 60239.4, not 60239.399999999994."""
    return None if value is None else float(value.as_decimal())


def harmless(handler):
    """Let a handler's exception be logged, once for each handler and kind, and go no further."""

    @functools.wraps(handler)
    def guarded(self, *given):
        try:
            handler(self, *given)
        except Exception as error:
            self.warn_once(f"{handler.__name__} failed: {error!r}", (handler.__name__, type(error)))

    return guarded


class ReporterConfig(ActorConfig, frozen=True):
    venue: Venue
    currency: Currency
    """The currency that equity is said in."""
    instrument_ids: tuple[InstrumentId, ...] = ()
    """Whose prices are printed."""
    every_seconds: float = 1.0
    """How often equity, open positions and prices are printed besides."""


class Reporter(Actor):
    def __init__(self, config: ReporterConfig):
        super().__init__(config)
        self.told = {}
        """When the price was from that was printed last, by instrument."""
        self.warned = set()
        """What was warned of already."""

    @harmless
    def on_start(self):
        self.msgbus.subscribe("events.order.*", self.on_order_event)
        self.msgbus.subscribe("events.position.*", self.on_position_event)
        for instrument_id in self.config.instrument_ids:
            self.subscribe_quote_ticks(instrument_id)
        self.clock.set_timer("report", timedelta(seconds=self.config.every_seconds), callback=self.on_timer)
        self.say("heartbeat", self.clock.timestamp_ns(), state="running")

    @harmless
    def on_stop(self):
        self.clock.cancel_timer("report")
        self.say_equity()

    @harmless
    def on_order_event(self, event):
        if isinstance(event, OrderFilled):
            self.say_fill(event)
        status, order = ORDER_STATUS.get(type(event).__name__), self.cache.order(event.client_order_id)
        if status is None or order is None:
            return
        if status == "filled" and order.is_open:
            status = "partially_filled"
        self.say(
            "order",
            event.ts_event,
            order_id=str(order.client_order_id),
            symbol=str(order.instrument_id),
            side=order_side_to_str(order.side).lower(),
            status=status,
            quantity=number(order.quantity),
            filled_quantity=number(order.filled_qty),
            reason=getattr(event, "reason", None),
        )

    def say_fill(self, fill: OrderFilled):
        self.say(
            "trade",
            fill.ts_event,
            event_id=str(fill.id),
            trade_id=str(fill.trade_id),
            order_id=str(fill.client_order_id),
            symbol=str(fill.instrument_id),
            side=order_side_to_str(fill.order_side).lower(),
            quantity=number(fill.last_qty),
            price=number(fill.last_px),
            fee=number(fill.commission),
            fee_currency=str(fill.commission.currency) if fill.commission else None,
            liquidity=liquidity_side_to_str(fill.liquidity_side).lower(),
            currency=str(fill.currency),
        )

    @harmless
    def on_position_event(self, event):
        position = self.cache.position(event.position_id)
        if position is not None:
            self.say_position(position)
        self.say_equity()

    def say_position(self, position):
        price = self.cache.price(position.instrument_id, PriceType.MID) if position.is_open else None
        unrealized = number(position.unrealized_pnl(price)) if price else None if position.is_open else 0.0
        self.say(
            "position",
            self.clock.timestamp_ns(),
            symbol=str(position.instrument_id),
            side=position_side_to_str(position.side).lower(),
            quantity=number(position.quantity),
            entry_price=position.avg_px_open,
            mark_price=number(price) if price else None,
            unrealized_pnl=unrealized,
            realized_pnl=number(position.realized_pnl),
            currency=str(position.quote_currency),
        )

    def say_equity(self):
        """Say what the account is worth; nothing where a part of it is not known, rather than a loss."""
        account = self.cache.account_for_venue(self.config.venue)
        if account is None:
            return
        made = self.unrealized()
        if account.is_cash_account:
            # What was bought is a balance itself, at its price: nothing is made of it besides.
            made = Counter() if account.base_currency is None and self.are_balances() else None
        if made is None:
            return
        held = Counter({currency: number(money) for currency, money in account.balances_total().items()})
        balance, unrealized = self.worth(held), self.worth(made)
        if balance is not None and unrealized is not None:
            self.say(
                "equity",
                self.clock.timestamp_ns(),
                equity=balance + unrealized,
                balance=held[self.config.currency],
                unrealized_pnl=None if account.is_cash_account else unrealized,
                currency=str(self.config.currency),
            )

    def unrealized(self):
        """Return what open positions have made, by currency; None where one of them has no price."""
        made = Counter()
        for instrument_id in {one.instrument_id for one in self.cache.positions_open(self.config.venue)}:
            money = self.portfolio.unrealized_pnl(instrument_id)
            if money is None:
                return None
            made[money.currency] += number(money)
        return made

    def are_balances(self):
        """Tell whether each open position is of a coin, which the account has a balance of."""
        held = [
            self.cache.instrument(one.instrument_id) for one in self.cache.positions_open(self.config.venue)
        ]
        return all(one is not None and one.get_base_currency() is not None for one in held)

    def worth(self, amounts):
        """Return what amounts are worth in the account's currency; None where one has no price."""
        total = 0.0
        for currency, amount in amounts.items():
            price = self.price_of(currency) if amount else 0.0
            if price is None:
                to = self.config.currency
                text = f"no equity is printed: {currency} has no price in {to}; subscribe to its quotes"
                self.warn_once(text, currency)
                return None
            total += amount * price
        return total

    def price_of(self, currency):
        """Return the newest price of a currency in the account's, of an instrument that trades the two."""
        if currency == self.config.currency:
            return 1.0
        for instrument in self.cache.instruments(venue=self.config.venue):
            pair = instrument.get_base_currency(), instrument.quote_currency
            if pair == (currency, self.config.currency):
                price = self.cache.price(instrument.id, PriceType.MID)
                price = price or self.cache.price(instrument.id, PriceType.LAST)
                if price is not None:
                    return number(price)
        return None

    @harmless
    def on_timer(self, _):
        self.say(
            "heartbeat",
            self.clock.timestamp_ns(),
            state="running",
            open_positions=self.cache.positions_open_count(),
        )
        for position in self.cache.positions_open():
            self.say_position(position)
        self.say_equity()
        for instrument_id in self.config.instrument_ids:
            tick = self.cache.quote_tick(instrument_id)
            if tick is not None and tick.ts_event > self.told.get(instrument_id, 0):
                self.told[instrument_id] = tick.ts_event
                bid, ask = number(tick.bid_price), number(tick.ask_price)
                middle = (bid + ask) / 2
                self.say("price", tick.ts_event, symbol=str(instrument_id), value=middle, bid=bid, ask=ask)

    def say(self, kind: str, ts_event: int, **fields):
        line = {"_metric": kind, "timestamp": ts_event // 1_000_000}
        line |= {name: value for name, value in fields.items() if value is not None}
        print(json.dumps(line), flush=True)

    def warn_once(self, text, kind):
        """Log a warning, once for each kind."""
        if kind not in self.warned:
            self.warned.add(kind)
            self.log.warning(text)
