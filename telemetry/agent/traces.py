r"""Which lines are one event: traces of Python, Node, Java, Rust, Go and C++, records in colour. Pure.

Small grammars, one state each: a line that opens a trace, the lines that continue it, and what may come
between two parts of it. A block without any word of a trace is passed at once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_SIGNS = (
    b"Traceback",
    b"Error",
    b"Exception",
    b"Throwable",
    b"\tat ",
    b"    at ",
    b"panic",
    b"fatal error: ",
    b"terminate called",
    b"Sanitizer: ",
)
_PYTHON = re.compile(rb".*Traceback \(most recent call last\):\r?$")
_NAMED = re.compile(rb"[A-Za-z_][\w.]*\(")
"""An exception that a logger puts before its trace, as nautilus_trader does: `ValueError(no price)`."""
_UNCLOSED = re.compile(
    rb"^\x1b\[1m\d{4}-\d\d-\d\dT[\d:.]{8,18}Z\x1b\[0m (?:\x1b\[[\d;]*m)?\[[A-Z]+\] [^\n]*(?<!\x1b\[0m)$",
    re.MULTILINE,
)
"""The first line of a record in colour that goes on: nautilus_trader's end with `ESC[0m`."""
_CLOSED = re.compile(rb".*\x1b\[0m$")
_COLOURED = b"\x1b["
_PYTHON_BETWEEN = re.compile(rb"During handling of the above|The above exception was the direct")
_FRAME = re.compile(rb"[ \t]+at \S|[ \t]*\.\.\. \d+ (?:more|common)|Caused by: |[ \t]+Suppressed: |[ \t]|\}")
_AT = re.compile(rb"[ \t]+at \S")
_HEAD = re.compile(rb"(?:Exception in thread|(?:Uncaught )?[\w.$]*(?:Error|Exception|Throwable)\b)")
_LOGGED = re.compile(rb"(?!\{).*\b(?:ERROR|CRITICAL|FATAL|WARN|WARNING|SEVERE|error|exception)\b")
_NODE_HEAD = re.compile(rb"\[?(?:Uncaught )?[A-Za-z_$][\w.$]*(?: \[\w+\])?(?:: |\r?$)")
_NODE = re.compile(rb"(?:/|file:|node:)\S+:\d+\r?$")
_GO = re.compile(rb"panic: |fatal error: ")
_GO_NEXT = re.compile(
    rb"[ \t]|goroutine \d|panic: |\[signal |created by |exit status|runtime\.|[\w./*\[\]{}-]+\(.*\)\r?$"
)
_RUST = re.compile(rb"thread '[^']*' .*panicked at ")
_RUST_NEXT = re.compile(rb"[ \t]|note: |stack backtrace:")

_CPP = re.compile(rb"terminate called ")
_CPP_NEXT = re.compile(rb"[ \t]|#\d|\S+\([^()]*\) ?\[0x[0-9a-f]+\]|Aborted|Stack trace")
_SANITIZER = re.compile(rb"==\d+==\s?ERROR: \w+Sanitizer: ")
_SANITIZER_END = re.compile(rb"==\d+==\s?ABORTING")

_STARTS = re.compile(rb"\{|\[?\d{2,4}[-/:]\d\d|\x1b\[[\d;]*m\d{4}-")
"""A line that begins a record of its own by what no exception's name begins with: JSON, or a time."""
_RECORD = re.compile(
    rb"\{|\[?\d{2,4}[-/:]\d\d|.{0,80}\b(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|NOTSET)\b|"
    rb".*Traceback \(most recent call last\)"
)
"""A line that begins a record of its own: JSON, a time, or a level."""
_ANNOUNCES = re.compile(rb"(?:[:,(\[{\\]|\d{1,6} validation errors? for \S.*)\s*$")
"""An exception's first line that says that its message goes on."""
_BRACKETS = {b"[", b"(", b"]", b")", b"}", b"-", b"*"}
_MOST_MESSAGE = 20
"""Lines at the margin that may belong to such a message."""

MOST_LINES = 5000
"""A trace longer than this is cut into several events; freqtrade's of an outage has 3,300, try in try."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Joined lines of a block as (first line's number, count), and the line whose trace may go on.

    `open_from` equals the number of lines where nothing is open.
    """

    joins: list[tuple[int, int]]
    open_from: int


Continues = Callable[[bytes], "Continues | None"]
"""A trace's state: takes the next line, and returns the next state, None where the line is no part."""


def group(block: bytes) -> Grouping:
    """Find the traces in whole lines (each ends with a newline)."""
    if not (
        any(sign in block for sign in _SIGNS)
        or b"\n/" in block
        or block[:1] == b"/"
        or (_COLOURED in block and _UNCLOSED.search(block))
    ):
        return Grouping([], block.count(b"\n"))
    return _group_lines(block.split(b"\n")[:-1])


def _group_lines(lines: list[bytes]) -> Grouping:
    joins: list[tuple[int, int]] = []
    number, last = 0, len(lines)
    while number < last:
        first = number
        state = _opened(lines, number)
        number += 1
        while state is not None and number < last and number - first < MOST_LINES:
            state, number = _advance(state, lines, number)
        if number - first > 1:
            joins.append((first, number - first))
        if number >= last and state is not None and number - first < MOST_LINES:
            return Grouping(joins, first)
    return Grouping(joins, last)


def _advance(state: Continues, lines: list[bytes], number: int) -> tuple[Continues | None, int]:
    following = state(lines[number])
    return following, number + 1 if following is not None else number


def _opened(lines: list[bytes], number: int) -> Continues | None:
    """Return the state after a line that opens a trace, None for any other line."""
    line = lines[number]
    if line[:1] == b"{" or not line:
        return None
    if line[:2] == _COLOURED and _UNCLOSED.match(line):
        return _coloured
    following = lines[number + 1] if number + 1 < len(lines) else None
    if _PYTHON.match(line):
        return _indented if b"+ Exception Group" in line else _python_frames
    if _GO.match(line):
        return _go
    if _RUST.match(line):
        return _rust_message if line.rstrip().endswith(b":") else _rust
    if _CPP.match(line):
        return _cpp
    if _SANITIZER.match(line):
        return _sanitized
    if _NODE.match(line):
        return _node_source
    if _HEAD.match(line):
        return _frames_or_nothing
    if following is not None and _AT.match(following):
        return _frames
    if following is not None and _announces_trace(lines, number + 1) and _LOGGED.match(line):
        return _python_head
    return None


def _announces_trace(lines: list[bytes], number: int) -> bool:
    """Say whether a trace of Python begins with this line, or behind it where it names the exception."""
    if _PYTHON.match(lines[number]):
        return True
    named = number + 1 < len(lines) and _NAMED.match(lines[number])
    return bool(named and _PYTHON.match(lines[number + 1]))


def _coloured(line: bytes) -> Continues | None:
    """Take what follows the first line of a record in colour, until the colour ends."""
    if _STARTS.match(line):
        return None
    return _node_end if _CLOSED.match(line) else _coloured


def _python_head(line: bytes) -> Continues | None:
    return _python_frames if _PYTHON.match(line) else _python_head


def _python_frames(line: bytes) -> Continues | None:
    if line[:1] in {b" ", b"\t"} or not line.strip():
        return _python_frames
    if _STARTS.match(line):
        return None  # its exception was named before it
    if _ANNOUNCES.search(line):
        return lambda following: _python_message(following, _MOST_MESSAGE)
    return _python_end


def _indented(line: bytes) -> Continues | None:
    return _indented if line[:1] == b" " else None


def _python_end(line: bytes) -> Continues | None:
    return _python_message(line, 0)


def _python_message(line: bytes, left: int) -> Continues | None:
    """Take what follows an exception's first line: its message may go on, or another trace may follow.

    Indented lines and those that begin with a bracket or a bullet belong to it; of others, `left` more do,
    which is 0 unless the line before them announced them.
    """
    if not line.strip() or _PYTHON_BETWEEN.match(line):
        return _python_after
    if _PYTHON.match(line):
        return _python_frames
    if line[:1] in {b" ", b"\t"}:
        return lambda following: _python_message(following, left)
    if (left or line[:1] in _BRACKETS) and not _RECORD.match(line):
        return lambda following: _python_message(following, max(left - 1, 0))
    return None


def _python_after(line: bytes) -> Continues | None:
    """Take what follows an empty line behind an exception: the next trace of a chain."""
    if not line.strip() or _PYTHON_BETWEEN.match(line) or line[:1] in {b" ", b"\t"}:
        return _python_after
    return _python_frames if _PYTHON.match(line) else None


def _frames_or_nothing(line: bytes) -> Continues | None:
    return _frames if _AT.match(line) or line.startswith(b"Caused by: ") else None


def _frames(line: bytes) -> Continues | None:
    return _frames if _FRAME.match(line) else None


def _node_source(_: bytes) -> Continues | None:
    return _node


def _node(line: bytes) -> Continues | None:
    if not line.strip():
        return _node_after
    if _FRAME.match(line) or _HEAD.match(line):
        return _node
    return _node_end if line.startswith(b"Node.js v") else None


def _node_after(line: bytes) -> Continues | None:
    """Take what follows an empty line: the error itself, which may be called as its class likes."""
    if _NODE_HEAD.match(line) and not _RECORD.match(line):
        return _node
    return _node(line)


def _node_end(_: bytes) -> Continues | None:
    return None


def _go(line: bytes) -> Continues | None:
    return _go if not line.strip() or _GO_NEXT.match(line) else None


def _rust_message(_: bytes) -> Continues | None:
    return _rust


def _rust(line: bytes) -> Continues | None:
    return _rust if _RUST_NEXT.match(line) else None


def _cpp(line: bytes) -> Continues | None:
    return _cpp if _CPP_NEXT.match(line) else None


def _sanitized(line: bytes) -> Continues | None:
    if _SANITIZER_END.match(line):
        return _node_end
    return None if _RECORD.match(line) else _sanitized
