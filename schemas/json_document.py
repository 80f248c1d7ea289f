"""Loads a JSON document with the standard library, and finds the places in it when an error needs one."""

import json
import math
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from schemas.document import (
    DEEPEST,
    DUPLICATE,
    LONGEST_NUMBER,
    MOST_ERRORS,
    MOST_VALUES,
    Document,
    Path,
    Place,
    Places,
    cautious_excerpt,
)
from schemas.errors import ManifestError
from schemas.words import quoted

_BLANK = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r"[-+.\w]+", re.ASCII)


def load(file: str, text: str) -> tuple[Document | None, list[ManifestError]]:
    """Return the document of a JSON text, and what is wrong with it; None where it cannot be read at all."""
    doubts: list[str] = []
    try:
        value = _decoder(doubts).decode(text)
    except json.JSONDecodeError as error:
        message = f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        excerpt = cautious_excerpt(text, error.lineno)
        return None, [ManifestError(file, error.lineno, error.colno, "", message, None, excerpt)]
    except RecursionError:
        return None, [_whole(file, f"nested more than {DEEPEST} levels deep")]
    if problem := _beyond_bounds(value):
        return None, [_whole(file, problem)]
    if not doubts and "\\ud" not in text.lower():
        return Document(file, text, value, find_places), []
    return _doubtful(file, text, value)


def find_places(text: str) -> Places:
    """Return the place of every value of a JSON text that has been read before."""
    return {path: place for path, place, _ in _Walk(text).values()}


def _whole(file: str, message: str) -> ManifestError:
    return ManifestError(file, 1, 1, "", message)


def _decoder(doubts: list[str]) -> json.JSONDecoder:
    """Return a decoder that notes what must be looked at again with places."""

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            found.setdefault(key, value)
        if len(found) != len(pairs):
            doubts.append("duplicate")
        return found

    def integer(text: str) -> int:
        if len(text) > LONGEST_NUMBER:
            doubts.append("number")
            return 0
        return int(text)

    def number(text: str) -> float:
        if len(text) > LONGEST_NUMBER or not math.isfinite(float(text)):
            doubts.append("number")
            return 0.0
        return float(text)

    def constant(_text: str) -> None:
        doubts.append("number")

    return json.JSONDecoder(
        object_pairs_hook=mapping, parse_int=integer, parse_float=number, parse_constant=constant
    )


def _beyond_bounds(value: Any) -> str | None:
    """Return what is too much: walked level by level, so that no depth can exhaust the stack."""
    level, count = [value], 0
    for _ in range(DEEPEST):
        count += len(level)
        if count > MOST_VALUES:
            return f"more than {MOST_VALUES:,} values in one document"
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return None
    return f"nested more than {DEEPEST} levels deep"


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _doubtful(file: str, text: str, value: Any) -> tuple[Document | None, list[ManifestError]]:
    """Look at everything again, with places."""
    found = list(_Walk(text).values())
    surrogates = [(path, place) for path, place, token in found if _has_surrogate(token, *path)]
    numbers = [(path, place, problem) for path, place, token in found if (problem := _number_problem(token))]
    document = Document(file, text, value, find_places, frozenset(path for path, _, _ in numbers))
    errors = [
        *(
            document.error_at(p.line, p.column, path, "half of a surrogate pair is not a character")
            for path, p in surrogates
        ),
        *(document.error_at(p.line, p.column, path, problem) for path, p, problem in numbers),
    ]
    for path, place, token in found:
        if isinstance(token, _Duplicate):
            message = f"duplicate key {quoted(str(path[-2]))}, first on line {token.line}"
            errors.append(document.error_at(place.key_line, place.key_column, path[:-1], message))
    errors.sort(key=lambda error: (error.line, error.column))
    return None if surrogates else document, errors[:MOST_ERRORS]


def _number_problem(token: object) -> str:
    text = token if isinstance(token, str) else ""
    if text in ("NaN", "Infinity", "-Infinity"):
        return f"a number must be finite, this is {text}"
    if len(text) > LONGEST_NUMBER:
        return f"a number of {len(text):,} characters; at most {LONGEST_NUMBER} are read"
    if text[:1] in tuple("-0123456789") and not math.isfinite(float(text)):
        return f"{quoted(text)} is too large a number"
    return ""


def _has_surrogate(*tokens: object) -> bool:
    return any(
        "\ud800" <= character <= "\udfff" for token in tokens if isinstance(token, str) for character in token
    )


class _Duplicate:
    def __init__(self, line: int) -> None:
        self.line = line


class _Walk:
    """A walk over a JSON text that is known to be sound and not too deep, yielding every value's place."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(match.end() for match in re.finditer("\r\n|\n|\r", text))]
        self._line = 0

    def values(self) -> Iterator[tuple[Path, Place, object]]:
        """Yield path, place and token (a scalar's text, a string's content behind a `"`) of each value."""
        self._skip()
        yield from self._value((), None)

    def _skip(self, punctuation: int = 0) -> None:
        match = _BLANK.match(self._text, self._at + punctuation)
        assert match is not None
        self._at = match.end()

    def _mark(self) -> tuple[int, int]:
        while self._line + 1 < len(self._starts) and self._starts[self._line + 1] <= self._at:
            self._line += 1
        return self._line + 1, self._at - self._starts[self._line] + 1

    def _value(self, path: Path, key: tuple[int, int] | None) -> Iterator[tuple[Path, Place, object]]:
        start = self._mark()
        token: object = None
        children: list[tuple[Path, Place, object]] = []
        character = self._text[self._at]
        if character == "{":
            children = list(self._mapping(path))
        elif character == "[":
            children = list(self._list(path))
        elif character == '"':
            content, self._at = scanstring(self._text, self._at + 1, False)
            token = '"' + content
        else:
            match = _TOKEN.match(self._text, self._at)
            assert match is not None
            token, self._at = match[0], match.end()
        yield path, Place(*start, *self._mark(), *(key or start)), token
        yield from children

    def _mapping(self, path: Path) -> Iterator[tuple[Path, Place, object]]:
        first: dict[str, int] = {}
        self._skip(1)
        while self._text[self._at] != "}":
            mark = self._mark()
            key, self._at = scanstring(self._text, self._at + 1, False)
            self._skip()
            self._skip(1)
            if key in first:
                (_, place, _), *rest = self._value((*path, key, DUPLICATE), mark)
                yield (*path, key, DUPLICATE), place, _Duplicate(first[key])
                yield from rest
            else:
                first[key] = mark[0]
                yield from self._value((*path, key), mark)
            self._skip()
            if self._text[self._at] == ",":
                self._skip(1)
        self._at += 1

    def _list(self, path: Path) -> Iterator[tuple[Path, Place, object]]:
        index = 0
        self._skip(1)
        while self._text[self._at] != "]":
            yield from self._value((*path, index), None)
            index += 1
            self._skip()
            if self._text[self._at] == ",":
                self._skip(1)
        self._at += 1
