"""A bot's output on its way into rotated files.

A running bot cannot be told to reopen a file, so that rotation needs a pipe, and the launcher, which is there
anyway, empties it. What lies in the pipe at the moment when the launcher itself is killed with SIGKILL (less
than a wake-up's worth) is lost with it; a bot's own crash loses nothing.
"""

import posix

from controller.launcher.files import LogFile

_CHUNK = 65536


class Pump:
    """Carries one pipe into one rotated stream."""

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._unwritten = b""
        self.ended = False
        """Whether every writer has closed its end."""
        self.reading, self.writing = posix.pipe2(posix.O_CLOEXEC)
        posix.set_blocking(self.reading, False)

    @property
    def blocked(self) -> bool:
        """Whether a full disk holds it up: then the bot's output waits in the pipe."""
        return bool(self._unwritten)

    def move(self) -> bool:
        """Carry one chunk, and return whether there may be more."""
        if self._unwritten:
            self._unwritten = self._file.write(self._unwritten)
            return not self._unwritten
        try:
            data = posix.read(self.reading, _CHUNK)
        except BlockingIOError:
            return False
        self.ended = not data
        self._unwritten = self._file.write(data)
        return bool(data) and not self._unwritten

    def hand_over(self) -> None:
        """Close the bot's end, once the bot has it."""
        posix.close(self.writing)

    def finish(self) -> None:
        """Carry what is left, and close; the bot and all its children are gone."""
        while self.move():
            pass
        posix.close(self.reading)
        self._file.close()
