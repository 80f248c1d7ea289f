"""All limits of all bots and accounts: whom there is something to look at of, what broke, what is latched.

A limit that was broken stays so until an operator resumes the bot: whatever its lines say meanwhile. Accounts
are made of the bots whose manifests name them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.risk import NO_LIMITS, Action, RiskLimits
from telemetry.alerts.limits.book import Orders, RiskBook
from telemetry.alerts.limits.breaches import OF_ACCOUNT, OF_BOT, Breach, breaches, rule_name
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
_WELL = Found(False, "within the limit")
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
        self._together: dict[tuple[str, str], Together] = {}
        self.touched: set[str] = set()
        """The bots that there is something to look at of."""
        self.unkept: set[str] = set()
        """The bots whose books moved since they were kept."""

    def set_bot(self, profile: BotProfile, book: RiskBook | None = None) -> None:
        """Put a bot under its limits, or under none; `book`: what was kept of it."""
        if not profile.risk and not self._account(profile):
            self.bots.pop(profile.bot, None)
            return
        known = self.bots.get(profile.bot)
        if known is not None:
            known.profile = profile
        else:
            self.bots[profile.bot] = _Guarded(profile, book or RiskBook(profile.bot))

    def forget(self, bot: str) -> None:
        """Drop a bot that is gone."""
        self.bots.pop(bot, None)
        for one in self._together.values():
            one.forget(bot)

    def latch(self, bot: str, rule: str) -> None:
        """Take over from an earlier life that a limit is broken."""
        known = self.bots.get(bot)
        if known is not None and rule.startswith((OF_BOT, OF_ACCOUNT)):
            known.latched.add(rule)

    def latched(self, bot: str) -> frozenset[str]:
        """Return the rules of a bot whose limits are broken."""
        known = self.bots.get(bot)
        return frozenset(known.latched) if known is not None else frozenset()

    def events(self, bot: str, events: Sequence[Event], now: float) -> bool:
        """Take new events of a bot; say whether there is something to look at."""
        known = self.bots.get(bot)
        if known is None:
            return False
        if known.book.take(events, known.profile.mode, known.orders, now):
            self.touched.add(bot)
            return True
        return False

    def look(self, bot: str, trading: BotTrading, profile: Profile, now: float) -> None:
        """Look at what a bot's lines came to, and tell of the limits that it breaks."""
        known = self.bots.get(bot)
        if known is None:
            return
        known.numbers = known.book.look(trading, profile, known.profile.mode, now)
        self.unkept.add(bot)
        tracks = known.book.parts.items()
        accepted = {(account, currency): track.accepted for (_, account, currency), track in tracks}
        rate = known.orders.rate(now)
        found = breaches(known.profile.risk, known.numbers, rate, accepted, "")
        self._judge(known, OF_BOT, known.profile.risk, found, now)
        self._look_at_account(known, now)

    def arm(self, bot: str, now: float) -> None:
        """Count anew: an operator resumed the bot."""
        known = self.bots.get(bot)
        if known is None:
            return
        known.book.arm(now, known.numbers, known.profile.mode)
        known.orders = Orders()
        self.unkept.add(bot)
        latched, known.latched = known.latched, set()
        together = self._together.get((known.profile.account, known.profile.mode))
        if together is not None:
            together.forget(bot)
            if any(rule.startswith(OF_ACCOUNT) for rule in latched):
                together.arm(now)
        for rule in latched:
            self._tell(bot, rule, ARMED, now)

    def _account(self, profile: BotProfile) -> RiskLimits:
        return self.accounts.get(profile.account, NO_LIMITS) if profile.account else NO_LIMITS

    def _look_at_account(self, known: _Guarded, now: float) -> None:
        limits, profile = self._account(known.profile), known.profile
        if not limits:
            return
        together = self._together.setdefault((profile.account, profile.mode), Together())
        own = [one for one in known.numbers if one.account in ("", profile.account)]
        sums = together.take(profile.bot, own, known.orders, now)
        of = f" of the account {profile.account}"
        found = breaches(limits, sums, together.rate(now), together.accepted, of)
        for other in self._members(profile):
            self._judge(other, OF_ACCOUNT, limits, found, now)

    def _members(self, profile: BotProfile) -> Iterable[_Guarded]:
        return [
            one
            for one in self.bots.values()
            if one.profile.account == profile.account and one.profile.mode == profile.mode
        ]

    def _judge(
        self, known: _Guarded, whose: str, limits: RiskLimits, found: Sequence[Breach], now: float
    ) -> None:
        """Tell of each limit whether it is broken; what stops a bot stays broken."""
        broken: dict[str, Breach] = {}
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

    def _is_doubted(self, known: _Guarded, rule: str, breach: Breach) -> bool:
        """Say whether a breach is so absurd that the next line has to say so as well."""
        if breach.times < ABSURD or rule in known.absurd:
            return False
        known.absurd.add(rule)
        return True
