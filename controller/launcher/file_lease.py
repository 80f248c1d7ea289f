"""A lease by a lock on a file of this machine; the kernel frees it when its last holder is dead.

The bot inherits the lock's descriptor, so that a bot that outlived its launcher would still hold it.
"""

import fcntl
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Lease:
    """See `lease.py`; options: `{"path": the lock file}`, which also remembers where the state is."""

    deadline_free = True

    def __init__(self, order: "dict[str, Any]", _environment: dict[str, str]) -> None:
        self.place = ""
        self.reason = ""
        self.inherited: tuple[int, ...] = ()
        self._path = order["lease"]["options"]["path"]

    def acquire(self, _timeout: float) -> bool:
        """Take the lock if it is free now."""
        try:
            descriptor = posix.open(self._path, posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC, 0o600)
        except OSError as error:
            self.reason = f"the lock file cannot be opened: {error}"
            return False
        if not self._lock(descriptor):
            posix.close(descriptor)
            return False
        self.inherited = (descriptor,)
        self.place = posix.read(descriptor, 4096).decode("utf-8", "replace").strip()
        return True

    def _lock(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.reason = "another copy of this bot holds the lock"
            return False
        return self._same(descriptor)

    def _same(self, descriptor: int) -> bool:
        """Return whether the path still names our file: a lock on a deleted file keeps nobody out."""
        try:
            ours, named = posix.fstat(descriptor), posix.stat(self._path)
        except OSError:
            named = None
        if named is None or (ours.st_dev, ours.st_ino) != (named.st_dev, named.st_ino):
            self.reason = "the lock file was deleted or replaced"
            return False
        return True

    def renew(self, _timeout: float) -> bool:
        """Check that the lock still keeps others out."""
        return bool(self.inherited) and self._same(self.inherited[0])

    def settle(self, place: str, _timeout: float) -> bool:
        """Record the node that holds the state."""
        text = place.encode()
        try:
            posix.pwrite(self.inherited[0], text, 0)
            posix.ftruncate(self.inherited[0], len(text))
        except OSError as error:  # a full disk
            self.reason = f"where the state is could not be recorded: {error}"
            return False
        self.place = place
        return True

    def release(self, _timeout: float) -> bool:
        """Free the lock, also where a stray process of the bot inherited it."""
        for descriptor in self.inherited:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            posix.close(descriptor)
        self.inherited = ()
        return True
