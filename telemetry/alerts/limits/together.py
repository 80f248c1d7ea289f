"""An account: the sums of its bots, of one mode, in each currency by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from telemetry.alerts.limits.book import Orders
from telemetry.alerts.limits.part import Numbers
from telemetry.trading.equity import DAY


@dataclass(slots=True)
class _Peak:
    """The most that was made together since the first look, and what each bot had made when it came."""

    before: dict[tuple[str, str], float] = field(default_factory=dict)
    highest: float = 0.0


@dataclass(slots=True)
class Together:
    """The bots of one account in one mode."""

    numbers: dict[str, Sequence[Numbers]] = field(default_factory=dict)
    orders: dict[str, Orders] = field(default_factory=dict)
    accepted: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """The exposures that there were when an operator resumed a bot of it, by ("", currency)."""
    _forgiven: dict[str, tuple[int, float]] = field(default_factory=dict)
    """The losses, likewise, each with its day."""
    _peaks: dict[str, _Peak] = field(default_factory=dict)

    def rate(self, now: float) -> int:
        """Return how many orders all sent in the last minute."""
        return sum(one.rate(now) for one in self.orders.values())

    def take(self, bot: str, numbers: Sequence[Numbers], orders: Orders, now: float) -> list[Numbers]:
        """Take what one bot comes to; return the sums, by currency."""
        self.numbers[bot], self.orders[bot] = numbers, orders
        return self._sums(now)

    def forget(self, bot: str) -> None:
        """Drop a bot that is gone: what it lost today stays lost only in its own figures."""
        self.numbers.pop(bot, None)
        self.orders.pop(bot, None)

    def arm(self, now: float) -> None:
        """Count anew from here on."""
        day = int(now // DAY)
        self._forgiven, self._peaks, self.orders = {}, {}, {}
        sums = self._sums(now)
        self._forgiven = {one.currency: (day, one.loss or 0.0) for one in sums}
        self.accepted = {("", one.currency): one.exposure for one in sums}

    def _sums(self, now: float) -> list[Numbers]:
        by_currency: dict[str, list[tuple[str, Numbers]]] = {}
        for bot, several in self.numbers.items():
            for one in several:
                by_currency.setdefault(one.currency, []).append((bot, one))
        return [self._sum(currency, parts, now) for currency, parts in by_currency.items()]

    def _sum(self, currency: str, parts: Sequence[tuple[str, Numbers]], now: float) -> Numbers:
        equities = [one.equity for _, one in parts if one.equity is not None]
        starts = [one.day_equity for _, one in parts if one.day_equity is not None]
        changes = [one.change for _, one in parts if one.change is not None]
        equity = sum(equities) if equities else None
        day, forgiven = self._forgiven.get(currency, (-1, 0.0))
        loss = max(-sum(changes) - (forgiven if day == int(now // DAY) else 0.0), 0.0) if changes else None
        return Numbers(
            "",
            currency,
            loss,
            self._drawdown(currency, parts, equity),
            sum(one.exposure for _, one in parts),
            equity,
            sum(starts) if starts else None,
            0.0,
        )

    def _drawdown(
        self, currency: str, parts: Sequence[tuple[str, Numbers]], equity: float | None
    ) -> float | None:
        """Return how far what was made together is below its most, as a share of the equity of then."""
        if equity is None:
            return None
        peak = self._peaks.setdefault(currency, _Peak())
        made = 0.0
        for bot, one in parts:
            made += one.gain - peak.before.setdefault((bot, one.account), one.gain)
        peak.highest = max(peak.highest, made)
        fallen = peak.highest - made
        return fallen / (equity + fallen) if equity + fallen > 0 else None
