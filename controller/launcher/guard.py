"""A second pair of eyes on the lease: ends the bot where the launcher itself stands still.

A launcher that is stopped, traced, or blocked on a dead disk can neither renew its lease nor end its bot.
So a small process of its own, forked from the launcher, holds the same deadlines and does nothing but wait:
it sends nothing. It acts a moment after the launcher would have.

Where the launcher is killed, the kernel kills the bot with it, but not what the bot has started: the guard
outlives the launcher for as long as it takes to find and kill that, before another launcher can begin.

Many programs take a second SIGTERM for impatience. So the right to send the first is a byte in a pipe:
whoever of the two takes it asks, however long the other stood still and whatever it was told meanwhile.
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
    kill_left_behind,
    own_task,
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
_LAST_LOOK = 1.5
"""Seconds in which what a dead launcher left is killed: its successor begins no earlier."""
_MESSAGE = 64
_FAREWELL = b"farewell\n"
_LAST_DESCRIPTOR = 65536
_TOLD, _RIGHT = 0, 1
"""The guard's only descriptors: what the launcher tells it, and the right to ask the bot to end."""


class Guard:
    """The guard of one run. It is a child of the launcher, and ends with the rest of its children."""

    def __init__(
        self, times: dict[str, float], clock: "Callable[[], float]", bot: str, allocation: str
    ) -> None:
        self.pid = 0
        self._bot, self._allocation = bot, allocation
        self._later = min(_LATER, (times["ttl"] - times["kill_after"]) / 2)
        self._now = clock
        self._telling = self._asking = -1

    def begin(self, terminate_at: float, kill_at: float) -> None:
        """Fork it with these deadlines, seconds of the launcher's clock; also anew, for the same run.

        Raises StartFailed.
        """
        self._leave()
        launcher, reading = posix.getpid(), -1
        try:
            if self._asking < 0:
                self._asking = _one_byte()
            reading, self._telling = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
            self.extend(terminate_at, kill_at)
            self.pid = posix.fork()
            if self.pid == 0:
                _leave(reading, self._asking)
                self._watch(launcher)
        except OSError as error:
            raise StartFailed(f"no process can be started: {error}") from error
        finally:
            if reading >= 0:
                posix.close(reading)

    def extend(self, terminate_at: float, kill_at: float) -> None:
        """Move its deadlines."""
        terminate_at, kill_at = terminate_at + self._later, kill_at + self._later
        self._tell(f"{terminate_at:.3f} {kill_at:.3f}\n".encode())

    def _tell(self, message: bytes) -> None:
        if self._telling >= 0:
            try:
                posix.write(self._telling, message.rjust(_MESSAGE))
            except OSError:  # it has ended, or does not read: then its older deadlines stay
                return

    def may_ask(self) -> bool:
        """Take the right to ask the bot of this run to end; False where that was done."""
        return self._asking < 0 or _take(self._asking)

    def end(self) -> None:
        """Let it go with its run: without us to tell it more it ends by itself."""
        self._leave()
        if self._asking >= 0:
            posix.close(self._asking)
        self._asking = -1

    def _leave(self) -> None:
        if self._telling >= 0:
            self._tell(_FAREWELL)
            posix.close(self._telling)
        self._telling, self.pid = -1, 0

    def _watch(self, launcher: int) -> None:
        """Be the guard: never returns into the launcher's code."""
        try:
            if _Watcher(launcher, self._now() + self._later, self._now).live():
                self._clear_up()
        finally:
            posix._exit(0)  # noqa: SLF001 - its documented name

    def _clear_up(self) -> None:
        """Kill what a launcher that has died left behind."""
        until, task = self._now() + _LAST_LOOK, own_task(self._allocation)
        while kill_left_behind(self._bot, task) and self._now() < until:
            time.sleep(_AGAIN)


def _one_byte() -> int:
    """Return the end of a pipe that one byte can be read from, once."""
    reading, writing = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
    posix.write(writing, b".")
    posix.close(writing)
    return reading


def _take(reading: int) -> bool:
    """Read the byte; False where somebody has."""
    return bool(posix.read(reading, 1))


def _leave(reading: int, asking: int) -> None:
    """Hold nothing of the launcher's: no stream, no lock, no group whose signals are not meant for us."""
    _signal.set_wakeup_fd(-1)
    for number in (SIGTERM, SIGINT, _SIGHUP):
        _signal.signal(number, _signal.SIG_IGN)
    pair = posix.dup(reading), posix.dup(asking)  # whichever numbers they have: both are to move
    posix.dup2(pair[0], _TOLD)
    posix.dup2(pair[1], _RIGHT)
    posix.closerange(_RIGHT + 1, _LAST_DESCRIPTOR)
    posix.setsid()


class _Watcher:
    """Waits for the deadlines that the launcher tells, and acts on them."""

    def __init__(self, launcher: int, until: float, clock: "Callable[[], float]") -> None:
        self._launcher, self._now = launcher, clock
        self._terminate_at = self._kill_at = until
        self._asked = False

    def live(self) -> bool:
        """Wait until we are let go or the bot had to end; True where the launcher has died."""
        poll = select.poll()
        poll.register(_TOLD, select.POLLIN)
        while True:
            due = self._kill_at if self._asked else self._terminate_at
            wait = max(0.0, min(due - self._now(), _LONGEST))
            if poll.poll(wait * 1000 + 1):
                told = self._hear()
                if told in (b"", _FAREWELL):
                    return not told
            if self._now() >= self._kill_at:
                self._kill()
                return False
            if self._now() >= self._terminate_at and not self._asked:
                self._asked = True
                for child in descendants(self._launcher, but=posix.getpid()) if _take(_RIGHT) else ():
                    signal_group(child, SIGTERM)

    def _hear(self) -> bytes:
        """Take what the launcher told last, and return it; nothing where it is gone without a word."""
        try:
            told = posix.read(_TOLD, 1024 * _MESSAGE)
        except BlockingIOError:
            return b" "
        last = told[-_MESSAGE:].lstrip()
        if last and last != _FAREWELL:
            terminate_at, kill_at = last.split()
            self._terminate_at, self._kill_at, self._asked = float(terminate_at), float(kill_at), False
        return last

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
