"""Finding the trace in what a bot printed, whichever language it speaks. Pure."""

import re
from collections.abc import Callable

from telemetry.errors.compiled import parse_go, parse_native, parse_rust
from telemetry.errors.managed import parse_java, parse_node
from telemetry.errors.python import parse as parse_python
from telemetry.errors.trace import LONGEST_LINE, Trace

LONGEST_TEXT = 65_536
"""Characters that are looked at: of a longer text its beginning and its end."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PARSERS: tuple[tuple[tuple[str, ...], Callable[[str], Trace | None]], ...] = (
    (("Traceback (most recent call last)", 'File "'), parse_python),
    ((" panicked at ",), parse_rust),
    (("goroutine ",), parse_go),
    (("\tat ", " at "), parse_java),
    (("\tat ", " at "), parse_node),
    (
        ("terminate called", "Sanitizer", "runtime error", "Assertion", "free", "malloc", " detected"),
        parse_native,
    ),
)
"""Words of which a trace has at least one, and who reads it."""


def parse_trace(text: str) -> Trace | None:
    """Return the stack trace that a text holds, None where it holds none."""
    # A frame is never longer, and of a longer line some patterns would try each part with each other.
    text = "\n".join(line[:LONGEST_LINE] for line in within_bounds(text).split("\n"))
    for signs, parse in _PARSERS:
        if any(sign in text for sign in signs) and (trace := parse(text)) is not None:
            return trace
    return None


def within_bounds(text: str) -> str:
    """Return a text without colours, and of bounded length: its beginning and its end."""
    if len(text) > LONGEST_TEXT:
        text = f"{text[: LONGEST_TEXT // 2]}\n{text[-LONGEST_TEXT // 2 :]}"
    return _COLOURS.sub("", text).replace("\r\n", "\n") if "\x1b" in text or "\r" in text else text
