"""Errors of manifests as text for a terminal, and as data; the push hook, the CLI and the API use both."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from schemas.errors import ManifestError
from schemas.words import printable

_TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|[^\s:,\[\]{}#]+""")
_WIDEST = 100


def render_errors(errors: Iterable[ManifestError]) -> str:
    """Return errors as lines of text: each with its place, its source line, and a caret under the mistake."""
    return "".join(f"{line}\n" for error in errors for line in render_error(error))


def render_error(error: ManifestError) -> list[str]:
    """Return one error as one to three lines without colours."""
    place = f"{error.file}:{error.line}:{error.column}" if error.line else error.file
    lines = [f"{'warning' if error.warning else 'error'}: {printable(place)}  {printable(error.message)}"]
    advice = printable(error.advice)
    if error.excerpt is None or not error.excerpt.strip() or not error.line:
        return [*lines, f"     | {advice}"] if advice else lines
    before, marked, after = _cut(error.excerpt, error.column)
    carets = " " * _width(before) + "^" * max(1, _width(marked))
    lines.append(f"{error.line:>4} | {before}{marked}{after}".rstrip())
    lines.append(f"     | {carets} {advice}".rstrip())
    return lines


def error_document(error: ManifestError) -> dict[str, Any]:
    """Return one error as the JSON object of `herdsman validate` and the API."""
    return {
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "pointer": error.pointer,
        "message": error.message,
        "suggestion": error.suggestion,
    }


def _cut(excerpt: str, column: int) -> tuple[str, str, str]:
    """Return what stands before, under and after the caret, printable and not too wide."""
    start = min(max(column - 1, 0), len(excerpt))
    token = _TOKEN.match(excerpt, start)
    end = token.end() if token else start + 1
    before, marked, after = (_plain(part) for part in (excerpt[:start], excerpt[start:end], excerpt[end:]))
    if len(before) > _WIDEST // 2:
        before = "…" + before[-(_WIDEST // 2) :]
    marked = marked if len(marked) <= _WIDEST // 2 else marked[: _WIDEST // 2] + "…"
    room = max(0, _WIDEST - len(before) - len(marked))
    return before, marked, after if len(after) <= room else after[:room] + "…"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c == "\t" else "�" for c in text)


def _width(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
