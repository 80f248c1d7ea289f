"""Lines of a made-up bot, as the intake tells them."""

import itertools
from typing import Any

from telemetry.records import Event

DAY = 86400
START = 20_000 * DAY
"""The first second of a day (UTC)."""


class Printer:
    """Makes events with the ids that a bot's log file gives them."""

    def __init__(self, bot: str = "sma", mode: str = "dry", allocation: str = "a1", offset: int = 0) -> None:
        self.bot, self.mode, self.allocation = bot, mode, allocation
        self._offsets = itertools.count(offset, 100)

    def line(self, kind: str, at: float = 0.0, **fields: Any) -> Event:
        """Return one event, `at` seconds after `START`."""
        return Event(
            f"{self.allocation}/stdout/0/{next(self._offsets)}",
            self.bot,
            START + at,
            kind,
            "info",
            kind,
            allocation=self.allocation,
            mode=self.mode,
            data={"_metric": kind, **fields},
        )

    def fill(self, side: str, quantity: float, price: float, at: float = 0.0, **fields: Any) -> Event:
        """Return a trade of BTC/USDT."""
        known = {"symbol": "BTC/USDT", "side": side, "quantity": quantity, "price": price}
        return self.line("trade", at, **{**known, **fields})

    def equity(self, equity: float, at: float = 0.0, **fields: Any) -> Event:
        """Return an equity sample in USDT."""
        return self.line("equity", at, **{"equity": equity, "currency": "USDT", **fields})
