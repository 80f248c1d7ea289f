"""The parent of one build command; runs in a process of its own, as `python -I -S guard.py ORDER`.

It keeps the command and everything that it starts within their time and memory, out of the bots' way, and
ends them all with herdsman: its standard input is a pipe that closes when herdsman dies. ORDER is a JSON
object of `command`, `memory` (bytes, of all processes together), `seconds`, and, where it runs in namespaces
of its own (`seclusion.py`), `hide` and `keep`. What the command prints goes to the guard's standard output.
The exit code is the command's, 128 + a signal's number, or one of these.
"""

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

TIME_OVER, MEMORY_OVER, NOT_STARTED, ABANDONED = 240, 241, 242, 243
"""Exit codes of the guard's own."""

_LOOK_EVERY = 0.2
_SET_CHILD_SUBREAPER = 36
_BIND, _WITH_ALL_BELOW = 0x1000, 0x4000
_LARGEST_FILE = 4 << 30
_ROOM = 4
"""Addresses are not memory: a process may reserve so many times what all may use."""
_LEAST_ADDRESSES = 8 << 30
_PAGE = resource.getpagesize()


def guard(order: "dict[str, object]") -> int:
    """Run the command to its end and return the exit code that tells it."""
    memory, seconds, command = int(str(order["memory"])), float(str(order["seconds"])), order["command"]
    assert isinstance(command, list)
    try:
        _hide(order.get("hide"), order.get("keep"))
        _prepare(memory)
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    except OSError as trouble:
        sys.stdout.write(f"{trouble.filename or command[0]}: {trouble.strerror}\n")
        return NOT_STARTED
    code = _watch(child, memory, time.monotonic() + seconds)
    _end_all()
    return code


def _hide(hidden: object, kept: object) -> None:
    """Put an empty folder over each that is hidden, and what is kept of it back into its place."""
    if not isinstance(hidden, list) or not isinstance(kept, list):
        return
    libc, here = ctypes.CDLL(None, use_errno=True), Path.cwd()

    def mount(source: str, target: str, kind: "bytes | None", flags: int) -> None:
        if libc.mount(source.encode(), target.encode(), kind, ctypes.c_ulong(flags), None):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target)

    places = [(path, os.open(path, os.O_PATH)) for path in kept if Path(path).exists()]
    for path in hidden:
        mount("none", path, b"tmpfs", 0)
    for path, descriptor in places:
        if any(Path(path).is_relative_to(one) for one in hidden):
            Path(path).mkdir(parents=True, exist_ok=True)
            mount(f"/proc/self/fd/{descriptor}", path, None, _BIND | _WITH_ALL_BELOW)
        os.close(descriptor)
    os.chdir(here)


def _prepare(memory: int) -> None:
    """Adopt what the command leaves behind, and limit what it and its children inherit."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.nice(19)
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: _LARGEST_FILE,
        resource.RLIMIT_AS: max(_ROOM * memory, _LEAST_ADDRESSES),
    }
    for limit, wanted in limits.items():
        hard = resource.getrlimit(limit)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(limit, (most, most))


def _watch(child: "subprocess.Popen[bytes]", memory: int, deadline: float) -> int:
    """Return how the command ended, or why it must end now."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    while (code := child.poll()) is None:
        if select.select([0], [], [], _LOOK_EVERY)[0] and not os.read(0, 1024):
            return ABANDONED
        if asked:
            return ABANDONED
        if time.monotonic() >= deadline:
            return TIME_OVER
        if sum(_memory(pid) for pid in _family()) > memory:
            return MEMORY_OVER
    return code if code >= 0 else 128 - code


def _end_all() -> None:
    """Kill every descendant, also what left its session, until none is left."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while family := _family():
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _family() -> list[int]:
    """Return every process below this one that lives or waits to be reaped."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                parent = int((place / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(place.name))
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _memory(pid: int) -> int:
    """Return the bytes that are a process's own: resident, and shared with no file or other process."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_bytes().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * _PAGE


if __name__ == "__main__":
    sys.exit(guard(json.loads(sys.argv[1])))
