"""What came before an error: the bot's last lines, its orders and fills, its resources at that moment.

Nothing of it is copied: it is read from the stores by time, so that it is as complete as they are.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import StoreUnavailable
from telemetry.errors.groups import Sample
from telemetry.records import Event
from telemetry.stores import EventQuery, EventStore, SeriesQuery, SeriesStore

LINES = 30
TRADES = 10
TRADE_KINDS = ("order", "trade", "position", "signal", "risk", "transfer")
RESOURCES_BEFORE = 120.0
"""Seconds before an error within which a measurement of the bot's resources is its last one."""
_RESOURCES = (
    *("bot_cpu_percent", "bot_cpu_limit_percent", "bot_memory_bytes", "bot_memory_limit_bytes"),
    *("bot_processes", "bot_equity"),
)
_AT_ONE_TIME = 200
"""Events of one millisecond among which the error itself is looked for."""


@dataclass(frozen=True, slots=True)
class Trail:
    """One occurrence with what came before it, newest first; `event` is None where it was forgotten."""

    event: Event | None
    lines: tuple[Event, ...]
    trades: tuple[Event, ...]
    resources: Mapping[str, float]
    """Series name -> the last value before it."""


async def trail_of(events: EventStore, series: SeriesStore, bot: str, sample: Sample) -> Trail:
    """Return what came before an occurrence. Raises StoreUnavailable where events cannot be read."""
    event, lines, trades, resources = await asyncio.gather(
        find_event(events, bot, sample),
        events.search(EventQuery(bot, end=sample.time, kinds=("log", "lifecycle"), limit=LINES + 1)),
        events.search(EventQuery(bot, end=sample.time, kinds=TRADE_KINDS, limit=TRADES)),
        _resources(series, bot, sample.time),
    )
    before = tuple(one for one in lines.events if one.id != sample.event)[:LINES]
    return Trail(event, before, tuple(trades.events), resources)


async def find_event(events: EventStore, bot: str, sample: Sample) -> Event | None:
    """Return the event of a sample, None where it was forgotten."""
    page = await events.search(
        EventQuery(bot, start=sample.time - 0.001, end=sample.time + 0.001, limit=_AT_ONE_TIME)
    )
    return next((one for one in page.events if one.id == sample.event), None)


async def _resources(series: SeriesStore, bot: str, at: float) -> dict[str, float]:
    """Return the last measurements before a moment; none while their store is away."""
    query = SeriesQuery(bot, "", at - RESOURCES_BEFORE, at)
    try:
        found = await series.query(query)
    except StoreUnavailable:
        return {}
    values = {one.labels["__name__"]: one.points[-1][1] for one in found if one.points}
    return {name: values[name] for name in _RESOURCES if name in values}
