"""Traces of Node and of the JVM, which are alike: a head, then lines that begin with `at`. Pure."""

import re
from collections.abc import Callable, Iterator

from telemetry.errors.trace import MOST_THROWN, Frame, Thrown, Trace, limited

_AT = re.compile(r"\s+at \S|\s*\.\.\. \d+ (?:more|common frames|lines? matching)")
_JAVA = re.compile(
    r"\s+at (?:[\w.@$-]*/{1,2}){0,2}(?P<function>[\w.$<>]+)"
    r"\((?P<file>[\w$.-]+|Native Method|Unknown Source)(?::(?P<line>\d{1,9}))?\)"
)
_NODE = re.compile(
    r"\s+at (?:async )?(?:new )?(?:(?P<function>[^()]+?) (?:\[as [^\]]*\] )?\()?"
    r"(?P<file>(?:file:|node:|/|[A-Za-z]:[\\/]|internal/|webpack|\.{1,2}/)[^()]*?)"
    r":(?P<line>\d{1,9})(?::\d{1,9})?\)?[\s{,\]]*$"
)
_HEAD = re.compile(
    r"(?P<before>\s*(?:\[(?:cause|errors|\d+)\]: )?(?:\[ ?)?(?:Caused by: |Suppressed: |Wrapped by: )?"
    r'(?:Exception in thread "[^"]*" )?(?:Uncaught )?)'
    r"(?P<type>[A-Za-z_$][\w.$]*)(?: \[[\w-]+\])?(?:: ?(?P<message>.*))?$"
)
_ALONE = re.compile(r"^\[(?P<type>[A-Z]\w*)(?: \[[\w-]+\])?: (?P<message>.*)\](?: \{)?$", re.MULTILINE)
"""An error without a stack of its own, as Node shows one whose parts have theirs."""
_CAUSE = re.compile(r"\[cause\]|Caused by|Wrapped by")
_PART = re.compile(r"\s|\[|Suppressed")
_CLASS = re.compile(r"(?:[\w$.]*[.$])?[A-Z]\w*$")
_LINES_OF_MESSAGE = 20


def parse_node(text: str) -> Trace | None:
    """Return the trace in a text that Node printed, None where there is none."""
    alone = _ALONE.search(text)
    first = [limited(alone["type"], alone["message"], [])] if alone else []
    return _parse(text, "node", _NODE, _node_frame, first)


def parse_java(text: str) -> Trace | None:
    """Return the trace in a text that a JVM printed, None where there is none."""
    return _parse(text, "java", _JAVA, _java_frame, [])


def _parse(
    text: str,
    language: str,
    pattern: re.Pattern[str],
    make: Callable[[re.Match[str]], Frame],
    chain: list[Thrown],
) -> Trace | None:
    """Read the blocks of frames, each with its head; `chain` holds what was thrown without any."""
    lines = text.split("\n")
    parts: list[Thrown] = []
    past = 0
    for start, end in _runs(lines):
        head = _head(lines, past, start)
        past = end
        frames = [make(found) for line in lines[start:end] if (found := pattern.match(line))]
        if head is None or len(chain) + len(parts) >= MOST_THROWN or not (chain or frames):
            continue
        number, found = head
        message = "\n".join([found["message"] or "", *lines[number + 1 : start]])
        thrown = limited(found["type"], message, frames[::-1])
        if not chain or _CAUSE.search(found["before"]):
            chain.append(thrown)
        elif _PART.match(found["before"]):
            parts.append(thrown)
    return Trace(language, tuple(chain), tuple(parts)) if chain else None


def _runs(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield where each block of lines that begin with `at` starts and ends."""
    number = 0
    while number < len(lines):
        start = number
        while number < len(lines) and _AT.match(lines[number]):
            number += 1
        if number > start:
            yield start, number
        number += 1


def _head(lines: list[str], past: int, start: int) -> tuple[int, re.Match[str]] | None:
    """Return the line above a block of frames that names the exception, and how it reads.

    A message may have several lines, so that the nearest one that is called an error is preferred.
    """
    candidates = []
    for number in range(start - 1, max(past, start - _LINES_OF_MESSAGE) - 1, -1):
        found = _HEAD.match(lines[number])
        if found is None or not _CLASS.match(found["type"]):
            continue
        if found["type"].endswith(("Error", "Exception", "Throwable")):
            return number, found
        candidates.append((number, found))
    return candidates[0] if candidates else None


def _node_frame(found: re.Match[str]) -> Frame:
    return Frame((found["function"] or "").strip(), found["file"].removeprefix("file://"), int(found["line"]))


def _java_frame(found: re.Match[str]) -> Frame:
    return Frame(found["function"], found["file"], int(found["line"] or 0))
