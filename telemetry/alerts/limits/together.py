"""An account: what its bots of one mode made, hold and lost together, in each currency by itself.

Levels of several bots are never compared, since bots come, go, move and are resumed. What counts is what each
bot made between two looks at it. Whatever else changes the account's equity is money paid in or out.
"""

import math
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct, field

from telemetry.alerts.limits.idle import Printed
from telemetry.alerts.limits.part import Numbers, trim
from telemetry.trading.equity import DAY, EquityTrack, begun


class Share(Struct):
    """What a part of a bot came to when it was looked at last."""

    began: float
    made: float
    equity: float | None
    exposure: float
    day: int
    """The UTC day of that look, in days since 1970."""


class Pool(Struct):
    """One currency of an account."""

    shares: dict[str, dict[str, Share]] = field(default_factory=dict)
    """By bot, then by the account that its lines name."""
    day: int = -1
    made: float = 0.0
    """What was made on this UTC day, also by bots that have left since."""
    start: float = 0.0
    """The equity that the day began with, and what was paid in since."""
    worth: EquityTrack | None = None
    """All equity: bots that come and go are transfers, so that they move no drawdown."""
    flow: float = 0.0
    """What was paid in or out since `worth` was reckoned."""
    accepted: float = 0.0
    """The exposure that there was when an operator resumed a bot of it."""

    def take(self, bot: str, one: Numbers, now: float) -> None:
        """Take what a part of a bot comes to; the first look at it says where it begins."""
        self._begin_day(now)
        shares, made, change = self.shares.setdefault(bot, {}), 0.0, 0.0
        known = shares.get(one.account)
        if known is not None and known.began != one.began:
            self._pay_out(known)
            known = None
        if known is not None:
            change = one.made - known.made
            made = change
            if (
                known.day < self.day and one.change is not None
            ):  # what it made before midnight is not of today
                made = one.change
        before = known.equity if known is not None else None
        if one.equity is not None:
            self.flow += one.equity - before - change if before is not None else one.equity
        self.made += made
        shares[one.account] = Share(one.began, one.made, one.equity, one.exposure, self.day)

    def keep_only(self, bot: str, accounts: Collection[str]) -> None:
        """Drop the other parts of a bot: their equity is paid out, what they lost is lost."""
        shares = self.shares.get(bot, {})
        for account in [account for account in shares if account not in accounts]:
            self._pay_out(shares.pop(account))
        if not shares:
            self.shares.pop(bot, None)

    @property
    def _all(self) -> Iterator[Share]:
        return (one for shares in self.shares.values() for one in shares.values())

    @property
    def has_equity(self) -> bool:
        """Whether a bot of it said what it is worth."""
        return any(one.equity is not None for one in self._all)

    def _pay_out(self, share: Share) -> None:
        self.flow -= share.equity or 0.0

    def arm(self, now: float) -> None:
        """Count anew from here on."""
        self._begin_day(now)
        self.made = self.start = self.flow = 0.0
        self.worth = None
        self.accepted = sum(one.exposure for one in self._all)

    def sums(self, currency: str, now: float) -> Numbers:
        """Return what all come to now."""
        self._begin_day(now)
        held = sum(one.exposure for one in self._all)
        self.accepted = min(self.accepted, held)
        equity = self._weigh(now)
        if equity is not None:
            self.start = max(self.start, equity - self.made)
        fallen = -self.worth.drawdown if self.worth is not None else None
        start = self.start if self.start > 0 else None
        return Numbers("", currency, max(-self.made, 0.0), fallen, held, equity, start)

    def _begin_day(self, now: float) -> None:
        day = int(now // DAY)
        if day > self.day:
            self.day, self.made, self.start = day, 0.0, 0.0

    def _weigh(self, now: float) -> float | None:
        """Return the equity of all, None where none is known; reckon how far it fell."""
        known = [one.equity for one in self._all if one.equity is not None]
        equity = sum(known)
        if not math.isfinite(equity) or not (known or self.worth):
            return None
        flow, self.flow = self.flow, 0.0
        if self.worth is None:
            self.worth = begun(equity, now, None)
        else:
            self.worth.pending += flow
            self.worth.add(equity, max(now, self.worth.newest_at))
            trim(self.worth)
        return equity if known else None


class Together(Struct):
    """The bots of one account in one mode."""

    account: str
    mode: str
    pools: dict[str, Pool] = field(default_factory=dict)
    """By currency."""
    armed_at: float = 0.0
    """When an operator resumed a bot of it: orders of before count no more."""
    broken: bool = False
    """Whether a limit was found broken since then."""
    held: str = ""
    """Why no bot of it may start, "" where they may: a limit that stops its bots is broken."""
    held_at: float | None = None
    """When that was put in force, None where it is not."""

    def take(self, bot: str, numbers: Sequence[Numbers], now: float) -> None:
        """Take what one bot comes to."""
        for one in numbers:
            self.pools.setdefault(one.currency, Pool()).take(bot, one, now)
        for currency, pool in self.pools.items():
            pool.keep_only(bot, [one.account for one in numbers if one.currency == currency])

    def leave(self, bot: str) -> None:
        """Drop a bot that is gone, or belongs to another account now."""
        for pool in self.pools.values():
            pool.keep_only(bot, ())

    @property
    def bots(self) -> frozenset[str]:
        """The bots that there is something of."""
        return frozenset(bot for pool in self.pools.values() for bot in pool.shares)

    @property
    def printed(self) -> list[Printed]:
        """What its bots printed, by currency."""
        return [
            Printed("", currency, pool.has_equity) for currency, pool in self.pools.items() if pool.shares
        ]

    @property
    def accepted(self) -> dict[tuple[str, str], float]:
        """The exposures that an operator accepted, by ("", currency)."""
        return {("", currency): pool.accepted for currency, pool in self.pools.items()}

    def arm(self, now: float) -> None:
        """Count anew from here on."""
        self.armed_at, self.broken, self.held = now, False, ""
        for pool in self.pools.values():
            pool.arm(now)

    def sums(self, now: float) -> list[Numbers]:
        """Return what all come to now, by currency."""
        return [pool.sums(currency, now) for currency, pool in self.pools.items()]
