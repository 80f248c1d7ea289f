"""A bot that prints far more than anybody reads."""

import random
import signal
import threading

from the0 import log, metric

BURSTS = 10
stopping = threading.Event()


def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    log(f"{bot_id} prints {config['lines']} lines a second")
    number, price = 0, 0.45
    while not stopping.wait(1 / BURSTS):
        for _ in range(max(1, config["lines"] // BURSTS)):
            number += 1
            price = max(0.1, price * (1 + random.gauss(0, 0.0002)))
            metric("book", {"symbol": config["symbol"], "seq": number, "bid": round(price * 0.9999, 6),
                            "ask": round(price * 1.0001, 6)})
