"""One run: look, decide, say so, end. herdsman starts the next one at the next slot."""

import json
import os
import random
import time
from pathlib import Path


def metric(kind, **fields):
    """A JSON line with `_metric` becomes series on the dashboard."""
    print(json.dumps({"_metric": kind, "timestamp": int(time.time() * 1000), **fields}))


def result(status, message):
    """The outcome of this run, as `herdsman status` and the run history show it."""
    folder = Path("/" + os.environ["CODE_MOUNT_DIR"].lstrip("/"))
    (folder / "result.json").write_text(json.dumps({"status": status, "message": message}))


def main(bot_id, config):
    price = round(random.gauss(100, 1), 2)
    metric("price", symbol=config["symbol"], value=price)
    print(f"{bot_id} saw {config['symbol']} at {price}")
    result("success", f"{config['symbol']} at {price}")
