"""Counters, gauges and histograms of herdsman's own health, and their rendering as Prometheus text."""

from bisect import bisect_left
from collections.abc import Callable

_Labels = tuple[tuple[str, str], ...]
Rows = dict[_Labels, float]
"""Every label set of a number, its labels in one order, with its value."""
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The bounds of a histogram, in seconds."""


class Counter:
    """A number that only grows: added to, or read from a function where something else counts it."""

    kind = "counter"

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.help = text
        self.read: Callable[[], float] | None = None
        self.read_rows: Callable[[], Rows] | None = None
        self._values: dict[_Labels, float] = {}

    def add(self, amount: float = 1.0, **labels: str) -> None:
        """Grow by `amount`."""
        key = tuple(sorted(labels.items()))
        self._values[key] = self._values.get(key, 0.0) + amount

    def value(self, **labels: str) -> float:
        """Return the number as it is now, 0 where it never grew."""
        return self.rows().get(tuple(sorted(labels.items())), 0.0)

    def rows(self) -> dict[_Labels, float]:
        """Return every label set with its number."""
        if self.read_rows is not None:
            return self.read_rows()
        if self.read is not None:
            return {(): self.read()}
        return dict(self._values) or {(): 0.0}


class Gauge:
    """A number that goes up and down: set, or read from a function when it is asked for."""

    kind = "gauge"

    def __init__(self, name: str, text: str, read: Callable[[], float] | None = None) -> None:
        self.name = name
        self.help = text
        self.read = read
        self.read_rows: Callable[[], Rows] | None = None
        self._values: dict[_Labels, float] = {}

    def set(self, value: float, **labels: str) -> None:
        """Set the number."""
        self._values[tuple(sorted(labels.items()))] = value

    def value(self, **labels: str) -> float:
        """Return the number as it is now."""
        return self.rows().get(tuple(sorted(labels.items())), 0.0)

    def rows(self) -> dict[_Labels, float]:
        """Return every label set with its number."""
        if self.read_rows is not None:
            return self.read_rows()
        if self.read is not None:
            return {(): self.read()}
        return dict(self._values) or {(): 0.0}


class Histogram:
    """How often something took how long: counts at or under each bound, in seconds, with their sum."""

    kind = "histogram"

    def __init__(self, name: str, text: str, bounds: tuple[float, ...] = BOUNDS) -> None:
        self.name = name
        self.help = text
        self._bounds = bounds
        self._counts: dict[_Labels, list[int]] = {}
        self._sums: dict[_Labels, float] = {}

    def observe(self, value: float, **labels: str) -> None:
        """Note one that took `value`."""
        key = tuple(sorted(labels.items()))
        counts = self._counts.setdefault(key, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[key] = self._sums.get(key, 0.0) + value

    def total(self) -> float:
        """Return the sum of all that was noted, under any labels."""
        return sum(self._sums.values())

    def lines(self) -> list[str]:
        """Return the samples as Prometheus text, one line each."""
        found = []
        for labels, counts in self._counts.items():
            seen = 0
            for bound, count in zip((*map(repr, self._bounds), "+Inf"), counts, strict=True):
                seen += count
                found.append(f"{self.name}_bucket{_shown((*labels, ('le', bound)))} {seen}\n")
            found.append(f"{self.name}_sum{_shown(labels)} {self._sums[labels]!r}\n")
            found.append(f"{self.name}_count{_shown(labels)} {seen}\n")
        return found


class Registry:
    """All numbers of one process; a name belongs to one of them."""

    def __init__(self) -> None:
        self._numbers: dict[str, Counter | Gauge | Histogram] = {}
        self.rendering: object | None = None
        """What tells one `render` from the others while it lasts, so that several numbers read at once."""

    def counter(self, name: str, text: str) -> Counter:
        """Return the counter of that name, made at the first call."""
        number = self._numbers.setdefault(name, Counter(name, text))
        assert isinstance(number, Counter), f"{name} is a {number.kind}"
        return number

    def counter_rows(self, name: str) -> dict[_Labels, float]:
        """Return every label set of a counter with its number, {} where there is no such counter."""
        number = self._numbers.get(name)
        return number.rows() if isinstance(number, Counter) else {}

    def histogram(self, name: str, text: str) -> Histogram:
        """Return the histogram of that name, made at the first call."""
        number = self._numbers.setdefault(name, Histogram(name, text))
        assert isinstance(number, Histogram), f"{name} is a {number.kind}"
        return number

    def gauge(self, name: str, text: str, read: Callable[[], float] | None = None) -> Gauge:
        """Return the gauge of that name; a later `read` replaces an earlier one."""
        number = self._numbers.setdefault(name, Gauge(name, text, read))
        assert isinstance(number, Gauge), f"{name} is a {number.kind}"
        number.read = read or number.read
        return number

    def render(self) -> bytes:
        """Return everything as Prometheus text (`text/plain; version=0.0.4`)."""
        self.rendering = object()
        try:
            return "".join(_rendered(self._numbers[name]) for name in sorted(self._numbers)).encode()
        finally:
            self.rendering = None


def _rendered(number: Counter | Gauge | Histogram) -> str:
    text = number.help.replace("\\", "\\\\").replace("\n", "\\n")
    lines = [f"# HELP {number.name} {text}\n# TYPE {number.name} {number.kind}\n"]
    if isinstance(number, Histogram):
        return "".join(lines + number.lines())
    lines += [f"{number.name}{_shown(labels)} {value!r}\n" for labels, value in number.rows().items()]
    return "".join(lines)


def _shown(labels: _Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels) + "}"


def escaped(value: str) -> str:
    """Return a label's value as it stands between quotes in Prometheus text."""
    if value.isalnum():
        return value
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
