"""The last samples that a store was given: to give them again, and to answer what it cannot show yet."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from telemetry.records import Sample
from telemetry.series_key import SeriesKeys
from telemetry.stores import SeriesQuery


@dataclass(slots=True)
class RecentSeries:
    """One series' last samples: when each was given (monotonic seconds), its time and its value."""

    name: str
    labels: Mapping[str, str]
    given: "array[float]" = field(default_factory=lambda: array("d"))
    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def drop_before(self, moment: float) -> None:
        """Forget what was given before a moment."""
        keep = next((at for at, given in enumerate(self.given) if given >= moment), len(self.given))
        for column in (self.given, self.times, self.values):
            del column[:keep]


class RecentSamples:
    """Keeps samples by bot and series until they are dropped."""

    def __init__(self) -> None:
        self._keys: SeriesKeys[RecentSeries] = SeriesKeys()
        self._bots: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], RecentSeries]] = {}

    def add(self, samples: Sequence[Sample], now: float) -> None:
        """Keep samples that were given to the store at `now`."""
        for sample in samples:
            series = self._keys.get(sample) or self._series(sample)
            series.given.append(now)
            series.times.append(sample.time)
            series.values.append(sample.value)

    def drop_before(self, moment: float) -> None:
        """Forget what was given before a moment."""
        for bot, of_bot in list(self._bots.items()):
            for key, series in list(of_bot.items()):
                series.drop_before(moment)
                if not series.times:
                    del of_bot[key]
            if not of_bot:
                del self._bots[bot]
        self._keys.clear()

    def all(self) -> Iterator[Sample]:
        """Yield everything that is kept."""
        for of_bot in self._bots.values():
            for series in of_bot.values():
                for time, value in zip(series.times, series.values, strict=True):
                    yield Sample(series.name, series.labels, time, value)

    def matching(self, query: SeriesQuery) -> list[RecentSeries]:
        """Return the series that a query means, with all their kept samples."""
        wanted = (query.labels or {}).items()
        return [
            series
            for series in self._bots.get(query.bot, {}).values()
            if query.metric in {"", series.name} and wanted <= series.labels.items()
        ]

    def names(self, bot: str) -> set[str]:
        """Return the names of a bot's kept series."""
        return {series.name for series in self._bots.get(bot, {}).values()}

    def _series(self, sample: Sample) -> RecentSeries:
        of_bot = self._bots.setdefault(sample.labels.get("bot", ""), {})
        key = (sample.name, tuple(sorted(sample.labels.items())))
        series = of_bot.setdefault(key, RecentSeries(sample.name, sample.labels))
        self._keys.put(sample, series)
        return series
