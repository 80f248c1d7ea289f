"""A moving-average cross on a market that is a fixed function of time, the same for every bot."""

import math
import signal
import threading
import time
from collections import deque

from the0 import log, metric, state

FEE = 0.001
stopping = threading.Event()


def price_at(symbol, moment):
    """A price made of a few waves whose phases come from the symbol's name."""
    seed = sum(ord(letter) * (place + 1) for place, letter in enumerate(symbol))
    waves = [(0.02, 97.0), (0.008, 23.0), (0.003, 7.0), (0.001, 1.7)]
    swing = sum(size * math.sin(2 * math.pi * moment / period + seed * period) for size, period in waves)
    return (50 + seed % 400) * (1 + swing)


class Account:
    """Cash and position, kept over restarts."""

    def __init__(self, symbol):
        self.symbol = symbol
        kept = state.get("account", {})
        self.cash = kept.get("cash", 10_000.0)
        self.held = kept.get("held", 0.0)
        self.entry = kept.get("entry", 0.0)
        self.orders = kept.get("orders", 0)

    def trade(self, side, quantity, price):
        """Send an order, which this market always fills, and book it."""
        self.orders += 1
        order = {"order_id": f"{self.symbol}-{self.orders}", "symbol": self.symbol, "side": side,
                 "quantity": quantity, "price": round(price, 4)}
        metric("order", {**order, "status": "submitted", "order_type": "market"})
        sign = 1 if side == "buy" else -1
        fee = quantity * price * FEE
        realized = 0.0 if side == "buy" else (price - self.entry) * quantity - fee
        self.cash -= sign * quantity * price + fee
        self.held += sign * quantity
        self.entry = price if side == "buy" else 0.0
        metric("order", {**order, "status": "filled", "filled_quantity": quantity})
        metric("trade", {**order, "fee": round(fee, 4), "fee_currency": "USDT", "realized_pnl": round(realized, 4)})
        log(f"{side} {quantity} {self.symbol} at {price:.4f}")
        self.save()

    def save(self):
        state.set("account", {"cash": self.cash, "held": self.held, "entry": self.entry, "orders": self.orders})

    def report(self, price):
        unrealized = (price - self.entry) * self.held
        metric("equity", {"equity": round(self.cash + self.held * price, 2), "currency": "USDT",
                          "unrealized_pnl": round(unrealized, 2)})
        metric("position", {"symbol": self.symbol, "side": "long" if self.held else "flat",
                            "quantity": self.held, "unrealized_pnl": round(unrealized, 2)})


def main(bot_id, config):
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    symbol, fast, slow = config["symbol"], config["fast"], config["slow"]
    account = Account(symbol)
    # The market is a function of time, so the averages can be filled from its past.
    now = time.time()
    prices = deque((price_at(symbol, now - back * config["every"]) for back in range(slow, 0, -1)), maxlen=slow)
    log(f"{bot_id} trades {symbol} with averages of {fast} and {slow}")
    while not stopping.wait(config["every"]):
        price = price_at(symbol, time.time())
        prices.append(price)
        metric("price", {"symbol": symbol, "value": round(price, 4)})
        quick, calm = sum(list(prices)[-fast:]) / fast, sum(prices) / slow
        if quick > calm and not account.held:
            metric("signal", {"symbol": symbol, "direction": "long", "confidence": 0.6})
            account.trade("buy", config["size"], price)
        elif quick < calm and account.held:
            metric("signal", {"symbol": symbol, "direction": "flat", "confidence": 0.6})
            account.trade("sell", account.held, price)
        account.report(price)
    account.save()
    log(f"{bot_id} stopped as asked, holding {account.held} {symbol}")
