"""The newest of everything, by bot: values, equity of the day, resources, the last line. In memory."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.reports import LAUNCHER_STREAM
from telemetry.liveness.series import LIVENESS
from telemetry.names import FORECASTS, RESOURCES
from telemetry.records import Event, Sample
from telemetry.series_key import SeriesKeys
from telemetry.stores import EventQuery, EventStore, SeriesQuery, SeriesStore
from telemetry.trading.derived import DERIVED

_DAY = 86400
_RESTORE_SECONDS = 7 * _DAY
_MOST_SERIES = 2000
_OF_OURS = DERIVED.keys() | LIVENESS.keys() | FORECASTS.keys()
"""Series that are no word of the bot itself."""


@dataclass(slots=True)
class EquityOfDay:
    """One equity series: its newest sample, and the first one of that sample's UTC day."""

    first: Sample
    newest: Sample

    def add(self, sample: Sample) -> None:
        """Take another sample of the series."""
        if sample.time >= self.newest.time:
            if sample.time // _DAY > self.newest.time // _DAY:
                self.first = sample
            self.newest = sample


@dataclass(slots=True)
class BotLatest:
    """What is known of one bot now."""

    values: dict[str, Sample] = field(default_factory=dict)
    """Newest sample of each of the bot's own series."""
    resources: dict[str, Sample] = field(default_factory=dict)
    """Newest sample of each resource series, by name."""
    newest: Sample | None = None
    """Newest sample of the bot's own series."""
    equities: dict[str, EquityOfDay] = field(default_factory=dict)
    """The series `bot_equity`: one for each account or currency that the bot names."""
    last_log: Event | None = None
    last_data_at: float | None = None
    """When the bot last printed anything, Unix seconds."""

    @property
    def currency(self) -> str | None:
        """The currency that the equity lines name, "" where they name none, None where they name several."""
        names = {one.newest.labels.get("currency", "") for one in self.equities.values()}
        return names.pop() if len(names) == 1 else None

    @property
    def equity(self) -> float | None:
        """The newest equity, summed over accounts; None without one, and never a sum over currencies."""
        if self.currency is None:
            return None
        return sum(one.newest.value for one in self.equities.values())

    @property
    def pnl_today(self) -> float | None:
        """Equity now less the first equity of the UTC day."""
        if self.currency is None:
            return None
        return sum(one.newest.value - one.first.value for one in self.equities.values())

    def resource(self, name: str) -> float | None:
        """Return the newest value of a resource series; None where there is none, or the bot is down."""
        sample = self.resources.get(name)
        up = self.resources.get("bot_up")
        if sample is None or (up is not None and up.value == 0.0):
            return None
        return sample.value


class Latest:
    """Takes what the intake tells its listener, and keeps the newest of it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._bots: dict[str, BotLatest] = {}
        self._clock = clock
        self._keys: SeriesKeys[str] = SeriesKeys()

    def of(self, bot: str) -> BotLatest:
        """Return what is known of a bot; nothing but Nones for one that never printed."""
        return self._bots.get(bot) or BotLatest()

    def bots(self) -> Mapping[str, BotLatest]:
        """Return everything, by bot."""
        return self._bots

    def forget(self, bot: str) -> None:
        """Drop a bot that is gone."""
        self._bots.pop(bot, None)

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        """Take new samples of a bot."""
        known = self._bots.setdefault(bot, BotLatest())
        for sample in samples:
            if sample.name in RESOURCES:
                _keep_newest(known.resources, sample.name, sample)
            elif sample.name not in _OF_OURS:
                self._own(known, sample)

    def events(self, bot: str, events: Sequence[Event]) -> None:
        """Take new events of a bot."""
        known = self._bots.setdefault(bot, BotLatest())
        for event in events:
            if event.kind == "log":
                known.last_log = event
            if event.stream != LAUNCHER_STREAM:
                known.last_data_at = max(known.last_data_at or 0.0, min(event.time, self._clock()))

    async def restore(self, series: SeriesStore, events: EventStore) -> None:
        """Learn from the stores what was known before a restart. Raises StoreUnavailable."""
        for sample in await series.newest(self._clock() - _RESTORE_SECONDS):
            self.samples(sample.labels.get("bot", ""), [sample])
        for bot, known in list(self._bots.items()):
            for one in known.equities.values():
                one.first = await _first_of_day(series, bot, one.newest)
            page = await events.search(EventQuery(bot=bot, kinds=("log",), limit=1))
            known.last_log = known.last_log or (page.events[0] if page.events else None)
            moments = [one.time for one in (known.newest, known.last_log) if one is not None]
            known.last_data_at = max([known.last_data_at or 0.0, *moments]) or None

    def _own(self, known: BotLatest, sample: Sample) -> None:
        key = self._keys.get(sample) or self._key(sample)
        if key in known.values or len(known.values) < _MOST_SERIES:
            _keep_newest(known.values, key, sample)
        if known.newest is None or sample.time >= known.newest.time:
            known.newest = sample
        if sample.name == "bot_equity":
            if key in known.equities:
                known.equities[key].add(sample)
            else:
                known.equities[key] = EquityOfDay(sample, sample)

    def _key(self, sample: Sample) -> str:
        key = sample.name + repr(sorted(sample.labels.items()))
        self._keys.put(sample, key)
        return key


def _keep_newest(kept: dict[str, Sample], key: str, sample: Sample) -> None:
    if key not in kept or sample.time >= kept[key].time:
        kept[key] = sample


async def _first_of_day(series: SeriesStore, bot: str, equity: Sample) -> Sample:
    """Return the first equity sample of the day of `equity`."""
    day = equity.time // _DAY * _DAY
    found = await series.query(SeriesQuery(bot, "bot_equity", day, equity.time, labels=equity.labels))
    points = [point for one in found for point in one.points]
    if not points:
        return equity
    moment, value = min(points)
    return Sample(equity.name, equity.labels, moment, value)
