"""What each store took at earlier times, so that its growth can be told, also after a restart."""

import sqlite3
from collections.abc import Mapping

from telemetry.embedded.database import TelemetryDatabase

_TABLE = (
    "CREATE TABLE IF NOT EXISTS sizes "
    "(name TEXT NOT NULL, time REAL NOT NULL, bytes REAL NOT NULL, PRIMARY KEY (name, time)) WITHOUT ROWID"
)
_KEPT = 8 * 86400.0


class SizeBook:
    """Sizes by name and time, of the last eight days; shares its file with the embedded stores."""

    def __init__(self, database: TelemetryDatabase) -> None:
        self._database = database
        database.table(_TABLE)

    async def note(self, sizes: Mapping[str, float], now: float) -> dict[str, list[tuple[float, float]]]:
        """Keep sizes in bytes as of now; return all that is kept, oldest first. Raises StoreUnavailable."""

        def work(connection: sqlite3.Connection) -> dict[str, list[tuple[float, float]]]:
            connection.execute(_TABLE)
            rows = [(name, now, size) for name, size in sizes.items()]
            connection.executemany("INSERT OR REPLACE INTO sizes VALUES (?, ?, ?)", rows)
            connection.execute("DELETE FROM sizes WHERE time < ? OR time > ?", (now - _KEPT, now))
            found: dict[str, list[tuple[float, float]]] = {}
            for name, time, size in connection.execute("SELECT name, time, bytes FROM sizes ORDER BY time"):
                found.setdefault(name, []).append((time, size))
            return found

        return await self._database.write(work)
