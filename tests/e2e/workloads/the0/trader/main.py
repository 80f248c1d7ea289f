"""Buys and sells on quotes that it makes up, in the idiom of the0's own Python bots: SDK, JSON by logging."""

import json
import logging

from the0 import log, metric, sleep

logging.basicConfig(
    level=logging.INFO,
    format='{"level":"%(levelname)s","message":"%(message)s","timestamp":"%(asctime)s"}',
)
logger = logging.getLogger(__name__)
START = 10_000.0
FEE = 0.001


def price_in(answer: str) -> float:
    """Return the price in an answer of the exchange."""
    return json.loads(answer)["price"]


def main(bot_id: str, config: dict) -> None:
    """Trade for so many looks, then only look on."""
    symbol, quantity = config["symbol"], config["quantity"]
    cash, held, entry, realized, fees, fills, look, price = START, 0.0, 0.0, 0.0, 0.0, 0, 0, 0.0
    logger.info(f"Bot {bot_id} started")
    while True:
        look += 1
        name = "price" if look != 10 else "prize"
        try:
            price = price_in(json.dumps({name: 45_000 + look % 7 * 35.5}))
        except KeyError:
            logger.exception("Look failed")
        metric("price", {"symbol": symbol, "value": price})
        if look <= config["looks"] and look % 2 == 0:
            side = "sell" if held else "buy"
            signed = quantity if side == "buy" else -quantity
            fee = quantity * price * FEE
            realized += (price - entry) * quantity if side == "sell" else 0.0
            cash, held, entry = cash - signed * price - fee, held + signed, price
            fills, fees = fills + 1, fees + fee
            trade = {"symbol": symbol, "side": side, "quantity": quantity, "price": price, "fee": fee}
            metric("trade", {**trade, "total": quantity * price})
            metric("position", {"symbol": symbol, "quantity": held, "price": price, "value": held * price})
            metric("portfolio_value", {"value": cash + held * price, "change_pct": cash / START - 1})
        if look == config["looks"]:
            made = {"fills": fills, "realized": realized, "fees": fees, "held": held}
            log("Summary", {**made, "value": cash + held * price})
        sleep(config["update_interval_ms"] / 1000 if look < config["looks"] else 0.5)
