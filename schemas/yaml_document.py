"""Loads a YAML or JSON document as plain data, and refuses what would surprise or harm.

YAML is read by the core schema of YAML 1.2, over libyaml: `yes`, `no`, `on`, `off`, dates and `1:30` are
text; keys are always text, as written; octal is `0o17`. A number with a leading zero (`007`) is an error,
since YAML 1.1 and 1.2 read it as different numbers. There is one document per file; no merge keys (`<<`),
no tags but those of the core schema, no duplicate keys, no infinite numbers. Anchors and aliases are
followed up to a bound.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml._yaml import CParser

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
    cautious_excerpt,
    holds_secret,
    split_lines,
)
from schemas.errors import ManifestError
from schemas.words import quoted
from schemas.yaml_scalars import CORE_TAGS, InvalidScalar, scalar_value

_CORE = "tag:yaml.org,2002:"
_PLAIN = "plain"
_TEXT = "text"
_COLLECTIONS = {"map": yaml.MappingNode, "seq": yaml.SequenceNode}
_ODD_BREAKS = re.compile("[\x85\u2028\u2029]")


def load_document(
    file: str, content: bytes, most_bytes: int = MOST_BYTES
) -> tuple[Document | None, list[ManifestError]]:
    """Return the document of a file, and everything that is wrong with it as YAML or JSON (by its suffix).

    A document that comes with errors (a duplicate key, say) holds the rest, so that all errors of a file
    can be found at once; it is None where the text could not be read at all.
    """
    try:
        text = _decoded(file, content, most_bytes)
        if file.endswith(".json"):
            return json_document.load(file, text)
        return _load_yaml(file, text)
    except _Unreadable as error:
        return None, [error.error]


class _Unreadable(Exception):
    """The text of a file cannot be read any further."""

    def __init__(self, error: ManifestError) -> None:
        super().__init__(error.message)
        self.error = error


def _decoded(file: str, content: bytes, most_bytes: int) -> str:
    if len(content) > most_bytes:
        size = f"{len(content) / 1024:,.0f} KiB"
        raise _Unreadable(
            ManifestError(file, 0, 0, "", f"the file is {size}; at most {most_bytes // 1024:,} KiB are read")
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        readable = content.decode("utf-8", errors="replace")
        raise _at_index(file, readable, len(before), "not valid UTF-8") from error
    for character, name in (("\0", "a NUL character"), ("\ufffe", "the character U+FFFE")):
        if character in text:
            raise _at_index(file, text, text.index(character), f"{name} cannot stand in a document")
    if odd := _ODD_BREAKS.search(text):
        code = f"U+{ord(odd[0]):04X}"
        raise _at_index(
            file, text, odd.start(), f"the line break {code} cannot stand in a document; escape it"
        )
    return text


def _at_index(file: str, text: str, index: int, message: str) -> _Unreadable:
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    line = before.count("\n") + 1
    return _at(file, text, line, len(before) - before.rfind("\n"), message)


def _at(file: str, text: str, line: int, column: int, message: str) -> _Unreadable:
    return _Unreadable(ManifestError(file, line, column, "", message, None, cautious_excerpt(text, line)))


class _Composer(CParser):
    """libyaml's tree of nodes: marks on each, nothing constructed, bounded in depth and number."""

    def __init__(self, text: str) -> None:
        super().__init__(text.encode())
        self._depth = 0
        self._nodes = 0

    def resolve(self, _kind: object, _value: object, implicit: object) -> str:
        """Tag a node by how it was written; called for each node without a tag of its own."""
        return _PLAIN if isinstance(implicit, tuple) and implicit[0] else _TEXT

    def descend_resolver(self, parent: yaml.Node | None, _index: object) -> None:
        """Count a node on the way down; called before each is composed."""
        self._depth += 1
        self._nodes += 1
        if self._depth > DEEPEST:
            raise _TooMuch(f"nested more than {DEEPEST} levels deep", parent)
        if self._nodes > MOST_VALUES:
            raise _TooMuch(f"more than {MOST_VALUES:,} values in one document", parent)

    def ascend_resolver(self) -> None:
        """Count a node on the way up."""
        self._depth -= 1


class _TooMuch(Exception):
    def __init__(self, message: str, node: yaml.Node | None) -> None:
        super().__init__(message)
        self.message = message
        self.node = node


def _load_yaml(file: str, text: str) -> tuple[Document, list[ManifestError]]:
    root = _composed(file, text)
    reading = _Reading()
    try:
        value = reading.value(root, (), 0) if root is not None else None
    except _TooMuch as error:
        raise _at_node(file, text, error) from error
    document = Document(
        file,
        text,
        value,
        find_places,
        frozenset(problem.path for problem in reading.problems if problem.unread),
    )
    return document, [problem.placed(document) for problem in reading.problems]


def _composed(file: str, text: str) -> yaml.Node | None:
    composer = _Composer(text)
    try:
        node: yaml.Node | None = composer.get_single_node()
    except _TooMuch as error:
        raise _at_node(file, text, error) from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(file, text, error) from error
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="ignore")
        raise _at_index(file, text, len(before), "a control character cannot stand in a document") from error
    finally:
        composer.dispose()
    return node


def _at_node(file: str, text: str, error: _TooMuch) -> _Unreadable:
    mark = error.node.start_mark if error.node is not None else None
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return _at(file, text, line, column, error.message)


_SYNTAX_WORDS = (
    ("found another document", "a second document begins here; one file holds one document"),
    ("mapping values are not allowed", 'a mapping cannot begin here; quote a text that holds ": "'),
    ("found undefined alias", "this alias has no anchor above it"),
    ("found duplicate anchor", "this anchor is defined twice"),
    ("did not find expected ',' or ']'", "the list in brackets is not closed, or a comma is missing"),
    ("did not find expected ',' or '}'", "the mapping in braces is not closed, or a comma is missing"),
    ("found unexpected end of stream", "the quotation is not closed"),
    ("did not find expected key", "expected a key at this indentation"),
    ("did not find expected '-' indicator", 'expected another "- " element at this indentation'),
    ("could not find expected ':'", 'expected ":" after the key above'),
    ("tab character", "a tab; indent with spaces"),
)


def _syntax_error(file: str, text: str, error: yaml.MarkedYAMLError) -> _Unreadable:
    mark = error.problem_mark or error.context_mark
    problem = (error.problem or error.context or "").rstrip(".")
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    lines = split_lines(text)
    character = lines[line - 1][column - 1 : column] if line <= len(lines) else ""
    if "cannot start any token" in problem:
        words = (
            "a tab; indent with spaces"
            if character == "\t"
            else f'"{character}" begins no value; quote the text'
        )
    else:
        words = next(
            (ours for theirs, ours in _SYNTAX_WORDS if theirs in problem), f"not valid YAML: {problem}"
        )
    return _at(file, text, line, column, words)


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
        self._left -= 1
        if self._left < 0:
            raise _TooMuch(f"aliases expand to more than {MOST_VALUES:,} values", node)
        if depth >= DEEPEST:
            raise _TooMuch(f"an alias contains itself, or is nested more than {DEEPEST} levels deep", node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._check_collection_tag(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index), depth + 1) for index, child in enumerate(node.value)]
        return self._mapping(node.value, path, depth)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        if node.tag == _TEXT:
            return node.value
        kind = "" if node.tag == _PLAIN else node.tag.removeprefix(_CORE)
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
        if node.tag in (_PLAIN, _TEXT):
            return
        if not isinstance(node, _COLLECTIONS.get(node.tag.removeprefix(_CORE), ())):
            self._report(_Problem(node, path, _refused_tag(node.tag)))

    def _mapping(self, pairs: list[tuple[yaml.Node, yaml.Node]], path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in pairs:
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in found:
                message = f"duplicate key {quoted(key)}, first on line {lines[key]}"
                self._report(_Problem(key_node, (*path, key), message))
                continue
            lines[key] = key_node.start_mark.line + 1
            found[key] = self.value(value_node, (*path, key), depth + 1)
        return found

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._report(_Problem(node, path, "a key must be text"))
            return None
        if node.tag == _PLAIN and node.value == "<<":
            self.problems.append(
                _Problem(node, (*path, "<<"), 'merge keys ("<<") are not read; write the keys out')
            )
            return None
        if node.tag not in (_PLAIN, _TEXT, _CORE + "str"):
            self._report(_Problem(node, path, _refused_tag(node.tag)))
            return None
        return str(node.value)


def _refused_tag(tag: str) -> str:
    name = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
    return f"the tag {quoted(name)} is not read: only plain values are safe"


def find_places(text: str) -> Places:
    """Return the place of every value of a YAML text that has been read before."""
    root = _composed("", text)
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
