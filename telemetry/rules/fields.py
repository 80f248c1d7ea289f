"""Which lines have the fields that rules ask for (`where`): one look at a field serves all rules. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.log_rules import LogRule
from telemetry.records import Event

_MESSAGE = ("message", "msg")
_MOST_KNOWN = 1000
"""Values of a field of which is known what they fit."""
_LONGEST_KNOWN = 100
_LONGEST = 8192
"""Characters of a field that rules look at."""


def said(event: Event, path: str) -> str | None:
    """Return what a line says in a field, as text; None where it has no such word or number.

    `level` and `message` are the event's own, however the line calls them. A path with dots is a key as it
    stands, or leads into objects.
    """
    if path == "level":
        return event.level
    if path in _MESSAGE:
        return event.message[:_LONGEST]
    return _text(_at(event.data, path))


def _at(data: Mapping[str, Any], path: str) -> Any:
    value = data.get(path)
    if value is not None or "." not in path:
        return value
    value = data
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value[:_LONGEST]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value) if isinstance(value, int) and abs(value) < 1 << 64 else None


def fits(text: str, wanted: Sequence[str]) -> bool:
    """Say whether a text is one of these; `*` in one of them stands for anything."""
    return any(_is_like(text, one) for one in wanted)


def _is_like(text: str, wanted: str) -> bool:
    """Compare with one word, in time that is linear in the text: its parts are found one behind the other."""
    first, *rest = wanted.split("*")
    if not rest:
        return text == first
    last = rest.pop()
    if not (text.startswith(first) and text.endswith(last) and len(text) >= len(first) + len(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for part in rest:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


def has_fields(rule: LogRule, event: Event) -> bool:
    """Say whether a line has all the fields that a rule asks for."""
    for path, wanted in rule.where.items():
        text = said(event, path)
        if text is None or not fits(text, wanted):
            return False
    return True


class FieldIndex:
    """Rules that ask for fields, found by what a line says in the first of them."""

    __slots__ = ("_by_path", "_rules")

    def __init__(self, rules: Mapping[int, LogRule]) -> None:
        """`rules` by place, each with a `where`."""
        self._rules = rules
        self._by_path: dict[str, _Values] = {}
        for place, rule in rules.items():
            path = _telling(rule.where)
            self._by_path.setdefault(path, _Values()).add(place, rule.where[path])

    def find(self, events: Sequence[Event]) -> dict[int, list[int]]:
        """Return the rules that fit lines: their places, each with those of the lines, in their order."""
        found: dict[int, list[int]] = {}
        for path, values in self._by_path.items():
            for number, text in _told(events, path):
                for place in values.of(text):
                    if has_fields(self._rules[place], events[number]):
                        found.setdefault(place, []).append(number)
        return found


def _told(events: Sequence[Event], path: str) -> list[tuple[int, str]]:
    """Return the places of the lines that say something in a field, and what: it is asked of every line."""
    if path == "level":
        return [(number, event.level) for number, event in enumerate(events)]
    if "." in path or path in _MESSAGE:
        told = [(number, said(event, path)) for number, event in enumerate(events)]
        return [(number, text) for number, text in told if text is not None]
    have = [(number, event.data[path]) for number, event in enumerate(events) if path in event.data]
    return [(number, text) for number, value in have if (text := _text(value)) is not None]


def _telling(where: Mapping[str, tuple[str, ...]]) -> str:
    """Return the field that tells most: one that is no level, and whose values are whole words."""
    return min(where, key=lambda path: (any("*" in one for one in where[path]), path == "level"))


class _Values:
    """What rules want of one field; what a value fits is kept, for the values that come again."""

    __slots__ = ("_known", "_like", "_words")

    def __init__(self) -> None:
        self._words: dict[str, list[int]] = {}
        self._like: list[tuple[int, tuple[str, ...]]] = []
        self._known: dict[str, tuple[int, ...]] = {}

    def add(self, place: int, wanted: tuple[str, ...]) -> None:
        if any("*" in one for one in wanted):
            self._like.append((place, wanted))
        else:
            for word in dict.fromkeys(wanted):
                self._words.setdefault(word, []).append(place)

    def of(self, text: str) -> Iterable[int]:
        known = self._known.get(text)
        if known is None:
            like = [place for place, wanted in self._like if fits(text, wanted)]
            known = (*self._words.get(text, ()), *like)
            if len(self._known) < _MOST_KNOWN and len(text) <= _LONGEST_KNOWN:
                self._known[text] = known
        return known
