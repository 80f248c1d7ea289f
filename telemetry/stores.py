"""The Protocols of the stores; `embedded` and `victoriametrics` fulfil them, proven by one contract suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from telemetry.records import Event, Sample, Series


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """What to read: a metric of a bot between two Unix times; `step` in seconds (0: every raw sample).

    With a step, the range is widened to whole steps (multiples of `step` since 1970), each point is the last
    sample of its step (its start excluded, its end included) and stands at the step's end, or at `end` where
    that is earlier; a step without a sample has no point (gaps stay gaps). `metric` "" reads every series of
    the bot. `labels` must match exactly; labels that it does not name are free.
    """

    bot: str
    metric: str
    start: float
    end: float
    step: float = 0.0
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What to search; `cursor` is an earlier page's `next_cursor`; newest first unless `forward`.

    Everything that is given must hold; of the values of one field any. `text` is words: each begins a word of
    the message, whatever its case and accents.
    """

    bot: str | None = None
    start: float | None = None
    end: float | None = None
    text: str = ""
    level: str = ""
    """The least severe level wanted: debug, info, warning, error, critical."""
    kinds: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Kinds that are left out; where `kinds` is empty: of all there are."""
    limit: int = 200
    cursor: str = ""
    forward: bool = False
    bots: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    """These levels alone, where `level` is not enough."""
    symbols: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    """Ids, or how they begin."""
    runs: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()

    @property
    def all_bots(self) -> tuple[str, ...]:
        """The bots named in either way, () for every one."""
        return self.bots if self.bot is None else (self.bot, *self.bots)


FACETS = ("level", "bot", "program", "kind", "symbol", "revision")
"""What events are counted by."""


@dataclass(frozen=True, slots=True)
class Facet:
    """The values with the most events, most first, and how many values more there are."""

    values: tuple[tuple[str, int], ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events match, by time and by what they are.

    Where the time that a count may take was over, or events of an earlier version are not moved yet to where
    they are found, `complete` is False: the numbers are those of the events since `since`, and there are at
    least so many.
    """

    total: int
    complete: bool
    since: float
    start: float
    end: float
    width: float
    """Seconds of each bucket."""
    buckets: tuple[tuple[float, Mapping[str, int]], ...]
    """Where each bucket that holds any begins, and its events by level; oldest first."""
    facets: Mapping[str, Facet]
    unindexed: int = 0
    """The newest events whose text is not indexed yet; they are found all the same."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a stream of output: the rotated file's index, and the offset in bytes in that file."""

    index: int
    offset: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events, and where the next begins ("" at the end)."""

    events: list[Event]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events in the order in which they were stored; `number` is where the next look goes on."""

    events: list[Event]
    number: int


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

    async def newest(self, since: float) -> list[Sample]:
        """Return the newest sample of every series of every bot, where it is not older than `since`."""
        ...

    async def close(self) -> None:
        """Flush and let go."""
        ...


class ForgetfulSeriesStore(SeriesStore, Protocol):
    """A SeriesStore that may forget its last seconds when it dies hard, and is then given them again."""

    @property
    def safe_before(self) -> float:
        """What was written before this monotonic time cannot be forgotten any more."""
        ...

    def restore(self, samples: Sequence[Sample]) -> None:
        """Take what an earlier process wrote and cannot know to be kept; it is written again soon."""
        ...


class OutputStore(Protocol):
    """Keeps what a batch brought: lines whose events it keeps come no more, so their samples must be safe."""

    async def keep(self, events: Sequence[Event], samples: Sequence[Sample]) -> None:
        """Store both durably, or neither; what is there already stays once. Raises StoreUnavailable."""
        ...

    async def deliver(self) -> None:
        """Return once everything kept is where it is read from. Raises StoreUnavailable: ask again later."""
        ...


class EventStore(Protocol):
    """Keeps events (logs, metric lines, lifecycle). Appending an id again changes nothing."""

    async def append(self, events: Sequence[Event]) -> None:
        """Store events durably. Raises StoreUnavailable."""
        ...

    async def search(self, query: EventQuery) -> EventPage:
        """Return one page of events, by time. Raises SearchTooLong where that would take too long."""
        ...

    async def count(self, query: EventQuery, now: float, most: int = 20) -> Counts:
        """Count what a search would find, by time and by `FACETS` (of each at most `most` values).

        `now` is where a range without an end ends. Takes a bounded time, whatever there is to count.
        """
        ...

    async def end_of(self, allocation: str, stream: str) -> Position | None:
        """Return where the stored output of one stream of an allocation ends, None where there is none."""
        ...

    async def newest_number(self) -> int:
        """Return the number of the event stored last, 0 where there is none."""
        ...

    async def arrived(self, after: int, kinds: Sequence[str], rows: int = 50_000) -> Arrivals:
        """Return the events of these kinds (of all, if none) among the next `rows` stored after a number."""
        ...

    async def close(self) -> None:
        """Flush and let go."""
        ...


class KeptStates(Protocol):
    """Keeps what was made of bots' events: each bot's state, and up to which event that goes."""

    async def load(self) -> tuple[int, list[bytes]]:
        """Return the number of the last event in it (0: none), and each bot's state."""
        ...

    async def save(self, number: int, states: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        """Keep states by bot and forget others, all at once. Raises StoreUnavailable."""
        ...


class LivenessStore(Protocol):
    """Keeps what is known of how each bot lives: its habits, and the verdict on it."""

    async def load(self) -> list[bytes]:
        """Return each bot's state. Raises StoreUnavailable."""
        ...

    async def save(self, states: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        """Keep states by bot and forget others. Raises StoreUnavailable."""
        ...


class TradingStore(KeptStates, Protocol):
    """Keeps each bot's trading."""
