"""Traces of Rust, Go and C++. Pure."""

import re
from itertools import islice

from telemetry.errors.trace import Frame, Thrown, Trace, limited

_PANIC = re.compile(r"thread '[^']*'(?: \(\d{1,10}\))? panicked at ")
_PANIC_AT = re.compile(
    r"(?:'(?P<old>.*)', )?(?P<file>[^:'\n]+):(?P<line>\d{1,9}):\d{1,9}:?$", re.MULTILINE | re.DOTALL
)
_MOST_PANICS = 5
"""Beginnings of a panic that are looked at: of each, all that follows may have to be read."""
_RUST_NOTE = re.compile(r"note: |stack backtrace:|Stack backtrace:")
_RUST_CALL = re.compile(r"\s*\d{1,4}: (?:0x[0-9a-f]+ - )?(?P<function>\S.*)$")
_RUST_AT = re.compile(r"\s+at (?P<file>[^:]+):(?P<line>\d{1,9})(?::\d{1,9})?$")
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")

_GO = re.compile(r"^(?P<kind>panic|fatal error): (?P<message>.*)$", re.MULTILINE)
_GO_ROUTINE = re.compile(r"goroutine \d{1,20}(?!\d)[^\[\n]* \[[^\]]*\]:$", re.MULTILINE)
_GO_CALL = re.compile(r"(?:created by )?(?P<function>\S.*?)(?:\([^()]*\)| in goroutine \d+)?$")
_GO_AT = re.compile(r"\t(?P<file>.+?):(?P<line>\d{1,9})(?: \+0x[0-9a-f]+)?$")
_GO_RECOVERED = re.compile(r"\s{0,8}\[recovered[^\[\]]*\]$")

_TERMINATE = re.compile(
    r"terminate called (?:after throwing an instance of '(?P<type>[^']+)'"
    r"|(?P<how>without an active exception|recursively))"
)
_WHAT = re.compile(r"^[ \t]*what\(\): +(?P<message>.*)$", re.MULTILINE)
_SANITIZER = re.compile(r"==\d+==\s?ERROR: (?P<tool>\w+Sanitizer): (?P<message>.*)$", re.MULTILINE)
_RUNTIME = re.compile(
    r"^(?P<file>[^:\s]+):(?P<line>\d{1,9}):\d{1,9}: runtime error: (?P<message>.*)$", re.MULTILINE
)
_ASSERT = re.compile(
    r"^(?:[^:\s]+: )?(?P<file>[^:\s]+\.\w+):(?P<line>\d{1,9}): (?P<function>.+): "
    r"Assertion [`'](?P<message>.+)' failed\.?$",
    re.MULTILINE,
)
_GLIBC = re.compile(
    r"^(?:\*\*\* )?(?P<message>stack smashing detected|double free or corruption \([^)\n]*\)|free\(\): [\w ]+"
    r"|malloc\(\): [\w ]+|corrupted size vs\. prev_size|munmap_chunk\(\): [\w ]+|buffer overflow detected)",
    re.MULTILINE,
)
_NATIVE_AT = re.compile(
    r"\s*#?(?P<number>\d{1,4})#?:?\s+(?:0x[0-9a-f]+ in )?(?P<function>\S.*?)(?: \([^()]*\))?"
    r"(?: (?:at |in )?(?P<file>[^\s:()]+\.\w+):(?P<line>\d{1,9})(?::\d{1,9})?)?"
    r"(?: from \S+)?(?: \([^()]*\+0x[0-9a-f]+\).*)?$"
)
_SYMBOL = re.compile(r"\s*(?P<file>[^\s(]+)\((?P<function>[^()+]*)(?:\+0x[0-9a-f]+)?\) ?\[0x[0-9a-f]+\]$")


def parse_rust(text: str) -> Trace | None:
    """Return the panic in a text, None where there is none."""
    begun = islice(_PANIC.finditer(text), _MOST_PANICS)
    found = next((at for one in begun if (at := _PANIC_AT.match(text, one.end()))), None)
    if found is None:
        return None
    rest = text[found.end() :].split("\n")[1:]
    message = found["old"] or "\n".join(_until_note(rest))
    frames = _rust_frames(rest)
    here = Frame("", found["file"].strip(), int(found["line"]))
    if not any(one.line == here.line and one.file.endswith(here.file.removeprefix("./")) for one in frames):
        frames.append(here)
    return Trace("rust", (limited("panic", message, frames),))


def _until_note(lines: list[str]) -> list[str]:
    kept = []
    for line in lines:
        if _RUST_NOTE.match(line):
            break
        kept.append(line)
    return kept


def _rust_frames(lines: list[str]) -> list[Frame]:
    """Return the calls of a backtrace, the panic itself last; the machinery of panicking is left out."""
    frames: list[Frame] = []
    start = next((number for number, line in enumerate(lines) if "tack backtrace:" in line), len(lines))
    for line in lines[start + 1 :]:
        if (place := _RUST_AT.match(line)) and frames:
            frames[-1] = Frame(frames[-1].function, place["file"], int(place["line"]))
        elif call := _RUST_CALL.match(line):
            frames.append(Frame(_RUST_HASH.sub("", call["function"])))
    return frames[::-1]


def parse_go(text: str) -> Trace | None:
    """Return the panic or fatal error in a text, None where there is none."""
    found = _GO.search(text)
    if found is None:
        return None
    lines = text[found.end() :].split("\n")[1:]
    start = next((number for number, line in enumerate(lines) if _GO_ROUTINE.match(line)), None)
    if start is None:
        return None
    message = _GO_RECOVERED.sub("", found["message"])
    kind, _, said = message.partition("runtime error: ")
    type_ = "runtime error" if said and not kind else found["kind"]
    thrown = limited(type_, said if type_ == "runtime error" else message, _go_frames(lines[start + 1 :]))
    return Trace("go", (thrown,))


def _go_frames(lines: list[str]) -> list[Frame]:
    """Return the calls of the first goroutine, which is the one that panicked."""
    frames: list[Frame] = []
    call = ""
    for line in lines:
        if not line.strip() or _GO_ROUTINE.match(line):
            break
        if place := _GO_AT.match(line):
            frames.append(Frame(call, place["file"], int(place["line"])))
        elif found := _GO_CALL.match(line):
            call = found["function"]
    return [one for one in frames[::-1] if one.function not in ("panic", "runtime.gopanic")]


def parse_native(text: str) -> Trace | None:
    """Return what C++'s runtime, a sanitizer or a debugger printed, None where it is nothing of these."""
    thrown = _terminated(text) or _sanitized(text) or _complained(text)
    return Trace("native", (thrown,)) if thrown else None


def _terminated(text: str) -> Thrown | None:
    found = _TERMINATE.search(text)
    if found is None:
        return None
    what = _WHAT.search(text, found.end())
    message = what["message"] if what else found["how"] or ""
    return limited(found["type"] or "terminate", message, _native_frames(text[found.end() :]))


def _sanitized(text: str) -> Thrown | None:
    if found := _SANITIZER.search(text):
        what, _, rest = found["message"].partition(" ")
        return limited(f"{found['tool']}: {what}", rest, _native_frames(text[found.end() :], first=True))
    if found := _RUNTIME.search(text):
        here = Frame("", found["file"], int(found["line"]))
        return limited("UndefinedBehavior", found["message"], [*_native_frames(text[found.end() :]), here])
    return None


def _complained(text: str) -> Thrown | None:
    if found := _ASSERT.search(text):
        here = Frame(found["function"], found["file"], int(found["line"]))
        return limited("Assertion", found["message"], [here])
    if found := _GLIBC.search(text):
        return limited("HeapCorruption", found["message"], _native_frames(text[found.end() :]))
    return None


def _native_frames(text: str, *, first: bool = False) -> list[Frame]:
    """Return the numbered calls of a stack (`first`: only of the first of several), innermost last."""
    frames: list[Frame] = []
    last = -1
    for line in text.split("\n"):
        if found := _SYMBOL.match(line):
            frames.append(Frame(found["function"], found["file"]))
        elif found := _NATIVE_AT.match(line):
            if first and int(found["number"]) <= last:
                break
            last = int(found["number"])
            frames.append(Frame(_plain(found["function"]), found["file"] or "", int(found["line"] or 0)))
    return frames[::-1]


def _plain(function: str) -> str:
    """Return a function's name without its arguments."""
    name = function.removeprefix("in ")
    cut = name.find("(")
    return name[:cut].strip() if cut > 0 else name.strip()
