"""Traces of Python: chains, groups of exceptions, mistakes of syntax. Pure."""

import re
from collections.abc import Iterator

from telemetry.errors.trace import MOST_THROWN, Frame, Thrown, Trace, limited

_BETWEEN = re.compile(
    r"\n(?:  \| ?)?\n?(?:  \| )?(?:During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:)\n"
)
_HEAD = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):")
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d{1,9})(?:, in (?P<function>.+))?$')
_THROWN = re.compile(r"(?P<type>[A-Za-z_][\w.<>]*)(?:: ?(?P<message>.*))?$")
_NAMED = re.compile(r"(?P<type>[A-Za-z_][\w.]*)\(")
"""An exception as some loggers put it before its trace, whose own last line they leave out."""
_PART = re.compile(r"[ |]*\+[-+]*- (?:\d+|\.\.\.) -+$")
_MARGIN = re.compile(r"^[ ]*[|+](?:-\+-+|-+)?(?: |$)")
_MARKS = re.compile(r"[\s~^]+$")
_SYNTAX = re.compile(r"(?:SyntaxError|IndentationError|TabError)\b")


def parse(text: str) -> Trace | None:
    """Return the trace in a text, None where there is none."""
    if not _HEAD.search(text) and not (_SYNTAX.search(text) and 'File "' in text):
        return None
    chain: list[Thrown] = []
    parts: tuple[Thrown, ...] = ()
    segments = _BETWEEN.split(text)[-MOST_THROWN:]
    for number, segment in enumerate(segments, 1):
        own, grouped = _segment(segment, _named_before(text) if number == len(segments) else None)
        if own is not None:
            chain.append(own)
            parts = grouped
    return Trace("python", tuple(reversed(chain)), parts) if chain else None


def _named_before(text: str) -> tuple[str, str] | None:
    """Return type and message of an exception that stands between a record's first line and its trace."""
    before = text[: found.start()] if (found := _HEAD.search(text)) else ""
    lines = before.rstrip().split("\n")
    first = next((number for number in range(1, len(lines)) if _NAMED.match(lines[number])), 0)
    named = _NAMED.match(lines[first]) if first and lines[-1].endswith(")") else None
    return (named["type"], "\n".join(lines[first:])[named.end() : -1]) if named else None


def _segment(text: str, named: tuple[str, str] | None = None) -> tuple[Thrown | None, tuple[Thrown, ...]]:
    """Return one exception, and the parts that it is a group of."""
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if _PART.match(line)), len(lines))
    grouped = any("+ Exception Group" in line for line in lines[:first]) or first < len(lines)
    own = _exception([_MARGIN.sub("", line) for line in lines[:first]] if grouped else lines, named)
    return own, tuple(_parts(lines[first:]))


def _parts(lines: list[str]) -> Iterator[Thrown]:
    """Yield each exception of a group; those of groups in groups as well."""
    block: list[str] = []
    for line in [*lines, "+-+-- 1 --"]:
        if _PART.match(line) or line == "+-+-- 1 --":
            bare = [_bare(one) for one in block]
            own = parse("\n".join(bare)) or _exception(bare)
            if own is not None:
                yield own.last if isinstance(own, Trace) else own
            block = []
        else:
            block.append(line)


def _bare(line: str) -> str:
    """Return a line without the margins of the groups that it is in."""
    while (found := _MARGIN.match(line)) is not None:
        line = line[found.end() :]
    return line


def _exception(lines: list[str], named: tuple[str, str] | None = None) -> Thrown | None:
    """Return the exception that these lines show: frames, then its type and message.

    Where only frames are shown it is the one `named` before them.
    """
    frames: list[Frame] = []
    number = next((number + 1 for number, line in enumerate(lines) if _HEAD.search(line)), 0)
    while number < len(lines):
        line = lines[number]
        number += 1
        if found := _FRAME.match(line):
            code = lines[number].strip() if number < len(lines) and _is_code(lines[number]) else ""
            frames.append(
                Frame((found["function"] or "").strip(), found["file"], int(found["line"]), code[:200])
            )
        elif line[:1].strip() and (frames or number > 1) and (thrown := _THROWN.match(line)):
            message = "\n".join([thrown["message"] or "", *_message(lines[number:])])
            return limited(thrown["type"], message, frames)
    return limited(*named, frames) if named is not None and frames else None


def _is_code(line: str) -> bool:
    return line[:1] == " " and not _FRAME.match(line) and not _MARKS.match(line)


def _message(lines: list[str]) -> list[str]:
    """Return the further lines of a message, without the empty ones at its end."""
    end = next((number for number in range(len(lines), 0, -1) if lines[number - 1].strip()), 0)
    return lines[:end]
