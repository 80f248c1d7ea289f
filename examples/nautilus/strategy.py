"""Long above, short below: two exponential averages cross."""

from decimal import Decimal

from nautilus_trader.config import StrategyConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy


class CrossConfig(StrategyConfig, frozen=True):
    instrument_id: InstrumentId
    bar_type: BarType
    trade_size: Decimal
    fast: int
    slow: int


class Cross(Strategy):
    def __init__(self, config: CrossConfig):
        super().__init__(config)
        self.fast = ExponentialMovingAverage(config.fast)
        self.slow = ExponentialMovingAverage(config.slow)

    def on_start(self):
        self.register_indicator_for_bars(self.config.bar_type, self.fast)
        self.register_indicator_for_bars(self.config.bar_type, self.slow)
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar: Bar):
        if not self.indicators_initialized():
            return
        self.hold(OrderSide.BUY if self.fast.value > self.slow.value else OrderSide.SELL)

    def hold(self, side: OrderSide):
        """Hold one position on this side; turn the one that is there."""
        instrument = self.cache.instrument(self.config.instrument_id)
        wanted = self.config.trade_size if side == OrderSide.BUY else -self.config.trade_size
        missing = wanted - self.portfolio.net_position(instrument.id)
        if missing:
            order = self.order_factory.market(instrument.id, side, instrument.make_qty(abs(missing)))
            self.submit_order(order)

    def on_stop(self):
        self.cancel_all_orders(self.config.instrument_id)
        self.close_all_positions(self.config.instrument_id)
