"""Series and events, as the API gives them."""

from typing import Any

from msgspec import Struct


class SeriesAnswer(Struct):
    """`GET /api/v1/bots/{name}/series`: each series' labels, points as [unix seconds, value]."""

    series: list[dict[str, Any]]


class LogEvent(Struct):
    """One event; in `GET /api/v1/bots/{name}/logs` and `/events`, and as `log` and `event` on the stream."""

    id: str
    bot: str
    time: float
    kind: str
    level: str
    message: str
    stream: str
    run: str
    revision: str
    data: dict[str, Any]
    program: str = ""


class EventsAnswer(Struct):
    """A page of events, newest first."""

    events: list[LogEvent]
    next_cursor: str


class FacetDocument(Struct):
    """The values with the most events as [value, count], and how many values more there are."""

    values: list[tuple[str, int]]
    more: int


class CountsAnswer(Struct):
    """`GET /api/v1/logs/counts`: where `complete` is false, the numbers are of the events since `since`."""

    total: int
    complete: bool
    since: float
    start: float
    end: float
    width: float
    buckets: list[tuple[float, dict[str, int]]]
    facets: dict[str, FacetDocument]
    unindexed: int
