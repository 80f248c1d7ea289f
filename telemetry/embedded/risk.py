"""What is known of bots and accounts for their limits, as it was kept last, in the embedded stores' file."""

import logging
import sqlite3
from collections.abc import Sequence

import msgspec

from telemetry.alerts.limits.book import RiskBook
from telemetry.alerts.limits.together import Together
from telemetry.embedded.database import TelemetryDatabase

_log = logging.getLogger("herdsman.alerts")
_TABLE = "CREATE TABLE IF NOT EXISTS risk (bot TEXT PRIMARY KEY, book BLOB NOT NULL)"
_ACCOUNTS = """CREATE TABLE IF NOT EXISTS risk_accounts
    (account TEXT, mode TEXT, sums BLOB NOT NULL, PRIMARY KEY (account, mode))"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RiskBook).decode
_decode_account = msgspec.msgpack.Decoder(Together).decode


class EmbeddedRiskStore:
    """The RiskStore of one process; shares its file with the other embedded stores."""

    def __init__(self, database: TelemetryDatabase) -> None:
        self._database = database

    async def load(self) -> dict[str, RiskBook]:
        """Return what was kept, by bot; what cannot be read begins anew. Raises StoreUnavailable."""
        found = {}
        for bot, data in await self._database.write(_load):
            try:
                found[bot] = _decode(data)
            except msgspec.MsgspecError:
                _log.exception("what was kept for the limits of %s cannot be read", bot)
        return found

    async def load_accounts(self) -> list[Together]:
        """Return what was kept of accounts, likewise. Raises StoreUnavailable."""
        found = []
        for account, data in await self._database.write(_load_accounts):
            try:
                found.append(_decode_account(data))
            except msgspec.MsgspecError:
                _log.exception("what was kept for the limits of the account %s cannot be read", account)
        return found

    async def save(self, books: Sequence[RiskBook], accounts: Sequence[Together] = ()) -> None:
        """Keep the books of bots and accounts, all or none of them. Raises StoreUnavailable."""
        rows = [(one.bot, _encode(one)) for one in books]
        sums = [(one.account, one.mode, _encode(one)) for one in accounts]
        if rows or sums:
            await self._database.write(lambda connection: _save(connection, rows, sums))


def _load(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
    connection.execute(_TABLE)
    return [(bot, bytes(book)) for bot, book in connection.execute("SELECT bot, book FROM risk")]


def _load_accounts(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
    connection.execute(_ACCOUNTS)
    rows = connection.execute("SELECT account, sums FROM risk_accounts")
    return [(account, bytes(sums)) for account, sums in rows]


def _save(
    connection: sqlite3.Connection,
    rows: Sequence[tuple[str, bytes]],
    sums: Sequence[tuple[str, str, bytes]],
) -> None:
    connection.execute(_TABLE)
    connection.execute(_ACCOUNTS)
    connection.executemany("INSERT OR REPLACE INTO risk VALUES (?, ?)", rows)
    connection.executemany("INSERT OR REPLACE INTO risk_accounts VALUES (?, ?, ?)", sums)
