"""A manifest's text with some values replaced where they stand; all else stays as it was written. Pure."""

import json
from typing import Any

import yaml

from schemas.document import Document, Path
from schemas.errors import UsageError
from schemas.yaml_document import load_document


def with_value(document: Document, path: Path, value: Any) -> Document:
    """Return a document whose value at a path is another; a missing top-level key is added at its end.

    Raises UsageError where a person has to edit it: a value over several lines, a place that is not there.
    """
    text = _replaced(document, path, value) if holds(document, path) else _added(document, path, value)
    changed, errors = load_document(document.file, text.encode())
    if changed is None or errors or changed.value != _wanted(document.value, path, value):
        raise _by_hand(document, path)
    return changed


def holds(document: Document, path: Path) -> bool:
    """Say whether there is a value at a path."""
    value: Any = document.value
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def value_at(document: Document, path: Path) -> Any:
    """Return the value at a path that the document holds."""
    value: Any = document.value
    for part in path:
        value = value[part]
    return value


def _replaced(document: Document, path: Path, value: Any) -> str:
    place = document.place(path)
    if place.line != place.end_line or isinstance(value_at(document, path), dict | list) != isinstance(
        value, dict | list
    ):
        raise _by_hand(document, path)
    lines = document.text.splitlines(keepends=True)
    line = lines[place.line - 1]
    before, after = line[: place.column - 1], line[place.end_column - 1 :]
    lines[place.line - 1] = f"{before}{_written(document, value)}{after}"
    return "".join(lines)


def _added(document: Document, path: Path, value: Any) -> str:
    if len(path) != 1 or document.file.endswith(".json") or document.text.lstrip().startswith("{"):
        raise _by_hand(document, path)
    return f"{document.text.rstrip()}\n{path[0]}: {_written(document, value)}\n"


def _written(document: Document, value: Any) -> str:
    if document.file.endswith(".json"):
        return json.dumps(value, ensure_ascii=False)
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").rstrip("\n")  # YAML ends a scalar that stands alone


def _wanted(old: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    own = old if isinstance(old, dict) else {}
    return {**own, path[0]: _wanted(own.get(path[0]), path[1:], value)}


def _by_hand(document: Document, path: Path) -> UsageError:
    name = ".".join(str(part) for part in path)
    return UsageError(f"{document.file}: {name} cannot be changed by itself: set it by hand, then commit")
