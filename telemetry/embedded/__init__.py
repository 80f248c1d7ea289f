"""The embedded stores: series and events in one SQLite file, written by one thread of one process."""

from telemetry.embedded.database import TelemetryDatabase
from telemetry.embedded.events import EmbeddedEventStore
from telemetry.embedded.retention import Retention
from telemetry.embedded.series import EmbeddedSeriesStore

__all__ = ["EmbeddedEventStore", "EmbeddedSeriesStore", "Retention", "TelemetryDatabase"]
