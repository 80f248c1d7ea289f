"""Tries alert rules on what is stored: reads it piece by piece, and plays it to the engine that judges live.

What it may take is bounded: so many bots and rules, so much held at once, so much time. What was not tried
is said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from schemas.conditions import Errs, Happens, NoData, leaves
from schemas.errors import TooBusy
from schemas.risk import RiskLimits
from telemetry.alerts.limits.trial import limits_together, split, without_parts
from telemetry.alerts.past import points_of, span_of, wanted_past
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import MOST_EPISODES, Err, Trial, Tried, can_be_tried_together, merged
from telemetry.alerts.watch import Watch
from telemetry.errors.groups import ErrorGroup
from telemetry.stores import EventStore, SeriesQuery, SeriesStore
from telemetry.trading.equity import DAY
from telemetry.trial_reading import LEAST_PIECE, Allowance, Bounds, Piece, Reader, first_piece, piece_of

_LEAD, _LONGEST_LEAD = 900.0, 86_400.0
"""Seconds before the start that are played as well, since things had begun by then: at least, at most."""
_STEPS = ((7200.0, 0.0), (3 * 86_400.0, 10.0))
_COARSEST = 60.0
_NAMED = 10
"""Accounts that are told by name."""
Spans = Sequence[tuple[float, float]]
BUSY = "other rules are being tried right now; ask again in a moment"


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
class _Run:
    """One trial under way; `told`: alerts of a rule and bot that are told one by one."""

    found: Outcome
    reader: Reader
    allowance: Allowance
    told: int
    accounts: Mapping[str, RiskLimits]
    errors: dict[str, list[Err]] = field(default_factory=dict)


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
        bounds: Bounds | None = None,
    ) -> None:
        self._series = series
        self._events = events
        self._groups = groups
        self._hours = hours
        self._bounds = bounds or Bounds()
        self._turn = asyncio.Lock()

    async def run(
        self,
        setups: Sequence[Setup],
        start: float,
        end: float,
        accounts: Mapping[str, RiskLimits] = MappingProxyType({}),
    ) -> Outcome:
        """Try each bot's rules from `start` to `end`; `accounts`: their limits.

        Raises TooBusy, StoreUnavailable, SearchTooLong.
        """
        if self._turn.locked():
            raise TooBusy(BUSY)
        async with self._turn:
            return await self._run(setups, start, end, accounts)

    async def _run(
        self, setups: Sequence[Setup], start: float, end: float, accounts: Mapping[str, RiskLimits]
    ) -> Outcome:
        found = Outcome(start, end, step_for(end - start), of=len(setups))
        taken = fitting(setups, self._bounds)
        if len(taken) < len(setups):
            found.complete = False
            found.notes.append(f"{len(taken)} of {len(setups)} bots are tried at once: name others by --bot")
            taken, accounts_left = without_parts(setups, taken)
            found.notes += _left_out(accounts_left)
        found.notes += self._calendar_notes(taken, start)
        reader = Reader(self._series, self._events, self._groups, found.step, self._bounds.held)
        told = self._bounds.told // max(sum(len(one.rules) for one in taken), 1)
        run = _Run(found, reader, Allowance(self._bounds), max(min(told, MOST_EPISODES), 1), accounts)
        try:
            await self._try_all(taken, run)
        finally:
            run.allowance.end()  # also for the thread that nobody waits for any more
        return found

    async def _try_all(self, setups: Sequence[Setup], run: "_Run") -> None:
        """Try all rules, then, since there is more to read for them, the risk limits."""
        found = run.found
        rules, limits = split(setups)
        groups = [*can_be_tried_together(rules), *limits_together(limits)]
        for count, group in enumerate(groups):
            if run.allowance.over():
                untried = {one.profile.bot for left in groups[count:] for one in left}
                found.bots = len(setups) - len(untried)
                found.complete = False
                what = "the risk limits of " if count >= len(groups) - len(limits_together(limits)) else ""
                found.notes.append(
                    f"after {self._bounds.seconds:g} s {what}{found.bots} of {found.of} bots were tried: "
                    "name fewer by --bot, or less time"
                )
                return
            await self._try(group, run)
        found.bots = len(setups)

    async def _try(self, group: Sequence[Setup], run: "_Run") -> None:
        found, allowance = run.found, run.allowance
        first = (found.start - lead_of(group, found.start)) // 60 * 60
        trial = Trial(group, first, found.start, self._is_open, run.told, allowance.over, run.accounts)
        watches = list(trial.engine.watches.values())
        at = first
        if await self._prepare(trial, first, run):
            at = await self._play_all(trial, first, run)
        if at < found.end:
            bots = ", ".join(watch.profile.bot for watch in watches[:3])
            why = f"{self._bounds.seconds:g} s were over"
            if not allowance.over():
                why = "more happened then than is tried at once: name fewer by --bot"
            found.complete = False
            found.notes.append(f"{bots}: tried until {at:.0f} (Unix time) alone: {why}")
        found.tried += await asyncio.to_thread(trial.end, at)

    async def _prepare(self, trial: Trial, first: float, run: "_Run") -> bool:
        """Bring a trial what was before, and the errors there were; say whether there was time to."""
        for watch in trial.engine.watches.values():
            if run.allowance.over():
                return False
            await self._remember(trial, watch, first)
            run.errors[watch.profile.bot] = await run.reader.errors(watch, first, run.found.end)
            if trial.limits is not None:
                held = await run.reader.held(watch.profile, first, run.allowance)
                before = await run.reader.before(watch.profile, first)
                await asyncio.to_thread(trial.limits.remember, watch.profile.bot, held, before, first)
        return not run.allowance.over()

    async def _play_all(self, trial: Trial, first: float, run: "_Run") -> float:
        """Play what happened, piece by piece; return until when that is done."""
        watches, end = list(trial.engine.watches.values()), run.found.end
        at, span = first, first_piece(watches, run.found.step, self._bounds.held)
        while at < end and not run.allowance.over():
            piece = await run.reader.piece(watches, at, min(at + span, end), run.allowance)
            if piece.full and span > LEAST_PIECE:
                span = piece_of(span / 4)
                continue
            if not piece.whole:
                return at
            for watch in watches:
                errors = run.errors[watch.profile.bot]
                piece.add([one for one in errors if at < one.time <= piece.until])
            if not await asyncio.to_thread(_play, trial, piece):
                return trial.now
            at = piece.until
            if piece.held < self._bounds.held / 4:
                span = piece_of(span * 2)
        return at

    async def _remember(self, trial: Trial, watch: Watch, first: float) -> None:
        """Bring a watch what was before the first moment that is played."""
        profile = watch.profile
        for one in wanted_past(watch):
            start, step = span_of(first, one.over, 0.0)
            series = await self._series.query(SeriesQuery(profile.bot, one.series, start, first, step))
            trades = (profile.mode, profile.account)
            trial.engine.remember(profile.bot, trades, one, points_of(one.slot, series), first)

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


def lead_of(setups: Sequence[Setup], start: float) -> float:
    """Return how many seconds before the start are played: as long as conditions have to last, or count.

    For risk limits since the UTC day began.
    """
    spans = [_LEAD]
    if any(rule.risk for setup in setups for rule in setup.rules):
        spans.append(start % DAY)
    for rule in (rule for setup in setups for rule in setup.rules):
        spans.append(rule.hold + rule.recover_for)
        for leaf in leaves(rule.when):
            if isinstance(leaf, Happens | Errs):
                spans.append(leaf.within + rule.hold)
            elif isinstance(leaf, NoData):
                spans.append(leaf.after + rule.hold)
    return min(max(spans) + _LEAD, _LONGEST_LEAD + _LEAD)


def fitting(setups: Sequence[Setup], bounds: Bounds) -> Sequence[Setup]:
    """Return the first bots, as many as are tried at once."""
    rules = 0
    for count, one in enumerate(setups[: bounds.bots]):
        rules += len(one.rules)
        if rules > bounds.rules:
            return setups[: max(count, 1)]
    return setups[: bounds.bots]


def _left_out(accounts: Sequence[str]) -> list[str]:
    """Return what is said of accounts that are not tried, since not all of their bots are."""
    if not accounts:
        return []
    names = ", ".join(accounts[:_NAMED])
    more = f" and {len(accounts) - _NAMED} more" if len(accounts) > _NAMED else ""
    return [
        f"the limits of the account{'s' if len(accounts) > 1 else ''} {names}{more} are not tried: "
        "they are of all bots of an account together, and not all of those are tried at once"
    ]


def _play(trial: Trial, piece: Piece) -> bool:
    return trial.take(merged(piece.parts))
