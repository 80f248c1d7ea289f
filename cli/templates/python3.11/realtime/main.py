"""A first bot: it needs nothing but Python, and shows what herdsman sees of a bot."""

import json
import random
import signal
import time

running = True


def stop(*_):
    """herdsman asks a bot to stop with SIGTERM: cancel orders, save, end."""
    global running
    running = False


def metric(kind, **fields):
    """A JSON line with `_metric` becomes series on the dashboard."""
    print(json.dumps({"_metric": kind, "timestamp": int(time.time() * 1000), **fields}))


def main(bot_id, config):
    signal.signal(signal.SIGTERM, stop)
    print(f"{bot_id} watches {config['symbol']}")
    price, cash, amount = 100.0, 5_000.0, 50.0
    while running:
        price *= random.gauss(1, 0.001)
        metric("price", symbol=config["symbol"], value=round(price, 4))
        metric("equity", equity=round(cash + amount * price, 2), currency="USDT")
        time.sleep(config["every"])
    print(f"{bot_id} stopped as asked")
