"""What each bot uses, and when it will run into a limit: it hears the intake, and writes forecasts."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.errors import StoreUnavailable
from telemetry.forecasts.track import Track
from telemetry.forecasts.trend import seconds_to
from telemetry.names import RESOURCES, Health
from telemetry.records import Sample
from telemetry.stores import SeriesStore

_log = logging.getLogger("herdsman.resources")
_RECKON_EVERY = 15.0
"""Seconds between two forecasts of all bots."""
_AT_ONCE = 50
"""Bots reckoned without a break: at most a few milliseconds."""
_GONE_AFTER = 60.0
"""Seconds without a measurement after which nothing is told of a bot any more."""

_LIMITS: Mapping[str, tuple[str, str, str]] = {
    "memory": ("bot_memory_bytes", "bot_memory_limit_bytes", "bot_memory_seconds_to_limit"),
    "descriptors": ("bot_open_files", "bot_open_files_limit", "bot_open_files_seconds_to_limit"),
    "disk": ("bot_state_bytes", "bot_disk_free_bytes", "bot_disk_seconds_to_limit"),
}
"""Resource -> the series of its use, of its limit (of the disk: of what is left), and of the forecast."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a bot runs into a limit: `use` of `limit`, and the seconds until then."""

    resource: str
    use: float
    limit: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ResourceView:
    """What a bot uses: the newest value of each resource series, when that was, and its forecasts."""

    bot: str
    at: float
    values: Mapping[str, float]
    forecasts: Sequence[Forecast]

    @property
    def soonest(self) -> Forecast | None:
        """Return the forecast of the limit that it runs into first."""
        return min(self.forecasts, key=lambda one: one.seconds, default=None)


@dataclass(slots=True)
class _Bot:
    labels: Mapping[str, str]
    at: float = 0.0
    values: dict[str, float] = field(default_factory=dict)
    tracks: dict[str, Track] = field(default_factory=dict)
    forecasts: tuple[Forecast, ...] = ()


Told = Callable[[str, Sequence[Sample]], None]


def _nobody(bot: str, samples: Sequence[Sample]) -> None:
    """Tell nobody."""


class ResourcesDesk:
    """Keeps the newest measurements of every bot; `told` hears of the forecasts' samples."""

    def __init__(
        self, series: SeriesStore, health: Health | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._series = series
        self._health = health or Health()
        self._clock = clock
        self._bots: dict[str, _Bot] = {}
        self.told: Told = _nobody

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        """Take a measurement of a bot; samples of another kind are passed over. Raises nothing."""
        if not samples or samples[0].name not in RESOURCES:
            return
        if samples[0].name == "bot_up" and samples[0].value == 0.0:
            self._bots.pop(bot, None)  # its next process begins anew
            return
        known = self._bots.get(bot)
        if known is None:
            known = self._bots[bot] = _Bot(samples[0].labels)
        for sample in samples:
            if sample.name in RESOURCES and math.isfinite(sample.value):
                known.values[sample.name] = sample.value
                known.at = max(known.at, sample.time)
        for resource, (use, _, _) in _LIMITS.items():
            if use in known.values:
                known.tracks.setdefault(resource, Track()).add(samples[0].time, known.values[use])

    def removed(self, bot: str) -> None:
        """Forget a bot that is gone."""
        self._bots.pop(bot, None)

    def view(self, bot: str) -> ResourceView | None:
        """Return what a bot uses, None where it was not measured lately."""
        known = self._bots.get(bot)
        if known is None or known.at < self._clock() - _GONE_AFTER:
            return None
        return ResourceView(bot, known.at, dict(known.values), known.forecasts)

    def views(self) -> Iterable[ResourceView]:
        """Yield what each bot uses, by name."""
        for bot in sorted(self._bots):
            if (found := self.view(bot)) is not None:
                yield found

    async def run(self) -> None:
        """Foretell until cancelled."""
        while True:
            await asyncio.sleep(_RECKON_EVERY)
            await self._try(self.reckon())

    async def reckon(self) -> None:
        """Foretell when each bot runs into its limits, and write that. Raises StoreUnavailable."""
        now = self._clock()
        samples: list[Sample] = []
        for number, (bot, known) in enumerate(list(self._bots.items())):
            if known.at >= now - _GONE_AFTER:
                known.forecasts = tuple(_forecasts(known))
                own = [
                    Sample(_LIMITS[one.resource][2], known.labels, now, one.seconds)
                    for one in known.forecasts
                ]
                if own:
                    self.told(bot, own)
                    samples += own
            else:
                self._bots.pop(bot, None)
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        if samples:
            await self._series.write(samples)

    async def _try(self, work: Awaitable[None]) -> None:
        """Do a part of the work; whatever happens, the next is done in its time."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - nobody would begin this task again
            if not isinstance(error, StoreUnavailable):
                _log.exception("the use of resources could not be foretold")
            self._health.count("herdsman_store_errors_total", store="resources")


def _forecasts(known: _Bot) -> Iterable[Forecast]:
    """Yield the limits that a bot truly comes nearer to."""
    for resource, (use, limit, _) in _LIMITS.items():
        track, most = known.tracks.get(resource), known.values.get(limit)
        # A limit of 0 is none; a disk of which nothing is left is full.
        if track is None or most is None or (not most and resource != "disk"):
            continue
        value = known.values[use]
        # Of the disk what is left is known, and not what there is.
        whole = most + value if resource == "disk" else most
        full = resource == "disk" and not most
        seconds = 0.0 if full else seconds_to(whole, track.trend(), value)
        if seconds is not None:
            yield Forecast(resource, value, whole, seconds)
