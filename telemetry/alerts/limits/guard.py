"""All limits of all bots and accounts: whom there is something to look at of, what broke, what is latched.

A limit that was broken stays so until an operator resumes the bot: whatever its lines say meanwhile. Accounts
are made of the bots whose manifests name them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.risk import NO_LIMITS, Action, RiskLimits
from telemetry.alerts.limits.book import Orders, RiskBook
from telemetry.alerts.limits.breaches import OF_ACCOUNT, OF_BOT, Breach, breaches, rule_name
from telemetry.alerts.limits.idle import AFTER, Printed, idle_limits, other_account
from telemetry.alerts.limits.part import Numbers
from telemetry.alerts.limits.together import Together
from telemetry.alerts.states import Found
from telemetry.alerts.watch import BotProfile
from telemetry.records import Event
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile

ABSURD = 100.0
"""So many times a limit is believed once the next line says so as well."""
Tell = Callable[[str, str, Found, float], None]
_Account = tuple[str, str]
"""An account's name and the mode of its bots."""
_NONE: _Account = ("", "")
_STOPS = frozenset({Action.SUSPEND, Action.STOP, Action.KILL})
"""What a limit does that holds its account's other bots as well."""
_WELL = Found(False, "within the limit")
ANEW = Found(False, "the limit is another: it is looked at anew")
ARMED = Found(False, "an operator resumed the bot: it counts anew")


@dataclass(slots=True)
class _Guarded:
    """One bot under limits, its own or its account's."""

    profile: BotProfile
    book: RiskBook
    orders: Orders = field(default_factory=Orders)
    numbers: list[Numbers] = field(default_factory=list)
    latched: set[str] = field(default_factory=set)
    """The rules whose limits are broken, until an operator resumes the bot."""
    absurd: set[str] = field(default_factory=set)
    """Rules whose limits the last look found broken absurdly."""


class Guard:
    """The limits. `tell` hears what each comes to: bot, rule, found, now."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.bots: dict[str, _Guarded] = {}
        self.accounts: Mapping[str, RiskLimits] = {}
        self._together: dict[_Account, Together] = {}
        self._members: dict[_Account, dict[str, None]] = {}
        self._account_of: dict[str, _Account] = {}
        """The account under limits that each bot belongs to."""
        self._moved: set[_Account] = set()
        """Accounts of which a bot was looked at since they were."""
        self._well: set[_Account] = set()
        """Accounts that nothing was broken of when they were looked at last."""
        self.touched: set[str] = set()
        """The bots that there is something to look at of."""
        self.waiting: dict[str, float] = {}
        """The bots to look at though they print nothing, and when."""
        self.unkept: set[str] = set()
        """The bots whose books moved since they were kept."""
        self._unkept: set[_Account] = set()

    def set_bot(self, profile: BotProfile, book: RiskBook | None = None) -> None:
        """Put a bot under its limits, or under none; `book`: what was kept of it."""
        self._belong(profile)
        if not profile.risk and profile.bot not in self._account_of:
            self.bots.pop(profile.bot, None)
            self.waiting.pop(profile.bot, None)
            return
        known = self.bots.get(profile.bot)
        if known is not None:
            known.profile = profile
        else:
            self.bots[profile.bot] = _Guarded(profile, book or RiskBook(profile.bot))

    def forget(self, bot: str) -> None:
        """Drop a bot that is gone."""
        self.bots.pop(bot, None)
        self.waiting.pop(bot, None)
        self._leave(bot)

    def restore(self, accounts: Iterable[Together]) -> None:
        """Take over what was kept of accounts in an earlier life."""
        self._together = {(one.account, one.mode): one for one in accounts}

    def settle(self) -> None:
        """Drop from accounts the bots that left them in an earlier life: every bot is known now."""
        for key, together in list(self._together.items()):
            members = self._members.get(key, {})
            for bot in together.bots.difference(members):
                together.leave(bot)
                self._unkept.add(key)
            if not members and not self.accounts.get(key[0], NO_LIMITS):
                self._drop(key)

    def unkept_accounts(self) -> list[Together]:
        """Return the accounts that moved since this was asked; of one that is gone nothing."""
        keys, self._unkept = self._unkept, set()
        return [self._together.get(key) or Together(*key) for key in keys]

    def keep_again(self, accounts: Iterable[Together]) -> None:
        """Have accounts kept later that could not be kept now."""
        self._unkept |= {(one.account, one.mode) for one in accounts}

    def latch(self, bot: str, rule: str, undone: str = "") -> None:
        """Take over from an earlier life that a limit is broken; `undone`: why, where it did nothing yet."""
        known = self.bots.get(bot)
        if known is None or not rule.startswith((OF_BOT, OF_ACCOUNT)):
            return
        known.latched.add(rule)
        key = self._account_of.get(bot, _NONE)
        self._well.discard(key)
        if undone and key is not _NONE and rule.startswith(OF_ACCOUNT):
            self._hold(self._together.setdefault(key, Together(*key)), undone)

    def holds(self) -> list[Together]:
        """Return the accounts whose bots may not start, or are about to again."""
        return [one for one in self._together.values() if one.held or one.held_at is not None]

    def held_account(self, key: _Account) -> Together | None:
        """Return an account whose bots are held, None where they are not, or not yet."""
        together = self._together.get(key)
        return together if together is not None and together.held_at is not None else None

    def held(self, account: Together, at: float | None) -> None:
        """Take that no bot of an account may start since `at`, or, None, that they may again."""
        key = (account.account, account.mode)
        account.held_at = at
        self._unkept.add(key)
        if at is None and not self.limited(account) and not self._members.get(key):
            self._drop(key)

    def limited(self, account: Together) -> bool:
        """Say whether an account has limits."""
        return bool(self.accounts.get(account.account, NO_LIMITS))

    def lifted(self, account: Together, now: float) -> None:
        """Take that an operator ended the hold of an account: it counts anew."""
        account.arm(now)
        self.held(account, None)

    def _hold(self, together: Together, why: str) -> None:
        together.broken = True
        if not together.held and self.accounts.get(together.account, NO_LIMITS).action in _STOPS:
            together.held = why
            self._unkept.add((together.account, together.mode))

    def release(self, bot: str, rule: str, now: float) -> None:
        """Have a limit that is broken break anew at the next line: what it does is another now."""
        known = self.bots.get(bot)
        if known is not None and rule in known.latched:
            known.latched.discard(rule)
            self._tell(bot, rule, ANEW, now)

    def latched(self, bot: str) -> frozenset[str]:
        """Return the rules of a bot whose limits are broken."""
        known = self.bots.get(bot)
        return frozenset(known.latched) if known is not None else frozenset()

    def events(self, bot: str, events: Sequence[Event], now: float) -> bool:
        """Take new events of a bot; say whether there is something to look at."""
        known = self.bots.get(bot)
        if known is None:
            return False
        for event in events:
            if event.kind == "lifecycle" and event.data.get("kind") == "started":
                known.orders.begin(event.time)
        if known.book.take(events, known.profile.mode, known.orders, now):
            self.touched.add(bot)
            return True
        return False

    def idle(self, bot: str, now: float, *, lives: bool = True) -> str:
        """Return which limits of a bot that runs guard nothing, and why; "" for none, or too early to say.

        `lives`: its process is measured to live now. Only since one did the time counts.
        """
        known = self.bots.get(bot)
        if known is None or not known.profile.running:
            return ""
        book = known.book
        if not book.began:
            if not lives:
                return ""
            book.began = now
            self.unkept.add(bot)
        if now < book.began + AFTER:
            return ""
        printed = book.printed(known.profile.mode)
        found = idle_limits(known.profile.risk, printed)
        key = self._account_of.get(bot)
        if key is not None:
            found += self._idle_of_account(key, printed)
        return "; ".join(found)

    def _idle_of_account(self, key: _Account, own: list[Printed]) -> list[str]:
        if other := other_account(key[0], own):
            return [f"limits of the account {key[0]}: {other}"]
        together = self._together.get(key)
        found = idle_limits(self.accounts.get(key[0], NO_LIMITS), together.printed if together else [])
        return [f"of the account {key[0]}: {one}" for one in found]

    def wake(self, now: float) -> None:
        """Have those looked at for whom it is time, though they print nothing."""
        if self.waiting:
            self.touched.update(bot for bot, at in self.waiting.items() if at <= now)

    def look(self, bot: str, trading: BotTrading, profile: Profile, now: float) -> None:
        """Look at what a bot's lines came to, and tell of the limits that it breaks."""
        known = self.bots.get(bot)
        if known is None:
            return
        known.numbers = known.book.look(trading, profile, known.profile.mode, now)
        self.unkept.add(bot)
        self.waiting.pop(bot, None)
        if (at := known.book.look_at) is not None:
            self.waiting[bot] = at
        tracks = known.book.parts.items()
        accepted = {(account, currency): track.accepted for (_, account, currency), track in tracks}
        rate = known.orders.rate(now)
        found = breaches(known.profile.risk, known.numbers, rate, accepted, "")
        self._judge(known, OF_BOT, known.profile.risk, found, now)
        self._tell_account(known, now)

    def moved_accounts(self) -> set[_Account]:
        """Return the accounts to look at: those of which a bot was looked at since this was asked."""
        accounts, self._moved = self._moved, set()
        return accounts

    def look_at_account(self, key: _Account, now: float, *, held: bool = False) -> None:
        """Look at what the bots of an account come to together; `held`: none of them may start now."""
        together = self._together.get(key)
        if together is None:
            return
        limits = self.accounts.get(key[0], NO_LIMITS)
        members = [self.bots[bot] for bot in self._members.get(key, {}) if bot in self.bots]
        rate = sum(one.orders.rate(now, together.armed_at) for one in members) if limits.order_rate else 0
        found = breaches(limits, together.sums(now), rate, together.accepted, f" of the account {key[0]}")
        together.broken = together.broken or bool(found)
        if not found and key in self._well:
            return
        self._well.discard(key)
        if held:
            # Whoever came later is stopped by the hold alone, and so starts with its end.
            members = [one for one in members if any(rule.startswith(OF_ACCOUNT) for rule in one.latched)]
        broke = [self._judge(one, OF_ACCOUNT, limits, found, now) for one in members]
        if not found:
            self._well.add(key)
        elif any(broke):
            self._hold(together, found[0].text)

    def arm(self, bot: str, now: float) -> None:
        """Count anew: an operator resumed the bot."""
        known = self.bots.get(bot)
        if known is None:
            return
        known.book.arm(now, known.numbers, known.profile.mode)
        known.orders.times.clear()
        self.unkept.add(bot)
        latched, known.latched = known.latched, set()
        together = self._together.get(self._account_of.get(bot, _NONE))
        if together is not None and together.broken and any(rule.startswith(OF_ACCOUNT) for rule in latched):
            together.arm(now)
            self._unkept.add((together.account, together.mode))
        for rule in latched:
            self._tell(bot, rule, ARMED, now)

    def _belong(self, profile: BotProfile) -> None:
        """Have a bot belong to the account that its manifest names, where that is under limits."""
        limits = self.accounts.get(profile.account, NO_LIMITS) if profile.account else NO_LIMITS
        key = (profile.account, profile.mode) if limits else None
        if self._account_of.get(profile.bot) == key:
            return
        self._leave(profile.bot)
        known = self.bots.get(profile.bot)
        if known is not None:
            known.orders.times.clear()  # they were sent where it was
        if key is not None:
            self._account_of[profile.bot] = key
            self._members.setdefault(key, {})[profile.bot] = None

    def _leave(self, bot: str) -> None:
        key = self._account_of.pop(bot, None)
        if key is None:
            return
        self._members[key].pop(bot, None)
        together = self._together.get(key)
        if together is not None:
            together.leave(bot)
            self._unkept.add(key)
        if not self._members[key] and not self.accounts.get(key[0], NO_LIMITS):
            self._drop(key)

    def _drop(self, key: _Account) -> None:
        """Forget an account that has no limits any more: with new ones it begins anew.

        Where its bots are held, only once they are let go.
        """
        together = self._together.get(key)
        if together is not None:
            together.held = ""
        if together is None or together.held_at is None:
            self._together.pop(key, None)
        self._members.pop(key, None)
        self._unkept.add(key)

    def _tell_account(self, known: _Guarded, now: float) -> None:
        """Have a bot's account know what it comes to."""
        key = self._account_of.get(known.profile.bot)
        if key is None:
            return
        own = [one for one in known.numbers if one.account in ("", key[0])]
        self._together.setdefault(key, Together(*key)).take(known.profile.bot, own, now)
        self._moved.add(key)
        self._unkept.add(key)

    def _judge(
        self, known: _Guarded, whose: str, limits: RiskLimits, found: Sequence[Breach], now: float
    ) -> bool:
        """Tell of each limit whether it is broken, and say whether one broke; what stops a bot stays so."""
        broken: dict[str, Breach] = {}
        before = len(known.latched)
        for breach in found:
            broken.setdefault(rule_name(whose, breach.kind), breach)
        mine = {rule for rule in known.latched if rule.startswith(whose)}
        for rule in mine.difference(broken) if limits.action is Action.NOTIFY else ():
            known.latched.discard(rule)
            self._tell(known.profile.bot, rule, _WELL, now)
        for rule, breach in broken.items():
            if rule in known.latched or self._is_doubted(known, rule, breach):
                continue
            known.latched.add(rule)
            self._tell(
                known.profile.bot, rule, Found(True, breach.text, breach.value, ((now, breach.value),)), now
            )
        known.absurd = {rule for rule in known.absurd if rule in broken or not rule.startswith(whose)}
        return len(known.latched) > before

    def _is_doubted(self, known: _Guarded, rule: str, breach: Breach) -> bool:
        """Say whether a breach is so absurd that the next line has to say so as well."""
        if breach.times < ABSURD or rule in known.absurd:
            return False
        known.absurd.add(rule)
        return True
