"""Keeps a portfolio in its state, as the documentation of the0's format shows it."""

from typing import Any

import the0
from the0 import log, metric, sleep, state


def main(bot_id: str, config: dict[str, Any]) -> None:
    """Run for ever."""
    symbol = config["symbol"]
    state.set("scratch", {"started": True})
    known = sorted(state.list())
    if state.exists("scratch"):
        state.delete("scratch")
    looks = state.get("looks", 0)
    log("Bot starting", {"bot_id": bot_id, "symbol": symbol, "known": known, "sdk": the0.__version__})
    while True:
        looks += 1
        price = 45_000.5 + looks % 10
        state.set("looks", looks)
        state.set("portfolio", {symbol: 0.5, "price": price})
        metric("price", {"symbol": symbol, "value": price, "change_pct": 0.1})
        metric("portfolio_value", {"value": price * 0.5, "currency": "USDT"})
        if looks % 10 == 0:
            metric(
                "signal", {"symbol": symbol, "direction": "long", "confidence": 0.85, "reason": "ten looks"}
            )
            log("Ten looks", "warn")
        sleep(config["update_interval_ms"] / 1000)
