"""Counts of events by time and by what they are, summed up as they are read. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from telemetry.levels import LEVELS
from telemetry.stores import FACETS, Counts, Facet

HOUR = 3600.0
_WIDTHS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800, 2592000, 31536000),
)
MOST_BUCKETS = 80


def bucket_width(seconds: float) -> float:
    """Return how many seconds a bucket of a range this long has: at most `MOST_BUCKETS` of them."""
    for width in _WIDTHS:
        if seconds / width <= MOST_BUCKETS:
            return float(width)
    return seconds / MOST_BUCKETS


class Tally:
    """Events counted by label and by bucket and level; a label's level is its number's rest by 8."""

    def __init__(self, start: float, end: float) -> None:
        self.start = start
        self.end = end
        self.width = bucket_width(max(end - start, 1.0))
        self.labels: Counter[int] = Counter()
        self.buckets: Counter[tuple[int, int]] = Counter()
        """By (number of the bucket since 1970, level)."""

    def add(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Add (label, number of its bucket, count)."""
        for label, bucket, count in rows:
            self.labels[label] += count
            self.buckets[bucket, label & 7] += count

    def add_labels(self, rows: Iterable[tuple[int, int]]) -> None:
        """Add (label, count)."""
        for label, count in rows:
            self.labels[label] += count

    def add_buckets(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Add (number of the bucket, level, count)."""
        for bucket, level, count in rows:
            self.buckets[bucket, level] += count

    def counts(
        self,
        dimensions: Mapping[int, Sequence[str]],
        most: int,
        *,
        complete: bool,
        since: float,
        unindexed: int,
    ) -> Counts:
        """Return the sums; `dimensions`: each label's values in the order of FACETS, its level left out."""
        sums: list[Counter[str]] = [Counter() for _ in FACETS]
        for label, count in self.labels.items():
            values = (level_of(label), *dimensions.get(label, ()))
            for of_facet, value in zip(sums, values, strict=False):
                if value:
                    of_facet[value] += count
        facets = {name: _facet(found, most) for name, found in zip(FACETS, sums, strict=True)}
        return Counts(
            sum(self.labels.values()),
            complete,
            since,
            self.start,
            self.end,
            self.width,
            self._by_bucket(),
            facets,
            unindexed,
        )

    def _by_bucket(self) -> tuple[tuple[float, Mapping[str, int]], ...]:
        found: dict[int, dict[str, int]] = {}
        for (bucket, level), count in sorted(self.buckets.items()):
            found.setdefault(bucket, {})[level_of(level)] = count
        return tuple((bucket * self.width, levels) for bucket, levels in found.items())


def level_of(label: int) -> str:
    """Return the level that is in a label's number."""
    return LEVELS[min(label & 7, len(LEVELS) - 1)]


def _facet(found: Counter[str], most: int) -> Facet:
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return Facet(tuple(ordered[:most]), max(len(ordered) - most, 0))
