"""Long while the fast average is above the slow one, short while it is below."""

import logging

import backtrader as bt

LOG = logging.getLogger("strategy")


class Cross(bt.Strategy):
    params = (("fast", 5), ("slow", 20), ("stake", 0.5))

    def __init__(self):
        self.fast = bt.ind.SMA(period=self.p.fast)
        self.slow = bt.ind.SMA(period=self.p.slow)
        self.order = None

    def notify_order(self, order):
        if not order.alive():
            self.order = None
        if order.status in (order.Margin, order.Rejected):
            LOG.warning("order %s was refused: %s", order.ref, order.getstatusname())

    def notify_trade(self, trade):
        if trade.isclosed:
            LOG.info("trade closed: gross %.2f, net %.2f", trade.pnl, trade.pnlcomm)

    def next(self):
        if self.order is None:
            wanted = self.p.stake if self.fast[0] > self.slow[0] else -self.p.stake
            self.order = self.order_target_size(target=wanted)
