"""A second pair of eyes on the lease: ends the bot where the launcher itself stands still.

A launcher that is stopped, traced, or blocked on a dead disk can neither renew its lease nor end its bot.
So a small process of its own, forked from the launcher, holds the same deadlines and does nothing but wait:
it opens no file and sends nothing. It acts a moment after the launcher would have, and dies with it.
"""

import _signal  # type: ignore[import-not-found]  # `signal` imports enum, half a megabyte
import posix
import select
import time

from controller.launcher.processes import (
    SIGINT,
    SIGKILL,
    SIGTERM,
    StartFailed,
    descendants,
    die_with,
    signal_group,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LATER = 1.0
"""Seconds after the launcher's own deadlines: where it lives, it acts first. Less for a tight lease."""
_LONGEST = 5.0
_AGAIN = 0.02
"""Seconds between looks at what is being killed: a process in the middle of a disk's call takes its time."""
_SIGHUP = 1
_MESSAGE = 64
_LAST_DESCRIPTOR = 65536


class Guard:
    """The guard of one run. It is a child of the launcher, and ends with the rest of its children."""

    def __init__(self, times: dict[str, float], clock: "Callable[[], float]") -> None:
        self.pid = 0
        self._later = min(_LATER, (times["ttl"] - times["kill_after"]) / 2)
        self._now = clock
        self._telling = -1

    def begin(self, terminate_at: float, kill_at: float) -> None:
        """Fork it with these deadlines, seconds of the launcher's clock. Raises StartFailed."""
        self.end()
        launcher, reading = posix.getpid(), -1
        try:
            reading, self._telling = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
            self.extend(terminate_at, kill_at)
            self.pid = posix.fork()
            if self.pid == 0:
                _watch(reading, launcher, self._later, self._now)
        except OSError as error:
            raise StartFailed(f"no process can be started: {error}") from error
        finally:
            if reading >= 0:
                posix.close(reading)

    def extend(self, terminate_at: float, kill_at: float) -> None:
        """Move its deadlines; where both are the same, it asks nobody to end before it kills."""
        terminate_at, kill_at = terminate_at + self._later, kill_at + self._later
        if self._telling >= 0:
            try:
                posix.write(self._telling, f"{terminate_at:.3f} {kill_at:.3f}\n".encode().rjust(_MESSAGE))
            except OSError:  # it has ended, or does not read: then its older deadlines stay
                return

    def end(self) -> None:
        """Let it go: without us to tell it more it ends by itself."""
        if self._telling >= 0:
            posix.close(self._telling)
        self._telling, self.pid = -1, 0


def _watch(reading: int, launcher: int, later: float, clock: "Callable[[], float]") -> None:
    """Be the guard: never returns into the launcher's code."""
    try:
        _leave(reading, launcher)
        _Watcher(0, launcher, clock() + later, clock).live()
    finally:
        posix._exit(0)  # noqa: SLF001 - its documented name


def _leave(reading: int, launcher: int) -> None:
    """Hold nothing of the launcher's: no stream, no lock, no group whose signals are not meant for us."""
    _signal.set_wakeup_fd(-1)
    for number in (SIGTERM, SIGINT, _SIGHUP):
        _signal.signal(number, _signal.SIG_IGN)
    posix.dup2(reading, 0)
    posix.closerange(1, _LAST_DESCRIPTOR)
    posix.setsid()
    die_with(launcher)


class _Watcher:
    """Waits for the deadlines that the launcher tells, and acts on them."""

    def __init__(self, reading: int, launcher: int, until: float, clock: "Callable[[], float]") -> None:
        self._reading, self._launcher, self._now = reading, launcher, clock
        self._terminate_at = self._kill_at = until
        self._asked = False

    def live(self) -> None:
        """Wait until the launcher has ended or the bot had to."""
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        while True:
            due = self._kill_at if self._asked else self._terminate_at
            wait = max(0.0, min(due - self._now(), _LONGEST))
            if poll.poll(wait * 1000 + 1) and not self._hear():
                return
            if self._now() >= self._kill_at:
                self._kill()
                return
            if self._now() >= self._terminate_at and not self._asked:
                self._asked = True
                for child in descendants(self._launcher, but=posix.getpid()):
                    signal_group(child, SIGTERM)

    def _hear(self) -> bool:
        """Take what the launcher told last; False where it is gone."""
        try:
            told = posix.read(self._reading, 1024 * _MESSAGE)
        except BlockingIOError:
            return True
        if not told:
            return False
        terminate_at, kill_at = told[-_MESSAGE:].split()
        self._terminate_at, self._kill_at, self._asked = float(terminate_at), float(kill_at), False
        return True

    def _kill(self) -> None:
        """Kill all that the launcher has started, and what that starts meanwhile."""
        while found := descendants(self._launcher, but=posix.getpid()):
            for child in found:
                signal_group(child, SIGKILL)
                try:
                    posix.kill(child, SIGKILL)
                except OSError:
                    continue
            time.sleep(_AGAIN)
