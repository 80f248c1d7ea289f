"""What is known of how each bot lives, as it was last kept."""

import sqlite3
from collections.abc import Mapping, Sequence

from telemetry.embedded.database import TelemetryDatabase

_TABLE = "CREATE TABLE IF NOT EXISTS liveness (bot TEXT PRIMARY KEY, state BLOB NOT NULL)"


class EmbeddedLivenessStore:
    """The LivenessStore of one process."""

    def __init__(self, database: TelemetryDatabase) -> None:
        self._database = database
        database.table(_TABLE)

    async def load(self) -> list[bytes]:
        """Return each bot's state. Raises StoreUnavailable."""
        return await self._database.write(_load)

    async def save(self, states: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        """Keep states by bot and forget others. Raises StoreUnavailable."""

        def keep(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO liveness VALUES (?, ?)", list(states.items()))
            connection.executemany("DELETE FROM liveness WHERE bot = ?", [(bot,) for bot in gone])

        await self._database.write(keep)


def _load(connection: sqlite3.Connection) -> list[bytes]:
    connection.execute(_TABLE)
    return [bytes(state) for (state,) in connection.execute("SELECT state FROM liveness")]
