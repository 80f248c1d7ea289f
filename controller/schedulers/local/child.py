"""A launcher as a child process: started without a fork of ours, its end heard through a pidfd."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path


class Child:
    """One running launcher. `ended` is done when it is, with its exit code (negative for a signal)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = loop.create_future()
        self._descriptor = os.pidfd_open(pid)
        loop.add_reader(self._descriptor, self._reap, loop)

    @classmethod
    def start(
        cls,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        errors: Path,
        given: bytes | None = None,
    ) -> "Child":
        """Start a program in a session of its own; what it prints is appended to `errors`.

        `given` (less than a pipe holds, 64 KiB) is what it reads on stdin. Raises OSError where it cannot be
        executed.
        """
        reading = _filled(given)
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            pid = os.posix_spawn(
                arguments[0],
                list(arguments),
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, reading, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(errors), append, 0o640),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM),
            )
        finally:
            os.close(reading)
        try:
            return cls(pid)
        except BaseException:  # no descriptor is free: a launcher that nobody watches must not live
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        _, status = os.waitpid(self.pid, 0)
        if not self.ended.done():
            self.ended.set_result(os.waitstatus_to_exitcode(status))

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended already."""
        if not self.ended.done():
            os.kill(self.pid, number)


def _filled(given: bytes | None) -> int:
    """Return a descriptor to read from: nothing, or a pipe that holds what is given and ends there."""
    if given is None:
        return os.open("/dev/null", os.O_RDONLY)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        os.write(writing, given)
    finally:
        os.close(writing)
    return reading
