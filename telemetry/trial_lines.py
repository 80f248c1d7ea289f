"""What a trial holds of a stored line, and how many it asks for at once: one may be a megabyte. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from schemas.regular_expressions import LONGEST_SUBJECT
from telemetry.records import Event

FIRST_PAGE, _PAGE = 100, 1000
_MUCH_SAID = 1_000_000
"""Characters of a page of lines after which the next is short."""
_LONGEST_FIELD = 1000
"""Characters of a field that are held."""
_MOST_HELD = 10_000
"""Characters of all fields of a line of trading that are held: what trading goes by is far less."""


def next_page(events: Sequence[Event]) -> int:
    """Return how many lines to ask for after these."""
    return _PAGE if sum(map(said, events)) < _MUCH_SAID else FIRST_PAGE


def of_trading(event: Event, number: int = 0) -> Event:
    """Return a line of trading without what is too long; `number` says in which order it was read.

    Lines are read by their times, which need not be the order in which they were printed.
    """
    return Event(
        f"stored/stdout/0/{number}",
        event.bot,
        event.time,
        event.kind,
        event.level,
        "",
        event.stream,
        mode=event.mode,
        data=_of_trading(event.data),
    )


def only_wanted(event: Event, fields: Collection[str], *, text: bool) -> Event:
    """Return an event with these fields, and its message where `text` is looked at."""
    data = {name: _short(event.data[name]) for name in fields if name in event.data}
    message = event.message[:LONGEST_SUBJECT] if text else ""
    return Event("", event.bot, event.time, event.kind, event.level, message, event.stream, data=data)


def _of_trading(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that can say something of trading; where that is too much the shortest."""
    short = {name: value for name, value in data.items() if _is_short(value)}
    if sum(map(_length, short.items())) <= _MOST_HELD:
        return short
    found, held = dict[str, Any](), 0
    for item in sorted(short.items(), key=_length):
        held += _length(item)
        if held > _MOST_HELD:
            break
        found[item[0]] = item[1]
    return found


def said(event: Event) -> int:
    """Return how many characters a line's message and fields have, about."""
    return len(event.message) + sum(map(_length, event.data.items()))


def _length(item: tuple[str, Any]) -> int:
    name, value = item
    if isinstance(value, str):
        return len(name) + len(value)
    return len(name) + (len(repr(value)) if isinstance(value, list | dict) else 8)


def _is_short(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _LONGEST_FIELD)


def _short(value: Any) -> Any:
    return value[:_LONGEST_FIELD] if isinstance(value, str) else value
