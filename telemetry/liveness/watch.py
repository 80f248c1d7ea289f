"""One bot as it is watched: its signs, its troubles, and what was found of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from telemetry.liveness.habit import Habit
from telemetry.liveness.signs import BotSigns
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness.trouble import Troubles, troubles
from telemetry.liveness.verdict import (
    LOOP,
    MARKET,
    ORDERS,
    OUTPUT,
    STREAM,
    Finding,
    Verdict,
    Watched,
    judge,
    limit_of,
)
from telemetry.records import Event

_AT_LEAST_EVERY = 60.0
"""Seconds after which a bot is looked at again, though nothing is due."""
_SAME = 1.0
"""Seconds by which one start may be told differently."""
_NOTHING = Finding(Verdict.STARTING)
_BURST = 5.0
"""Seconds within which lines of trouble are one: a loop of tries that fail at once is no habit."""
_TROUBLED = frozenset({"trouble", "market_data", "loop", "orders"})
"""The signs that a bot in trouble cannot give."""


class Kept(Struct):
    """What survives a restart of a watch."""

    signs: BotSigns
    verdict: str = ""
    text: str = ""
    sign: str = ""
    since: float = 0.0
    number: int | None = None
    """Of the newest event that is in it for certain; None where that is not known."""


@dataclass(frozen=True, slots=True)
class SignView:
    """One sign: when it was last given (None: never), its usual gap and the longest that is no news."""

    at: float | None
    usual: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class LivenessView:
    """How a bot lives, as of now; `since` is when the verdict was found, all in Unix seconds.

    `signs`: process, loop, output, market_data, orders.
    """

    bot: str
    verdict: Verdict
    text: str
    since: float
    signs: Mapping[str, SignView]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a bot, why, and when (Unix seconds)."""

    verdict: Verdict
    text: str
    since: float
    sign: str = ""
    """The sign whose silence led to it, "" where none did."""
    final: bool = False
    """Of a bot that crashed: it will hardly come back by itself."""


@dataclass(slots=True)
class BotWatch:
    """The watch over one bot; `recheck_at` is when it must be judged again."""

    signs: BotSigns
    troubles: Troubles = field(default_factory=Troubles)
    finding: Finding = _NOTHING
    since: float = 0.0
    recheck_at: float = 0.0
    labels: Mapping[str, str] | None = None
    """The labels of its series, None before they are known."""
    standing: Standing | None = None
    held_since: float = 0.0
    """Since when what was found before a restart holds, until the bot shows otherwise; 0 if nothing does."""
    before: float | None = None
    """Of one that was restored: since when it was heard before the restart, until that counts again."""

    @property
    def accused(self) -> frozenset[str]:
        """The signs whose silence was found too long."""
        if self.finding.sign == "trouble":
            return _TROUBLED
        return frozenset((self.finding.sign,)) if self.finding.sign else frozenset()

    def alive(self, now: float) -> None:
        """Note that its process was seen to live."""
        self._heard(now)
        self.signs.alive(now)

    def take(self, events: Sequence[Event], now: float, ahead: float = 0.0) -> None:
        """Take new events of it; see `BotSigns.take`."""
        self._heard(now)
        accused = self.accused
        lines = troubles(suspects) if (suspects := self.signs.take(events, now, accused, ahead)) else []
        if lines:
            self.troubles.take(lines, now)
            if now >= self.signs.trouble.at + _BURST:
                self.signs.trouble.sign(now, learn="trouble" not in accused)
            self.recheck_at = 0.0
        if accused:
            self.recheck_at = 0.0

    def unheard(self, now: float) -> None:
        """Note that nobody could hear it until now: what was found holds until it shows otherwise."""
        self.signs.heard_again(now)
        self.held_since, self.before = now if self.finding.sign else 0.0, None

    def recall(self, event: Event, now: float) -> None:
        """Take an event that was heard before a restart, and kept by nobody but the store."""
        self.signs.take([event], min(event.time, now), frozenset())

    def heard_out(self) -> None:
        """Note that all was heard that it said while we were away: its silence was its own."""
        if self.before is not None:
            self.signs.heard_since, self.before = self.before, None
            self.recheck_at = 0.0

    def look(self, standing: Standing, now: float, ahead: float = 0.0) -> bool:
        """Judge the bot; say whether the verdict, or what led to it, is another than before."""
        self._follow(standing, now, ahead)
        found = judge(self.signs, self.troubles, standing, now)
        if self.held_since and self._still_held(found, now):
            found = Finding(self.finding.verdict, self.finding.text, self.finding.sign, now + 1.0)
        else:
            self.held_since = 0.0
        if found.verdict is Verdict.STREAM_LOST:
            self.signs.interrupted()
        before, self.finding = self.finding, found
        self.recheck_at = min(max(found.recheck_at, now), now + _AT_LEAST_EVERY)
        changed = (before.verdict, before.sign) != (found.verdict, found.sign) or not self.since
        if before.verdict is not found.verdict or not self.since:
            self.since = now
        return changed

    def told(self, ahead: float = 0.0) -> Found:
        """Return what was found, without the signs behind it; `ahead` is added to its moment."""
        found = self.finding
        final = self.standing is not None and self.standing.final
        return Found(found.verdict, found.text, self.since + ahead, found.sign, final)

    def view(self, ahead: float = 0.0) -> LivenessView:
        """Return how it lives; `ahead` is added to all moments."""
        signs = self.signs
        return LivenessView(
            signs.bot,
            self.finding.verdict,
            self.finding.text,
            self.since + ahead,
            {
                "process": self._sign(STREAM, signs.stream, ahead),
                "loop": self._sign(LOOP, signs.loop, ahead),
                "output": self._sign(OUTPUT, signs.output, ahead),
                "market_data": self._sign(MARKET, signs.market, ahead),
                "orders": self._sign(ORDERS, signs.orders, ahead),
            },
        )

    def keep(self, number: int | None = None) -> Kept:
        """Return what is to survive a restart; it has all events up to a number, if that is known."""
        found = self.finding
        return Kept(self.signs, found.verdict.value, found.text, found.sign, self.since, number)

    @classmethod
    def restored(cls, kept: Kept, now: float) -> "BotWatch":
        """Return a watch that goes on from what was kept.

        The time in between says nothing, until it is known that all was heard of it: see `heard_out`.
        """
        before = kept.signs.heard_since if kept.number is not None else None
        kept.signs.heard_again(now)
        known = kept.verdict in {one.value for one in Verdict}
        finding = Finding(Verdict(kept.verdict), kept.text, kept.sign, math.inf) if known else _NOTHING
        held_since = now if kept.sign else 0.0
        return cls(kept.signs, finding=finding, since=kept.since, held_since=held_since, before=before)

    def _heard(self, now: float) -> None:
        if self.finding.verdict is Verdict.STREAM_LOST:
            self.signs.heard_again(now)
            self.recheck_at = 0.0

    def _follow(self, standing: Standing, now: float, ahead: float) -> None:
        """Take over how the bot stands now."""
        signs = self.signs
        if standing.started_at and abs(standing.started_at - signs.start_told) > _SAME:
            signs.begin(standing.started_at, min(standing.started_at - ahead, now))
            self.held_since, self.before = 0.0, None
        signs.move(now)
        if standing.life is not Life.RUNNING:
            signs.interrupted()
        self.standing = standing

    def _still_held(self, found: Finding, now: float) -> bool:
        """Say whether what was found before a restart holds: nothing since then says otherwise."""
        if found.verdict is not Verdict.HEALTHY or self.standing is None:
            return False
        if now >= self.held_since + self.standing.settings.warm_up:
            return False
        habit = {
            "stream": self.signs.stream,
            "output": self.signs.output,
            "market_data": self.signs.market,
            "loop": self.signs.loop,
            "orders": self.signs.orders,
        }.get(self.finding.sign)
        return habit is None or habit.at < self.held_since

    def _sign(self, watched: Watched, habit: Habit, ahead: float) -> SignView:
        limit = limit_of(watched, habit, self.standing) if self.standing else None
        usual = habit.usual if habit.count >= watched.needs else None
        return SignView(habit.at + ahead if habit.at else None, usual, limit)
