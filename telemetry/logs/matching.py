"""Whether an event is one that a query asks for, as the stores would find it: for what comes live. Pure."""

from collections.abc import Callable

from telemetry.levels import LEVELS, at_least
from telemetry.logs.words import Words
from telemetry.records import Event
from telemetry.stores import EventQuery

Matches = Callable[[Event], bool]


def matches_of(query: EventQuery) -> Matches:
    """Return a test of events; the query's range of time and its page do not count."""
    tests: list[Matches] = [
        *_one_of("bot", query.all_bots),
        *_one_of("level", _levels(query)),
        *_one_of("kind", query.kinds),
        *_one_of("program", query.programs),
        *_one_of("stream", query.streams),
        *_one_of("run", query.runs),
        *_one_of("symbol", query.symbols),
    ]
    if query.without:
        without = frozenset(query.without)
        tests.append(lambda event: event.kind not in without)
    if query.revisions:
        tests.append(lambda event: event.revision.startswith(query.revisions))
    words = Words(query.text)
    if words:
        tests.append(lambda event: words.said_in(event.message))
    return lambda event: all(test(event) for test in tests)


def _levels(query: EventQuery) -> tuple[str, ...]:
    if not query.level and not query.levels:
        return ()
    chosen = query.levels or LEVELS
    return tuple(level for level in at_least(query.level) if level in chosen) or ("none",)


def _one_of(name: str, values: tuple[str, ...]) -> list[Matches]:
    if not values:
        return []
    wanted = frozenset(values)
    return [lambda event: getattr(event, name) in wanted]
