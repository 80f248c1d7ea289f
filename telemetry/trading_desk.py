"""The trading of all bots, live: it hears the intake, survives restarts, and writes derived series.

After a restart it goes on from the states it kept and the events stored since. What the intake tells in the
meantime waits, and counts once: an event's id says how far its stream was taken.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from schemas.errors import StoreUnavailable
from telemetry.names import Health
from telemetry.records import Event, Sample
from telemetry.stores import EventStore, SeriesStore, TradingStore
from telemetry.trading.derived import derived_samples
from telemetry.trading.equity import DAY
from telemetry.trading.memory import Memory
from telemetry.trading.state import KINDS, BotTrading
from telemetry.trading.views import AccountView, Profile, accounts_of

_log = logging.getLogger("herdsman.trading")
_KEEP_EVERY = 15.0
"""Seconds between two keepings of the states: a restart reads the events of about as long again."""
_WRITE_EVERY = 10.0
"""Seconds between two samples of the derived series of a bot that trades."""
_MOST_WAITING = 200_000
"""Events that wait for the past to be read. The intake tells of at most 32 MiB of lines that are not stored
yet, which is fewer; what went before those will be read from the store."""
_FORGET_AFTER = 730 * 86400.0
"""Seconds without any trading after which that of a bot without a manifest is forgotten."""
_ROWS = 5000
"""Events that are read at a time: taking them holds up everything else for some 20 ms."""
_KEPT_AT_ONCE = 100

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(BotTrading).decode
Told = Callable[[str, Sequence[Sample]], None]


def no_profile(bot: str) -> Profile:
    """Return the profile of a bot of which nothing is known."""
    del bot
    return Profile()


class TradingDesk:
    """Keeps every bot's `BotTrading`; `profile` says what a bot's manifest does, `told` hears of samples."""

    def __init__(
        self,
        events: EventStore,
        store: TradingStore,
        series: SeriesStore,
        health: Health | None = None,
        clock: Callable[[], float] = time.time,
        forget_after: float = _FORGET_AFTER,
    ) -> None:
        self._forget_after = forget_after
        self._events = events
        self._store = store
        self._series = series
        self._health = health or Health()
        self._clock = clock
        self._bots: dict[str, BotTrading] = {}
        self._waiting: deque[tuple[str, list[Event]]] | None = deque()
        """What the intake told while the past is read; None once that is done."""
        self._waiting_events = 0
        self._number = 0
        self._unkept: set[str] = set()
        self._moved: set[str] = set()
        self._reckoned: dict[str, tuple[tuple[Profile, int], list[AccountView]]] = {}
        """The views of bots that did not move since: whoever asks for all waits for those that did."""
        self._failed: set[str] = set()
        """Bots whose trading could not be reckoned: said once, until it can be again."""
        self.memory = Memory()
        self._labels: dict[tuple[str, str, str], dict[str, str]] = {}
        self.profile: Callable[[str], Profile] = no_profile
        self.told: Told = _nobody

    @property
    def ready(self) -> bool:
        """Say whether the past is in it: before that, its figures are those of an earlier moment."""
        return self._waiting is None

    def bots(self) -> list[str]:
        """Return the bots that it knows something of."""
        return sorted(self._bots)

    def accounts(self, bot: str) -> list[AccountView]:
        """Return a bot's views as of now, by mode, account and currency. Raises nothing.

        A bot whose trading cannot be reckoned has none, and its fault is no other bot's.
        """
        known = self._bots.get(bot)
        if known is None:
            return []
        try:
            views = self._reckon(known)
        except Exception:  # noqa: BLE001 - whatever one bot printed, the others' figures are told
            if bot not in self._failed:
                self._failed.add(bot)
                _log.exception("the trading of %s cannot be reckoned", bot)
            return []
        self._failed.discard(bot)
        return views

    def _reckon(self, known: BotTrading) -> list[AccountView]:
        """Return a bot's views: those of before where it has not moved, nor its manifest, nor the day."""
        profile, now = self.profile(known.bot), self._clock()
        mark = (profile, int(now // DAY))
        before = self._reckoned.get(known.bot)
        if before is not None and before[0] == mark:
            return before[1]
        views = accounts_of(known, profile, now, self.memory)
        self._reckoned[known.bot] = (mark, views)
        return views

    def state(self, bot: str) -> BotTrading | None:
        """Return a bot's trading as its lines left it; None where there is none, or the past is not read."""
        return self._bots.get(bot) if self.ready else None

    def all_accounts(self) -> Iterable[AccountView]:
        """Yield the views of every bot."""
        for bot in self.bots():
            yield from self.accounts(bot)

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        """Learn a bot's labels from its samples."""
        known = self._bots.get(bot)
        if known is not None and samples:
            labels = samples[0].labels
            if known.labels.get("program") != labels.get("program") or not known.labels:
                known.labels = {name: labels[name] for name in _BASE if name in labels}
                self._reckoned.pop(bot, None)

    def events(self, bot: str, events: Sequence[Event]) -> bool:
        """Take new events of a bot; say whether they are of its trading. Raises nothing."""
        wanted = [event for event in events if event.kind in KINDS]
        if not wanted:
            return False
        if self._waiting is None:
            self._take(bot, wanted)
            return True
        self._waiting.append((bot, wanted))
        self._waiting_events += len(wanted)
        while self._waiting_events > _MOST_WAITING:
            self._waiting_events -= len(self._waiting.popleft()[1])
        return True

    async def run(self) -> None:
        """Read the past, then keep states and write series until cancelled."""
        while not self.ready:
            try:
                await self.catch_up()
            except StoreUnavailable as error:
                _log.warning("the past of trading cannot be read yet: %s", error)
                await asyncio.sleep(_WRITE_EVERY)
            except Exception:  # noqa: BLE001 - without the past there is no trading at all: it is tried again
                _log.exception("the past of trading cannot be read")
                await asyncio.sleep(_WRITE_EVERY)
        keep_at = time.monotonic() + _KEEP_EVERY
        while True:
            await asyncio.sleep(_WRITE_EVERY)
            await self._try(self.write())
            if time.monotonic() >= keep_at:
                await self._try(self.keep())
                keep_at = time.monotonic() + _KEEP_EVERY

    async def catch_up(self) -> None:
        """Load what was kept, and take the events stored since. Raises StoreUnavailable."""
        if not self._bots:
            self._number, states = await self._store.load()
            for state in states:
                self._load(state)
        newest = -1
        while self._number != newest:
            arrived = await self._events.arrived(self._number, tuple(KINDS), _ROWS)
            for event in arrived.events:
                self._take(event.bot, [event])
            newest, self._number = self._number, arrived.number
        waiting, self._waiting = self._waiting or deque(), None
        for bot, events in waiting:
            self._take(bot, events)

    async def keep(self) -> None:
        """Keep the states that moved. Raises StoreUnavailable."""
        if not self.ready:
            return
        # Asked first: whatever is stored by now was told before, and is in the states.
        number = await self._events.newest_number()
        bots, self._unkept = self._unkept, set()
        gone = [bot for bot in self._bots if self._is_past(self._bots[bot])]
        states: dict[str, bytes] = {}
        for bot in bots.difference(gone):
            try:
                states[bot] = _encode(self._bots[bot])
            except Exception:  # noqa: BLE001 - the others are kept
                _log.exception("the trading of %s cannot be kept", bot)
            if len(states) % _KEPT_AT_ONCE == 0:
                await asyncio.sleep(0)
        try:
            await self._store.save(number, states, gone)
        except BaseException:
            self._unkept |= bots
            raise
        for bot in gone:
            self._bots.pop(bot, None)
            self._reckoned.pop(bot, None)

    async def write(self) -> None:
        """Write the derived series of the bots that moved since. Raises StoreUnavailable."""
        bots, self._moved = self._moved, set()
        samples: list[Sample] = []
        for bot in bots:
            try:
                samples += self._derive(bot)
            except Exception:  # noqa: BLE001 - the others' series are written
                _log.exception("the series of the trading of %s cannot be written", bot)
            await asyncio.sleep(0)
        if samples:
            await self._series.write(samples)

    def _derive(self, bot: str) -> list[Sample]:
        """Return a bot's derived samples as of now, and tell of them.

        They are those of the mode that it runs in: a series has no mode, and dry and live would be in one.
        """
        known = self._bots.get(bot)
        if known is None or not known.labels:
            return []
        now = self._clock()
        own = [
            one
            for view in self.accounts(bot)
            if view.mode == known.mode or not known.mode
            for one in derived_samples(view, self._labels_of(bot, known.labels, view), now)
        ]
        self.told(bot, own)
        return own

    async def _try(self, work: Awaitable[None]) -> None:
        """Do a part of the work; whatever happens, the next is done in its time."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - nobody would begin this task again
            if not isinstance(error, StoreUnavailable):
                _log.exception("a part of following trading failed")
            self._health.count("herdsman_store_errors_total", store="trading")

    def _take(self, bot: str, events: Sequence[Event]) -> None:
        known = self._bots.get(bot)
        if known is None:
            known = self._bots[bot] = BotTrading(bot)
        # What the manifest says is used where it is known; whatever is wrong with it costs no line.
        with contextlib.suppress(Exception):
            profile = self.profile(bot)
            if profile.program:
                known.account, known.currency = profile.account, profile.currency
        try:
            moved = known.take(events)
        except Exception:  # noqa: BLE001 - a mistake here must cost no batch and no agent
            _log.exception("what %s printed of its trading could not be taken", bot)
            moved = True
        if moved:
            self._reckoned.pop(bot, None)
            self._unkept.add(bot)
            self._moved.add(bot)

    def _load(self, state: bytes) -> None:
        try:
            known = _decode(state)
        except msgspec.MsgspecError:
            _log.exception("the kept trading of a bot cannot be read")
            return
        self._bots[known.bot] = known

    def _is_past(self, known: BotTrading) -> bool:
        """Say whether a bot's trading may be forgotten: never that of a bot that there is."""
        if known.newest_at >= self._clock() - self._forget_after:
            return False
        try:
            return not self.profile(known.bot).program
        except Exception:  # noqa: BLE001 - what cannot be looked up is kept
            return False

    def _labels_of(self, bot: str, base: Mapping[str, str], view: AccountView) -> dict[str, str]:
        """Return the labels of a view's series: one mapping for all of their samples."""
        key = (bot, view.account, view.currency)
        labels = {**base}
        if view.account:
            labels["account"] = view.account
        if view.currency:
            labels["currency"] = view.currency
        known = self._labels.get(key)
        if known != labels:
            known = self._labels[key] = labels
        return known


_BASE = ("fleet", "bot", "program", "env")


def _nobody(bot: str, samples: Sequence[Sample]) -> None:
    """Tell nobody."""
