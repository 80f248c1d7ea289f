"""Tries alert rules on what is stored: reads it piece by piece, and plays it to the engine that judges live.

What it may take is bounded: so many bots, so many events of each, so much time. What was not tried is said.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from schemas.conditions import Errs, Happens, NoData, leaves
from schemas.errors import TooBusy
from telemetry.alerts.past import points_of, series_of, span_of, wanted_past
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import (
    Err,
    Figures,
    Happening,
    Heard,
    Trial,
    Tried,
    can_be_tried_together,
    merged,
)
from telemetry.alerts.values import LabelKey, key_of
from telemetry.alerts.watch import FIGURE, Watch
from telemetry.errors.groups import ErrorGroup
from telemetry.levels import LEVELS
from telemetry.records import Event, Sample
from telemetry.stores import EventQuery, EventStore, SeriesQuery, SeriesStore

MOST_BOTS = 500
MOST_EVENTS = 100_000
"""Events that are read of one bot."""
LONGEST = 30.0
"""Seconds that a trial may take."""
_PIECE = 43_200.0
"""Seconds that are read at a time."""
_PAGE = 1000
_LEAD, _LONGEST_LEAD = 900.0, 86_400.0
"""Seconds before the start that are played as well, since things had begun by then: at least, at most."""
_STEPS = ((7200.0, 0.0), (3 * 86_400.0, 10.0))
_COARSEST = 60.0
_HEARD_STEP = 10.0
Spans = Sequence[tuple[float, float]]


@dataclass(slots=True)
class Outcome:
    """What came of a trial of `bots` bots of `of`, over values that are `step` seconds apart (0: each)."""

    start: float
    end: float
    step: float
    bots: int = 0
    of: int = 0
    tried: list[Tried] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True
    """Whether all that was asked for was tried; `notes` say what was not."""


class AlertTrials:
    """Tries rules of bots over a range of time, one trial at a time.

    `groups` returns a bot's error groups; `hours` when a market is open, None where that is not known.
    """

    def __init__(
        self,
        series: SeriesStore,
        events: EventStore,
        groups: Callable[[str], Awaitable[Sequence[ErrorGroup]]],
        hours: Callable[[str], Spans | None],
        longest: float = LONGEST,
    ) -> None:
        self._series = series
        self._events = events
        self._groups = groups
        self._hours = hours
        self._longest = longest
        self._turn = asyncio.Lock()

    async def run(self, setups: Sequence[Setup], start: float, end: float) -> Outcome:
        """Try each bot's rules from `start` to `end`. Raises TooBusy, StoreUnavailable, SearchTooLong."""
        if self._turn.locked():
            raise TooBusy("other rules are being tried right now; ask again in a moment")
        async with self._turn:
            return await self._run(setups, start, end)

    async def _run(self, setups: Sequence[Setup], start: float, end: float) -> Outcome:
        found = Outcome(start, end, step_for(end - start), of=len(setups))
        if len(setups) > MOST_BOTS:
            found.complete = False
            found.notes.append(f"{MOST_BOTS} of {len(setups)} bots are tried at once: name others by --bot")
        found.notes += self._calendar_notes(setups, start)
        until = time.monotonic() + self._longest
        for group in can_be_tried_together(setups[:MOST_BOTS]):
            if time.monotonic() >= until:
                found.complete = False
                found.notes.append(
                    f"after {self._longest:g} s {found.bots} of {found.of} bots were tried: name fewer by "
                    "--bot, or less time"
                )
                break
            await self._try(group, found, until)
            found.bots += len(group)
        return found

    async def _try(self, group: Sequence[Setup], found: Outcome, until: float) -> None:
        first = (found.start - lead_of(group)) // 60 * 60
        trial = Trial(group, first, found.start, self._is_open)
        watches = list(trial.engine.watches.values())
        for watch in watches:
            await self._remember(trial, watch, first)
        errors = {watch.profile.bot: await self._errors(watch) for watch in watches}
        left = {watch.profile.bot: MOST_EVENTS for watch in watches}
        at = first
        while at < found.end:
            if time.monotonic() >= until:
                found.complete = False
                bots = ", ".join(watch.profile.bot for watch in watches[:3])
                found.notes.append(
                    f"{bots}: tried until {at:.0f} (Unix time) alone: {self._longest:g} s were over"
                )
                break
            after = min(at + _PIECE, found.end)
            parts: list[list[Happening]] = []
            for watch in watches:
                parts += await self._piece(watch, at, after, found, left)
                parts.append([one for one in errors[watch.profile.bot] if at < one.time <= after])
            await asyncio.to_thread(_play, trial, parts)
            at = after
        found.tried += await asyncio.to_thread(trial.end, at)

    async def _remember(self, trial: Trial, watch: Watch, first: float) -> None:
        """Bring a watch what was before the first moment that is played."""
        profile = watch.profile
        for one in wanted_past(watch):
            start, step = span_of(first, one.over, 0.0)
            series = await self._series.query(SeriesQuery(profile.bot, one.series, start, first, step))
            trades = (profile.mode, profile.account)
            trial.engine.remember(profile.bot, trades, one, points_of(one.slot, series), first)

    async def _piece(
        self, watch: Watch, at: float, after: float, found: Outcome, left: dict[str, int]
    ) -> list[list[Happening]]:
        """Return what happened to a bot after one moment, up to another: lists that are each by time."""
        bot, parts = watch.profile.bot, list[list[Happening]]()
        kept: dict[tuple[LabelKey, float], dict[str, float]] = {}
        for name in _series_wanted(watch):
            query = SeriesQuery(bot, name, at + 0.001, after, found.step)
            for series in await self._series.query(query):
                labels = {key: word for key, word in series.labels.items() if key != "__name__"}
                parts.append([Sample(name, labels, moment, value) for moment, value in series.points])
        for name in _figures_wanted(watch):
            for series in await self._series.query(SeriesQuery(bot, name, at + 0.001, after, found.step)):
                own = {key: series.labels[key] for key in ("account", "currency") if key in series.labels}
                for moment, value in series.points:
                    kept.setdefault((key_of(own), moment), {})[name] = value
        figures = sorted(kept.items(), key=lambda one: one[0][1])
        parts.append([Figures(bot, moment, dict(key), values) for (key, moment), values in figures])
        if _wants_heard(watch):
            query = SeriesQuery(bot, "bot_up", at + 0.001, after, min(found.step, _HEARD_STEP))
            lives = {moment for one in await self._series.query(query) for moment, up in one.points if up}
            parts.append([Heard(bot, moment) for moment in sorted(lives)])
        parts.append(list(await self._read_events(watch, at, after, found, left)))
        return parts

    async def _read_events(
        self, watch: Watch, at: float, after: float, found: Outcome, left: dict[str, int]
    ) -> list[Event]:
        wanted = _events_wanted(watch)
        bot, events, cursor = watch.profile.bot, list[Event](), ""
        while wanted is not None and left[bot] > 0:
            kinds, level = wanted
            page = await self._events.search(
                EventQuery(bot, at, after, level=level, kinds=kinds, limit=_PAGE, cursor=cursor, forward=True)
            )
            left[bot] -= len(page.events)
            events += [one for one in page.events if at < one.time <= after]
            cursor = page.next_cursor
            if not cursor:
                break
            if left[bot] <= 0:
                found.complete = False
                found.notes.append(f"{bot}: the first {MOST_EVENTS:,} events alone were read: take less time")
        return events

    async def _errors(self, watch: Watch) -> list[Err]:
        if not watch.wants_errors:
            return []
        found = []
        for group in await self._groups(watch.profile.bot):
            text = f"{group.type}: {group.message}"[:300]
            found.append(Err(group.bot, group.first_seen, group.id, "new", text))
            if group.regressed_at is not None:
                found.append(Err(group.bot, group.regressed_at, group.id, "regressed", text))
        return sorted(found, key=lambda one: one.time)

    def _is_open(self, calendar: str, at: float) -> bool:
        spans = self._hours(calendar)
        return not spans or at < spans[0][0] or any(begin <= at < end for begin, end in spans)

    def _calendar_notes(self, setups: Sequence[Setup], start: float) -> Iterator[str]:
        for calendar in sorted({rule.calendar for one in setups for rule in one.rules if rule.calendar}):
            spans = self._hours(calendar)
            if not spans:
                yield f"the hours of {calendar} are not known yet, and it counts as open: try again soon"
            elif start < spans[0][0]:
                yield f"the hours of {calendar} are known of the last days alone: before, it counts as open"


def step_for(span: float) -> float:
    """Return how far values are apart that a range of so many seconds is tried on; 0 for every one."""
    return next((step for most, step in _STEPS if span <= most), _COARSEST)


def lead_of(setups: Sequence[Setup]) -> float:
    """Return how many seconds before the start are played: as long as conditions have to last, or count."""
    spans = [_LEAD]
    for rule in (rule for setup in setups for rule in setup.rules):
        spans.append(rule.hold + rule.recover_for)
        for leaf in leaves(rule.when):
            if isinstance(leaf, Happens | Errs):
                spans.append(leaf.within + rule.hold)
            elif isinstance(leaf, NoData):
                spans.append(leaf.after + rule.hold)
    return min(max(spans) + _LEAD, _LONGEST_LEAD)


def _play(trial: Trial, parts: Sequence[Sequence[Happening]]) -> None:
    trial.take(merged(parts))


def _series_wanted(watch: Watch) -> list[str]:
    return [name for name in watch.slots if not name.startswith(FIGURE)]


def _figures_wanted(watch: Watch) -> list[str]:
    slots = [name for name in watch.slots if name.startswith(FIGURE)]
    return sorted({series for name in slots for series in series_of(name)})


def _wants_heard(watch: Watch) -> bool:
    return bool(watch.silences) or any(rule.hold for rule in watch.rules)


def _events_wanted(watch: Watch) -> tuple[tuple[str, ...], str] | None:
    """Return the kinds of events to read (none named: every one), their least level; None for no events."""
    parts = [leaf for rule in watch.rules for leaf in leaves(rule.when)]
    counted = [leaf for leaf in parts if isinstance(leaf, Happens)]
    silences = [leaf for leaf in parts if isinstance(leaf, NoData) and not leaf.metric]
    if any(not leaf.kind for leaf in silences):
        return (), ""
    if not counted and not silences:
        return None
    kinds = {leaf.kind for leaf in counted} | {leaf.kind for leaf in silences}
    levels = [leaf.level for leaf in counted]
    least = min(levels, key=LEVELS.index) if all(levels) and not silences and levels else ""
    if "" in kinds:
        return (), least
    return tuple(sorted(kinds | ({"lifecycle"} if silences else set()))), least
