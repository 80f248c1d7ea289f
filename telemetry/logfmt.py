"""Lines of `key=value` pairs, as Go's and many other loggers print them. Pure, in linear time."""

import re

MOST_PAIRS = 100
LONGEST = 1 << 16
"""Bytes of a line beyond which it is not looked at."""
_PAIR = re.compile(r'([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?:\s+|$)')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def read_logfmt(text: str) -> dict[str, str] | None:
    """Return the pairs of a line that is made of nothing else, None for any other line."""
    if len(text) > LONGEST:
        return None
    fields: dict[str, str] = {}
    place = 0
    while place < len(text):
        found = _PAIR.match(text, place)
        if found is None or len(fields) == MOST_PAIRS:
            return None
        name, quoted, bare = found.groups()
        fields[name] = bare if quoted is None else _ESCAPED.sub(_unescaped, quoted)
        place = found.end()
    return fields or None


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[1])
