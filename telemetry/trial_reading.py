"""Reads what rules are tried on, in pieces that are small enough to be held, while there is time."""

import itertools
import math
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.conditions import Happens, NoData, leaves
from telemetry.alerts.limits.trial import HOLDINGS, OF_MONEY, WORTH, Before, kinds_wanted
from telemetry.alerts.past import own_labels, series_of
from telemetry.alerts.trial import Err, Figures, Happening, Heard
from telemetry.alerts.values import LabelKey, key_of
from telemetry.alerts.watch import FIGURE, BotProfile, Watch
from telemetry.errors.groups import ErrorGroup
from telemetry.levels import LEVELS
from telemetry.records import Event, Sample
from telemetry.stores import EventQuery, EventStore, SeriesQuery, SeriesStore
from telemetry.trial_lines import FIRST_PAGE, next_page, of_trading, only_wanted, said

_WORDS = 200
"""Characters of an event that are held for as much as a sample."""
LONGEST_PIECE, LEAST_PIECE = 43_200.0, 60.0
"""Seconds that are read at a time."""
_HEARD_STEP = 10.0
_EQUITY, _DRAWDOWN, _EXPOSURE = "bot_trading_equity", "bot_trading_drawdown", "bot_trading_gross_exposure"
_MOST_HELD, _HELD_SINCE = 5000, 60 * 86_400.0
"""Fills and positions, and seconds, that are looked through for what a bot held when a trial begins."""
_MOST_PRICES = 1000
_KNOWN_FOR, _KNOWN_STEP = 7 * 86_400.0, 600.0
"""Seconds for which what a bot was worth is still known though it says nothing; how far values are apart."""
_FINE = 10.0
"""How many times as long as what is read in one step a silence has to be."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one trial may take; `told`: alerts that are told one by one, of all rules and bots together.

    Of what happened so much is `held` at once: a sample is 1, an event the more the more it says. `clock` is
    one that nobody sets.
    """

    seconds: float = 30.0
    held: int = 100_000
    bots: int = 500
    rules: int = 5000
    """Rules, counted for each bot."""
    told: int = 5000
    clock: Callable[[], float] = time.monotonic


class Allowance:
    """How long a trial may go on; from any thread."""

    def __init__(self, bounds: Bounds) -> None:
        self._clock = bounds.clock
        self._until = self._clock() + bounds.seconds
        self._ended = threading.Event()

    def end(self) -> None:
        """Have nothing go on any more."""
        self._ended.set()

    def over(self) -> bool:
        """Say whether that time is over."""
        return self._ended.is_set() or self._clock() >= self._until


@dataclass(slots=True)
class Piece:
    """What happened after one moment, up to another: lists that are each by time."""

    after: float
    until: float
    most: int
    """How much may be held."""
    parts: list[list[Happening]] = field(default_factory=list)
    held: int = 0
    whole: bool = False
    """Whether all of it was read."""

    @property
    def full(self) -> bool:
        """Whether no more of it can be held."""
        return self.held > self.most

    def add(self, part: list[Happening], weight: int | None = None) -> None:
        """Take what is by time."""
        self.parts.append(part)
        self.held += len(part) if weight is None else weight


class Reader:
    """Reads what happened to bots, on values that are `step` seconds apart."""

    def __init__(
        self,
        series: SeriesStore,
        events: EventStore,
        groups: Callable[[str], Awaitable[Sequence[ErrorGroup]]],
        step: float,
        held: int,
    ) -> None:
        self._series = series
        self._events = events
        self._groups = groups
        self._step = step
        self._held = held
        self._numbers = itertools.count()

    async def piece(
        self, watches: Sequence[Watch], after: float, until: float, allowance: Allowance
    ) -> Piece:
        """Read what happened to bots; stop where that is more than can be held, or time is over."""
        piece = Piece(after, until, self._held)
        for watch in watches:
            for read in (self._read_samples, self._read_figures, self._read_heard):
                await read(watch, piece)
            await self._read_events(watch, piece, allowance)
            if piece.full or allowance.over():
                return piece
        piece.whole = True
        return piece

    async def errors(self, watch: Watch, first: float, end: float) -> list[Err]:
        """Return the errors of a bot that were new or came back in a range."""
        if not watch.wants_errors:
            return []
        found = []
        for group in await self._groups(watch.profile.bot):
            text = f"{group.type}: {group.message}"[:300]
            found.append(Err(group.bot, group.first_seen, group.id, "new", text))
            if group.regressed_at is not None:
                found.append(Err(group.bot, group.regressed_at, group.id, "regressed", text))
        return sorted((one for one in found if first < one.time <= end), key=lambda one: one.time)

    async def _read_samples(self, watch: Watch, piece: Piece) -> None:
        for name in series_wanted(watch):
            step = step_of(watch, name, self._step)
            query = SeriesQuery(watch.profile.bot, name, piece.after + 0.001, piece.until, step)
            for series in await self._series.query(query):
                if piece.full:
                    return
                labels = {key: word for key, word in series.labels.items() if key != "__name__"}
                piece.add([Sample(name, labels, moment, value) for moment, value in series.points])

    async def _read_figures(self, watch: Watch, piece: Piece) -> None:
        bot, kept = watch.profile.bot, dict[tuple[LabelKey, float], dict[str, float]]()
        for name in figures_wanted(watch):
            query = SeriesQuery(bot, name, piece.after + 0.001, piece.until, self._step)
            for series in await self._series.query(query):
                own = {key: series.labels[key] for key in ("account", "currency") if key in series.labels}
                for moment, value in series.points:
                    kept.setdefault((key_of(own), moment), {})[name] = value
        figures = sorted(kept.items(), key=lambda one: one[0][1])
        piece.add([Figures(bot, moment, dict(key), values) for (key, moment), values in figures])

    async def _read_heard(self, watch: Watch, piece: Piece) -> None:
        if watch.silences or any(rule.hold for rule in watch.rules):
            bot, step = watch.profile.bot, min(self._step, _HEARD_STEP)
            query = SeriesQuery(bot, "bot_up", piece.after + 0.001, piece.until, step)
            lives = {moment for one in await self._series.query(query) for moment, up in one.points if up}
            piece.add([Heard(bot, moment) for moment in sorted(lives)])

    async def _read_events(self, watch: Watch, piece: Piece, allowance: Allowance) -> None:
        wanted = events_wanted(watch)
        if wanted is None:
            return
        (kinds, level), cursor, most = wanted, "", FIRST_PAGE
        fields, limited, text = _fields_wanted(watch), limits_of(watch), bool(watch.texts)
        while not (piece.full or allowance.over()):
            page = await self._events.search(
                EventQuery(
                    watch.profile.bot,
                    piece.after,
                    piece.until,
                    level=level,
                    kinds=kinds,
                    limit=min(most, self._held),
                    cursor=cursor,
                    forward=True,
                )
            )
            found = [
                of_trading(one, next(self._numbers)) if limited else only_wanted(one, fields, text=text)
                for one in page.events
                if piece.after < one.time <= piece.until
            ]
            words = sum(said(one) + 50 * len(one.data) for one in found)
            piece.add([*found], len(found) + words // _WORDS)
            most = next_page(page.events)
            cursor = page.next_cursor
            if not cursor:
                return

    async def held(self, profile: BotProfile, first: float, allowance: Allowance) -> list[Event]:
        """Return the newest lines before a moment that say what a bot held and was worth, oldest first.

        Transfers since its equity was told last are among them: they count once it is told again.
        """
        fills = await self._newest(profile, HOLDINGS, (first - _HELD_SINCE, first), allowance)
        known = (first - _KNOWN_FOR, first)
        worth = await self._newest(profile, WORTH, known, allowance, until="equity")
        prices = await self._newest(profile, ("price",), known, allowance, most=_MOST_PRICES)
        found = [*prices, *worth, *fills][::-1]  # of one time as they were read
        found.sort(key=lambda one: one.time)
        return [of_trading(one, next(self._numbers)) for one in found]

    async def _newest(
        self,
        profile: BotProfile,
        kinds: tuple[str, ...],
        span: tuple[float, float],
        allowance: Allowance,
        *,
        most: int = _MOST_HELD,
        until: str = "",
    ) -> list[Event]:
        """Return a bot's newest lines of some kinds; `until`: no page after one with a line of that kind."""
        found: list[Event] = []
        cursor, (start, end), limit = "", span, FIRST_PAGE
        while len(found) < most and not allowance.over():
            query = EventQuery(profile.bot, start, end, kinds=kinds, limit=limit, cursor=cursor)
            page = await self._events.search(query)
            limit = next_page(page.events)
            own = [one for one in page.events if one.mode == profile.mode and one.time <= end]
            found += [of_trading(one) for one in own]
            cursor = page.next_cursor
            if not cursor or any(one.kind == until for one in own):
                break
        return found

    async def before(self, profile: BotProfile, first: float) -> list[Before]:
        """Return what a bot was worth and held at a moment; nothing where it traded in another mode."""
        kinds, start = tuple(sorted(OF_MONEY)), first - _KNOWN_FOR
        newest = await self._events.search(EventQuery(profile.bot, start, first, kinds=kinds, limit=1))
        if not newest.events or newest.events[0].mode != profile.mode:
            return []
        known: dict[LabelKey, dict[str, tuple[float, float]]] = {}
        for name in (_EQUITY, _DRAWDOWN, _EXPOSURE):
            for series in await self._series.query(SeriesQuery(profile.bot, name, start, first, _KNOWN_STEP)):
                if series.points:
                    known.setdefault(key_of(own_labels(FIGURE, series.labels)), {})[name] = series.points[-1]
        return [_before(dict(key), values, first) for key, values in known.items()]


def _before(labels: Mapping[str, str], values: Mapping[str, tuple[float, float]], first: float) -> Before:
    worth = values.get(_EQUITY)
    return Before(
        labels.get("account", ""),
        labels.get("currency", ""),
        min(worth[0], first) if worth is not None else first,
        worth[1] if worth is not None else None,
        values.get(_DRAWDOWN, (0.0, 0.0))[1],
        values[_EXPOSURE][1] if _EXPOSURE in values else None,
    )


def limits_of(watch: Watch) -> list[str]:
    """Return the names of a bot's rules that stand for risk limits."""
    return [rule.name for rule in watch.rules if rule.risk]


def step_of(watch: Watch, name: str, step: float) -> float:
    """Return how far a series' values may be apart: where its silence counts, far less than that."""
    silences = [
        leaf.after
        for rule in watch.rules
        for leaf in leaves(rule.when)
        if isinstance(leaf, NoData) and leaf.metric == name
    ]
    fine = min(silences, default=math.inf) / _FINE // 10 * 10 if silences else math.inf
    return min(step, fine)


def first_piece(watches: Sequence[Watch], step: float, held: int) -> float:
    """Return how many seconds to read at first, of as many bots: about as much as can be held."""
    names = sum(
        len(series_wanted(watch)) + len(figures_wanted(watch)) + (events_wanted(watch) is not None)
        for watch in watches
    )
    span = held * max(step, 1.0) / max(names, 1) / 2
    return piece_of(span)


def piece_of(span: float) -> float:
    """Return so many seconds, as far as they may be read at a time: whole minutes, as steps are."""
    return max(min(span, LONGEST_PIECE) // 60 * 60, LEAST_PIECE)


def series_wanted(watch: Watch) -> list[str]:
    """Return the series that a bot's rules are about."""
    return [name for name in watch.slots if not name.startswith(FIGURE)]


def figures_wanted(watch: Watch) -> list[str]:
    """Return the series in which the figures are kept that a bot's rules are about."""
    slots = [name for name in watch.slots if name.startswith(FIGURE)]
    return sorted({series for name in slots for series in series_of(name)})


def events_wanted(watch: Watch) -> tuple[tuple[str, ...], str] | None:
    """Return the kinds of events to read (none named: every one), their least level; None for no events."""
    if limits := limits_of(watch):
        return tuple(sorted(kinds_wanted(limits))), ""
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


def _fields_wanted(watch: Watch) -> frozenset[str]:
    parts = [leaf for rule in watch.rules for leaf in leaves(rule.when)]
    return frozenset(name for leaf in parts if isinstance(leaf, Happens) for name in leaf.fields)
