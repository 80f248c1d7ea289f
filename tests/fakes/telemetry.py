"""Stores and intake in memory, for tests of what lies above them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.errors import StoreUnavailable
from telemetry.intake import IngestAnswer
from telemetry.records import Event, Sample, Series
from telemetry.stores import Arrivals, Counts, EventPage, EventQuery, Position, SeriesQuery


@dataclass
class MemorySeries:
    """Answers every query with the same series, and notes the queries and what is written."""

    found: list[Series] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    queries: list[SeriesQuery] = field(default_factory=list)
    down: bool = False

    async def write(self, samples: Sequence[Sample]) -> None:
        """Take samples."""
        self.samples += samples

    async def query(self, query: SeriesQuery) -> list[Series]:
        if self.down:
            raise StoreUnavailable("the series store does not answer")
        self.queries.append(query)
        return self.found

    async def metrics(self, bot: str) -> list[str]:
        if self.down:
            raise StoreUnavailable("the series store does not answer")
        return ["bot_equity"]

    async def newest(self, since: float) -> list[Sample]:
        return []

    async def close(self) -> None:
        """Nothing to close."""


@dataclass
class MemoryEvents:
    """Answers every search with the same page, and notes the searches."""

    page: EventPage = field(default_factory=lambda: EventPage([]))
    queries: list[EventQuery] = field(default_factory=list)

    async def append(self, events: Sequence[Event]) -> None:
        """Take events and forget them."""

    async def search(self, query: EventQuery) -> EventPage:
        self.queries.append(query)
        return self.page

    async def count(self, query: EventQuery, now: float, most: int = 20) -> Counts:
        self.queries.append(query)
        return Counts(0, True, now, now, now, 1.0, (), {})

    async def newest_number(self) -> int:
        return 0

    async def arrived(self, after: int, kinds: Sequence[str], rows: int = 50_000) -> Arrivals:
        return Arrivals([], after)

    async def end_of(self, allocation: str, stream: str) -> Position | None:
        return None

    async def close(self) -> None:
        """Nothing to close."""


class MemoryTrading:
    """Keeps no trading."""

    async def load(self) -> tuple[int, list[bytes]]:
        return 0, []

    async def save(self, number: int, states: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        """Take states and forget them."""


@dataclass
class MemoryLiveness:
    """Keeps what is known of how bots live."""

    states: dict[str, bytes] = field(default_factory=dict)

    async def load(self) -> list[bytes]:
        return list(self.states.values())

    async def save(self, states: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        self.states = {name: state for name, state in self.states.items() if name not in gone} | dict(states)


@dataclass
class FakeIntake:
    """Answers as it is told to."""

    answer: IngestAnswer = IngestAnswer(204)
    bodies: list[bytes] = field(default_factory=list)

    async def accept(self, body: bytes) -> IngestAnswer:
        self.bodies.append(body)
        return self.answer
