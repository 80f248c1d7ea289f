"""What makes two errors the same one: type, the bot's own frames, the message without its values. Pure."""

import hashlib
import re

from telemetry.errors.trace import Thrown, Trace

_LONGEST = 200
_MOST_FRAMES = 30
_KEEPS_NAMES = re.compile(
    r"(?:.*\.)?(?:NameError|AttributeError|KeyError|ImportError|ModuleNotFoundError|TypeError|"
    r"UnboundLocalError|ReferenceError)$"
)
"""Types whose messages name something of the code, by which they are told apart."""
_QUOTED = re.compile(r"(?<!\w)'(?P<a>[^'\n]{0,500})'(?!\w)|\"(?P<b>[^\"\n]{0,500})\"|`(?P<c>[^`\n]{0,500})`")
_NAME = re.compile(r"(?=.*[a-z])[A-Za-z_][A-Za-z_.]{0,60}$")
_VALUES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?P<url>\b(?:https?|wss?)://[^\s?#'\"]{1,300})[?#][^\s'\"]*"), r"\g<url>?<query>"),
    (
        re.compile(
            r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
            r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"
        ),
        "<time>",
    ),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b0[xX][0-9a-fA-F]+\b"), "<address>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"), "<address>"),
    (re.compile(r"\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b"), "<id>"),
    (re.compile(r"\b[A-Z0-9]{2,12}/[A-Z]{3,6}(?::[A-Z]{3,6})?\b"), "<symbol>"),
    (re.compile(r"(?<!/v)[-+]?\d+(?:[.,_]\d+)*(?:[eE][-+]?\d+)?"), "<n>"),
)
_PREFIX = re.compile(
    r"(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d[\d:.,]{0,20}\s?(?:Z|UTC|[+-]\d\d:?\d\d)?\]?[\s|:-]{0,20})?"
    r"(?:[\w.]{1,200} - )?[\[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|SEVERE|FATAL|CRITICAL|PANIC)"
    r"(?::[\w.]+:|[\])>]?\s*[:|-]*)\s*"
)
"""What a logging library puts before a message: its time, the logger, the level."""


def normalised(message: str, type_: str = "") -> str:
    """Return a message's first line with its values masked: numbers, ids, addresses, times, quoted texts."""
    text = _first_line(message)[:2000]
    names = bool(_KEEPS_NAMES.match(type_))
    text = _QUOTED.sub(lambda found: _quoted(found, names=names), text)
    for pattern, mask in _VALUES:
        text = pattern.sub(mask, text)
    return " ".join(text.split())[:_LONGEST]


def without_prefix(line: str) -> str:
    """Return a log line without the time, the logger and the level before its message."""
    found = _PREFIX.match(line[:2000])
    return line[found.end() :] if found and found.end() < len(line) else line


def of_trace(trace: Trace) -> str:
    """Return what tells this error from others, 16 hexadecimal digits; its frames must be placed already."""
    root = trace.root
    told = [trace.language, trace.last.type, normalised(trace.last.message, trace.last.type)]
    told += _calls(trace.last)
    if root is not trace.last:
        told += [root.type, *_calls(root)]
    told += sorted({part.type for part in trace.parts})
    return _digest(told)


def of_line(type_: str, message: str) -> str:
    """Return what tells an error that has no trace from others, 16 hexadecimal digits."""
    return _digest(["line", type_, normalised(without_prefix(message), type_)])


def _calls(thrown: Thrown) -> list[str]:
    own = [f"{frame.file} {frame.function}" for frame in thrown.frames if frame.in_app]
    # A recursion is as deep as it happened to be.
    return list(dict.fromkeys(own))[-_MOST_FRAMES:]


def _first_line(message: str) -> str:
    return next((line for line in message.split("\n") if line.strip()), "")


def _quoted(found: re.Match[str], *, names: bool) -> str:
    inside = found["a"] or found["b"] or found["c"] or ""
    return f"'{inside}'" if names and _NAME.match(inside) else "<text>"


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:16]
