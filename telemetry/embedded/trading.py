"""Each bot's trading as it was last kept."""

from telemetry.embedded.database import TelemetryDatabase
from telemetry.embedded.kept import EmbeddedKeptStates


class EmbeddedTradingStore(EmbeddedKeptStates):
    """The TradingStore of one process; it shares its file with the EmbeddedEventStore."""

    def __init__(self, database: TelemetryDatabase) -> None:
        super().__init__(database, "trading")
