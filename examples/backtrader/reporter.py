"""Prints what happens in a backtrader run as JSON lines: fills, orders, positions, equity, prices.

It knows nothing of the strategy; add it to any cerebro: `cerebro.addanalyzer(Reporter, currency="USDT")`.
"""

import json
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


class Reporter(bt.Analyzer):
    params = (
        ("currency", ""),  # that the account is in
        ("every_seconds", 1.0),  # how often equity, positions and prices are printed besides
    )

    def start(self):
        self.run = f"{os.getpid()}-{time.time():.3f}"  # backtrader counts orders from 1 in each run
        self.fills = 0
        self.told_at = 0.0
        self.say("heartbeat", state="running")

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

    def next(self):
        if time.monotonic() - self.told_at >= self.p.every_seconds:
            self.say("heartbeat", state="running")
            for data in self.datas:
                self.say("price", symbol=data._name, value=data.close[0])
            self.say_account()

    def stop(self):
        self.say_account()

    def say_account(self):
        self.told_at = time.monotonic()
        broker = self.strategy.broker
        for data in self.datas:
            position = broker.getposition(data)
            self.say(
                "position",
                symbol=data._name,
                side="long" if position.size > 0 else "short" if position.size < 0 else "flat",
                quantity=abs(position.size),
                entry_price=position.price,
                mark_price=data.close[0],
                unrealized_pnl=(data.close[0] - position.price) * position.size,
            )
        self.say("equity", equity=broker.getvalue(), balance=broker.getcash())

    def say(self, kind, **fields):
        line = {"_metric": kind, "timestamp": int(time.time() * 1000), "currency": self.p.currency or None}
        line |= fields
        print(json.dumps({name: value for name, value in line.items() if value is not None}), flush=True)
