"""A strategy to start from: it buys above an average, and lets small gains and losses end the trade."""

from typing import ClassVar

import talib
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class Trend(IStrategy):
    """In while the close is above its exponential average; out at 0.3% gained or 1% lost."""

    timeframe = "1m"
    startup_candle_count = 20
    minimal_roi: ClassVar = {"0": 0.003}
    stoploss = -0.01

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["average"] = talib.EMA(dataframe["close"], timeperiod=20)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["close"] > dataframe["average"], "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe
