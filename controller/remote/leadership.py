"""Leading: one controller at a time, by an advisory lock in PostgreSQL that ends before we may doubt it.

The lock belongs to a session of its own. The server ends that session (and frees the lock) where it hears
nothing from us for `session_ends` seconds, also where our process is frozen or cut off. We count from the
moment when the last good renewal was *sent*, and stop acting after `leads_for` seconds, which is less. On top
of that each leader has an epoch: a transaction of an earlier one is refused by the database itself.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection

from controller.database.leadership import LOCK, current_epoch
from controller.database.opening import KEEP_ALIVE, libpq_address
from controller.remote.trouble import NotLeading

_LOG = logging.getLogger(__name__)
_LOST = "this controller does not lead any more; another one goes on"
_NEW_EPOCH = """
    INSERT INTO leadership (id, epoch, holder, address, since)
    VALUES (1, 1, %(holder)s, %(address)s, %(since)s)
    ON CONFLICT (id) DO UPDATE SET epoch = leadership.epoch + 1,
        holder = excluded.holder, address = excluded.address, since = excluded.since
    RETURNING epoch
"""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a lead lasts, in seconds."""

    renew_every: float = 2.0
    leads_for: float = 10.0
    """After the last good renewal was sent we do nothing more."""
    session_ends: float = 15.0
    """After the last renewal was answered the server frees the lock."""
    look_every: float = 1.0
    """Between two tries of a stand-by."""


class Lead:
    """The right to lead for as long as `hold` runs; `check` and `guard` say whether it still lasts."""

    def __init__(self, connection: "psycopg.AsyncConnection[Any]", epoch: int, times: LeaseTimes) -> None:
        self._connection = connection
        self._times = times
        self._until = 0.0
        self.epoch = epoch

    @property
    def lasts(self) -> bool:
        """Say whether we still lead."""
        return time.monotonic() < self._until

    def check(self) -> None:
        """Raise NotLeading where we do not lead any more."""
        if not self.lasts:
            raise NotLeading(_LOST)

    def guard(self, connection: Connection) -> None:
        """Refuse a transaction where somebody else leads by now; nobody can begin to before it ends."""
        if current_epoch(connection) != self.epoch:
            self.end()
            raise NotLeading(_LOST)

    async def renew(self) -> None:
        """Show that we are alive. Raises psycopg.Error."""
        sent = time.monotonic()
        await self._connection.execute("SELECT 1")
        self._until = sent + self._times.leads_for

    async def hold(self) -> None:
        """Renew until that fails. Raises NotLeading."""
        while True:
            await asyncio.sleep(self._times.renew_every)
            self.check()
            try:
                async with asyncio.timeout(self._until - time.monotonic()):
                    await self.renew()
            except (TimeoutError, psycopg.Error) as error:
                self.end()
                raise NotLeading(f"{_LOST}: the database does not answer ({error})") from error

    def end(self) -> None:
        """Do nothing more as a leader."""
        self._until = 0.0

    async def close(self) -> None:
        """Let another one lead."""
        self.end()
        await self._connection.close()


class Leadership:
    """Tries to lead; `name` and `address` tell others who and where the leader is."""

    def __init__(self, database: str, name: str, address: str, times: LeaseTimes | None = None) -> None:
        self._database = libpq_address(database)
        self._name = name
        self._address = address
        self._times = times or LeaseTimes()

    async def win(self) -> Lead:
        """Return once we lead, however long that takes."""
        while True:
            try:
                return await self._wait_for_lock()
            except psycopg.Error as error:
                _LOG.warning("waiting to lead: the database does not answer: %s", error)
                await asyncio.sleep(self._times.look_every)

    async def _wait_for_lock(self) -> Lead:
        connection = await psycopg.AsyncConnection.connect(
            self._database, autocommit=True, application_name=f"herdsman {self._name}", **KEEP_ALIVE
        )
        try:
            await self._let_server_notice(connection)
            while True:
                if await _try_lock(connection):
                    break
                await asyncio.sleep(self._times.look_every)
            values = {"holder": self._name, "address": self._address, "since": time.time()}
            row = await (await connection.execute(_NEW_EPOCH, values)).fetchone()
            lead = Lead(connection, int(row[0]) if row else 0, self._times)
            await lead.renew()
        except BaseException:
            await connection.close()
            raise
        return lead

    async def _let_server_notice(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        """Have the server end the session of a process that is frozen, cut off, or gone with its machine."""
        for setting, value in (
            ("idle_session_timeout", f"{self._times.session_ends * 1000:.0f}ms"),
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "15s"),
        ):
            await connection.execute("SELECT set_config(%s, %s, false)", (setting, value))


async def _try_lock(connection: "psycopg.AsyncConnection[Any]") -> bool:
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s::bigint)", (LOCK,))).fetchone()
    return bool(row and row[0])
