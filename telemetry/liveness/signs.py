"""Everything that one bot was seen and heard to do, as far as it tells whether the bot lives and trades."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from schemas.reports import LAUNCHER_STREAM
from telemetry.liveness.habit import Habit
from telemetry.liveness.rhythm import Rhythm
from telemetry.records import Event
from telemetry.times import unix_seconds

_BAD = frozenset({"warning", "error", "critical"})
_ORDERS = frozenset({"order", "trade", "signal"})
_SAYINGS = frozenset({"alert", "error", "status", "risk", "transfer", "balance"})
"""Metric lines that come when there is something to say: no loop's beat."""
_MOST_AGE = 86400.0 * 30
_MOST_AHEAD = 60.0
"""Seconds that a node's clock may be ahead of ours."""


class BotSigns(Struct):
    """One bot's signs, by our clock (Unix seconds); what is here survives a restart."""

    bot: str
    stream: Habit = field(default_factory=Habit)
    """It was measured, or its launcher spoke: the process lives, and we hear of it."""
    output: Habit = field(default_factory=Habit)
    loop: Habit = field(default_factory=Habit)
    market: Habit = field(default_factory=Habit)
    orders: Habit = field(default_factory=Habit)
    trouble: Habit = field(default_factory=Habit)
    market_rhythm: Rhythm = field(default_factory=Rhythm)
    output_rhythm: Rhythm = field(default_factory=Rhythm)
    started_at: float = 0.0
    """When the run began that the signs are of."""
    start_told: float = 0.0
    """That moment as the controller tells it."""
    heard_since: float = 0.0
    """From when on it was heard without a break: gaps that began before that say nothing."""
    paused: bool = False
    """Its newest heartbeat says that it pauses."""

    @property
    def since(self) -> float:
        """From when on a silence is the bot's own."""
        return max(self.started_at, self.heard_since)

    def alive(self, now: float) -> None:
        """Note that the process was seen to live."""
        self.stream.sign(now, learn=self.stream.at >= self.since)

    def begin(self, told: float, started_at: float) -> None:
        """Note a new run, whose start was `told` by a clock that may have been set since."""
        self.start_told, self.started_at = told, started_at
        self.paused = False
        self.interrupted()

    def heard_again(self, now: float) -> None:
        """Note that nothing was heard until now, whatever the bot did."""
        self.heard_since = now
        self.interrupted()

    def move(self, now: float) -> None:
        """Go on to the part of the week that a moment is in."""
        self.market_rhythm.move(now)
        self.output_rhythm.move(now)

    def interrupted(self) -> None:
        """Note that the part of the week under way says nothing of the bot."""
        self.market_rhythm.interrupted()
        self.output_rhythm.interrupted()

    def take(
        self, events: Sequence[Event], now: float, accused: frozenset[str], ahead: float = 0.0
    ) -> list[Event]:
        """Take new events, in their order; return those that may tell of trouble.

        `accused` are the signs whose silence was found too long; the wall clock that bots go by is `ahead` of
        `now` by so many seconds.
        """
        suspects = []
        printed = market = loop = orders = False
        for event in events:
            kind = event.kind
            if event.level in _BAD and (kind == "log" or kind == "error"):
                suspects.append(event)
            if event.stream == LAUNCHER_STREAM:
                continue
            printed = True
            if kind == "log":
                continue
            if kind == "price":
                market = True
            elif kind == "heartbeat":
                loop = self._heartbeat(event.data, now, accused, ahead) or loop
            elif kind in _ORDERS:
                orders = True
            elif kind not in _SAYINGS:
                loop = True
        self.alive(now)
        if printed:
            self._sign("output", self.output, now, accused)
            self.output_rhythm.sign()
        if market:
            self._market(now, accused)
        if loop:
            self._sign("loop", self.loop, now, accused)
        if orders:
            self._sign("orders", self.orders, now, accused)
        return suspects

    def _heartbeat(self, line: Mapping[str, Any], now: float, accused: frozenset[str], ahead: float) -> bool:
        """Take what a heartbeat tells of older moments; say whether it is a pass of the loop by itself."""
        self.paused = line.get("state") == "paused"
        data, passed = (_moment(line, name, now, ahead) for name in ("last_data_ts", "last_loop_ts"))
        if data is not None:
            self._market(data, accused)
        if passed is not None:
            self._sign("loop", self.loop, passed, accused)
        return passed is None

    def _market(self, at: float, accused: frozenset[str]) -> None:
        if at > self.market.at:
            self.market_rhythm.sign()
        self._sign("market_data", self.market, at, accused)

    def _sign(self, name: str, habit: Habit, at: float, accused: frozenset[str]) -> None:
        since = self.since
        if habit.at < since <= at and self.started_at == since:
            habit.started(at - since)
        # The gap that an outage made tells nothing of how often the sign comes.
        learn = habit.at >= since and not ("trouble" in accused and name in accused)
        habit.sign(at, learn=learn, silent=name in accused)


def _moment(line: Mapping[str, Any], name: str, now: float, ahead: float) -> float | None:
    """Return a moment that a line names, None where it names none that can be believed."""
    value = line.get(name)
    at = None if value is None else unix_seconds(value)
    if at is None or not now - _MOST_AGE <= at - ahead <= now + _MOST_AHEAD:
        return None
    return min(at - ahead, now)
