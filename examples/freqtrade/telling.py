"""A mixin for strategies that prints what herdsman charts: one JSON line each, and nothing else is needed."""

import json
import math
from datetime import datetime
from typing import Any

from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import Order, Trade


def say(kind: str, **fields: Any) -> None:
    """Print one line of the vocabulary, without the fields that are not known."""
    known = {name: value for name, value in fields.items() if value is not None}
    print(json.dumps({"_metric": kind, **known}), flush=True)


class Telling:
    """Put it before IStrategy: `class Mine(Telling, IStrategy)`. It says no equity but of spot markets."""

    rates: dict[str, float]
    """The last known price of each pair: an open trade's, else its newest candle's."""
    priced: set[str]
    """The pairs whose open trade had a price in the last pass."""
    priced_at = 0.0
    """When an open trade had a price last (Unix seconds)."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """Begin with no price."""
        super().__init__(*given, **named)
        self.rates, self.priced = {}, set()

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """In each pass: a heartbeat with the age of its market data, and the equity at the newest prices."""
        super().bot_loop_start(current_time, **kwargs)
        newest = 0.0
        for pair in self.dp.current_whitelist():
            candles = self.dp.ohlcv(pair, copy=False)
            if not candles.empty:
                close = float(candles["close"].iloc[-1])
                if pair not in self.priced and math.isfinite(close):
                    self.rates[pair] = close
                newest = max(newest, candles["date"].iloc[-1].timestamp())
        trades = [trade for trade in Trade.get_open_trades() if trade.amount]
        data_at = self._data_at(trades, newest, current_time.timestamp())
        say("heartbeat", state="running", last_data_ts=int(data_at * 1000), open_positions=len(trades))
        self._say_equity(trades)
        self.priced.clear()

    def custom_exit(
        self, pair: str, trade: Trade, current_time: datetime, current_rate: float, **kwargs: Any
    ) -> str | bool | None:
        """In each pass, for each open trade: its price."""
        if math.isfinite(current_rate):
            self.priced_at, self.rates[pair] = current_time.timestamp(), current_rate
            self.priced.add(pair)
            say("price", symbol=pair, value=current_rate)
        return super().custom_exit(pair, trade, current_time, current_rate, **kwargs)

    def order_filled(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        """After each fill: what it was, and what it cost."""
        super().order_filled(pair, trade, order, current_time, **kwargs)
        entry = order.ft_order_side == trade.entry_side
        say(
            "trade",
            symbol=pair,
            side=order.side,
            quantity=order.safe_filled,
            price=order.safe_price,
            order_id=order.order_id,
            position_id=str(trade.id),
            fee=trade.fee_open_cost if entry else trade.fee_close_cost,
            fee_currency=trade.fee_open_currency if entry else trade.fee_close_currency,
            currency=self.config["stake_currency"],
            exchange=self.config["exchange"]["name"],
        )

    def _data_at(self, trades: list[Trade], newest: float, now: float) -> float:
        """Return until when the market data is whole: candles are until the one after the newest is over."""
        candles_until = min(now, newest + 2 * timeframe_to_seconds(self.timeframe))
        if self.priced_at and any(not trade.has_open_orders for trade in trades):
            return min(candles_until, self.priced_at)
        self.priced_at = 0.0
        return candles_until

    def _say_equity(self, trades: list[Trade]) -> None:
        """Say what is free, and what the open trades are worth; a dry wallet pays their fees at their end.

        A trade that never had a price is missing in both: such a pass says nothing, rather than a loss.
        """
        spot = self.config.get("trading_mode", "spot") == "spot"
        if not spot or any(trade.pair not in self.rates for trade in trades):
            return
        currency = self.config["stake_currency"]
        worth = sum(trade.amount * self.rates[trade.pair] for trade in trades)
        owed = sum(trade.fee_open_cost or 0.0 for trade in trades) if self.config["dry_run"] else 0.0
        equity = self.wallets.get_total(currency) + worth - owed
        say("equity", equity=equity, gross_exposure=worth, currency=currency)
