"""The liveness of all bots, live: it hears the intake, judges each bot when something is due, keeps habits.

A pass over all bots looks only at those whose verdict may have changed, in slices, so that it holds up
nothing at ten thousand bots.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from schemas.errors import StoreUnavailable
from telemetry.liveness.series import liveness_samples
from telemetry.liveness.signs import BotSigns
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness.watch import BotWatch, Found, Kept, LivenessView
from telemetry.names import RESOURCES, Health
from telemetry.records import Event, Sample
from telemetry.stores import EventStore, LivenessStore, SeriesStore

_log = logging.getLogger("herdsman.liveness")
_EVERY = 1.0
"""Seconds between two passes."""
_LATE = 4.0
"""Seconds that a pass may be late: more, and we were held up ourselves, and so was what bots said."""
_EXCUSED = 15.0
"""Seconds after that in which no bot is judged."""
_WRITE_EVERY = 30.0
_KEEP_EVERY = 60.0
_AT_ONCE = 200
"""Bots that are judged, written or kept without a break."""
_MOST_RECALLED = 300_000
"""Events after what was kept last, beyond which the ages begin anew at a start."""
_RECALLED_AT_ONCE = 5_000
_BASE = ("fleet", "bot", "program", "env")
_FORGET_AFTER = 90 * 86400.0

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def _unknown(bot: str) -> Standing | None:
    """Return how a bot stands: not known yet."""
    del bot
    return None


def _nobody(view: LivenessView) -> None:
    """Tell nobody."""
    del view


class LivenessDesk:
    """Keeps a `BotWatch` of every bot; what `events` has more than was kept is recalled at the start.

    `standing` says how a bot stands, None where that is not known (then it is not judged); `told` hears of
    every verdict that changes.
    """

    def __init__(
        self,
        store: LivenessStore,
        series: SeriesStore,
        health: Health | None = None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        events: EventStore | None = None,
    ) -> None:
        self._store = store
        self._events = events
        self._series = series
        self._health = health or Health()
        self._wall = clock
        self._steady = steady
        self._ahead = clock() - steady()
        """Seconds that our clock, which nobody sets, is ahead of the steady one."""
        self._watches: dict[str, BotWatch] = {}
        self._unkept: set[str] = set()
        self._gone: set[str] = set()
        self._moved: set[str] = set()
        """Bots of which something else was found since that was kept."""
        self._failed: set[str] = set()
        """Bots that could not be judged: said once, until they can be again."""
        self._held_up: set[str] = set()
        self._passed_at: float | None = None
        self._excused_until = 0.0
        self.ready = False
        self.standing: Callable[[str], Standing | None] = _unknown
        self.held_up: Callable[[str], bool] = lambda _bot: False
        """Says whether what a bot says cannot be heard for now, through no fault of its own."""
        self.heard_out: Callable[[str], bool] = lambda _bot: False
        """Says whether everything was heard that a bot said before our start."""
        self.told: Callable[[LivenessView], None] = _nobody
        self.gone: Callable[[str], None] = lambda _bot: None
        """Hears of every bot that is removed."""

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        """Take new samples of a bot: a measurement of it shows that its process lives. Raises nothing."""
        if not samples or samples[0].name not in RESOURCES or samples[0].value == 0.0:
            return
        try:
            watch = self._watch(bot)
            if watch.labels is None:
                watch.labels = {name: samples[0].labels[name] for name in _BASE if name in samples[0].labels}
            watch.alive(self._clock())
        except Exception:  # noqa: BLE001 - a mistake here must cost no batch and no agent
            self._fail(bot)

    def events(self, bot: str, events: Sequence[Event]) -> None:
        """Take new events of a bot. Raises nothing."""
        try:
            self._watch(bot).take(events, self._clock(), self._set())
        except Exception:  # noqa: BLE001 - a mistake here must cost no batch and no agent
            self._fail(bot)

    def changed(self, bot: str) -> None:
        """Note that a bot stands otherwise: it is judged at the next pass."""
        self._watch(bot).recheck_at = 0.0

    def removed(self, bot: str) -> None:
        """Forget a bot that is gone."""
        self._watches.pop(bot, None)
        self._held_up.discard(bot)
        self._unkept.discard(bot)
        self._moved.discard(bot)
        self._gone.add(bot)
        self.gone(bot)

    def view(self, bot: str) -> LivenessView | None:
        """Return how a bot lives, None where nothing is known of it yet."""
        watch = self._watches.get(bot)
        return watch.view(self._set()) if watch is not None and watch.since else None

    def found(self, bot: str) -> Found | None:
        """Return what was found of a bot, None where it was not judged yet."""
        watch = self._watches.get(bot)
        return watch.told(self._set()) if watch is not None and watch.since else None

    def bots(self) -> list[str]:
        """Return the bots that it watches."""
        return list(self._watches)

    def views(self) -> Iterable[LivenessView]:
        """Yield how each bot lives, by name."""
        for bot in sorted(self._watches):
            if (found := self.view(bot)) is not None:
                yield found

    async def run(self) -> None:
        """Load what was kept, then judge, write and keep until cancelled."""
        while not self.ready:
            await self._try(self.load())
            if not self.ready:
                await asyncio.sleep(_EVERY)
        write_at = keep_at = time.monotonic()
        while True:
            await asyncio.sleep(_EVERY)
            await self._try(self.look())
            if self._moved:
                await self._try(self.keep_found())
            now = time.monotonic()
            if now >= write_at:
                write_at = now + _WRITE_EVERY
                await self._try(self.write())
            if now >= keep_at:
                keep_at = now + _KEEP_EVERY
                await self._try(self.keep())

    async def load(self) -> None:
        """Load what was kept, and recall what came after that. Raises StoreUnavailable."""
        now, number = self._clock(), 0
        recalled: dict[str, BotWatch] = {}
        for state in await self._store.load():
            try:
                kept = _decode(state)
            except msgspec.MsgspecError:
                _log.exception("what was kept of how a bot lives cannot be read")
                continue
            bot, number = kept.signs.bot, max(number, kept.number or 0)
            if bot not in self._watches and kept.signs.stream.at > now - _FORGET_AFTER:
                recalled[bot] = self._watches[bot] = BotWatch.restored(kept, now)
        if not await self._recall(recalled, number, now):
            for watch in recalled.values():
                watch.before = None  # what it said last is not known: its silence begins anew
        self.ready = True

    async def _recall(self, watches: Mapping[str, BotWatch], number: int, now: float) -> bool:
        """Take the events after a number, which a hard end left to the store alone; False if too many."""
        if self._events is None:
            return False
        newest = await self._events.newest_number()
        if newest - number > _MOST_RECALLED:
            return False
        while number < newest:
            arrived = await self._events.arrived(number, (), _RECALLED_AT_ONCE)
            for event in arrived.events:
                watch = watches.get(event.bot)
                if watch is not None:
                    watch.recall(event, now)
            number = max(arrived.number, number + 1)
        return True

    async def look(self) -> None:
        """Judge every bot that is due."""
        now = self._clock()
        if self._is_excused(now):
            return
        judged = 0
        for bot, watch in list(self._watches.items()):
            if watch.before is not None and self.heard_out(bot):
                watch.heard_out()
            if now < watch.recheck_at:
                continue
            self._judge(bot, watch, now)
            judged += 1
            if judged % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _clock(self) -> float:
        """Return the Unix time as it was at our start, and goes on whatever is done to the wall clock."""
        return self._steady() + self._ahead

    def _set(self) -> float:
        """Return by how much the wall clock was set since our start."""
        step = self._wall() - self._clock()
        return step if abs(step) >= 1.0 else 0.0

    def _is_excused(self, now: float) -> bool:
        """Say whether we were held up ourselves just now."""
        if self._passed_at is not None and now - self._passed_at >= _EVERY + _LATE:
            self._excused_until = now + _EXCUSED
        self._passed_at = now
        return now < self._excused_until

    async def write(self) -> None:
        """Write the series of the bots that run. Raises StoreUnavailable."""
        now, samples = self._clock(), list[Sample]()
        for number, watch in enumerate(list(self._watches.values())):
            standing = watch.standing
            if watch.labels and standing is not None and standing.life is Life.RUNNING:
                samples += liveness_samples(watch.signs, watch.finding.verdict, watch.labels, now)
            if number % _AT_ONCE == _AT_ONCE - 1 and samples:
                await self._series.write(samples)
                samples = []
        if samples:
            await self._series.write(samples)

    async def keep(self) -> None:
        """Keep what moved since. Raises StoreUnavailable."""
        bots, self._unkept = self._unkept, set()
        gone, self._gone = self._gone, set()
        await self._keep(bots, gone)

    async def keep_found(self) -> None:
        """Keep the bots of which something else was found: that is no news again. Raises StoreUnavailable."""
        bots, self._moved = self._moved, set()
        self._unkept -= bots
        await self._keep(bots, set())

    async def _keep(self, bots: set[str], gone: set[str]) -> None:
        try:
            states = await self._states(bots)
            if states or gone:
                await self._store.save(states, sorted(gone - states.keys()))
        except BaseException:
            self._unkept |= bots
            self._gone |= gone
            raise

    async def _states(self, bots: set[str]) -> dict[str, bytes]:
        """Return what is to be kept of bots."""
        # Before anything else: an event of a later number may be in it, one of an earlier number is.
        number = await self._events.newest_number() if self._events is not None and not self._set() else None
        states: dict[str, bytes] = {}
        for count, bot in enumerate(bots):
            try:
                if bot in self._watches:
                    states[bot] = _encode(self._watches[bot].keep(number))
            except Exception:  # noqa: BLE001 - the others are kept
                self._fail(bot)
            if count % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        return states

    def _watch(self, bot: str) -> BotWatch:
        watch = self._watches.get(bot)
        if watch is None:
            watch = self._watches[bot] = BotWatch(BotSigns(bot))
        self._unkept.add(bot)
        return watch

    def _judge(self, bot: str, watch: BotWatch, now: float) -> None:
        try:
            standing = self.standing(bot)
            runs = standing is not None and standing.life is Life.RUNNING
            if standing is None or (runs and self._is_held_up(bot, watch, now)):
                watch.recheck_at = now + _EVERY
                return
            ahead = self._set()
            if ahead:
                standing = standing.moved(-ahead)
            if watch.look(standing, now, ahead):
                self._unkept.add(bot)
                self._moved.add(bot)
                self.told(watch.view(ahead))
        except Exception:  # noqa: BLE001 - whatever one bot printed, the others are judged
            watch.recheck_at = now + _KEEP_EVERY
            self._fail(bot)
        else:
            self._failed.discard(bot)

    def _is_held_up(self, bot: str, watch: BotWatch, now: float) -> bool:
        """Say whether nobody can hear the bot for now; its silence until then says nothing of it."""
        held_up = self.held_up(bot)
        if held_up or bot in self._held_up:
            watch.unheard(now)
            (self._held_up.add if held_up else self._held_up.discard)(bot)
        return held_up

    def _fail(self, bot: str) -> None:
        if bot not in self._failed:
            self._failed.add(bot)
            _log.exception("how %s lives cannot be told", bot)

    async def _try(self, work: Awaitable[None]) -> None:
        """Do a part of the work; whatever happens, the next is done in its time."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - nobody would begin this task again
            if not isinstance(error, StoreUnavailable):
                _log.exception("a part of following how bots live failed")
            self._health.count("herdsman_store_errors_total", store="liveness")
