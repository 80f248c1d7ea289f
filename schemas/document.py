"""A parsed document that still knows where everything stood: line and column of each JSON pointer.

Places are found only when an error must be placed; a sound document costs nothing for them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import ManifestError

Path = tuple[str | int, ...]
"""Where a value is in a document: keys of mappings and indexes of lists, from the root."""

MOST_BYTES = 1024 * 1024
"""The largest manifest that is read."""
DUPLICATE = "\0duplicate"
"""Stands in the path of a value behind a duplicate key, so that its place is known too."""
DEEPEST = 64
"""The deepest nesting of mappings and lists that is read."""
MOST_VALUES = 100_000
"""The most values in one document, aliases counted each time they are used."""
LONGEST_NUMBER = 100
MOST_ERRORS = 50
"""The most errors of one kind that one document is told; the first say enough."""
_LONGEST_EXCERPT = 240

_LINE_BREAK = re.compile("\r\n|\n|\r")
_SECRET_KEY = re.compile(
    r"(?i)secret|passw|passphrase|private.?key|api.?key|access.?key|credential|mnemonic|auth.?token|^token$"
)
_SECRET_TEXT = re.compile(
    r"(?i)secret|passw|passphrase|private.?key|api.?key|access.?key|credential|mnemonic|token"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and the key that names it; all count from 1, the end is exclusive.

    A value without a key (the root, an element of a list) has its own place as its key's.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    key_line: int
    key_column: int


Places = Mapping[Path, Place]


class Document:
    """One parsed file: `value` holds only dict (text keys), list, str, int, finite float, bool and None."""

    __slots__ = ("_find_places", "_hidden", "_lines", "_places", "file", "text", "unread", "value")

    def __init__(
        self,
        file: str,
        text: str,
        value: Any,
        find_places: Callable[[str], Places],
        unread: frozenset[Path] = frozenset(),
    ) -> None:
        self.file = file
        self.text = text
        self.value = value
        self.unread = unread
        """Paths of values that could not be read and are reported already; each holds None."""
        self._find_places = find_places
        self._places: Places | None = None
        self._hidden: list[Place] | None = None
        self._lines: list[str] | None = None

    def place(self, path: Path) -> Place:
        """Return the place of a value, or of the nearest thing around it that is in the document."""
        places = self._known_places()
        while path and path not in places:
            path = path[:-1]
        return places.get(path, Place(1, 1, 1, 1, 1, 1))

    def error(
        self, path: Path, message: str, suggestion: str | None = None, *, key: bool = False
    ) -> ManifestError:
        """Return an error placed at a value, or at its key."""
        place = self.place(path)
        line, column = (place.key_line, place.key_column) if key else (place.line, place.column)
        return self.error_at(line, column, path, message, suggestion)

    def error_at(
        self, line: int, column: int, path: Path, message: str, suggestion: str | None = None
    ) -> ManifestError:
        """Return an error at a line and column that the caller knows."""
        excerpt = self._excerpt(line, column)
        return ManifestError(self.file, line, column, pointer_of(path), message, suggestion, excerpt)

    def conceals(self, path: Path) -> bool:
        """Whether the value at a path must not be shown, since it is a secret or may be one."""
        if holds_secret(path):
            return True
        return bool(path) and path[-1] == "secrets" and not isinstance(self._value_at(path), dict)

    def _value_at(self, path: Path) -> Any:
        value = self.value
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _excerpt(self, line: int, column: int) -> str | None:
        """Return the source line with the values of secrets left out; None where it is too long to show."""
        if self._lines is None:
            self._lines = split_lines(self.text)
        if line > len(self._lines) or column > _LONGEST_EXCERPT:
            return None
        shown = self._lines[line - 1][:_LONGEST_EXCERPT]
        for place in self._concealed():
            if place.line <= line <= place.end_line and (place.line < line or place.column <= len(shown)):
                shown = _masked(shown, line, place)
        return shown

    def _concealed(self) -> list[Place]:
        if self._hidden is None:
            places = self._known_places()
            self._hidden = [place for path, place in places.items() if self.conceals(path)]
        return self._hidden

    def _known_places(self) -> Places:
        if self._places is None:
            self._places = self._find_places(self.text)
        return self._places


def pointer_of(path: Path) -> str:
    """Return a path as a JSON pointer (RFC 6901): ("a/b", 0) -> `/a~1b/0`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def holds_secret(path: Path) -> bool:
    """Whether the value at a path is, or by its name may be, a secret: then it is never shown."""
    own = path[:-1] if path and path[-1] == "secrets" else path
    return any(isinstance(part, str) and _SECRET_KEY.search(part) is not None for part in own)


def split_lines(text: str) -> list[str]:
    """Return the lines of a text as YAML and editors count them."""
    return _LINE_BREAK.split(text)


def cautious_excerpt(text: str, line: int) -> str | None:
    """Return a line of a text that could not be parsed: only its key where it may hold a secret."""
    lines = split_lines(text)
    if not 1 <= line <= len(lines):
        return None
    shown = lines[line - 1][:_LONGEST_EXCERPT]
    block = "\n".join(lines[max(0, line - 50) : line])
    if _SECRET_TEXT.search(block[-10_000:]):
        key, colon, _ = shown.partition(":")
        return f"{key}{colon} …" if colon else "…"
    return shown


def _masked(shown: str, line: int, place: Place) -> str:
    first = place.column - 1 if line == place.line else len(shown) - len(shown.lstrip())
    last = place.end_column - 1 if line == place.end_line else len(shown)
    return shown[:first] + "…" * max(0, min(last, len(shown)) - first) + shown[last:]
