"""Prints what happens in a nautilus_trader node as JSON lines: fills, orders, positions, equity, prices.

It knows nothing of the strategy; add it to any node. What it does must not fail: an exception here would be
raised where the event comes from, in the middle of the strategy.
"""

import json
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


def number(value) -> float:
    """Return a price, quantity or money as it is written: 60239.4, not 60239.399999999994."""
    return float(value.as_decimal())


class ReporterConfig(ActorConfig, frozen=True):
    venue: Venue
    currency: Currency
    """The currency that the account is in."""
    instrument_ids: tuple[InstrumentId, ...] = ()
    """Whose prices are printed."""
    every_seconds: float = 1.0
    """How often equity, open positions and prices are printed besides."""


class Reporter(Actor):
    def __init__(self, config: ReporterConfig):
        super().__init__(config)
        self.told = {}
        """When the price was from that was printed last, by instrument."""

    def on_start(self):
        self.msgbus.subscribe("events.order.*", self.on_order_event)
        self.msgbus.subscribe("events.position.*", self.on_position_event)
        for instrument_id in self.config.instrument_ids:
            self.subscribe_quote_ticks(instrument_id)
        self.clock.set_timer("report", timedelta(seconds=self.config.every_seconds), callback=self.on_timer)
        self.say("heartbeat", self.clock.timestamp_ns(), state="running")

    def on_stop(self):
        self.clock.cancel_timer("report")
        self.say_equity()

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
            fee_currency=str(fill.commission.currency),
            liquidity=liquidity_side_to_str(fill.liquidity_side).lower(),
            currency=str(fill.currency),
        )

    def on_position_event(self, event):
        self.say_position(self.cache.position(event.position_id))
        self.say_equity()

    def say_position(self, position):
        price = self.cache.price(position.instrument_id, PriceType.MID) if position.is_open else None
        unrealized = number(position.unrealized_pnl(price)) if price else 0.0
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
        account = self.portfolio.account(self.config.venue)
        if account is None:
            return
        currency = self.config.currency
        balance = number(account.balance_total(currency))
        unrealized = self.portfolio.unrealized_pnls(self.config.venue).get(currency)
        unrealized = number(unrealized) if unrealized else 0.0
        self.say(
            "equity",
            self.clock.timestamp_ns(),
            equity=balance + unrealized,
            balance=balance,
            unrealized_pnl=unrealized,
            currency=str(currency),
        )

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
