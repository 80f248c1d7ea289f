"""Which frames are the bot's own, and where in its program they lie. Pure."""

import re
from dataclasses import replace

from telemetry.errors.trace import Frame, Trace

_VENDORED = re.compile(r"/(?:(?:site|dist)-packages|node_modules|lib/python\d[^/]*|\.cargo|go/pkg|\.nuget)/")
_FOREIGN = re.compile(
    _VENDORED.pattern + r"|^node:|^internal/|^<|^/rustc/|/rustlib/|/go/src/|^/usr/|^/lib\d*/|/libc\.so|"
    r"/ld-linux|/launcher/shim\.|^\.\./|^[^/].*\.p(?:yx|xd|xi)$"
)
"""Files of runtimes and libraries, and our own shims; Cython's, which has paths of where it was built."""
_ROOT = re.compile(r"^.*?/(?:local/code|work/program|herdsman/program|[^/]*/work/[^/]*/program|program)/")
"""Where a program's files lie on a node, or lay where it was built."""
_STORED = re.compile(r"^.*?/(?P<digest>[0-9a-f]{64})/")
"""A bundle in a cache: a program's code, or the layer of its dependencies."""
_FOREIGN_CALLS = re.compile(
    r"<?(?:core|std|alloc|tokio|rayon|hyper|futures[\w]*|backtrace|test)::|rust_begin_unwind|rust_panic|"
    r"__rust|_start$|__libc|_?_?main$|runtime[./]|(?:java|javax|jdk|sun|scala|kotlin|akka|cats|zio)\.|"
    r"(?:com\.sun|org\.springframework|io\.netty)\.|clone\d?$|start_thread|__\w+|std::|gsignal$|abort$|raise$"
)
_LONE_FUNCTION_IS_MAIN = re.compile(r"_?_?main$")


def located(trace: Trace, code: str = "") -> Trace:
    """Return a trace whose frames are placed: files below the program by their path in it, and marked so.

    `code` is the digest of the program's bundle, "" where it is not known: then the bundle is taken for the
    program in whose own folder a file of the trace lies.
    """
    root = code or _code_digest(trace)
    return trace.with_frames(lambda frame: placed(frame, root))


def placed(frame: Frame, code: str) -> Frame:
    """Return a frame with its file's path in the program, and whether it is the bot's own."""
    path = frame.file
    if found := _STORED.match(path):
        inside = path[found.end() :]
        own = found["digest"] == code and not _VENDORED.search(f"/{inside}")
        return replace(frame, file=inside, in_app=own)
    if found := _ROOT.match(path):
        inside = path[found.end() :]
        return replace(frame, file=inside, in_app=not _VENDORED.search(f"/{inside}"))
    if _FOREIGN.search(path) or (not path.startswith("/") and not _is_own_call(frame)):
        return replace(frame, in_app=False)
    return replace(frame, file=path.removeprefix("./"), in_app=bool(path or _is_own_call(frame)))


def _is_own_call(frame: Frame) -> bool:
    """Say whether a function's name may be the bot's own, where its file says nothing about that."""
    if not frame.function:
        return bool(frame.file)
    if _LONE_FUNCTION_IS_MAIN.match(frame.function):
        return bool(frame.line)
    return not _FOREIGN_CALLS.match(frame.function)


def _code_digest(trace: Trace) -> str:
    """Return the digest of the bundle that is the program, "" where no frame lies in one."""
    known: dict[str, bool] = {}
    for thrown in trace.everything:
        for frame in thrown.frames:
            if found := _STORED.match(frame.file):
                direct = "/" not in frame.file[found.end() :]
                known[found["digest"]] = known.get(found["digest"], False) or direct
    return max(known, key=lambda digest: known[digest], default="")


def culprit(trace: Trace) -> Frame | None:
    """Return the bot's own frame nearest to where it went wrong: of the last exception, else of a cause."""
    for thrown in trace.everything:
        for frame in reversed(thrown.frames):
            if frame.in_app:
                return frame
    return None
