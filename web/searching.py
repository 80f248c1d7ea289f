"""Searches of events as the API is asked for them. Pure, but for the bots that a label means."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.errors import UsageError
from telemetry.stores import EventQuery
from web.moments import optional_moment
from web.queries import checked_level, kinds_of, names_in

MOST_TEXT = 400
BotsOf = Callable[[str], tuple[str, ...]]
"""Returns the bots with a label, given as `key` or `key=value`."""


@dataclass(frozen=True, slots=True)
class EventSearch:
    """A search of events, each part a text as the address has it."""

    start: str = ""
    end: str = ""
    text: str = ""
    level: str = ""
    levels: str = ""
    kind: str = ""
    without: str = ""
    bot: str = ""
    program: str = ""
    label: str = ""
    symbol: str = ""
    revision: str = ""
    run: str = ""
    stream: str = ""
    order: str = ""
    limit: int = 200
    cursor: str = ""


def event_query(asked: EventSearch, kinds: tuple[str, ...], now: float, labelled: BotsOf) -> EventQuery:
    """Return the search; `kinds` are meant where none are named. Raises UsageError."""
    for level in names_in(asked.levels):
        checked_level(level)
    if asked.order not in ("", "newest", "oldest"):
        raise UsageError(f'"{asked.order}" is no order: "newest" or "oldest" first')
    if len(asked.text) > MOST_TEXT:
        raise UsageError(f"a search has at most {MOST_TEXT} letters")
    bots = names_in(asked.bot)
    if asked.label:
        found = labelled(asked.label)
        bots = tuple(bot for bot in found if not bots or bot in bots) or ("",)
    return EventQuery(
        start=optional_moment(asked.start, now),
        end=optional_moment(asked.end, now),
        text=asked.text,
        level=checked_level(asked.level),
        kinds=kinds_of(asked.kind, kinds),
        without=names_in(asked.without),
        limit=asked.limit,
        cursor=asked.cursor,
        forward=asked.order == "oldest",
        bots=bots,
        programs=names_in(asked.program),
        levels=names_in(asked.levels),
        symbols=names_in(asked.symbol),
        revisions=names_in(asked.revision),
        runs=names_in(asked.run),
        streams=names_in(asked.stream),
    )
