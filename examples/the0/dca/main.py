"""Buys a little at each run, as the documentation of the0's format shows a scheduled bot."""

from typing import Any

from the0 import error, log, metric, parse, result, state, success


def main(bot_id: str, config: dict[str, Any]) -> None:
    """Run once."""
    same_id, same_config = parse()
    assert (same_id, same_config) == (bot_id, config)
    if config["amount"] <= 0:
        error("Amount must be positive", {"amount": config["amount"]})
    runs = state.get("runs", 0) + 1
    state.set("runs", runs)
    metric("price", {"symbol": config["symbol"], "value": 45_000.5})
    log(f"{bot_id} buys {config['symbol']}", {"amount": config["amount"]})
    if config["amount"] > 1000:
        result({"status": "success", "message": "Large buy", "filled_amount": config["amount"]})
    else:
        success("Trade executed", {"symbol": config["symbol"], "runs": runs})
