"""Finding what bots printed and did, over all of them: pages, counts, and whole downloads."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Annotated, Literal

from litestar import Response, get
from litestar.params import QueryParameter
from litestar.response import Stream

from telemetry.logs.export import csv_head, csv_lines, json_lines
from telemetry.records import Event
from telemetry.stores import EventPage, EventQuery, EventStore
from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.documents.series import CountsAnswer, EventsAnswer
from web.labelled import labelled
from web.presentation import counts_answer, events_answer
from web.routes.parameters import (
    Cursor,
    End,
    Kinds,
    Level,
    Levels,
    Limit,
    OfBots,
    OfLabel,
    OfPrograms,
    OfRevisions,
    OfRuns,
    OfStreams,
    OfSymbols,
    Order,
    Searched,
    Start,
    Wired,
    Without,
    Words,
)
from web.searching import EventSearch, event_query

LOGS = ("log",)
_AT_ONCE = 1000
_FORMS: dict[str, tuple[str, Callable[[list[Event]], bytes]]] = {
    "jsonl": ("application/x-ndjson", json_lines),
    "csv": ("text/csv; charset=utf-8", csv_lines),
}
Format = Annotated[Literal["jsonl", "csv"], QueryParameter(description="JSON lines, or CSV with titles.")]
Most = Annotated[int, QueryParameter(ge=0, description="How many events at most; 0 for all of them.")]
Top = Annotated[int, QueryParameter(ge=1, le=100, description="How many values of each facet.")]


def search_of(
    start: Start = "",
    end: End = "",
    text: Words = "",
    level: Level = "",
    levels: Levels = "",
    kind: Kinds = "",
    without: Without = "",
    bot: OfBots = "",
    program: OfPrograms = "",
    label: OfLabel = "",
    symbol: OfSymbols = "",
    revision: OfRevisions = "",
    run: OfRuns = "",
    stream: OfStreams = "",
    order: Order = "",
    limit: Limit = 200,
    cursor: Cursor = "",
) -> EventSearch:
    """Return the search that an address asks for."""
    return EventSearch(
        *(start, end, text, level, levels, kind, without, bot, program),
        *(label, symbol, revision, run, stream, order, limit, cursor),
    )


def query_of(services: Wired, search: EventSearch, kinds: tuple[str, ...]) -> EventQuery:
    """Return a search as the stores take it. Raises UsageError."""
    return event_query(search, kinds, services.clock(), labelled(services))


@get("/api/v1/logs", opt={"access": Scope.READ}, tags=["logs"])
async def logs(services: Wired, search: Searched) -> Response[EventsAnswer]:
    """Return lines of all bots that match, newest first; events of other kinds with `kind`."""
    position = services.live.position()
    page = await services.events.search(query_of(services, search, LOGS))
    return Response(events_answer(page), headers={STREAM_POSITION: position})


@get("/api/v1/logs/counts", opt={"access": Scope.READ}, tags=["logs"])
async def log_counts(services: Wired, search: Searched, top: Top = 20) -> Response[CountsAnswer]:
    """Return how many match: over time by level, and by level, bot, program, kind, symbol, revision.

    It takes a bounded time: where `complete` is false there are at least so many, counted since `since`.
    """
    position = services.live.position()
    query = query_of(services, search, LOGS)
    counts = await services.events.count(query, services.clock(), top)
    return Response(counts_answer(counts), headers={STREAM_POSITION: position})


@get("/api/v1/logs/export", opt={"access": Scope.READ}, tags=["logs"], media_type="application/x-ndjson")
async def export_logs(services: Wired, search: Searched, format: Format = "jsonl", most: Most = 0) -> Stream:  # noqa: A002
    """Return everything that matches as a file, of any size, oldest first with `order=oldest`.

    It is read page by page as it is taken; an answer that breaks off is not whole.
    """
    query = replace(query_of(services, search, LOGS), limit=min(_AT_ONCE, most) if most else _AT_ONCE)
    if query.end is None:
        query = replace(query, end=services.clock())
    media_type, encode = _FORMS[format]
    first = await services.events.search(query)
    pages = _pages(services.events, query, first, most)
    name = f"herdsman-logs.{format}"
    return Stream(
        _encoded(pages, encode, csv_head() if format == "csv" else b""),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


async def _pages(
    events: EventStore, query: EventQuery, page: EventPage, most: int
) -> AsyncIterator[list[Event]]:
    left = most
    while True:
        yield page.events[:left] if most else page.events
        left -= len(page.events)
        if not page.next_cursor or (most and left <= 0):
            return
        page = await events.search(replace(query, cursor=page.next_cursor))


async def _encoded(
    pages: AsyncIterator[list[Event]], encode: Callable[[list[Event]], bytes], head: bytes
) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for events in pages:
        if events:
            yield encode(events)
