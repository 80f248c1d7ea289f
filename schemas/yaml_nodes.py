"""libyaml's tree of nodes for a text, bounded, or a syntax error in plain words."""

import yaml
from yaml._yaml import CParser

from schemas.document import DEEPEST, MOST_VALUES, split_lines
from schemas.readable_text import Unreadable, unreadable_at, unreadable_at_index

PLAIN = "plain"
"""The tag of a scalar without quotes and without a tag."""
TEXT = "text"
"""The tag of a quoted scalar, and of a collection without a tag."""


class _Composer(CParser):
    """libyaml's tree of nodes: marks on each, nothing constructed, bounded in depth and number."""

    def __init__(self, text: str) -> None:
        super().__init__(text.encode())
        self._depth = 0
        self._nodes = 0

    def resolve(self, _kind: object, _value: object, implicit: object) -> str:
        """Tag a node by how it was written; called for each node without a tag of its own."""
        return PLAIN if isinstance(implicit, tuple) and implicit[0] else TEXT

    def descend_resolver(self, parent: yaml.Node | None, _index: object) -> None:
        """Count a node on the way down; called before each is composed."""
        self._depth += 1
        self._nodes += 1
        if self._depth > DEEPEST:
            raise TooMuch(f"nested more than {DEEPEST} levels deep", parent)
        if self._nodes > MOST_VALUES:
            raise TooMuch(f"more than {MOST_VALUES:,} values in one document", parent)

    def ascend_resolver(self) -> None:
        """Count a node on the way up."""
        self._depth -= 1


class TooMuch(Exception):
    """A document is nested too deep or holds too many values; raised at a node."""

    def __init__(self, message: str, node: yaml.Node | None) -> None:
        super().__init__(message)
        self.message = message
        self.node = node


def composed(file: str, text: str) -> yaml.Node | None:
    """Return the root node, None for an empty document. Raises Unreadable."""
    composer = _Composer(text)
    try:
        node: yaml.Node | None = composer.get_single_node()
    except TooMuch as error:
        raise unreadable_at_node(file, text, error) from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(file, text, error) from error
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="ignore")
        raise unreadable_at_index(
            file, text, len(before), "a control character cannot stand in a document"
        ) from error
    finally:
        composer.dispose()
    return node


def unreadable_at_node(file: str, text: str, error: TooMuch) -> Unreadable:
    """Return the error at its node."""
    mark = error.node.start_mark if error.node is not None else None
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return unreadable_at(file, text, line, column, error.message)


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


def _syntax_error(file: str, text: str, error: yaml.MarkedYAMLError) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    problem = (error.problem or error.context or "").rstrip(".")
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    lines = split_lines(text)
    character = lines[line - 1][column - 1 : column] if line <= len(lines) else ""
    return unreadable_at(file, text, line, column, _words(problem, character))


def _words(problem: str, character: str) -> str:
    if "cannot start any token" in problem:
        tab = "a tab; indent with spaces"
        return tab if character == "\t" else f'"{character}" begins no value; quote the text'
    return next((ours for theirs, ours in _SYNTAX_WORDS if theirs in problem), f"not valid YAML: {problem}")
