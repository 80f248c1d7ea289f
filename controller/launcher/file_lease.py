"""A lease by a lock on a file of this machine; the kernel frees it when its last holder is dead.

The bot inherits the lock's descriptor, so that a bot that outlived its launcher would still hold it.
"""

import fcntl
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Lease:
    """See `lease.py`; options: `{"path": the lock file}`, which also remembers where the state is.

    It holds the node and the holder's token; `former_path` is the lock file of the bot's former name.
    """

    deadline_free = True
    revoked = False
    predecessor_is_dead = False
    """Nobody asks: whatever it left holds the lock, and was ended before this launcher was started."""

    def __init__(self, order: "dict[str, Any]", _environment: dict[str, str]) -> None:
        self.place = ""
        self.placed = self.token = 0
        self.reason = ""
        self.inherited: tuple[int, ...] = ()
        self._path = order["lease"]["options"]["path"]
        self._former = order["lease"]["options"].get("former_path", "")

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
        self.place, self.placed = parsed(posix.read(descriptor, 4096))
        self.token = self.placed + 1
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
        if not self._record(self.inherited[0], place, self.token):
            return False
        self.place, self.placed = place, self.token
        return True

    def _record(self, descriptor: int, place: str, token: int) -> bool:
        text = f"{place} {token}".encode()
        try:
            posix.pwrite(descriptor, text, 0)
            posix.ftruncate(descriptor, len(text))
        except OSError as error:  # a full disk
            self.reason = f"where the state is could not be recorded: {error}"
            return False
        return True

    def look_back(self, _timeout: float) -> bool:
        """Read the lock file of the former name, which nobody holds any more."""
        try:
            descriptor = posix.open(self._former, posix.O_RDONLY | posix.O_CLOEXEC)
        except OSError:
            return True
        try:
            self.place, self.placed = parsed(posix.read(descriptor, 4096))
            self.token = max(self.token, self.placed + 1)
        finally:
            posix.close(descriptor)
        return True

    def leave_former(self, _timeout: float) -> bool:
        """Write it, where nobody holds it."""
        try:
            descriptor = posix.open(self._former, posix.O_RDWR | posix.O_CLOEXEC)
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return self._record(descriptor, "", parsed(posix.read(descriptor, 4096))[1])
        except OSError:
            return False
        finally:
            posix.close(descriptor)

    def release(self, _timeout: float) -> bool:
        """Free the lock, also where a stray process of the bot inherited it."""
        for descriptor in self.inherited:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            posix.close(descriptor)
        self.inherited = ()
        return True


def parsed(record: bytes) -> tuple[str, int]:
    """Return the place and the token that a lock file holds."""
    place, _, token = record.decode("utf-8", "replace").rstrip("\n").partition(" ")
    return place.strip(), int(token) if token.isdecimal() else 0
