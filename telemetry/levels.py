"""Severity: five levels, and how they are read from what logging libraries print."""

import re
from typing import Any

LEVELS = ("debug", "info", "warning", "error", "critical")
"""From the least to the most severe."""

_NAMES = {
    "trace": "debug",
    "verbose": "debug",
    "debug": "debug",
    "info": "info",
    "information": "info",
    "notice": "info",
    "warn": "warning",
    "warning": "warning",
    "err": "error",
    "error": "error",
    "exception": "error",
    "severe": "error",
    "fatal": "critical",
    "critical": "critical",
    "panic": "critical",
    "alert": "critical",
    "emergency": "critical",
}

_WORD = r"(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|PANIC)"
_TIME = r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d[\d:.,]*\s?(?:Z|UTC|[+-]\d\d:?\d\d)?\]?"
_AT_START = re.compile(rf"(?:{_TIME}[\s|:-]*)?[\[(<]?{_WORD}(?:[\])>:|\s-]|$)")
_BETWEEN = re.compile(rf"(?:^|\s)(?:[-|] ?|\[){_WORD}\s*(?:[-|\]:]|$)")
_IN_JSON = re.compile(r'"(?:level|levelname|severity)" ?: ?"(\w+)"')
"""In a line that was meant to be JSON: formats that only put quotes around a message break at its own."""
_LOOK_AT = 200
"""Only the head of a line is searched: a word deep inside it is prose."""


def level_named(value: Any) -> str | None:
    """Return the level that a logging library's word or pino's number means, None where it is unknown."""
    if type(value) is str:
        return _NAMES.get(value.lower())
    if type(value) is int:
        return LEVELS[min(max(value - 20, 0) // 10, 4)]
    return None


def level_of_text(text: str) -> str | None:
    """Return the level that a plain line shows, as in `INFO:main:text` or `time - name - ERROR - text`."""
    head = text[:_LOOK_AT]
    if head[:1] == "{" and (named := _IN_JSON.search(head)):
        return level_named(named[1])
    found = _AT_START.match(head) or _BETWEEN.search(head)
    return _NAMES[found.group(1).lower()] if found else None


def at_least(level: str) -> tuple[str, ...]:
    """Return `level` and all more severe ones; every level for a word that is none."""
    return LEVELS[LEVELS.index(level) :] if level in LEVELS else LEVELS
