"""All that is kept of one bot for its limits: its parts, the orders of a minute, since when it is armed."""

import math
from collections import deque
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from telemetry.alerts.limits.belief import Freshness, Marks, printed_at
from telemetry.alerts.limits.idle import Printed
from telemetry.alerts.limits.part import Numbers, PartTrack
from telemetry.records import Event
from telemetry.trading.currencies import text_of
from telemetry.trading.state import KINDS, BotTrading
from telemetry.trading.views import Profile, parts_of

MINUTE = 60.0
_MOST_ORDERS = 20_000
_MOST_IDS = 20_000
_MOST_PARTS = 100
_FORGOTTEN_AFTER = 3600.0
"""Seconds after which an order's id, not told of meanwhile, is another order's."""
_SENT = frozenset({"submitted", "accepted", "rejected"})
_ENDED = frozenset({"filled", "canceled", "expired", "rejected"})
_FILLED = frozenset({"filled", "partially_filled"})


class Orders:
    """The orders that were sent in the last minute: each counts once.

    A line of an order that has ended, or rests, says nothing of when it was sent. An id counts again where a
    new process of the bot, or the bot after the order's end, uses it again.
    """

    __slots__ = ("_ids", "times")

    def __init__(self) -> None:
        self._ids: dict[str, tuple[float, bool]] = {}
        """When each was told of last, and whether it has ended."""
        self.times: deque[float] = deque(maxlen=_MOST_ORDERS)

    def take(self, event: Event, at: float, sent: Collection[str]) -> None:
        """Take an order's line; `sent`: the statuses that say that it was sent."""
        identity, status = text_of(event.data, "order_id"), text_of(event.data, "status")
        if not identity:
            return
        seen, over = self._ids.pop(identity, (-math.inf, False))
        new = at - seen > _FORGOTTEN_AFTER or (over and status == "submitted")
        self._ids[identity] = (at, status in _ENDED or (over and not new))
        if len(self._ids) > _MOST_IDS:
            del self._ids[next(iter(self._ids))]
        if new and status in sent:
            self.times.append(at)

    def begin(self, at: float) -> None:
        """Forget the ids of before: a new process numbers its orders as it likes."""
        self._ids = {name: known for name, known in self._ids.items() if known[0] >= at}

    def rate(self, now: float, since: float = 0.0) -> int:
        """Return how many were sent in the last minute, and since a Unix time."""
        while self.times and self.times[0] <= now - MINUTE:
            self.times.popleft()
        return len(self.times) if since <= now - MINUTE else sum(one > since for one in self.times)


class RiskBook(Struct):
    """One bot's. Lines printed before `armed_at` count for nothing: an operator has seen what they say."""

    bot: str
    parts: dict[tuple[str, str, str], PartTrack] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    freshness: Freshness = field(default_factory=Freshness)
    armed_at: float = 0.0
    began: float = 0.0
    """When the bot ran under its limits first, 0 where it never did."""
    sends: bool = False
    """Whether the bot ever told of sending an order: where it tells of fills alone, those count."""

    def take(self, events: Sequence[Event], mode: str, orders: Orders, now: float) -> bool:
        """Take events of the bot in a mode; say whether there is something of now to look at."""
        traded = [event for event in events if event.kind in KINDS and event.mode == mode]
        if not traded:
            return False
        self.marks.take(traded)
        fresh = False
        for event in traded:
            printed = printed_at(event)
            of_now = self.freshness.take(printed, now) and printed + self.freshness.lag >= self.armed_at
            fresh = fresh or of_now
            if of_now and event.kind == "order":
                self.sends = self.sends or text_of(event.data, "status") in _SENT
                at = min(printed, now) if now - printed < MINUTE else now
                orders.take(event, at, _SENT if self.sends else _FILLED)
        return fresh

    def look(self, trading: BotTrading, profile: Profile, mode: str, now: float) -> list[Numbers]:
        """Return what each part of a mode comes to now."""
        believed = replace(trading, marks=self.marks.believed)
        return [
            self._track(part.mode, part.account, part.currency).take(
                part, believed, now, anew=self.armed_at > 0, lag=self.freshness.lag
            )
            for part in parts_of(believed, profile)
            if part.mode == mode
        ]

    def printed(self, mode: str) -> list[Printed]:
        """Return what parts of a mode there ever were."""
        return [
            Printed(account, currency, track.equity is not None)
            for (part_mode, account, currency), track in self.parts.items()
            if part_mode == mode
        ]

    @property
    def look_at(self) -> float | None:
        """When to look again though no line comes, None where there is nothing to wait for."""
        return min((at for one in self.parts.values() if (at := one.look_at) is not None), default=None)

    def arm(self, now: float, numbers: Iterable[Numbers], mode: str) -> None:
        """Count anew from now on: an operator resumed the bot."""
        held = {(one.account, one.currency): one.exposure for one in numbers}
        self.armed_at = now
        for (part_mode, account, currency), track in self.parts.items():
            track.arm(now, held.get((account, currency), 0.0) if part_mode == mode else 0.0)

    def _track(self, mode: str, account: str, currency: str) -> PartTrack:
        key = (mode, account, currency)
        known = self.parts.get(key)
        if known is None:
            if len(self.parts) >= _MOST_PARTS:
                return PartTrack()
            known = self.parts[key] = PartTrack()
        return known
