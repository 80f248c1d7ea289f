"""Log rules at work: it hears the intake, matches behind it, and writes the series that rules make.

Nothing of it is between a line and its acknowledgement: lines wait here, are matched in slices, and a
mistake costs a point of a series at most. After a restart it goes on from what it kept and the events stored
since; each line counts once.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from schemas.errors import StoreUnavailable
from schemas.log_rules import LogRule
from telemetry.names import Health
from telemetry.records import Event, Sample
from telemetry.rule_sets import BotFacts, RuleSets
from telemetry.rules.matching import RuleSet
from telemetry.rules.state import CLOSES_AFTER, BotRules, Labels, Taken
from telemetry.stores import EventStore, KeptStates, SeriesStore
from telemetry.taken import untaken

_Labelled = Mapping[str, frozenset[str]]
"""Names, each with the labels that it may have."""
_log = logging.getLogger("herdsman.rules")
_LOOK_EVERY = 0.25
"""Seconds that lines wait to be matched together."""
_KEEP_EVERY = 15.0
_MOST_WAITING = 200_000
"""Lines that wait to be matched; older ones are left out, and counted."""
_MOST_BEHIND = 1_000_000
"""Stored events that a start reads again at most."""
_ROWS = 5000
_AT_ONCE = 500
"""Lines that are matched without looking at the clock."""
_SLICE = 0.005
"""Seconds of work after which everything else has its turn."""
_FORGET_AFTER = 90 * 86400.0

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(BotRules).decode
Told = Callable[[str, Sequence[Sample]], None]


@dataclass(slots=True)
class RuleCounts:
    """What a rule did since the start of this process; `at`: when it last matched, Unix seconds."""

    matches: int = 0
    misses: int = 0
    others: int = 0
    refused: int = 0
    at: float = 0.0
    bots: set[str] = field(default_factory=set)


def no_rules() -> tuple[LogRule, ...] | None:
    """Return the rules of a fleet of which nothing is known yet."""
    return None


class RulesDesk:
    """Keeps every bot's `BotRules`; `rules` returns those that hold now (None: not known yet)."""

    def __init__(
        self,
        events: EventStore,
        store: KeptStates,
        series: SeriesStore,
        health: Health | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._events = events
        self._store = store
        self._series = series
        self._health = health or Health()
        self._clock = clock
        self.rules: Callable[[], tuple[LogRule, ...] | None] = no_rules
        self.about: Callable[[str], BotFacts | None] = lambda _: None
        self.told: Told = lambda _bot, _samples: None
        self.counts: dict[str, RuleCounts] = {}
        self._sets = RuleSets(lambda bot: self.about(bot), self._fail)
        self._bots: dict[str, BotRules] = {}
        self._labels = Labels()
        self._waiting: deque[tuple[str, Sequence[Event]]] = deque()
        self._waiting_lines = 0
        self._ready = False
        self._number = 0
        self._unkept: set[str] = set()
        self._open: dict[str, float] = {}
        """Bots with windows that are not written yet, and when to look at them again."""
        self._unwritten: list[Sample] = []
        self._failed: set[str] = set()
        self._turn = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Say whether the past is in it, and lines are matched as they come."""
        return self._ready

    @property
    def alone(self) -> set[str]:
        """Return the rules whose patterns are too large to be looked for with others: each is by itself."""
        return self._sets.alone

    def events(self, bot: str, events: Sequence[Event]) -> None:
        """Take new events of a bot, of one stream in its order; they are matched later. Raises nothing."""
        if not self._ready or not self._sets.rules:
            return
        self._waiting.append((bot, events))
        self._waiting_lines += len(events)
        while self._waiting_lines > _MOST_WAITING:
            left_out = len(self._waiting.popleft()[1])
            self._waiting_lines -= left_out
            self._health.count("herdsman_rule_skipped_lines_total", left_out)

    async def run(self) -> None:
        """Read the past once the rules are known, then match, write and keep until cancelled."""
        keep_at = time.monotonic() + _KEEP_EVERY
        while True:
            await self._try(self.work())
            if time.monotonic() >= keep_at:
                keep_at = time.monotonic() + _KEEP_EVERY
                await self._try(self.keep())
            await asyncio.sleep(_LOOK_EVERY)

    async def work(self) -> None:
        """Match what waits, and write what came of it. Raises StoreUnavailable."""
        rules = self.rules()
        if rules is None:
            return
        async with self._turn:
            if rules != self._sets.rules:
                await self._change(rules)
            if not self._ready:
                await self._catch_up()
            await self._match_waiting()
            await self._close_windows()
            await self._write()

    async def keep(self) -> None:
        """Keep the states that moved, once all that they say is written. Raises StoreUnavailable."""
        if not self._ready:
            return
        # Asked first: whatever is stored by now was told before, and waits here at the latest.
        number = await self._events.newest_number()
        await self.work()
        if number == self._number and not self._unkept:
            return
        bots, self._unkept = self._unkept, set()
        gone = [bot for bot, known in self._bots.items() if self._is_past(known)]
        try:
            states = {bot: _encode(self._bots[bot]) for bot in bots.difference(gone)}
            await self._store.save(number, states, gone)
        except BaseException:
            self._unkept |= bots
            raise
        self._number = number
        for bot in gone:
            del self._bots[bot]
            self._open.pop(bot, None)
            self._labels.forget(bot)

    def rules_of(self, bot: str) -> tuple[LogRule, ...]:
        """Return the rules that a bot has now."""
        return self._sets.rules_of(bot)

    async def _change(self, rules: tuple[LogRule, ...]) -> None:
        self._sets.change(rules)
        names = {rule.name: frozenset(rule.labels) for rule in rules}
        self.counts = {name: counts for name, counts in self.counts.items() if name in names}
        series = _series_of(rules)
        started = time.monotonic()
        for known in list(self._bots.values()):
            self._forget_gone(known, names, series)
            started = await _breathe(started)

    def _forget_gone(self, known: BotRules, rules: _Labelled, series: _Labelled) -> None:
        """Let go of what rules made that are no more: nobody closes its windows, or adds to its totals."""
        if known.keep_only(rules, series):
            self._unkept.add(known.bot)

    async def _catch_up(self) -> None:
        """Load what was kept, and take the events stored since; the first start of all begins with now."""
        if not self._bots and not self._number:
            self._number, states = await self._store.load()
            for state in states:
                self._load(state)
            newest = await self._events.newest_number()
            behind = newest - self._number
            if not self._number or behind > _MOST_BEHIND:
                if self._number:
                    self._health.count("herdsman_rule_skipped_lines_total", behind - _MOST_BEHIND)
                self._number = max(newest - _MOST_BEHIND, 0) if self._number else newest
        # From here on what is told waits: what is read from the store as well counts once, by its place.
        self._ready = True
        try:
            newest = -1
            while self._number != newest:
                arrived = await self._events.arrived(self._number, ("log",), _ROWS)
                for bot, events in _by_stream(arrived.events):
                    await self._match(bot, events)
                newest, self._number = self._number, arrived.number
        except BaseException:
            self._ready = False
            self._waiting.clear()
            self._waiting_lines = 0
            raise

    async def _match_waiting(self) -> None:
        while self._waiting:
            bot, events = self._waiting.popleft()
            self._waiting_lines -= len(events)
            await self._match(bot, events)

    async def _match(self, bot: str, events: Sequence[Event]) -> None:
        """Match the lines of one stream; whatever one bot prints or one rule is costs the others nothing."""
        try:
            rules = await self._sets.of(bot)
            if rules is not None:
                for start in range(0, len(events), _AT_ONCE):
                    await self._take(bot, rules, events[start : start + _AT_ONCE])
        except Exception:  # noqa: BLE001 - see above
            self._fail(bot)

    async def _take(self, bot: str, rules: RuleSet, events: Sequence[Event]) -> None:
        known = self._bots.get(bot) or BotRules(bot)
        # What herdsman says of a stream's gaps has no place in it, and is no line of the bot.
        lines = [event for event in events if event.kind == "log" and event.id[-1:].isdigit()]
        new = untaken(known.read, lines) if lines else lines
        found = rules.find(new)
        started = time.monotonic()
        for place, matches in found:
            rule, now = rules.rules[place], self._clock()
            known.labels = self._sets.labels_of(bot)
            taken = known.take(rule, matches, new, now, self._labels)
            self._bots[bot] = known
            self._unkept.add(bot)
            self._unwritten += taken.samples
            if known.windows:
                self._open[bot] = min(self._open.get(bot, now + CLOSES_AFTER), now + CLOSES_AFTER)
            counts = self.counts.setdefault(rule.name, RuleCounts())
            counts.at = max(counts.at, new[matches[-1].message].time)
            counts.bots.add(bot)
            self._count(rule.name, len(matches), taken)
            started = await _breathe(started)
        await _breathe(started)

    def _count(self, rule: str, matches: int, taken: Taken) -> None:
        counts = self.counts[rule]
        counts.matches += matches
        counts.misses += taken.misses
        counts.others += taken.others
        counts.refused += taken.refused
        self._health.count("herdsman_rule_matches_total", matches)
        self._health.count("herdsman_rule_misses_total", taken.misses)
        self._health.count("herdsman_rule_other_labels_total", taken.others)
        self._health.count("herdsman_rule_refused_total", taken.refused)

    async def _close_windows(self) -> None:
        """Make points of the windows that are over, of those bots alone that may have one."""
        now, started = self._clock(), time.monotonic()
        for bot in [bot for bot, due in self._open.items() if due <= now]:
            known = self._bots[bot]
            closed = known.close_windows(self._sets.rules, now, self._labels)
            if closed:
                self._unwritten += closed
                self._unkept.add(bot)
            due = known.next_close()
            if due is None:
                del self._open[bot]
            else:
                self._open[bot] = due if due > now else now + CLOSES_AFTER
            started = await _breathe(started)

    async def _write(self) -> None:
        """Write what came of matching; what a store does not take now comes with the next."""
        samples, self._unwritten = self._unwritten, []
        if not samples:
            return
        try:
            await self._series.write(samples)
        except BaseException:
            self._unwritten = (samples + self._unwritten)[-_MOST_WAITING:]
            raise
        by_bot: dict[str, list[Sample]] = {}
        for sample in samples:
            by_bot.setdefault(sample.labels["bot"], []).append(sample)
        for bot, own in by_bot.items():
            self.told(bot, own)

    async def _try(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - nobody would begin this task again
            if not isinstance(error, StoreUnavailable):
                _log.exception("a part of the work of log rules failed")
            self._health.count("herdsman_store_errors_total", store="rules")

    def _fail(self, bot: str) -> None:
        if bot not in self._failed:
            self._failed.add(bot)
            _log.exception("the lines of %s could not be matched with the log rules", bot)
        self._health.count("herdsman_store_errors_total", store="rules")

    def _load(self, state: bytes) -> None:
        try:
            known = _decode(state)
        except msgspec.MsgspecError:
            _log.exception("what the log rules made of a bot cannot be read")
            return
        self._bots[known.bot] = known
        names = {rule.name: frozenset(rule.labels) for rule in self._sets.rules}
        self._forget_gone(known, names, _series_of(self._sets.rules))
        if (due := known.next_close()) is not None:
            self._open[known.bot] = due

    def _is_past(self, known: BotRules) -> bool:
        return known.newest_at < self._clock() - _FORGET_AFTER


async def _breathe(started: float) -> float:
    """Let everything else have its turn after a slice of work; return when the slice under way began."""
    if time.monotonic() <= started + _SLICE:
        return started
    await asyncio.sleep(0)
    return time.monotonic()


def _series_of(rules: Sequence[LogRule]) -> dict[str, frozenset[str]]:
    """Return the names of all series that rules make, with the labels that each may have."""
    found: dict[str, frozenset[str]] = {}
    for rule in rules:
        names = [rule.count_series, *(name for one in rule.fields for name in rule.field_series(one))]
        found |= dict.fromkeys(names, frozenset(rule.labels))
    return found


def _by_stream(events: Sequence[Event]) -> list[tuple[str, list[Event]]]:
    """Return stored events parted by bot and stream, each in its order."""
    found: dict[tuple[str, str, str], list[Event]] = {}
    for event in events:
        found.setdefault((event.bot, event.allocation, event.stream), []).append(event)
    return [(bot, own) for (bot, _, _), own in found.items()]
