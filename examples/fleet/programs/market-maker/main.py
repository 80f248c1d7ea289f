"""A market maker whose takers and price are drawn at random."""

import random
import signal
import threading

from the0 import log, metric

stopping = threading.Event()


def quotes(price, spread_bps, inventory, limit):
    """Bid and ask around the price, leaning against the inventory."""
    half = price * spread_bps / 20_000
    lean = -half * inventory / limit
    return price - half + lean, price + half + lean


def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    symbol, limit = config["symbol"], config["max_inventory"]
    price, cash, inventory, fills = 2_000.0, 20_000.0, 0.0, 0
    log(f"{bot_id} quotes {symbol} {config['spread_bps']} bps wide")
    while not stopping.wait(config["every"]):
        price += 0.05 * (2_000 - price) + random.gauss(0, 1.2)
        bid, ask = quotes(price, config["spread_bps"], inventory, limit)
        metric("price", {"symbol": symbol, "value": round(price, 2), "bid": round(bid, 2), "ask": round(ask, 2)})
        for side, quote, sign in (("buy", bid, 1), ("sell", ask, -1)):
            if abs(inventory + sign) > limit:
                metric("risk", {"rule": "max_inventory", "action": "block_entries", "value": inventory, "limit": limit})
                continue
            if random.random() < 0.2:
                fills += 1
                cash -= sign * quote
                inventory += sign
                metric("trade", {"trade_id": f"t{fills}", "symbol": symbol, "side": side, "quantity": 1.0,
                                 "price": round(quote, 2), "liquidity": "maker"})
        metric("equity", {"equity": round(cash + inventory * price, 2), "currency": "USDT"})
        metric("quotes", {"symbol": symbol, "inventory": inventory, "fills": fills})
    log(f"{bot_id} pulled its quotes, {fills} fills, inventory {inventory}")
