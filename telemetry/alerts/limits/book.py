"""All that is kept of one bot for its limits: its parts, the orders of a minute, since when it is armed."""

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from telemetry.alerts.limits.belief import Freshness, Marks, printed_at
from telemetry.alerts.limits.part import Numbers, PartTrack
from telemetry.records import Event
from telemetry.trading.currencies import text_of
from telemetry.trading.state import KINDS, BotTrading
from telemetry.trading.views import Profile, parts_of

MINUTE = 60.0
_MOST_ORDERS = 20_000
_MOST_IDS = 20_000
_MOST_PARTS = 100


class Orders:
    """The orders of the last minute: each id counts once."""

    __slots__ = ("_ids", "times")

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self.times: deque[float] = deque(maxlen=_MOST_ORDERS)

    def take(self, event: Event, at: float) -> None:
        """Take an order's line."""
        identity = text_of(event.data, "order_id")
        if not identity or identity in self._ids:
            return
        self._ids[identity] = None
        if len(self._ids) > _MOST_IDS:
            del self._ids[next(iter(self._ids))]
        self.times.append(at)

    def rate(self, now: float) -> int:
        """Return how many were sent in the last minute."""
        while self.times and self.times[0] <= now - MINUTE:
            self.times.popleft()
        return len(self.times)


class RiskBook(Struct):
    """One bot's. Lines printed before `armed_at` count for nothing: an operator has seen what they say."""

    bot: str
    parts: dict[tuple[str, str, str], PartTrack] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    freshness: Freshness = field(default_factory=Freshness)
    armed_at: float = 0.0

    def take(self, events: Sequence[Event], mode: str, orders: Orders, now: float) -> bool:
        """Take events of the bot in a mode; say whether there is something of now to look at."""
        traded = [event for event in events if event.kind in KINDS and event.mode == mode]
        if not traded:
            return False
        self.marks.take(traded)
        fresh = False
        for event in traded:
            printed = printed_at(event)
            of_now = self.freshness.take(printed, now) and printed >= self.armed_at
            fresh = fresh or of_now
            if of_now and event.kind == "order":
                orders.take(event, min(printed, now) if now - printed < MINUTE else now)
        return fresh

    def look(self, trading: BotTrading, profile: Profile, mode: str, now: float) -> list[Numbers]:
        """Return what each part of a mode comes to now."""
        believed = replace(trading, marks=self.marks.believed)
        return [
            self._track(part.mode, part.account, part.currency).take(
                part, believed, now, anew=self.armed_at > 0
            )
            for part in parts_of(believed, profile)
            if part.mode == mode
        ]

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
