"""What is known of bots for their risk limits, as it was last kept, in the file of the embedded stores."""

import logging
import sqlite3
from collections.abc import Sequence

import msgspec

from telemetry.alerts.limits.book import RiskBook
from telemetry.embedded.database import TelemetryDatabase

_log = logging.getLogger("herdsman.alerts")
_TABLE = "CREATE TABLE IF NOT EXISTS risk (bot TEXT PRIMARY KEY, book BLOB NOT NULL)"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RiskBook).decode


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

    async def save(self, books: Sequence[RiskBook]) -> None:
        """Keep the books of bots over those of before. Raises StoreUnavailable."""
        rows = [(one.bot, _encode(one)) for one in books]
        if rows:
            await self._database.write(lambda connection: _save(connection, rows))


def _load(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
    connection.execute(_TABLE)
    return [(bot, bytes(book)) for bot, book in connection.execute("SELECT bot, book FROM risk")]


def _save(connection: sqlite3.Connection, rows: Sequence[tuple[str, bytes]]) -> None:
    connection.execute(_TABLE)
    connection.executemany("INSERT OR REPLACE INTO risk VALUES (?, ?)", rows)
