"""Loads a YAML or JSON document as plain data, and refuses what would surprise or harm.

YAML is read by the core schema of YAML 1.2, over libyaml: `yes`, `no`, `on`, `off`, dates and `1:30` are
text; keys are always text, as written; octal is `0o17`. A number with a leading zero (`007`) is an error,
since YAML 1.1 and 1.2 read it as different numbers. There is one document per file; no merge keys (`<<`),
no tags but those of the core schema, no duplicate keys, no infinite numbers. Anchors and aliases are
followed up to a bound.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from schemas import json_document
from schemas.document import (
    DEEPEST,
    DUPLICATE,
    MOST_BYTES,
    MOST_ERRORS,
    MOST_VALUES,
    Document,
    Path,
    Place,
    Places,
    holds_secret,
)
from schemas.errors import ManifestError
from schemas.readable_text import Unreadable, decoded
from schemas.words import quoted
from schemas.yaml_nodes import PLAIN, TEXT, TooMuch, composed, unreadable_at_node
from schemas.yaml_scalars import CORE_TAGS, InvalidScalar, scalar_value

_CORE = "tag:yaml.org,2002:"
_COLLECTIONS = {"map": yaml.MappingNode, "seq": yaml.SequenceNode}


def load_document(
    file: str, content: bytes, most_bytes: int = MOST_BYTES
) -> tuple[Document | None, list[ManifestError]]:
    """Return the document of a file, and everything that is wrong with it as YAML or JSON (by its suffix).

    A document that comes with errors (a duplicate key, say) holds the rest, so that all errors of a file
    can be found at once; it is None where the text could not be read at all.
    """
    try:
        text = decoded(file, content, most_bytes)
        if file.endswith(".json"):
            return json_document.load(file, text)
        return _load_yaml(file, text)
    except Unreadable as error:
        return None, [error.error]


def _load_yaml(file: str, text: str) -> tuple[Document, list[ManifestError]]:
    root = composed(file, text)
    reading = _Reading()
    try:
        value = reading.value(root, (), 0) if root is not None else None
    except TooMuch as error:
        raise unreadable_at_node(file, text, error) from error
    document = Document(
        file,
        text,
        value,
        find_places,
        frozenset(problem.path for problem in reading.problems if problem.unread),
    )
    return document, [problem.placed(document) for problem in reading.problems]


class _Problem:
    """Something wrong at a node that does not keep the rest from being read."""

    __slots__ = ("column", "line", "message", "path", "suggestion", "unread")

    def __init__(
        self,
        node: yaml.Node,
        path: Path,
        message: str,
        suggestion: str | None = None,
        *,
        unread: bool = False,
    ) -> None:
        self.line: int = node.start_mark.line + 1
        self.column: int = node.start_mark.column + 1
        self.path = path
        self.message = message
        self.suggestion = suggestion
        self.unread = unread

    def placed(self, document: Document) -> ManifestError:
        return document.error_at(self.line, self.column, self.path, self.message, self.suggestion)


class _Reading:
    """One walk over the nodes that makes plain data of them and collects what is wrong."""

    __slots__ = ("_left", "problems")

    def __init__(self) -> None:
        self.problems: list[_Problem] = []
        self._left = MOST_VALUES

    def _report(self, problem: _Problem) -> None:
        if len(self.problems) < MOST_ERRORS:
            self.problems.append(problem)

    def value(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self._count(node, depth)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._check_collection_tag(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index), depth + 1) for index, child in enumerate(node.value)]
        return self._mapping(node.value, path, depth)

    def _count(self, node: yaml.Node, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooMuch(f"aliases expand to more than {MOST_VALUES:,} values", node)
        if depth >= DEEPEST:
            raise TooMuch(f"an alias contains itself, or is nested more than {DEEPEST} levels deep", node)

    def _pass_over(self, node: yaml.Node, depth: int) -> None:
        """Count a value that is left out: it is bounded as well, since the places in it are looked up."""
        self._count(node, depth)
        if isinstance(node, yaml.ScalarNode):
            return
        is_mapping = isinstance(node, yaml.MappingNode)
        for child in (value for _, value in node.value) if is_mapping else node.value:
            self._pass_over(child, depth + 1)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        if node.tag == TEXT:
            return node.value
        kind = "" if node.tag == PLAIN else node.tag.removeprefix(_CORE)
        if kind not in CORE_TAGS:
            self._report(_Problem(node, path, _refused_tag(node.tag), unread=True))
            return None
        try:
            return scalar_value(node.value, kind)
        except InvalidScalar as error:
            message = str(error) if not holds_secret(path) else "this value cannot be read; quote it"
            self._report(_Problem(node, path, message, error.suggestion, unread=True))
            return None

    def _check_collection_tag(self, node: yaml.Node, path: Path) -> None:
        if node.tag in (PLAIN, TEXT):
            return
        if not isinstance(node, _COLLECTIONS.get(node.tag.removeprefix(_CORE), ())):
            self._report(_Problem(node, path, _refused_tag(node.tag)))

    def _mapping(self, pairs: list[tuple[yaml.Node, yaml.Node]], path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in pairs:
            key = self._key(key_node, path)
            if key is None:
                self._pass_over(value_node, depth + 1)
                continue
            if key in found:
                message = f"duplicate key {quoted(key)}, first on line {lines[key]}"
                self._report(_Problem(key_node, (*path, key), message))
                self._pass_over(value_node, depth + 1)
                continue
            lines[key] = key_node.start_mark.line + 1
            found[key] = self.value(value_node, (*path, key), depth + 1)
        return found

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._report(_Problem(node, path, "a key must be text"))
            return None
        if node.tag == PLAIN and node.value == "<<":
            self.problems.append(
                _Problem(node, (*path, "<<"), 'merge keys ("<<") are not read; write the keys out')
            )
            return None
        if node.tag not in (PLAIN, TEXT, _CORE + "str"):
            self._report(_Problem(node, path, _refused_tag(node.tag)))
            return None
        return str(node.value)


def _refused_tag(tag: str) -> str:
    name = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
    return f"the tag {quoted(name)} is not read: only plain values are safe"


def find_places(text: str) -> Places:
    """Return the place of every value of a YAML text that has been read before."""
    root = composed("", text)
    return dict(_places(root, (), None)) if root is not None else {}


def _places(node: yaml.Node, path: Path, key: yaml.Node | None) -> Iterator[tuple[Path, Place]]:
    start, end, named = node.start_mark, node.end_mark, (key or node).start_mark
    yield (
        path,
        Place(
            start.line + 1, start.column + 1, end.line + 1, end.column + 1, named.line + 1, named.column + 1
        ),
    )
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _places(child, (*path, index), None)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key_node, child in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                own = (*path, key_node.value)
                yield from _places(child, own if own not in seen else (*own, DUPLICATE), key_node)
                seen.add(own)
