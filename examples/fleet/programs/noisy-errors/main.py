"""A bot that survives its errors and logs every one with its trace."""

import json
import logging
import random
import signal
import threading

from the0 import metric

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("noisy")
stopping = threading.Event()
ANSWERS = ['{"price": 101.5}', '{"price": "n/a"}', "<html>502 Bad Gateway</html>", '{"prize": 99.0}']


class BadAnswer(Exception):
    """The exchange answered with something that is no price."""


def parse(answer):
    try:
        return float(json.loads(answer)["price"])
    except (ValueError, KeyError) as error:
        raise BadAnswer(f"cannot read {answer[:20]!r}") from error


def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    failures = 0
    while not stopping.wait(config["every"]):
        try:
            metric("price", {"symbol": "XRP/USDT", "value": parse(random.choice(ANSWERS))})
        except BadAnswer:
            failures += 1
            log.exception("answer %d of the exchange is unreadable", failures)
        metric("health", {"failures": failures})
