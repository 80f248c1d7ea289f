"""A market made up of waves, live: a bar comes when it is due. Put your broker's store in its place."""

import math
import time
from datetime import UTC, datetime

import backtrader as bt


class Waves(bt.feed.DataBase):
    params = (
        ("bar_seconds", 1.0),
        ("bars", 0),  # until the market is quiet; 0: never
        ("timeframe", bt.TimeFrame.Ticks),
        ("qcheck", 0.2),
    )

    def start(self):
        super().start()
        self.number = 0
        self.due = time.time()

    def islive(self):
        return True

    def haslivedata(self):
        return not self.is_quiet() and time.time() >= self.due

    def is_quiet(self):
        return bool(self.p.bars) and self.number >= self.p.bars

    def _load(self):
        """Fill in the next bar: True where there is one, None where there is none yet."""
        if not self.haslivedata():
            missing = self.p.qcheck if self.is_quiet() else max(self.due - time.time(), 0)
            time.sleep(min(self.p.qcheck, missing))
            return None
        self.number += 1
        self.due += self.p.bar_seconds
        middle = 60_000 + 400 * math.sin(self.number / 9) + 60 * math.sin(self.number / 2)
        self.lines.datetime[0] = bt.date2num(datetime.now(UTC))
        self.lines.open[0] = self.lines.close[0] = round(middle, 1)
        self.lines.high[0], self.lines.low[0] = round(middle + 5, 1), round(middle - 5, 1)
        self.lines.volume[0] = 1.0
        self.lines.openinterest[0] = 0
        return True
