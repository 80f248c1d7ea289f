"""The events and lines that rules count, found among what a bot says. Pure."""

from collections.abc import Sequence

from schemas.conditions import Happens
from telemetry.alerts.values import STALE
from telemetry.alerts.watch import Watch
from telemetry.levels import LEVELS
from telemetry.records import Event

_RANKS = {level: rank for rank, level in enumerate(LEVELS)}


def take_events(watch: Watch, events: Sequence[Event], now: float, touched: set[int]) -> None:
    """Count a bot's new events and lines; the places of the rules that count one are added to `touched`."""
    every = "" in watch.kinds
    for event in events:
        if every or event.kind in watch.kinds:
            watch.seen_at[event.kind] = now
            if event.time >= now - STALE:
                _count(watch, event, now, touched)
    if watch.texts:
        _read(watch, events, now, touched)


def _count(watch: Watch, event: Event, now: float, touched: set[int]) -> None:
    for kind in {event.kind, ""}:
        for place, leaf in watch.counting.get(kind, ()):
            if meets(leaf, event):
                watch.happened[id(leaf)].append(min(event.time, now))
                touched.add(place)


def _read(watch: Watch, events: Sequence[Event], now: float, touched: set[int]) -> None:
    """Count the lines that hold what rules look for."""
    if not watch.texts.may_hold([event.message for event in events]):
        return
    for event in events:
        for number in watch.texts.find(event.message) if event.time >= now - STALE else ():
            for place, leaf in watch.reading[watch.patterns[number]]:
                if meets(leaf, event):
                    watch.happened[id(leaf)].append(min(event.time, now))
                    touched.add(place)


def meets(leaf: Happens, event: Event) -> bool:
    """Say whether an event is one that a condition counts, whatever its text."""
    if leaf.kind and event.kind != leaf.kind:
        return False
    if leaf.level and _RANKS.get(event.level, 0) < _RANKS[leaf.level]:
        return False
    for name, wanted in leaf.fields.items():
        value = event.data.get(name)
        said = str(value).lower() if isinstance(value, bool) else str(value) if value is not None else ""
        if said != wanted:
            return False
    return True
