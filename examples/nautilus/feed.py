"""A market made up of waves: one perpetual and its quotes. Put your venue's own data client in its place."""

import asyncio
import math
from decimal import Decimal

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import LiveDataClientConfig
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity

SIM = Venue("SIM")
BTCUSDT = CryptoPerpetual(
    instrument_id=InstrumentId(Symbol("BTCUSDT-PERP"), SIM),
    raw_symbol=Symbol("BTCUSDT"),
    base_currency=BTC,
    quote_currency=USDT,
    settlement_currency=USDT,
    is_inverse=False,
    price_precision=1,
    price_increment=Price.from_str("0.1"),
    size_precision=3,
    size_increment=Quantity.from_str("0.001"),
    min_notional=Money(10, USDT),
    margin_init=Decimal("0.05"),
    margin_maint=Decimal("0.025"),
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    ts_event=0,
    ts_init=0,
)


class WavesConfig(LiveDataClientConfig, frozen=True):
    ticks: int = 0
    """Quotes until the market is quiet; 0: never."""
    tick_seconds: float = 0.05


class WavesDataClient(LiveMarketDataClient):
    """Quotes of waves within waves."""

    def __init__(self, loop, msgbus, cache, clock, config: WavesConfig):
        super().__init__(loop, ClientId("WAVES"), SIM, msgbus, cache, clock, InstrumentProvider())
        self._config = config
        self._task = None

    async def _connect(self):
        self._cache.add_instrument(BTCUSDT)
        self._handle_data(BTCUSDT)

    async def _disconnect(self):
        if self._task is not None:
            self._task.cancel()

    async def _subscribe_quote_ticks(self, command):
        if self._task is None:
            self._task = self.create_task(self._quote())

    async def _unsubscribe_quote_ticks(self, command):
        pass

    async def _quote(self):
        number = 0
        while not self._config.ticks or number < self._config.ticks:
            number += 1
            middle = 60_000 + 400 * math.sin(number / 90) + 60 * math.sin(number / 17)
            now = self._clock.timestamp_ns()
            size = Quantity.from_str("5.000")
            bid, ask = Price(middle - 0.5, 1), Price(middle + 0.5, 1)
            self._handle_data(QuoteTick(BTCUSDT.id, bid, ask, size, size, now, now))
            await asyncio.sleep(self._config.tick_seconds)


class WavesDataClientFactory(LiveDataClientFactory):
    @staticmethod
    def create(loop, name, config, msgbus, cache, clock):
        return WavesDataClient(loop, msgbus, cache, clock, config)
