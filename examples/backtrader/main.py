"""A live run of backtrader: its own broker for orders, made-up waves for a market."""

import logging
import signal

import backtrader as bt
from feed import Waves
from reporter import Reporter
from strategy import Cross

LOG = logging.getLogger("run")


def main(bot_id, config):
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    cerebro = bt.Cerebro(live=True)
    cerebro.broker.setcash(100_000)
    cerebro.broker.setcommission(commission=0.0005)
    cerebro.adddata(Waves(bar_seconds=config["bar_seconds"], bars=config["bars"]), name=config["symbol"])
    cerebro.addstrategy(Cross, fast=config["fast"], slow=config["slow"], stake=config["stake"])
    cerebro.addanalyzer(Reporter, currency="USDT")
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    # backtrader knows no signals: end the run at its next look for a bar, so that its end is reported.
    signal.signal(signal.SIGTERM, lambda *_: cerebro.runstop())
    strategy = cerebro.run()[0]
    trades = strategy.analyzers.trades.get_analysis()
    closed = trades.total.get("closed", 0)
    net = trades.pnl.net.total if closed else 0.0
    LOG.info("ended: value %.6f, %d trades closed, net %.6f", cerebro.broker.getvalue(), closed, net)
