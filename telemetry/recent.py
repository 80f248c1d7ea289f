"""The last samples that a store was given: to give them again, and to answer what it cannot show yet."""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from telemetry.records import Sample
from telemetry.series_key import SeriesKeys
from telemetry.stores import SeriesQuery

_ROUND = 12
"""Calls of `drop_before` in which every bot is looked at once."""
_TRIM_AT = 32


@dataclass(slots=True)
class RecentSeries:
    """One series' last samples: when each was given (monotonic seconds), its time and its value."""

    name: str
    labels: Mapping[str, str]
    given: "array[float]" = field(default_factory=lambda: array("d"))
    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    dropped: bool = False
    """Nothing was kept of it any more, so that another takes its place when it comes again."""

    def drop_before(self, moment: float) -> None:
        """Forget what was given before a moment."""
        keep = bisect_left(self.given, moment)
        for column in (self.given, self.times, self.values):
            del column[:keep]


class RecentSamples:
    """Keeps samples by bot and series until they are dropped; drops a part of the bots at a time."""

    def __init__(self) -> None:
        self._keys: SeriesKeys[RecentSeries] = SeriesKeys()
        self._bots: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], RecentSeries]] = {}
        self._turn: deque[str] = deque()
        self._cutoff = 0.0

    def add(self, samples: Sequence[Sample], now: float) -> None:
        """Keep samples that were given to the store at `now`."""
        for sample in samples:
            series = self._keys.get(sample)
            if series is None or series.dropped:
                series = self._series(sample)
            series.given.append(now)
            series.times.append(sample.time)
            series.values.append(sample.value)
            if len(series.given) % _TRIM_AT == 0:
                series.drop_before(self._cutoff)

    def drop_before(self, moment: float) -> None:
        """Forget what was given before a moment, not all of it at once."""
        self._cutoff = moment
        for _ in range(-(-len(self._turn) // _ROUND)):
            bot = self._turn.popleft()
            self._drop_of(bot)
            if bot in self._bots:
                self._turn.append(bot)

    def _drop_of(self, bot: str) -> None:
        of_bot = self._bots[bot]
        for key, series in list(of_bot.items()):
            series.drop_before(self._cutoff)
            if not series.times:
                series.dropped = True
                del of_bot[key]
        if not of_bot:
            del self._bots[bot]

    def all(self) -> Iterator[Sample]:
        """Yield everything that is kept."""
        for of_bot in self._bots.values():
            for series in of_bot.values():
                for time, value in zip(series.times, series.values, strict=True):
                    yield Sample(series.name, series.labels, time, value)

    def pages(self, size: int) -> Iterator[list[Sample]]:
        """Yield everything that is kept, about so many at once; what comes meanwhile may be left out."""
        page: list[Sample] = []
        for bot in list(self._bots):
            for series in list(self._bots.get(bot, {}).values()):
                kept = list(zip(series.times, series.values, strict=True))
                for start in range(0, len(kept), size):
                    part = kept[start : start + size]
                    page += [Sample(series.name, series.labels, time, value) for time, value in part]
                    if len(page) >= size:
                        yield page
                        page = []
        if page:
            yield page

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
        bot = sample.labels.get("bot", "")
        if bot not in self._bots:
            self._bots[bot] = {}
            self._turn.append(bot)
        of_bot = self._bots[bot]
        key = (sample.name, tuple(sorted(sample.labels.items())))
        series = of_bot.setdefault(key, RecentSeries(sample.name, sample.labels))
        self._keys.put(sample, series)
        return series
