"""What alert rules compare with, after a start: read from the series store, one bot after another.

Until a bot's part is read its changes are seen as far as they happened in this life, and nothing counts as
unusual. What a bot did in another mode or account is not its past: since when it trades as it does is kept.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from schemas.errors import HerdsmanError
from telemetry.alerts.engine import Engine
from telemetry.alerts.past import Wanted, points_of, span_of, wanted_past
from telemetry.alerts.watch import BotProfile, trades_as
from telemetry.stores import KeptStates, SeriesQuery, SeriesStore

_log = logging.getLogger("herdsman.alerts")
_AGAIN = 5.0
"""Seconds until the store is asked again that did not answer."""
_KEPT_AT_ONCE = 1000
_MOST_FAILURES = 5
"""Bots one after another whose past cannot be read, after which the store itself is taken to be away."""
_encode = msgspec.msgpack.Encoder().encode


class TradesSince(msgspec.Struct, frozen=True):
    """Since when (Unix seconds) a bot trades in its mode and account."""

    bot: str
    mode: str
    account: str
    since: float


_decode = msgspec.msgpack.Decoder(TradesSince).decode


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the past is: the series that bots left, and as what each traded since when."""

    series: SeriesStore
    trades: KeptStates


class AlertPast:
    """Brings an engine what is stored of the time that its rules look back; `want` says of which bot."""

    def __init__(self, engine: Engine, stored: Stored, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._series, self._kept = stored.series, stored.trades
        self._clock = clock
        self._since: dict[str, TradesSince] = {}
        self._unkept: set[str] = set()
        self._gone: set[str] = set()
        self._waiting: dict[str, None] = {}
        self._news = asyncio.Event()
        self._loaded = False
        self._said: set[str] = set()
        """The parts of the work that fail: said once."""

    def want(self, profile: BotProfile) -> None:
        """Have a bot's past read, where its rules look back; note as what it trades."""
        if not self._loaded:
            self._waiting[profile.bot] = None
            return
        known, now = self._since.get(profile.bot), self._clock()
        if known is None or (known.mode, known.account) != trades_as(profile):
            self._since[profile.bot] = TradesSince(profile.bot, *trades_as(profile), now)
            self._unkept.add(profile.bot)
        self._gone.discard(profile.bot)
        self._waiting[profile.bot] = None
        self._news.set()

    def forget(self, bot: str) -> None:
        """Drop a bot that is gone: one of its name that comes later has no past."""
        self._waiting.pop(bot, None)
        if self._since.pop(bot, None) is not None:
            self._unkept.discard(bot)
            self._gone.add(bot)
            self._news.set()

    @property
    def known(self) -> list[str]:
        """Return the bots of whom it is kept since when they trade as they do."""
        return list(self._since)

    async def run(self) -> None:
        """Read what is wanted, until cancelled."""
        while not self._loaded:
            if not await self._try(self.load):
                await asyncio.sleep(_AGAIN)
        while True:
            self._news.clear()
            if not (await self._try(self.keep) and await self._try(self.read)):
                await asyncio.sleep(_AGAIN)
                continue
            await self._news.wait()

    async def load(self) -> None:
        """Learn as what each bot trades since when. Raises StoreUnavailable."""
        _, states = await self._kept.load()
        for state in states:
            try:
                one = _decode(state)
            except msgspec.MsgspecError:
                continue  # of another herdsman: that bot's past begins now
            self._since[one.bot] = one
        self._loaded = True
        for bot in list(self._waiting):
            if (watch := self._engine.watches.get(bot)) is not None:
                self.want(watch.profile)

    async def keep(self) -> None:
        """Keep as what bots trade that is not kept yet, so many at a time."""
        while self._unkept or self._gone:
            bots, gone = list(self._unkept)[:_KEPT_AT_ONCE], list(self._gone)[:_KEPT_AT_ONCE]
            await self._kept.save(0, {bot: _encode(self._since[bot]) for bot in bots}, gone)
            self._unkept.difference_update(bots)
            self._gone.difference_update(gone)

    async def read(self) -> None:
        """Read the past of the bots that wait for it; those that cannot be read wait on, behind the others.

        Raises StoreUnavailable where there are such.
        """
        failed: dict[str, HerdsmanError] = {}
        try:
            while self._waiting and len(failed) < _MOST_FAILURES:
                bot = next(iter(self._waiting))
                del self._waiting[bot]  # what is wanted of it from now on is another reading
                try:
                    await self._read_all_of(bot)
                    await asyncio.sleep(0)
                except HerdsmanError as error:
                    failed[bot] = error
        finally:
            self._waiting.update(dict.fromkeys(bot for bot in failed if bot in self._since))
        for trouble in failed.values():
            raise trouble

    async def _read_all_of(self, bot: str) -> None:
        watch = self._engine.watches.get(bot)
        try:
            for one in wanted_past(watch) if watch is not None else ():
                await self._read_one(bot, one)
        except HerdsmanError:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with one bot's past, the others' is read
            _log.exception("what the alert rules of %s compare with cannot be read", bot)

    async def _read_one(self, bot: str, one: Wanted) -> None:
        now, known = self._clock(), self._since.get(bot)
        if known is None:
            return  # it went meanwhile
        start, step = span_of(now, one.over, known.since)
        found = []
        if start < now:
            found = await self._series.query(SeriesQuery(bot, one.series, start, now, step))
        self._engine.remember(bot, (known.mode, known.account), one, points_of(one.slot, found), now)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do a part of the work; say whether it was done."""
        try:
            await work()
        except HerdsmanError as error:
            if work.__name__ not in self._said:
                _log.warning("what alert rules compare with cannot be read yet: %s", error)
            self._said.add(work.__name__)
            return False
        except Exception:  # noqa: BLE001 - nobody would begin this task again
            _log.exception("what alert rules compare with cannot be read")
            return False
        self._said.discard(work.__name__)
        return True
