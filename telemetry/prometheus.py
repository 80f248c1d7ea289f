"""Counters and gauges of herdsman's own health, and their rendering as Prometheus text."""

from collections.abc import Callable

_Labels = tuple[tuple[str, str], ...]


class Counter:
    """A number that only grows."""

    kind = "counter"

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.help = text
        self._values: dict[_Labels, float] = {}

    def add(self, amount: float = 1.0, **labels: str) -> None:
        """Grow by `amount`."""
        key = tuple(sorted(labels.items()))
        self._values[key] = self._values.get(key, 0.0) + amount

    def value(self, **labels: str) -> float:
        """Return the number as it is now, 0 where it never grew."""
        return self._values.get(tuple(sorted(labels.items())), 0.0)

    def rows(self) -> dict[_Labels, float]:
        """Return every label set with its number."""
        return dict(self._values) or {(): 0.0}


class Gauge:
    """A number that goes up and down: set, or read from a function when it is asked for."""

    kind = "gauge"

    def __init__(self, name: str, text: str, read: Callable[[], float] | None = None) -> None:
        self.name = name
        self.help = text
        self.read = read
        self._values: dict[_Labels, float] = {}

    def set(self, value: float, **labels: str) -> None:
        """Set the number."""
        self._values[tuple(sorted(labels.items()))] = value

    def value(self, **labels: str) -> float:
        """Return the number as it is now."""
        return self.rows().get(tuple(sorted(labels.items())), 0.0)

    def rows(self) -> dict[_Labels, float]:
        """Return every label set with its number."""
        if self.read is not None:
            return {(): self.read()}
        return dict(self._values) or {(): 0.0}


class Registry:
    """All numbers of one process; a name belongs to one of them."""

    def __init__(self) -> None:
        self._numbers: dict[str, Counter | Gauge] = {}

    def counter(self, name: str, text: str) -> Counter:
        """Return the counter of that name, made at the first call."""
        number = self._numbers.setdefault(name, Counter(name, text))
        assert isinstance(number, Counter), f"{name} is a gauge"
        return number

    def gauge(self, name: str, text: str, read: Callable[[], float] | None = None) -> Gauge:
        """Return the gauge of that name; a later `read` replaces an earlier one."""
        number = self._numbers.setdefault(name, Gauge(name, text, read))
        assert isinstance(number, Gauge), f"{name} is a counter"
        number.read = read or number.read
        return number

    def render(self) -> bytes:
        """Return everything as Prometheus text (`text/plain; version=0.0.4`)."""
        return "".join(_rendered(self._numbers[name]) for name in sorted(self._numbers)).encode()


def _rendered(number: Counter | Gauge) -> str:
    text = number.help.replace("\\", "\\\\").replace("\n", "\\n")
    lines = [f"# HELP {number.name} {text}\n# TYPE {number.name} {number.kind}\n"]
    lines += [f"{number.name}{_shown(labels)} {value!r}\n" for labels, value in number.rows().items()]
    return "".join(lines)


def _shown(labels: _Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels) + "}"


def escaped(value: str) -> str:
    """Return a label's value as it stands between quotes in Prometheus text."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
