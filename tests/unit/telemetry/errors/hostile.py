"""Output that is hard to read: for every pattern its own pieces over and over, up to the longest text.

Run as a program it reads all of it, and prints the name of each pattern before it does.
"""

import re
import sys
from collections.abc import Iterator
from types import ModuleType

from schemas.labels import AllocationLabels
from telemetry.agent import traces
from telemetry.errors import compiled, fingerprint, frames, managed, occurrence, parsing, python, redaction
from telemetry.errors.occurrence import ErrorReader
from telemetry.errors.parsing import LONGEST_TEXT
from telemetry.errors.redaction import redacted
from telemetry.liveness import trouble
from telemetry.liveness.trouble import Troubles, troubles
from telemetry.records import Event

MODULES = (compiled, fingerprint, frames, managed, occurrence, parsing, python, redaction, traces, trouble)
LABELS = AllocationLabels("fleet", "alpha", "trend", "1.2.0", "realtime", "live", "rev-a", "d", "alloc-1")
Piece = tuple[str, str, str]
"""What comes before, what is repeated, what comes after."""

_NODE = "\n    at f (/x.js:1:1)"
_GO = "panic: x\n\ngoroutine 1 [running]:\n"
_RUST = "thread 'm' panicked at src/main.rs:1:2:\nx\nstack backtrace:\n"
_PYTHON = "Traceback (most recent call last):\n"
_COLOURED = "\x1b[1m2026-01-01T00:00:00.0Z\x1b[0m [INFO] "
_CPP = "terminate called after throwing an instance of 'x'\n"

PIECES: dict[str, tuple[Piece, ...]] = {
    "compiled._PANIC": (("", "thread '", " panicked at "), ("thread 'm' panicked at ", "thread '", "")),
    "compiled._PANIC_AT": (
        ("", "thread 'm' panicked at '", ""),
        ("thread 'm' panicked at '", "', a:1:1', ", ""),
        ("thread 'm' panicked at ", "a", ":1:1x"),
    ),
    "compiled._RUST_NOTE": ((_RUST, "note: ", ""),),
    "compiled._RUST_CALL": ((_RUST, "1: 0x1 - ", ""), (_RUST, "  1: x\n", "")),
    "compiled._RUST_AT": ((f"{_RUST} 1: f\n", "   at ", ":1"), (f"{_RUST} 1: f\n   at ", "a:1", "x")),
    "compiled._RUST_HASH": ((f"{_RUST} 1: ", "::h0123456789abcdef", "x"),),
    "compiled._GO": (("", "panic: ", " goroutine "),),
    "compiled._GO_ROUTINE": (
        ("panic: x\ngoroutine ", "1", ""),
        ("panic: x\ngoroutine 1", " ", "["),
        ("panic: x\ngoroutine 1 [", " [", ""),
    ),
    "compiled._GO_CALL": ((f"{_GO}main.f(", "{}, ", ""), (f"{_GO}main.f", "(", ""), (_GO, "f({(}", "")),
    "compiled._GO_AT": ((f"{_GO}\t", ":1 +0x1", "x"), (_GO, "f()\n\ta:1\n", "")),
    "compiled._GO_RECOVERED": (
        ("panic: ", " ", "x\ngoroutine 1 [r]:\n"),
        ("panic: ", "[recovered", "\ngoroutine 1 [r]:\n"),
    ),
    "compiled._TERMINATE": (("", "terminate called after throwing an instance of '", ""),),
    "compiled._WHAT": ((_CPP, "\n", ""), (_CPP, " ", ""), (_CPP, "  what(): \n ", "")),
    "compiled._SANITIZER": (
        ("==", "1", "== Sanitizer"),
        ("==1==ERROR: ", "Sanitizer", ""),
        ("", "==1==ERROR: ", "Sanitizer"),
    ),
    "compiled._RUNTIME": (("", "a:1:1: runtime error", ""),),
    "compiled._ASSERT": (
        ("a.c:1: f", ": Assertion '", ""),
        ("a", ".a", ": Assertion"),
        ("a.c:1: f: Assertion 'x", "' failed", "x"),
        ("", "a.c:1: f: Assertion '", ""),
    ),
    "compiled._GLIBC": (("", "double free or corruption (\n", ""), ("free(): ", "a ", "")),
    "compiled._NATIVE_AT": (
        (f"{_CPP}#1 f", " (", ""),
        (f"{_CPP}#1 f", " (+0x1)", "x"),
        (f"{_CPP}#1 f", " a.a", ""),
        (f"{_CPP}#1 f", " from x", " ("),
        (f"{_CPP}#1 f", " (a) at a.c:1", " "),
        (_CPP, "#1 f\n", ""),
    ),
    "compiled._SYMBOL": ((f"{_CPP}a(", "+0x1", ""), (f"{_CPP}a", "(f) [0x1]", "x")),
    "fingerprint._KEEPS_NAMES": ((_PYTHON, "a.", "TypeErro: x"),),
    "fingerprint._QUOTED": (("", "'", ""), ("", "'\"`", ""), ("", " '", "a")),
    "fingerprint._NAME": (("KeyError: '", "a.", "'"),),
    "fingerprint._VALUES": (
        ("", "http://", ""),
        ("", "1.", ""),
        ("", "2026-01-01 00:00:00.", ""),
        ("", "0123456789abcdef-", ""),
        ("", "a", ""),
        ("", "ABC/", ""),
        ("1", "e1", "e"),
    ),
    "fingerprint._PREFIX": (
        ("2026-01-01 12:00", ":", "x"),
        ("2026-01-01 12:00", ":" * 30 + "1" * 30, "x"),
        ("", "a.", ""),
        ("2026-01-01 12:00", "1", ""),
        ("ERROR", ":", ""),
        ("ERROR:", "a.", ""),
    ),
    "frames._VENDORED": ((f'{_PYTHON}  File "', "/lib/python3", '", line 1, in f\nE: x'),),
    "frames._FOREIGN": ((f'{_PYTHON}  File "/', "rustlib", '", line 1, in f\nE: x'),),
    "frames._ROOT": (
        (f'{_PYTHON}  File "', "/work/a", '", line 1, in f\nE: x'),
        (f'{_PYTHON}  File "', "/", '", line 1, in f\nE: x'),
    ),
    "frames._STORED": ((f'{_PYTHON}  File "', "/" + "a" * 63, '", line 1, in f\nE: x'),),
    "frames._FOREIGN_CALLS": ((f"{_GO}", "futures", "()\n\ta.go:1"),),
    "frames._LONE_FUNCTION_IS_MAIN": ((f"{_GO}", "_main", "()\n\ta.go:1"),),
    "managed._AT": (("E: x\n", " ", "at"), ("E: x\n", " at f\n", ""), ("E: x\n    ... ", "1", "")),
    "managed._JAVA": (("E: x\n\tat ", "a/", ""), ("E: x\n\tat ", "a.", "(a"), ("E: x\n\tat f(", "a", "")),
    "managed._NODE": (
        ("E: x\n    at f ", "[as ", ""),
        ("E: x\n    at f (/", ":1", "x"),
        ("E: x\n    at f (/a:1", " ", "x"),
        ("E: x\n    at ", "f [as a] ", "("),
    ),
    "managed._HEAD": (("", "Caused by: ", _NODE), ("", "a.", f" {_NODE}"), ("", "[cause]: ", _NODE)),
    "managed._ALONE": (("[E: ", "]", f"x{_NODE}"), ("", "[E [a]: ", _NODE)),
    "managed._CAUSE": (("[", "cause", f"]: E: x{_NODE}"),),
    "managed._PART": ((f"E: x{_NODE}\n", "Suppressed", f": E: x{_NODE}"),),
    "managed._CLASS": (("", "a$b$", _NODE), ("", "a.", _NODE), ("", "A$", f"{_NODE}")),
    "occurrence._TYPED": (("", "Error", ""), ("", "a.", ""), ("", "A.", "Erro"), ("", "AError", ".")),
    "occurrence._TOLD_ALREADY": (("", "a.", ""), ("", "Error", ""), ("", "ERROR", ""), ("", " ", "x")),
    "parsing._COLOURS": (("", "\x1b[", ""), ("\x1b[", "1;", "")),
    "python._BETWEEN": ((_PYTHON, "\n  | \n  | ", ""), (_PYTHON, "\n", "")),
    "python._HEAD": (("", "Exception Group Traceback ", ""), ("", _PYTHON, "")),
    "python._NAMED": (
        ("x\na(", ")", f"\n{_PYTHON}"),
        ("x\n", "a.", f"\n{_PYTHON}"),
        ("x\n", "a(\n", _PYTHON),
    ),
    "python._FRAME": (
        (_PYTHON, '  File "', ""),
        (f'{_PYTHON}  File "a", line 1, in ', "f, in ", "\n\n"),
        (_PYTHON, '  File "a", line 1\n', "E: x"),
    ),
    "python._THROWN": ((_PYTHON, "a.", "!"), (f'{_PYTHON}  File "a", line 1\nE: x', "\n", "")),
    "python._PART": ((_PYTHON, "| ", ""), (f"{_PYTHON}+", "-", "x"), (f"{_PYTHON}", "+-+-- 1 --\n", "")),
    "python._MARGIN": ((f"{_PYTHON}+-+-- 1 --\n", "| ", ""), (f"{_PYTHON}+-+-- 1 --\n|", "-", "")),
    "python._MARKS": ((f'{_PYTHON}  File "a", line 1\n', " ~^", "x"),),
    "python._SYNTAX": (('File "', "SyntaxError", ""),),
    "redaction._PEM": (("", "-----BEGIN A-----", ""), ("-----BEGIN ", "A ", ""), ("", "-----BEGIN ", "")),
    "redaction._JWT": (("", "eyJ", ""), ("", "eyJ-", ""), ("", "eyJa.", ""), ("", " eyJa.", "")),
    "redaction._BEARER": (("", "bearer", ""), ("", "bearer ", ""), ("bearer ", "bearer=", "")),
    "redaction._WHOLE_LINE": (("", "cookie", ""), ("cookie", " ", "x"), ("", "cookie: \n", "")),
    "redaction._NAMED": (
        ("", "token", ""),
        ("", "a1", ""),
        ("", "token: ", ""),
        ("token", " ", ""),
        ("token:", "\\", ""),
        ('token:"', "\\", ""),
        ("", 'token:"', ""),
        ('token:\\"', "\\\\", ""),
    ),
    "redaction._URL": (("", "ab://", ""), ("ab://", "@", ""), ("", "ab://a@", ""), ("", "ab", ":/")),
    "redaction._MAIL": (("", "a", ""), ("", "a@", ""), ("", "a@a", ""), ("", "a.", "@a")),
    "redaction._LONG": (("", "a", ""), ("", "a/", "1"), ("", "aB1/", ""), ("", "a=", "")),
    "redaction._SEGMENT": (("", "abcdefghijklmnopqrst/", "1"), ("", "a", "/1")),
    "redaction._ADDRESS": (("", "1.", ""), ("", "1", "")),
    "redaction._ADDRESS_6": (("", ":", ""), ("", "1:", ""), ("", "1:1 ", ""), ("", "::1.1.1", "")),
    "redaction._HOME": (("", "/home", ""), ("", "/home/", "")),
    "trouble._FINAL": (("retry", "max ", "x"), ("retry", "retrying in ", "")),
    "trouble._TROUBLE": (
        ("", "time", ""),
        ("", "connection ", ""),
        ("", "http/", "5"),
        ("", "could not ", ""),
    ),
    "trouble._WAITED": (("", "time", ""), ("retry ", "time-", "ou")),
    "traces._PYTHON": (("", "Traceback (most recent call last):", "x"),),
    "traces._NAMED": (("ERROR\n", "a.", f"(\n{_PYTHON}"), ("ERROR\n", "a(\n", _PYTHON)),
    "traces._UNCLOSED": ((_COLOURED, "\x1b[0m", "x"), (_COLOURED, " ", ""), (_COLOURED[:-8], "0", "")),
    "traces._CLOSED": ((f"{_COLOURED}\n", "\x1b[0m", "x"), (f"{_COLOURED}\n", "\x1b[0m\n", "")),
    "traces._STARTS": ((f"{_PYTHON}\x1b[", "1;", ""), (f"{_PYTHON}\x1b[", "1", "m2026-")),
    "traces._PYTHON_BETWEEN": ((f"{_PYTHON}E: x\n\n", "During handling of the above", ""),),
    "traces._FRAME": (("XError\n\tat x\n", " ", ""), ("XError\n\tat x\n... ", "1", "")),
    "traces._AT": (("XError\n", " ", "at"),),
    "traces._HEAD": (("", "a.", ""), ("", "Error", "x")),
    "traces._LOGGED": (("", "ERROR", f"\n{_PYTHON}"), ("", "error_", f"\n{_PYTHON}")),
    "traces._NODE_HEAD": (("/a:1\n\n", "a.", ""), ("/a:1\n\na [", "a", "")),
    "traces._NODE": (("/", ":1", "x"), ("/:", "1", "x")),
    "traces._GO": (("", "panic: ", ""),),
    "traces._GO_NEXT": (("panic: x\na", "(", "x"), ("panic: x\na(", ")", "x"), ("panic: x\n", "a", "")),
    "traces._RUST": (("thread '", "' ", "panicked"), ("", "thread '", " panicked at ")),
    "traces._RUST_NEXT": (("thread 'm' panicked at x\n", "note: ", ""),),
    "traces._CPP": (("", "terminate called ", ""),),
    "traces._CPP_NEXT": ((f"{_CPP}a", "(", ""), (f"{_CPP}a", "() [0x1", ""), (f"{_CPP}a()[0x", "1", "")),
    "traces._SANITIZER": (("==", "1", "=="), ("==1==ERROR: ", "Sanitizer", ";")),
    "traces._SANITIZER_END": (("==1==ERROR: aSanitizer: x\n==", "1", "=="),),
    "traces._RECORD": ((f"{_PYTHON}E: x:\n", "INFO_", ""), (f"{_PYTHON}E: x:\n", "Traceback ", "")),
    "traces._ANNOUNCES": (
        (f"{_PYTHON}E: ", "1", ""),
        (f"{_PYTHON}E: ", ": ", "x"),
        (f"{_PYTHON}E:", " ", "x"),
        (f"{_PYTHON}E: ", "1 validation error for ", ""),
    ),
}


def patterns() -> Iterator[str]:
    """Yield the name of every pattern of the modules that read errors."""
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern) or name == "_VALUES":
                yield f"{_short(module)}.{name}"


def texts(name: str) -> Iterator[str]:
    """Yield the hostile texts for a pattern, each as long as a text may be."""
    for before, piece, after in PIECES[name]:
        count = max((LONGEST_TEXT - len(before) - len(after)) // len(piece), 1)
        yield before + piece * count + after
        # What is exponential is so already where a line is cut.
        yield before + piece * (200 // len(piece) + 1) + after


def _short(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _read(text: str) -> None:
    """Read a text wherever a bot may put it: a line, a stack in a structured line, the end of its process."""
    reader = ErrorReader()
    exited = {"kind": "exited", "outcome": "crashed", "exit_code": 1, "message": text}
    for event in (
        Event("a/stderr/0/0", "alpha", 1.0, "log", "error", text),
        Event("a/stdout/0/0", "alpha", 1.0, "log", "error", "x", data={"stack": text}),
        Event("a/launcher/0/0", "alpha", 1.0, "lifecycle", "error", text, data=exited),
    ):
        reader.read(event, LABELS)
    traces.group(f"{text}\n{_PYTHON}".encode())
    Troubles().take(troubles([Event("a/stdout/0/0", "alpha", 1.0, "log", "error", text)]) or [text], 1.0)


def main() -> None:
    """Read every hostile text."""
    for name in patterns():
        print(name, flush=True)
        for text in texts(name):
            redacted(text) if name.startswith("redaction.") else _read(text)


if __name__ == "__main__":
    sys.exit(main())
