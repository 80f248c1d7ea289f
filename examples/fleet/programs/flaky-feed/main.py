"""A bot that does not survive the loss of its market data."""

import time

from the0 import log, metric


class Feed:
    """A feed that breaks."""

    def __init__(self, breaks_after):
        self.until = time.monotonic() + breaks_after

    def next_price(self):
        if time.monotonic() >= self.until:
            raise ConnectionError("connection refused by the market data feed")
        time.sleep(0.5)
        return 100.0


def main(bot_id, config):
    log(f"{bot_id} connects to its feed")
    feed = Feed(config["breaks_after"])
    while True:
        metric("price", {"symbol": "DOGE/USDT", "value": feed.next_price()})
