"""Processes of ours that an earlier life left behind, known by the mark in their environment."""

import os
import select
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path

_PROC = Path("/proc")
LAUNCHER_MARK = "HERDSMAN_LAUNCHER"
"""The variable that marks a launcher, as `<fleet>/<bot>/<allocation>`."""
BOT_MARK = "HERDSMAN_BOT"
"""The variable by which a launcher marks its bot, and the bot all that it starts."""


def find(variable: str, mark: str) -> list[int]:
    """Return the ids of all processes (but our own) in whose environment `variable` begins with `mark`."""
    own, wanted = os.getpid(), f"{variable}={mark}".encode()
    numbers = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    return [number for number in numbers if number != own and _marked(number, wanted)]


def _marked(process: int, wanted: bytes) -> bool:
    try:
        environment = (_PROC / str(process) / "environ").read_bytes()
    except OSError:  # it ended, or is somebody else's
        return False
    return any(variable.startswith(wanted) for variable in environment.split(b"\0"))


def end(mark: str, grace: float) -> None:
    """End every process of that mark, and return when all are gone (this blocks).

    Launchers are asked: within `grace` seconds they end their bots as at a stop. What is left is killed.
    """
    launchers = find(LAUNCHER_MARK, mark)
    _signal(launchers, signal.SIGTERM)
    _wait(launchers, grace)
    while processes := [*find(LAUNCHER_MARK, mark), *find(BOT_MARK, mark)]:
        _signal(processes, signal.SIGKILL)
        _wait(processes, 1.0)


def _signal(processes: list[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _wait(processes: list[int], seconds: float) -> None:
    """Return when all have ended, or when the time is over."""
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        poll = select.poll()
        waiting = set()
        for process in processes:
            with suppress(ProcessLookupError):
                descriptor = os.pidfd_open(process)
                stack.callback(os.close, descriptor)
                poll.register(descriptor, select.POLLIN)
                waiting.add(descriptor)
        while waiting and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                poll.unregister(descriptor)
                waiting.discard(descriptor)
