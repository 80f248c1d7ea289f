"""Tries alert rules on what is stored: reads it piece by piece, and plays it to the engine that judges live.

What it may take is bounded: so many bots, so many events of each, so much memory and time. What was not
tried is said.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.conditions import Errs, Happens, NoData, leaves
from schemas.errors import TooBusy
from telemetry.alerts.past import points_of, series_of, span_of, wanted_past
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import (
    Err,
    Figures,
    Happening,
    Heard,
    OutOfTime,
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
MOST_HELD = 50_000
"""Values and events of all bots tried together that are held at once, and one answer of a store."""
_FIRST_PIECE, _LONGEST_PIECE, _SHORTEST_PIECE = 600.0, 43_200.0, 10.0
"""Seconds that are read at a time: less where much happened."""
_PAGE = 1000
_LEAD, _LONGEST_LEAD = 900.0, 86_400.0
"""Seconds before the start that are played as well, since things had begun by then: at least, at most."""
_STEPS = ((7200.0, 0.0), (3 * 86_400.0, 10.0))
_COARSEST = 60.0
_HEARD_STEP = 10.0
_NO_DATA: Mapping[str, Any] = {}
Spans = Sequence[tuple[float, float]]


class _TooMuch(Exception):
    """More happened within a piece of time than is held at once."""


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


@dataclass(slots=True)
class _Piece:
    """What happened to all bots tried together after one moment, up to another; each part is by time."""

    start: float
    end: float
    step: float
    room: int
    """How much more may be held."""
    until: float
    """When all time is over, by the monotonic clock."""
    parts: list[list[Happening]] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)
    """How many events were read, by bot."""

    def add(self, part: list[Happening]) -> None:
        """Take a part. Raises _TooMuch, OutOfTime."""
        self.room -= len(part)
        if self.room < 0:
            raise _TooMuch
        if time.monotonic() >= self.until:
            raise OutOfTime
        self.parts.append(part)


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
        most_held: int = MOST_HELD,
    ) -> None:
        self._series = series
        self._events = events
        self._groups = groups
        self._hours = hours
        self._longest = longest
        self._most_held = most_held
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
        trial = Trial(group, first, found.start, self._is_open, lambda: time.monotonic() >= until)
        bots = ", ".join(list(trial.engine.watches)[:3])
        try:
            await self._play_all(trial, first, found, until)
            end = found.end
        except OutOfTime:
            end, why = trial.now, f"{self._longest:g} s were over"
        except _TooMuch:
            end, why = trial.now, f"more than {self._most_held:,} values and events came within moments"
        if end < found.end:
            found.complete = False
            found.notes.append(f"{bots}: tried until {end:.0f} (Unix time) alone: {why}")
        found.tried += await asyncio.to_thread(trial.end, end)

    async def _play_all(self, trial: Trial, first: float, found: Outcome, until: float) -> None:
        """Read and play what happened piece by piece. Raises OutOfTime, _TooMuch."""
        watches = list(trial.engine.watches.values())
        errors: dict[str, list[Err]] = {}
        for watch in watches:
            await self._remember(trial, watch, first)
            errors[watch.profile.bot] = await self._errors(watch)
            if time.monotonic() >= until:
                raise OutOfTime
        left = {watch.profile.bot: MOST_EVENTS for watch in watches}
        at, length = first, _FIRST_PIECE
        while at < found.end:
            piece = _Piece(at, min(at + length, found.end), found.step, self._most_held, until)
            try:
                for watch in watches:
                    await self._read(watch, piece, left[watch.profile.bot])
                    piece.add([one for one in errors[watch.profile.bot] if at < one.time <= piece.end])
            except _TooMuch:
                if length <= _SHORTEST_PIECE:
                    raise
                length = max(length / 4, _SHORTEST_PIECE)
                continue
            await asyncio.to_thread(_play, trial, piece.parts)
            _count_events(piece, left, found)
            if piece.room > 0.9 * self._most_held:
                length = min(length * 4, _LONGEST_PIECE)
            at = piece.end

    async def _remember(self, trial: Trial, watch: Watch, first: float) -> None:
        """Bring a watch what was before the first moment that is played."""
        profile = watch.profile
        for one in wanted_past(watch):
            start, step = span_of(first, one.over, 0.0)
            series = await self._series.query(SeriesQuery(profile.bot, one.series, start, first, step))
            trades = (profile.mode, profile.account)
            trial.engine.remember(profile.bot, trades, one, points_of(one.slot, series), first)

    async def _read(self, watch: Watch, piece: _Piece, most: int) -> None:
        """Read what happened to a bot, at most so many events of it. Raises _TooMuch, OutOfTime."""
        bot, start, end = watch.profile.bot, piece.start + 0.001, piece.end
        kept: dict[tuple[LabelKey, float], dict[str, float]] = {}
        for name in _series_wanted(watch):
            for series in await self._series.query(SeriesQuery(bot, name, start, end, piece.step)):
                labels = {key: word for key, word in series.labels.items() if key != "__name__"}
                piece.add([Sample(name, labels, moment, value) for moment, value in series.points])
        for name in _figures_wanted(watch):
            for series in await self._series.query(SeriesQuery(bot, name, start, end, piece.step)):
                own = {key: series.labels[key] for key in ("account", "currency") if key in series.labels}
                for moment, value in series.points:
                    kept.setdefault((key_of(own), moment), {})[name] = value
        figures = sorted(kept.items(), key=lambda one: one[0][1])
        piece.add([Figures(bot, moment, dict(key), values) for (key, moment), values in figures])
        if _wants_heard(watch):
            query = SeriesQuery(bot, "bot_up", start, end, min(piece.step, _HEARD_STEP))
            lives = {moment for one in await self._series.query(query) for moment, up in one.points if up}
            piece.add([Heard(bot, moment) for moment in sorted(lives)])
        await self._read_events(watch, piece, most)

    async def _read_events(self, watch: Watch, piece: _Piece, most: int) -> None:
        wanted = _events_wanted(watch)
        bot, read, cursor = watch.profile.bot, 0, ""
        while wanted is not None and read < most:
            kinds, level = wanted
            page = await self._events.search(
                EventQuery(
                    bot,
                    piece.start,
                    piece.end,
                    level=level,
                    kinds=kinds,
                    limit=_PAGE,
                    cursor=cursor,
                    forward=True,
                )
            )
            read += len(page.events)
            slim = _slim_for(watch)
            piece.add([slim(one) for one in page.events if piece.start < one.time <= piece.end])
            cursor = page.next_cursor
            if not cursor:
                break
        piece.events[bot] = read

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


def _count_events(piece: _Piece, left: dict[str, int], found: Outcome) -> None:
    """Count what was read; say of whom no more events are read."""
    for bot, read in piece.events.items():
        if left[bot] > 0 and left[bot] - read <= 0:
            found.complete = False
            found.notes.append(f"{bot}: the first {MOST_EVENTS:,} events alone were read: take less time")
        left[bot] -= read


def _slim_for(watch: Watch) -> Callable[[Event], Event]:
    """Return what leaves of an event only that which rules look at: many are held at once."""
    counted = [leaf for rule in watch.rules for leaf in leaves(rule.when) if isinstance(leaf, Happens)]
    reads, asks = any(leaf.text for leaf in counted), any(leaf.fields for leaf in counted)

    def slim(one: Event) -> Event:
        message, data = one.message if reads else "", one.data if asks else _NO_DATA
        return Event(one.id, one.bot, one.time, one.kind, one.level, message, one.stream, data=data)

    return slim


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
