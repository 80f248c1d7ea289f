"""Tells of a bot's first state file as it appears, so that it is recorded at once on which node it lies.

By the kernel's oldest notice of a folder (dnotify), which is a signal: it costs no process and no polling. A
file system that gives none (some of the network) leaves it to the lease's next renewal.
"""

import fcntl
import posix

_NEW_NAMES = fcntl.DN_CREATE | fcntl.DN_RENAME


class FirstFile:
    """A watch over one folder; SIGIO comes once for each `watch`, which its process must expect."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._descriptor = -1

    @property
    def watching(self) -> bool:
        """Whether the folder was to be had."""
        return self._descriptor >= 0

    def watch(self) -> None:
        """Have SIGIO sent at the next new name in the folder."""
        flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC
        try:
            if not self.watching:
                self._descriptor = posix.open(self._folder, flags)
            fcntl.fcntl(self._descriptor, fcntl.F_NOTIFY, _NEW_NAMES)
        except OSError:
            return

    def forget(self) -> None:
        """Watch it no more."""
        if self.watching:
            posix.close(self._descriptor)
            self._descriptor = -1
