"""A bot that caches every quote and never forgets one."""

import math
import signal
import threading
import time

from the0 import error, log, metric, state

stopping = threading.Event()


def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    log(f"{bot_id} caches every quote of {config['symbol']}")
    quotes = []
    while not stopping.wait(1.0):
        quotes.append(bytearray(config["leaks"] * 1024))
        cached = len(quotes) * config["leaks"]
        value = 150 * (1 + 0.02 * math.sin(time.time() / 30))
        metric("price", {"symbol": config["symbol"], "value": round(value, 3)})
        metric("cache", {"quotes": len(quotes), "kib": cached})
        if len(quotes) % 10 == 0:
            state.set("cache", {"quotes": len(quotes), "kib": cached})
        if cached >= config["gives_up_at"] * 1024:
            error("the cache is full: it was never emptied", {"kib": cached})
