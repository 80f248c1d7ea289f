"""Bots under risk limits, their trading as herdsman follows it, on a clock of their own."""

import itertools
from typing import Any

import msgspec

from schemas.risk import RiskLimits, read_risk
from telemetry.alerts.limits.book import RiskBook
from telemetry.alerts.limits.guard import Guard
from telemetry.alerts.limits.together import Together
from telemetry.alerts.states import Found
from telemetry.alerts.watch import BotProfile
from telemetry.records import Event
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile

NOW = 1_760_054_400.0  # 00:00 UTC
HOUR = 3600.0


class Desk:
    """Bots under limits, their trading as herdsman follows it, and a clock."""

    def __init__(self, accounts: dict[str, Any] | None = None, **risk: Any) -> None:
        self.now = NOW + HOUR
        self.told: list[tuple[str, str, bool, str]] = []
        self.guard = Guard(self._tell)
        self.guard.accounts = {name: read_risk(limits) for name, limits in (accounts or {}).items()}
        self.trading: dict[str, BotTrading] = {}
        self.currency = ""
        """What the manifests say of it."""
        self._offsets = itertools.count(1)
        if risk or not accounts:
            self.bot("sma", read_risk(risk))

    def bot(
        self,
        name: str,
        limits: RiskLimits | None = None,
        mode: str = "live",
        account: str = "main",
        book: RiskBook | None = None,
    ) -> None:
        """Put a bot under limits."""
        limits = limits or RiskLimits()
        self.guard.set_bot(BotProfile(name, "trend", account, mode=mode, risk=limits), book)

    def again(self) -> "Desk":
        """Return what a restart leaves: the same bots and limits, with what was kept of them."""
        later = Desk()
        later.guard = Guard(later._tell)
        later.guard.accounts, later.trading = self.guard.accounts, self.trading
        later._offsets, later.now, later.currency = self._offsets, self.now, self.currency
        kept = self.guard.unkept_accounts()
        later.guard.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=list[Together]))
        for known in self.guard.bots.values():
            book = msgspec.msgpack.decode(msgspec.msgpack.encode(known.book), type=RiskBook)
            later.guard.set_bot(known.profile, book)
        return later

    def _tell(self, bot: str, rule: str, found: Found, now: float) -> None:
        self.told.append((bot, rule, bool(found.truth), found.text))

    def line(
        self, kind: str, bot: str = "sma", mode: str = "live", at: float | None = None, **data: Any
    ) -> None:
        """Have a bot print a line now (it says `at`), and look."""
        place = f"alloc-{bot}/stdout/0/{next(self._offsets)}"
        event = Event(place, bot, self.now if at is None else at, kind, "info", "", mode=mode, data=data)
        self.feed([event], bot)
        self.now += 1
        self.guard.wake(self.now)
        self.look()

    def worth(self, bot: str, *values: float) -> None:
        """Have a bot print its equity."""
        for value in values:
            self.line("equity", bot, equity=value, currency="USDT")

    def feed(self, events: list[Event], bot: str = "sma") -> None:
        """Have a bot print events, and look."""
        self.trading.setdefault(bot, BotTrading(bot)).take(events)
        self.guard.events(bot, events, self.now)
        self.look()

    def look(self) -> None:
        """Look at what there is to look at now."""
        touched, self.guard.touched = self.guard.touched, set()
        for name in touched:
            self.guard.look(name, self.trading[name], Profile("trend", "", self.currency), self.now)
        for account in self.guard.moved_accounts():
            self.guard.look_at_account(account, self.now)

    def equity(self, value: float, **more: Any) -> None:
        """Have the bot print its equity."""
        self.line("equity", equity=value, **{"currency": "USDT", **more})

    @property
    def broken(self) -> list[tuple[str, str]]:
        """The limits that broke, with the words."""
        return [(rule, text) for _, rule, truth, text in self.told if truth]

    @property
    def stopped(self) -> list[tuple[str, str]]:
        """The bots whose limits broke, and which."""
        return [(bot, rule) for bot, rule, truth, _ in self.told if truth]
