"""Prints what happens in a backtrader run as JSON lines: fills, orders, positions, equity, prices.

It knows nothing of the strategy; add it to any cerebro: `cerebro.addanalyzer(Reporter, currency="USDT")`. An
exception here would end the run: it is logged instead. Equity is what the broker says the account is worth.
"""

import functools
import json
import logging
import math
import os
import time

import backtrader as bt

STATUS = {
    bt.Order.Submitted: "submitted",
    bt.Order.Accepted: "accepted",
    bt.Order.Partial: "partially_filled",
    bt.Order.Completed: "filled",
    bt.Order.Canceled: "canceled",
    bt.Order.Expired: "expired",
    bt.Order.Margin: "rejected",
    bt.Order.Rejected: "rejected",
}
LOG = logging.getLogger("reporter")


def is_known(value):
    """Tell whether a field has a value: backtrader's own sign for none is a NaN."""
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def harmless(handler):
    """Let a handler's exception be logged, once for each handler and kind, and go no further."""
    warned = set()

    @functools.wraps(handler)
    def guarded(self, *given):
        try:
            handler(self, *given)
        except Exception as error:
            if type(error) not in warned:
                warned.add(type(error))
                LOG.warning("%s failed: %r", handler.__name__, error)

    return guarded


class Reporter(bt.Analyzer):
    params = (
        ("currency", ""),  # that the account is in
        ("every_seconds", 1.0),  # how often equity, positions and prices are printed besides
    )

    @harmless
    def start(self):
        self.run = f"{os.getpid()}-{time.time():.3f}"  # backtrader counts orders from 1 in each run
        self.fills = 0
        self.told_at = 0.0
        self.say("heartbeat", state="running")

    @harmless
    def notify_order(self, order):
        side = "buy" if order.isbuy() else "sell"
        order_id, symbol = f"{self.run}-{order.ref}", order.data._name
        for bit in order.executed.iterpending():
            self.fills += 1
            self.say(
                "trade",
                event_id=f"{self.run}-fill-{self.fills}",
                order_id=order_id,
                symbol=symbol,
                side=side,
                quantity=abs(bit.size),
                price=bit.price,
                fee=bit.closedcomm + bit.openedcomm,
            )
        if order.status in STATUS:
            self.say(
                "order",
                order_id=order_id,
                symbol=symbol,
                side=side,
                status=STATUS[order.status],
                quantity=abs(order.created.size),
                filled_quantity=abs(order.executed.size),
                reason=order.getstatusname() if STATUS[order.status] == "rejected" else None,
            )
        if not order.alive():
            self.say_account()

    @harmless
    def next(self):
        if time.monotonic() - self.told_at >= self.p.every_seconds:
            self.say("heartbeat", state="running")
            for data in self.known():
                self.say("price", symbol=data._name, value=data.close[0])
            self.say_account()

    @harmless
    def stop(self):
        self.say_account()

    def say_account(self):
        self.told_at = time.monotonic()
        broker = self.strategy.broker
        for data in self.known():
            position, price = broker.getposition(data), data.close[0]
            self.say(
                "position",
                symbol=data._name,
                side="long" if position.size > 0 else "short" if position.size < 0 else "flat",
                quantity=abs(position.size),
                entry_price=position.price,
                mark_price=price,
                unrealized_pnl=broker.getcommissioninfo(data).profitandloss(
                    position.size, position.price, price
                ),
            )
        equity = broker.getvalue()
        if is_known(equity):
            self.say("equity", equity=equity, balance=broker.getcash())

    def known(self):
        """Return the data with a bar: a broker asked for the position of other data wants its price too."""
        return [data for data in self.datas if len(data)]

    def say(self, kind, **fields):
        line = {"_metric": kind, "timestamp": int(time.time() * 1000), "currency": self.p.currency or None}
        line |= fields
        print(json.dumps({name: value for name, value in line.items() if is_known(value)}), flush=True)
