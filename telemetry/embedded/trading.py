"""Each bot's trading as it was last kept, in the file of the events that it is made of."""

import sqlite3
from collections.abc import Mapping, Sequence

from telemetry.embedded.database import TelemetryDatabase

_TABLE = "CREATE TABLE IF NOT EXISTS trading (bot TEXT PRIMARY KEY, state BLOB NOT NULL)"
_MARK = "trading"


class EmbeddedTradingStore:
    """The TradingStore of one process; shares its file with the EmbeddedEventStore."""

    def __init__(self, database: TelemetryDatabase) -> None:
        self._database = database
        database.table(_TABLE)

    async def load(self) -> tuple[int, list[bytes]]:
        """Return the number of the last event in it, and each bot's state."""
        return await self._database.write(_load)

    async def save(self, number: int, states: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        """Keep states by bot and forget others, all at once. Raises StoreUnavailable."""

        def keep(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO trading VALUES (?, ?)", list(states.items()))
            connection.executemany("DELETE FROM trading WHERE bot = ?", [(bot,) for bot in gone])
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (_MARK, number))

        await self._database.write(keep)


def _load(connection: sqlite3.Connection) -> tuple[int, list[bytes]]:
    connection.execute(_TABLE)
    row = connection.execute("SELECT value FROM marks WHERE name = ?", (_MARK,)).fetchone()
    states = [bytes(state) for (state,) in connection.execute("SELECT state FROM trading")]
    return (int(row[0]) if row else 0), states
