"""What to believe of the numbers that bots print: one line of garbage must stop no healthy bot.

A value that is far from the one before is held back until the next line says so as well: a price that is
twice or half of it, an equity that is a quarter more or a fifth less and that no fills explain.
"""

import math
from collections.abc import Iterable

from msgspec import Struct, field

from telemetry.records import Event
from telemetry.times import unix_seconds
from telemetry.trading.currencies import number_of, text_of

FACTOR = 2.0
FRESH = 30.0
"""Seconds after which a line says how things were, and not how they are."""
_STEADY_AFTER = 3.0
_ANCHOR_FOR = 60.0
_MOST_MARKS = 5000
_PRICES = {"price": "value", "trade": "price", "position": "mark_price"}
"""Kinds of events -> their field with a symbol's price."""


def near(value: float, known: float, factor: float = FACTOR) -> bool:
    """Say whether a value is within a factor of another, on the same side of zero."""
    if not math.isfinite(value):
        return False
    if known <= 0:
        return value <= 0
    return known / factor <= value <= known * factor


class Marks(Struct):
    """The prices of symbols, as far as they are believed."""

    believed: dict[str, float] = field(default_factory=dict)
    doubted: dict[str, float] = field(default_factory=dict)

    def take(self, events: Iterable[Event]) -> None:
        """Take the prices that events show, in their order."""
        for event in events:
            name = _PRICES.get(event.kind)
            if name is None:
                continue
            price, symbol = number_of(event.data, name), text_of(event.data, "symbol")
            if price is not None and symbol:
                self._take(symbol, price, _stands_alone(event))

    def _take(self, symbol: str, price: float, alone: bool) -> None:
        known = self.believed.get(symbol)
        if known is None and len(self.believed) + len(self.doubted) >= _MOST_MARKS:
            return
        doubt = self.doubted.pop(symbol, None)
        fits = alone if known is None else near(price, known)
        if fits or (doubt is not None and near(price, doubt)):
            self.believed[symbol] = price
        else:
            self.doubted[symbol] = price


def _stands_alone(event: Event) -> bool:
    """Say whether a symbol's first price is believed: a fill's is, and a position's that fits its entry."""
    if event.kind != "position":
        return event.kind == "trade"
    entry, mark = number_of(event.data, "entry_price"), number_of(event.data, "mark_price")
    return entry is None or mark is None or near(mark, entry)


class Freshness(Struct):
    """Tells lines of now from those that come late: read after an outage, sent again, printed long ago.

    Lines of a bot whose clock is wrong look late, but come as steadily as time passes: those are of now.
    """

    arrived: float | None = None
    printed: float = 0.0

    @property
    def lag(self) -> float:
        """How many seconds the bot's clock is behind, as far as its lines say: 0 where it is right."""
        return self.arrived - self.printed if self.arrived is not None else 0.0

    def take(self, printed: float, now: float) -> bool:
        """Take when a line was printed, by its own word; say whether it is of now."""
        if now - printed <= FRESH:
            self.arrived = None
            return True
        if self.arrived is None or printed < self.printed or now < self.arrived:
            self.arrived, self.printed = now, printed
            return False
        waited, advanced = now - self.arrived, printed - self.printed
        if waited < _STEADY_AFTER:
            return False
        steady = advanced <= 1.5 * waited + 1.0
        if not steady or waited > _ANCHOR_FOR:
            self.arrived, self.printed = now, printed
        return steady


def printed_at(event: Event) -> float:
    """Return when a line was printed: by its `timestamp`, since the time of its event may be another."""
    own = event.data.get("timestamp")
    at = unix_seconds(own) if own is not None else None
    return event.time if at is None or not math.isfinite(at) else at
