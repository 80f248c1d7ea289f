"""The telemetry half of the service: stores, live channel, newest values."""

import asyncio
import contextlib
from dataclasses import dataclass

from cli.service.options import UpOptions
from cli.service.storage import StorageWatch
from schemas.errors import StoreUnavailable
from telemetry.embedded.database import TelemetryDatabase
from telemetry.embedded.errors import EmbeddedErrorStore
from telemetry.embedded.events import EmbeddedEventStore
from telemetry.embedded.kept import EmbeddedKeptStates
from telemetry.embedded.liveness import EmbeddedLivenessStore
from telemetry.embedded.output import EmbeddedOutput, Outbox
from telemetry.embedded.series import EmbeddedSeriesStore
from telemetry.embedded.trading import EmbeddedTradingStore
from telemetry.latest import Latest
from telemetry.live import Broadcaster
from telemetry.liveness_desk import LivenessDesk
from telemetry.names import Health
from telemetry.resources_desk import ResourcesDesk
from telemetry.rules_desk import RulesDesk
from telemetry.stores import OutputStore, SeriesStore
from telemetry.trading_desk import TradingDesk
from telemetry.victoriametrics import VictoriaMetricsStore

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Everything that keeps or carries what bots print."""

    database: TelemetryDatabase
    series: SeriesStore
    events: EmbeddedEventStore
    errors: EmbeddedErrorStore
    output: OutputStore
    """What the intake writes events and samples by."""
    live: Broadcaster
    latest: Latest
    health: Health
    trading: TradingDesk
    liveness: LivenessDesk
    rules: RulesDesk
    resources: ResourcesDesk
    storage: StorageWatch
    measuring: asyncio.Task[None]
    """Runs the watch over what is kept."""

    async def check(self) -> str:
        """Return "ok", or why the series store cannot be used."""
        if isinstance(self.series, VictoriaMetricsStore):
            try:
                await self.series.check()
            except StoreUnavailable as error:
                return str(error)
        return "ok"

    async def close(self) -> None:
        """Keep what was made of the events, and flush the stores."""
        with contextlib.suppress(StoreUnavailable):  # it is made again of the events at the next start
            await self.trading.keep()
        with contextlib.suppress(StoreUnavailable):  # a minute of it is lost
            await self.liveness.keep()
        with contextlib.suppress(StoreUnavailable):
            await self.rules.keep()
        self.measuring.cancel()
        await asyncio.gather(self.measuring, return_exceptions=True)
        await self.series.close()
        await self.events.close()
        await self.database.close()


async def open_telemetry(options: UpOptions, fleet: str) -> Telemetry:
    """Open the stores and learn from them what was known before."""
    health = Health()
    database = await asyncio.to_thread(TelemetryDatabase, options.data / "telemetry.db", options.retention)
    events = EmbeddedEventStore(database, health)
    series, output = await _open_series(options, fleet, health, database, events)
    latest = Latest()
    # A store that is away only costs the newest values of before.
    try:
        await latest.restore(series, events)
    except StoreUnavailable:
        health.count("herdsman_store_errors_total", store="restore")
    errors = EmbeddedErrorStore(database)
    forget_after = options.retention.trading_days * _DAY
    trading = TradingDesk(events, EmbeddedTradingStore(database), series, health, forget_after=forget_after)
    liveness = LivenessDesk(EmbeddedLivenessStore(database), series, health, events=events)
    live = Broadcaster(health)
    rules = RulesDesk(events, EmbeddedKeptStates(database, "rules"), series, health)
    away = series if isinstance(series, VictoriaMetricsStore) else None
    storage = StorageWatch(options.data, database, away)
    return Telemetry(
        database,
        series,
        events,
        errors,
        output,
        live,
        latest,
        health,
        trading,
        liveness,
        rules,
        ResourcesDesk(series, health),
        storage,
        asyncio.create_task(storage.run(), name="storage"),
    )


async def _open_series(
    options: UpOptions,
    fleet: str,
    health: Health,
    database: TelemetryDatabase,
    events: EmbeddedEventStore,
) -> tuple[SeriesStore, OutputStore]:
    """Return the series store, and what keeps samples together with the events that they came with."""
    if not options.victoriametrics:
        series = EmbeddedSeriesStore(database)
        return series, EmbeddedOutput(database, events, series)
    away = VictoriaMetricsStore(options.victoriametrics, fleet=fleet, health=health)
    outbox = Outbox(database, events, away)
    await outbox.open()
    return away, outbox
