"""Watching the scheduler: its events, one bot looked at, or the whole fleet observed.

What was read before a change of ours was made says nothing about after it: such readings are dropped for
that bot, or an old reading would look like drift and be "corrected".
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from controller.backoff import delay
from controller.clock import Clock
from controller.fleet import Fleet
from controller.schedulers.protocol import Observation, ObservedBot, Phase, Scheduler
from controller.settings import Settings
from schemas.errors import HerdsmanError, SchedulerUnavailable

_LOG = logging.getLogger(__name__)
_SINGLY = 256
"""Bots that moved at once are looked at one by one up to this many, else all are observed in one call."""


class Watch:
    """Keeps `fleet.observed` true. `moved` is called with the names of bots that changed."""

    def __init__(
        self,
        fleet: Fleet,
        scheduler: Scheduler,
        clock: Clock,
        settings: Settings,
        moved: Callable[[Iterable[str]], None],
        availability_changed: Callable[[], None],
    ) -> None:
        self._fleet = fleet
        self._scheduler = scheduler
        self._clock = clock
        self._settings = settings
        self._moved = moved
        self._availability_changed = availability_changed
        self._changes = 0
        self._changed_at: dict[str, int] = {}
        self._changing: dict[str, int] = {}
        self._missed: set[str] = set()
        self._asked: set[str] = set()
        self._all_asked = False
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(settings.concurrency)
        self.observed_at: float | None = None
        """Monotonic time of the last complete observation, None before there was one."""

    async def run(self) -> None:
        """Follow the scheduler's events for ever; failures are waited out."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._look())
            group.create_task(self._remind())

    async def observe(self) -> None:
        """Observe the whole fleet in one call. Raises SchedulerUnavailable."""
        begun = self._changes
        try:
            observation = await self._scheduler.observe()
        except SchedulerUnavailable as error:
            self._set_unavailable(str(error))
            raise
        first, self._fleet.looked = not self._fleet.looked, True
        self._set_unavailable("")
        self._take(observation, begun)
        if first:
            self._availability_changed()
        self.observed_at = self._clock.monotonic()

    async def look_at(self, name: str) -> ObservedBot | None:
        """Observe one bot and return it. Raises SchedulerUnavailable."""
        begun = self._changes
        seen = await self._scheduler.observe_bot(name)
        if self._is_current(name, begun) and seen != self._fleet.observed.get(name):
            self._put(name, seen)
            self._moved([name])
        return self._fleet.observed.get(name)

    async def try_look_at(self, name: str) -> ObservedBot | None:
        """Observe one bot, or return what was known where the scheduler does not answer."""
        try:
            return await self.look_at(name)
        except Exception as error:  # noqa: BLE001 - an answer that nobody foresaw tells of one bot alone
            foreseen = isinstance(error, HerdsmanError)
            _LOG.warning("bot %s could not be observed: %s", name, error, exc_info=not foreseen)
            return self._fleet.observed.get(name)

    @contextmanager
    def changing(self, name: str) -> Iterator[None]:
        """Mark that a bot is being changed: readings that began before the end of it are dropped."""
        self._changing[name] = self._changing.get(name, 0) + 1
        try:
            yield
        finally:
            self._changing[name] -= 1
            if not self._changing[name]:
                del self._changing[name]
            self._changes += 1
            self._changed_at[name] = self._changes
            if name in self._missed:
                self._missed.discard(name)
                self._ask(name)

    def expect(self, seen: ObservedBot) -> None:
        """Take what the scheduler is known to have accepted, until it is observed again."""
        self._put(seen.name, seen)

    def expect_gone(self, name: str) -> None:
        """Take a job for removed."""
        self._put(name, None)

    def _take(self, observation: Observation, begun: int) -> None:
        known, moved = self._fleet.observed, []
        for name, seen in observation.bots.items():
            if known.get(name) != seen and self._is_current(name, begun):
                known[name] = seen
                moved.append(name)
        for name in known.keys() - observation.bots.keys():
            if self._is_current(name, begun):
                del known[name]
                moved.append(name)
        if not self._changing:
            self._changed_at = {name: at for name, at in self._changed_at.items() if at > begun}
        if moved:
            self._moved(moved)

    def _is_current(self, name: str, begun: int) -> bool:
        """Say whether a reading that began then may be believed; where not, the bot is looked at again."""
        if name in self._changing:
            self._missed.add(name)
            return False
        if self._changed_at.get(name, 0) > begun:
            self._ask(name)
            return False
        return True

    def _put(self, name: str, seen: ObservedBot | None) -> None:
        if seen is None:
            self._fleet.observed.pop(name, None)
        else:
            self._fleet.observed[name] = seen

    def _ask(self, name: str | None) -> None:
        if name is None:
            self._all_asked = True
        else:
            self._asked.add(name)
        self._news.set()

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async for event in self._scheduler.events():
                    failures = 0
                    self._ask(event.bot)
            except SchedulerUnavailable as error:
                _LOG.warning("the scheduler's events broke off: %s", error)
            except Exception:  # noqa: BLE001 - whatever it is, the watch goes on
                _LOG.exception("the scheduler's events broke off")
            failures += 1
            await self._clock.sleep(self._pause(failures))
            self._ask(None)

    async def _remind(self) -> None:
        """Look now and then at bots on silent nodes: no event tells that one has been silent for long."""
        while True:
            await self._clock.sleep(self._settings.stop_poll)
            for name in [name for name, seen in self._fleet.observed.items() if seen.phase is Phase.LOST]:
                self._ask(name)

    async def _look(self) -> None:
        failures = 0
        while True:
            await self._news.wait()
            self._news.clear()
            everything, names = self._all_asked or len(self._asked) > _SINGLY, self._asked
            self._all_asked, self._asked = False, set()
            try:
                await self._read(names, everything=everything)
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the watch goes on
                failures += 1
                unforeseen = not isinstance(error, SchedulerUnavailable)
                _LOG.warning("bots could not be observed: %s", error, exc_info=unforeseen)
                await self._clock.sleep(self._pause(failures))
                self._ask(None)

    async def _read(self, names: set[str], *, everything: bool) -> None:
        if everything:
            await self.observe()
            return
        results = await asyncio.gather(*(self._read_one(name) for name in names), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _read_one(self, name: str) -> None:
        async with self._slots:
            await self.look_at(name)

    def _pause(self, failures: int) -> float:
        return delay(failures, self._settings.backoff_first, 30.0)

    def _set_unavailable(self, text: str) -> None:
        if text != self._fleet.unavailable:
            self._fleet.unavailable = text
            self._availability_changed()
