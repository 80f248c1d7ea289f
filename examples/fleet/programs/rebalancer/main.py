"""A scheduled bot: one run brings the portfolio back to its target weight."""

import random

from the0 import log, metric, state, success


def main(bot_id, config):
    holdings = state.get("holdings", {"BTC": 6_000.0, "USDT": 4_000.0})
    holdings["BTC"] *= random.gauss(1.0005, 0.02)
    total = sum(holdings.values())
    drift = holdings["BTC"] / total - config["target"]
    log(f"{bot_id}: weight is {drift:+.2%} off its target")
    traded = 0.0
    if abs(drift) > config["tolerance"]:
        traded = drift * total
        holdings["BTC"] -= traded
        holdings["USDT"] += traded
        side = "sell" if traded > 0 else "buy"
        metric("trade", {"symbol": "BTC/USDT", "side": side, "quantity": round(abs(traded), 2), "price": 1.0})
    metric("equity", {"equity": round(total, 2), "currency": "USDT"})
    metric("rebalance", {"drift": round(drift, 5), "traded": round(traded, 2)})
    state.set("holdings", holdings)
    success(f"traded {traded:+.2f} USDT", {"drift": round(drift, 5), "traded": round(traded, 2)})
