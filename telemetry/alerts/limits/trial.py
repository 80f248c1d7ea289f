"""Risk limits over what is stored: the guard that holds bots live, by past clocks. Pure.

A limit that stops its bot stays broken, as it does live until an operator resumes the bot: it breaks once.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from schemas.risk import KINDS as KINDS_OF_LIMITS
from schemas.risk import NO_LIMITS, RiskLimits
from telemetry.alerts.engine import Engine
from telemetry.alerts.limits.belief import near
from telemetry.alerts.limits.book import RiskBook
from telemetry.alerts.limits.breaches import OF_ACCOUNT, OF_BOT, rule_name
from telemetry.alerts.limits.guard import Guard
from telemetry.alerts.limits.idle import Printed, idle_limits
from telemetry.alerts.limits.part import PartTrack
from telemetry.alerts.ports import Setup
from telemetry.alerts.watch import BotProfile
from telemetry.records import Event
from telemetry.trading.equity import EquityTrack, begun
from telemetry.trading.state import KINDS, BotTrading
from telemetry.trading.views import Profile, parts_of, positions_of, track_of

LOOK_AFTER = 0.05
"""Seconds after a line within which others may come before it is looked at, as live."""
OF_ORDERS = frozenset({"order", "lifecycle"})
OF_MONEY = KINDS.difference({"order", "balance"})
"""The kinds of lines that limits go by: that of orders (a new process numbers its own), and the others."""
HOLDINGS = ("trade", "position")
"""The kinds of lines that say what a bot holds."""
WORTH = ("equity", "transfer")
"""Those that say what it is worth."""
_CLOSE = 1.05
"""The factor within which what fills come to is what a bot is known to have held."""
_DUST = 1e-6
"""The share of what was turned over that is no position."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was stored of one account and currency before a trial's first moment; None where nothing was."""

    account: str
    currency: str
    at: float
    equity: float | None = None
    drawdown: float = 0.0
    """Zero or negative."""
    exposure: float | None = None


class TriedLimits:
    """The limits of some bots and their accounts; `engine` hears what they come to."""

    def __init__(self, engine: Engine, setups: Sequence[Setup], accounts: Mapping[str, RiskLimits]) -> None:
        self._guard = Guard(engine.risk)
        self._guard.accounts = accounts
        self._setups = {one.profile.bot: one for one in setups}
        self._accounts = accounts
        self._trading: dict[str, BotTrading] = {}
        self._profiles: dict[str, Profile] = {}
        self._told: dict[str, set[str]] = {}
        """The kinds of lines that each bot printed in its mode."""
        self._unsure: dict[str, frozenset[str]] = {}
        """Bots of which it is not known what they held or were worth: the limits that are not tried."""
        self._look_at: float | None = None
        self._looked_at = float("-inf")
        for one in setups:
            bot = one.profile
            self._trading[bot.bot] = BotTrading(bot.bot, account=bot.account, currency=one.currency)
            self._profiles[bot.bot] = Profile(bot.program, bot.account, one.currency)
            self._guard.set_bot(bot)

    def remember(self, bot: str, held: Sequence[Event], before: Sequence[Before], now: float) -> None:
        """Bring what was before the first moment: a bot's lines of then, what it was worth.

        Where that does not come to what it is known to have held, its exposure is not tried; where no line
        says what it is known to have been worth, neither are its losses.
        """
        known, trading = self._guard.bots.get(bot), self._trading[bot]
        if known is None:
            return
        trading.take(held)
        known.book.marks.take(held)
        trading.marks = dict(known.book.marks.believed)
        told = [one for one in before if one.equity is not None]
        unsure = set[str]()
        if not self._holds(bot, known.profile.mode, before):
            unsure |= {"exposure"} if told else {"exposure", "daily_loss"}
            trading = self._trading[bot] = BotTrading(bot, account=trading.account, currency=trading.currency)
            trading.take([one for one in held if one.kind in WORTH])
        if told and not self._begin(known.book, trading, told, known.profile.mode, now):
            unsure |= {"daily_loss", "drawdown"}
        if unsure:
            self._leave_out(known.profile, unsure)
        if bot in self._guard.bots:
            self._guard.look(bot, trading, self._profiles[bot], now)

    def _begin(
        self, book: RiskBook, trading: BotTrading, before: Sequence[Before], mode: str, now: float
    ) -> bool:
        """Begin with the equity that lines told of last, as far below its peak as is known, if any did."""
        tracks = {
            (part.account, part.currency): track
            for part in parts_of(trading, self._profiles[trading.bot])
            if part.mode == mode and (track := track_of(part)) is not None
        }
        for one in before:
            if (track := tracks.get((one.account, one.currency))) is not None:
                book.parts[mode, one.account, one.currency] = PartTrack(
                    _track(track.newest, one), track.newest_at, track.moved, began=now
                )
        return bool(tracks)

    def _holds(self, bot: str, mode: str, before: Sequence[Before]) -> bool:
        """Say whether a bot's lines come to what it is known to have held."""
        exposures = [one.exposure for one in before if one.exposure is not None]
        if not exposures:
            return True
        held, known = self._held(bot, mode), sum(exposures)
        dust = _DUST * sum(one.volume for one in self._trading[bot].ledgers.values() if one.mode == mode)
        return max(held, known) <= dust or near(held, known, _CLOSE)

    def _leave_out(self, profile: BotProfile, kinds: Set[str]) -> None:
        """Try no limit of a bot, nor of its account, that goes by what is not known."""
        self._unsure[profile.bot] = frozenset(kinds)
        gone: dict[str, Any] = dict.fromkeys(kinds)
        accounts = dict(self._guard.accounts)
        if profile.account in accounts:
            accounts[profile.account] = replace(accounts[profile.account], **gone)
        self._guard.accounts = accounts
        self._guard.set_bot(replace(profile, risk=replace(profile.risk, **gone)))

    def _held(self, bot: str, mode: str) -> float:
        trading = self._trading[bot]
        parts = [one for one in parts_of(trading, self._profiles[bot]) if one.mode == mode]
        return sum(abs(held.value or 0.0) for part in parts for held in positions_of(trading, part))

    def take(self, event: Event, now: float) -> None:
        """Take a line of a bot; what it comes to is looked at shortly after."""
        if event.kind not in KINDS and event.kind != "lifecycle":
            return
        if event.mode == self._setups[event.bot].profile.mode:
            self._told.setdefault(event.bot, set()).add(event.kind)
        self._trading[event.bot].take([event])
        if self._guard.events(event.bot, [event], now) and self._look_at is None:
            self._look_at = now + LOOK_AFTER

    def next_due(self) -> float | None:
        """Return when there is something to look at, None where nothing waits."""
        later = [at for at in self._guard.waiting.values() if at > self._looked_at]
        if self._look_at is not None:
            later.append(self._look_at)
        return min(later, default=None)

    def look(self, now: float) -> None:
        """Hold what lines came to against the limits, where it is time."""
        due = self.next_due()
        if due is None or due > now:
            return
        self._look_at, self._looked_at = None, now
        self._guard.wake(now)
        touched, self._guard.touched = self._guard.touched, set()
        for bot in sorted(touched):
            self._guard.look(bot, self._trading[bot], self._profiles[bot], now)
        for key in sorted(self._guard.moved_accounts()):
            self._guard.look_at_account(key, now)

    def lacks(self, bot: str, rule: str) -> str:
        """Return why a bot's limit could never break, "" where it could."""
        profile = self._setups[bot].profile
        of_account = rule.startswith(OF_ACCOUNT)
        limits = self._accounts.get(profile.account, NO_LIMITS) if of_account else profile.risk
        whose = OF_ACCOUNT if of_account else OF_BOT
        kind = next(kind for kind in KINDS_OF_LIMITS if rule == rule_name(whose, kind))
        bots = self._mates(profile) if of_account else [bot]
        told = set[str]().union(*(self._told.get(one, ()) for one in bots))
        if kind == "order_rate":
            return "" if "order" in told else f"no order was printed in the mode {profile.mode}"
        if unsure := [one for one in bots if kind in self._unsure.get(one, ())]:
            held = "held" if "exposure" in self._unsure[unsure[0]] else "was worth"
            return f"what {unsure[0]} {held} when this begins is not stored, so this limit was not tried"
        printed = [one for name in bots for one in self._printed(name)] if told else []
        found = idle_limits(RiskLimits(**{kind: getattr(limits, kind)}), printed)
        return f"{found[0]} (in the mode {profile.mode})" if found else ""

    def _mates(self, profile: BotProfile) -> list[str]:
        """Return the bots of a bot's account and mode."""
        mine = (profile.account, profile.mode)
        return [bot for bot, one in self._setups.items() if (one.profile.account, one.profile.mode) == mine]

    def _printed(self, bot: str) -> list[Printed]:
        known = self._guard.bots.get(bot)
        return known.book.printed(known.profile.mode) if known is not None else []


def _track(equity: float, before: Before) -> EquityTrack:
    """Return an equity as it stood, so far below its peak."""
    track = begun(equity, before.at, None)
    fallen = min(max(before.drawdown, -0.99), 0.0)
    if equity > 0 and fallen:
        track.peak, track.drawdown, track.max_drawdown = 1 / (1 + fallen), fallen, fallen
    return track


def kinds_wanted(rules: Sequence[str]) -> frozenset[str]:
    """Return the kinds of lines that the rules of these names, which stand for limits, go by."""
    orders = {rule_name(whose, "order_rate") for whose in (OF_BOT, OF_ACCOUNT)}
    found = OF_ORDERS if orders.intersection(rules) else frozenset()
    return found | OF_MONEY if set(rules).difference(orders) else found


def limits_together(setups: Iterable[Setup]) -> list[list[Setup]]:
    """Return bots in groups: those of an account under limits in one, any other by itself."""
    groups: dict[object, list[Setup]] = {}
    for one in setups:
        key: object = _account_of(one) if _of_account(one) else one.profile.bot
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def without_parts(setups: Sequence[Setup], taken: Sequence[Setup]) -> tuple[list[Setup], list[str]]:
    """Return the bots that are taken, without limits of accounts of which others are not; these accounts.

    What some bots of an account lost says nothing of what all of them did.
    """
    bots = {one.profile.bot for one in taken}
    left = {_account_of(one) for one in setups if one.profile.bot not in bots and _of_account(one)}
    if not left:
        return list(taken), []
    found = []
    for one in taken:
        if _account_of(one) in left:
            one = replace(one, rules=tuple(its for its in one.rules if not its.name.startswith(OF_ACCOUNT)))
        if one.rules:
            found.append(one)
    return found, sorted({account for account, _ in left})


def _account_of(one: Setup) -> tuple[str, str]:
    return one.profile.account, one.profile.mode


def _of_account(one: Setup) -> bool:
    return any(rule.name.startswith(OF_ACCOUNT) for rule in one.rules)


def split(setups: Iterable[Setup]) -> tuple[list[Setup], list[Setup]]:
    """Return bots with their rules but for limits, and bots with their limits alone."""
    rules, limits = [], []
    for one in setups:
        own = tuple(rule for rule in one.rules if not rule.risk)
        held = tuple(rule for rule in one.rules if rule.risk)
        if own:
            rules.append(replace(one, rules=own))
        if held:
            limits.append(replace(one, rules=held))
    return rules, limits
