"""Risk limits, live: takes what bots print to the guard, arms what an operator resumed, keeps the books.

A part of `telemetry/alert_desk.py`: what a limit comes to goes to the engine, as any rule does.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Mapping, Sequence

from schemas.alert_rules import AlertRule
from schemas.risk import NO_LIMITS, Action, RiskLimits
from telemetry.account_holds import AccountHolds
from telemetry.alerts.engine import Engine
from telemetry.alerts.limits.absences import Absences
from telemetry.alerts.limits.book import RiskBook
from telemetry.alerts.limits.breaches import OF_ACCOUNT, OF_BOT, limit_rules
from telemetry.alerts.limits.guard import Guard
from telemetry.alerts.ports import Hands, RiskStore
from telemetry.alerts.states import AlertState, Doing, State
from telemetry.alerts.watch import BotProfile
from telemetry.records import Event
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile

_AT_ONCE = 20
"""Bots that are looked at before others have their turn."""
_KEEP_EVERY = 15.0
"""Seconds between two keepings of what is known for limits."""
Attempt = Callable[[str, Callable[[], None]], None]


class LimitsDesk:
    """The limits of all bots and accounts. `attempt` does something for one of them and raises nothing."""

    def __init__(
        self,
        engine: Engine,
        hands: Hands,
        risks: RiskStore,
        clock: Callable[[], float],
        steady: Callable[[], float],
        attempt: Attempt,
    ) -> None:
        self._engine, self._hands, self._risks = engine, hands, risks
        self._clock, self._attempt = clock, attempt
        self.guard = Guard(engine.risk)
        self.trading: Callable[[str], tuple[BotTrading | None, Profile]] = lambda _bot: (None, Profile())
        """Returns a bot's trading as its lines left it, and what its manifest says of it."""
        self.accounts: Callable[[], Mapping[str, RiskLimits]] = dict
        """Returns the limits of accounts."""
        self._books: dict[str, RiskBook] = {}
        """What was kept of bots' limits in an earlier life."""
        self._keep_at = 0.0
        self.holds = AccountHolds(self.guard, hands, clock, steady, self._keep_soon)
        self.stopped = Absences[str](hands.behind, steady)
        """Bots that a limit stopped."""

    async def load(self) -> None:
        """Take over what was kept in an earlier life. Raises StoreUnavailable."""
        self._books = await self._risks.load()
        self.guard.restore(await self._risks.load_accounts())

    def take_accounts(self) -> bool:
        """Take the limits of accounts; say whether they are others."""
        accounts = self.accounts()
        if accounts is self.guard.accounts:
            return False
        self.guard.accounts = accounts
        return True

    def rules(self, bot: BotProfile) -> list[AlertRule]:
        """Return the rules that stand for a bot's limits, its own and its account's."""
        of_account = self.guard.accounts.get(bot.account, NO_LIMITS)
        return limit_rules(bot.risk, OF_BOT) + limit_rules(of_account, OF_ACCOUNT)

    def set_bot(self, bot: BotProfile, before: Mapping[str, AlertState], *, whole: bool) -> None:
        """Put a bot under its limits; `before`: how its rules stood in an earlier life.

        `whole`: the limits of accounts are known as well.
        """
        book = self._books.pop(bot.bot, None) if whole or bot.risk else None
        self.guard.set_bot(bot, book)
        for name, state in before.items():
            if state.state is State.FIRING:
                undone = state.action in (Doing.WANTED, Doing.FAILED)
                self.guard.latch(bot.bot, name, state.text if undone else "")

    def forget(self, bot: str) -> None:
        """Drop a bot that is gone."""
        self.guard.forget(bot)
        self.stopped.forget(bot)

    def events(self, bot: str, events: Sequence[Event]) -> bool:
        """Take new events of a bot; say whether there is something to look at."""
        return self.guard.events(bot, events, self._clock())

    async def look(self, *, whole: bool) -> None:
        """Hold what bots' lines came to against their limits; what breaks one acts once it is kept.

        `whole`: every bot and the limits of accounts are known.
        """
        self.guard.wake(self._clock())
        bots, self.guard.touched = self.guard.touched, set()
        for count, bot in enumerate(bots, 1):
            self._attempt(bot, functools.partial(self._look_at, bot))
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)
        for key in self.guard.moved_accounts():
            look = functools.partial(self._look_at_account, key, whole=whole)
            self._attempt(f"the account {key[0]}", look)
            await asyncio.sleep(0)

    def _look_at_account(self, key: tuple[str, str], *, whole: bool) -> None:
        # At once before: whoever waited for a hold to end breaks nothing by having begun.
        held = self.holds.in_force(key, follow=whole)
        self.guard.look_at_account(key, self._clock(), held=held)

    def _look_at(self, bot: str) -> None:
        trading, profile = self.trading(bot)
        if trading is None:  # its past is still being read
            self.guard.touched.add(bot)
            return
        self.guard.look(bot, trading, profile, self._clock())

    def release(self, bot: str, now: float) -> None:
        """Have limits break anew that are broken and stop their bot now, and never did."""
        for name in self.guard.latched(bot):
            found = self._engine.state_of(bot, name)
            if found is None or found[0].action is Action.NOTIFY:
                continue
            if found[2].action in (Doing.NONE, Doing.GIVEN_UP):
                self.guard.release(bot, name, now)

    def arm(self, bot: str) -> None:
        """Count a bot's limits anew, once an operator has resumed what one of them stopped."""
        found = [self._engine.state_of(bot, rule) for rule in self.guard.latched(bot)]
        if not any(state.action is Doing.DONE for _, _, state in filter(None, found)):
            return
        if any(stop.holds for stop in self._hands.stops(bot)):
            self.stopped.see(bot)
        elif self.stopped.is_gone(bot):
            self.guard.arm(bot, self._clock())
            self._keep_soon()

    def _keep_soon(self) -> None:
        self._keep_at = 0.0

    async def keep_due(self) -> None:
        """Keep the books where it is time. Raises StoreUnavailable."""
        if time.monotonic() >= self._keep_at:
            self._keep_at = time.monotonic() + _KEEP_EVERY
            await self.keep()

    async def keep(self) -> None:
        """Keep the books of the limits that moved. Raises StoreUnavailable."""
        bots, self.guard.unkept = self.guard.unkept, set()
        books = [self.guard.bots[bot].book for bot in bots if bot in self.guard.bots]
        accounts = self.guard.unkept_accounts()
        try:
            await self._risks.save(books, accounts)
        except BaseException:  # also where herdsman ends meanwhile: it is kept once more then
            self.guard.unkept |= bots
            self.guard.keep_again(accounts)
            raise
