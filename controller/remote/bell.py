"""Hearing within milliseconds that another process changed something: PostgreSQL's notices.

A notice may be missed (the connection broke): whoever waits looks again after a while without one.
"""

import asyncio
import contextlib
import logging

import psycopg

from controller.database.notices import Channel
from controller.database.opening import KEEP_ALIVE, libpq_address

_LOG = logging.getLogger(__name__)
_AGAIN = 1.0


class Bell:
    """Listens on one connection of its own; any number may wait for each channel."""

    def __init__(self, address: str) -> None:
        self._address = libpq_address(address)
        self._next = {channel: asyncio.Event() for channel in Channel}

    def next(self, channel: Channel) -> asyncio.Event:
        """Return what the next notice sets: take it first, then read, then wait, so that none is missed."""
        return self._next[channel]

    async def run(self) -> None:
        """Listen for ever, reconnecting by itself."""
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                _LOG.warning("the database's notices broke off, tables are read each second: %s", error)
            await asyncio.sleep(_AGAIN)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._address, autocommit=True, application_name="herdsman notices", **KEEP_ALIVE
        )
        async with connection:
            for channel in Channel:
                await connection.execute(f"LISTEN {channel.value}")
            for channel in Channel:
                self._ring(channel)
            async for notice in connection.notifies():
                self._ring(Channel(notice.channel))

    def _ring(self, channel: Channel) -> None:
        self._next[channel].set()
        self._next[channel] = asyncio.Event()


async def rung(event: asyncio.Event, seconds: float) -> None:
    """Wait for a notice, but no longer than this."""
    # Not wait_for: in Python 3.11 it forgets a cancellation that comes at the same moment as the notice.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
