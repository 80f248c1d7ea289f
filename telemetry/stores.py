"""The Protocols of the stores; `embedded` and `victoriametrics` fulfil them, proven by one contract suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from telemetry.records import Event, Sample, Series


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """What to read: a metric of a bot between two Unix times; `step` in seconds (0: every raw sample).

    With a step, each point is the last sample of its step, and a step without a sample has no point (gaps
    stay gaps). `metric` "" reads every series of the bot. `labels` must match exactly.
    """

    bot: str
    metric: str
    start: float
    end: float
    step: float = 0.0
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What to search; `cursor` is an earlier page's `next_cursor`; newest first unless `forward`."""

    bot: str | None = None
    start: float | None = None
    end: float | None = None
    text: str = ""
    level: str = ""
    """The least severe level wanted: debug, info, warning, error, critical."""
    kinds: tuple[str, ...] = ()
    limit: int = 200
    cursor: str = ""
    forward: bool = False


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events, and where the next begins ("" at the end)."""

    events: list[Event]
    next_cursor: str = ""


class SeriesStore(Protocol):
    """Keeps samples. Writing the same sample (series and millisecond) twice keeps one."""

    async def write(self, samples: Sequence[Sample]) -> None:
        """Store samples durably enough to acknowledge them. Raises StoreUnavailable."""
        ...

    async def query(self, query: SeriesQuery) -> list[Series]:
        """Return the matching series of one bot, oldest point first."""
        ...

    async def metrics(self, bot: str) -> list[str]:
        """Return the names of a bot's series, sorted."""
        ...

    async def close(self) -> None:
        """Flush and let go."""
        ...


class EventStore(Protocol):
    """Keeps events (logs, metric lines, lifecycle). Appending an id again changes nothing."""

    async def append(self, events: Sequence[Event]) -> None:
        """Store events durably. Raises StoreUnavailable."""
        ...

    async def search(self, query: EventQuery) -> EventPage:
        """Return one page of events."""
        ...

    async def close(self) -> None:
        """Flush and let go."""
        ...
