"""What was made of bots' events, as it was last kept, in the file of the events that it is made of."""

import sqlite3
from collections.abc import Mapping, Sequence

from telemetry.embedded.database import TelemetryDatabase


class EmbeddedKeptStates:
    """The KeptStates of one process, under a name; it shares its file with the EmbeddedEventStore."""

    def __init__(self, database: TelemetryDatabase, name: str) -> None:
        self._database = database
        self._name = name
        self._table = f"CREATE TABLE IF NOT EXISTS {name} (bot TEXT PRIMARY KEY, state BLOB NOT NULL)"
        database.table(self._table)

    async def load(self) -> tuple[int, list[bytes]]:
        """Return the number of the last event in it, and each bot's state."""
        return await self._database.write(self._load)

    async def save(self, number: int, states: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        """Keep states by bot and forget others, all at once. Raises StoreUnavailable."""
        name = self._name
        insert = f"INSERT OR REPLACE INTO {name} VALUES (?, ?)"  # noqa: S608  a name of ours
        delete = f"DELETE FROM {name} WHERE bot = ?"  # noqa: S608

        def keep(connection: sqlite3.Connection) -> None:
            connection.executemany(insert, list(states.items()))
            connection.executemany(delete, [(bot,) for bot in gone])
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, number))

        await self._database.write(keep)

    def _load(self, connection: sqlite3.Connection) -> tuple[int, list[bytes]]:
        name = self._name
        connection.execute(self._table)
        row = connection.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        states = [bytes(state) for (state,) in connection.execute(f"SELECT state FROM {name}")]  # noqa: S608
        return (int(row[0]) if row else 0), states
