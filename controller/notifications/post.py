"""Delivery: the messages that wait in the database, each destination by itself, until they have arrived.

At least once: where herdsman ends between sending and taking note, a message comes twice, with the same id.
"""

import asyncio
import logging
import random
from collections.abc import Callable

from controller.agenda import sleep_or
from controller.backoff import delay
from controller.clock import Clock
from controller.database import Database
from controller.database.notifications import Waiting, load_next, mark_failed, mark_sent
from controller.notifications.ports import Sender

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 2.0
"""Seconds between two looks at what waits: another process may have put it there."""
GAP = 1.0
"""Seconds between two messages to one destination: chats refuse more."""
FIRST_RETRY, LAST_RETRY, JITTER = 5.0, 300.0, 0.2


class Post:
    """`run` sends what waits, for ever; `ring` says that something new does."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._chance = chance
        self._news = asyncio.Event()
        self._busy: set[str] = set()

    def ring(self) -> None:
        """Look at what waits now."""
        self._news.set()

    async def run(self) -> None:
        """Send for ever; a destination that does not answer delays no other."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._news.clear()
                try:
                    waiting = await self._database.run(load_next)
                except Exception as error:  # noqa: BLE001 - it is looked again
                    _LOG.error("notifications that wait could not be read: %s", error)
                    waiting = []
                for one in waiting:
                    name = one.message.destination
                    if name not in self._busy and (one.message.urgent or one.next_at <= self._clock.time()):
                        self._busy.add(name)
                        group.create_task(self._deliver(one))
                await sleep_or(self._clock, LOOK_EVERY, self._news)

    async def _deliver(self, waiting: Waiting) -> None:
        name = waiting.message.destination
        try:
            await self._try(waiting)
            await self._clock.sleep(GAP)
        except Exception as error:  # noqa: BLE001 - it still waits, and is tried again
            _LOG.error("the delivery of a notification to %s was not recorded: %s", name, error)
            await self._clock.sleep(FIRST_RETRY)
        finally:
            self._busy.discard(name)
            self._news.set()

    async def _try(self, waiting: Waiting) -> None:
        message = waiting.message
        error = await self._sender.send(message)
        now = self._clock.time()
        if not error:
            await self._database.run(lambda connection: mark_sent(connection, message, now))
            return
        _LOG.warning("a notification did not reach %s: %s", message.destination, error)
        failures = waiting.attempts + 1
        pause = delay(failures, FIRST_RETRY, LAST_RETRY, JITTER, self._chance())
        next_at = None if message.urgent else now + pause
        await self._database.run(lambda connection: mark_failed(connection, message, error, now, next_at))
