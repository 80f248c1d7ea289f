"""A lease by the lock on a Nomad variable, taken over the task's own socket to Nomad.

Nomad frees a lock that nobody renews after twice its time to live, never sooner than once.
"""

import posix
import time

from controller.launcher.files import read, replace
from controller.launcher.nomad_socket import NomadSocket, status_of
from controller.launcher.text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHORTEST = 10.0
_RETRY = 0.2


class Lease:
    """See `lease.py`; options: `path` (whose lock it is), `state_path` (remembers the place), `namespace`.

    The place has a variable of its own, since taking a lock overwrites what its variable holds; it is written
    by compare-and-set, so that a holder that was overtaken records nothing. `former_state_path` is that of
    the bot's former name. The token is the index at which Nomad granted the lock, or one more than the last
    holder's where that is greater (a cluster that was built anew counts from the beginning).
    """

    deadline_free = False

    def __init__(self, order: "dict[str, Any]", environment: dict[str, str]) -> None:
        options = order["lease"]["options"]
        self.place = ""
        self.reason = ""
        self.revoked = False
        self.inherited: tuple[int, ...] = ()
        self._path = options["path"]
        self.placed = self.token = 0
        self._state_path = options["state_path"]
        self._former_path = options.get("former_state_path", "")
        self._granted_at = self._seen_at = self._former_seen_at = 0
        self._namespace = options.get("namespace") or "default"
        self._ttl = f"{max(float(order['lease']['ttl']), _SHORTEST):g}s"
        self._node = order["node"]
        self._holder = f"{order['allocation']} {posix.urandom(8).hex()}"
        self._note = f"{environment['NOMAD_SECRETS_DIR']}/lease"
        self._nomad = NomadSocket(environment)
        self._lock = ""

    @property
    def predecessor_is_dead(self) -> bool:
        """Look at the process that left the note."""
        return bool(self._inheritance())

    def acquire(self, timeout: float) -> bool:
        """Take the lock if it is free, and read where the state is."""
        deadline = time.monotonic() + timeout
        taken = not self._lock and self._take(deadline)
        return (taken or self._kept(deadline)) and self._read_place(deadline)

    def renew(self, timeout: float) -> bool:
        """Prolong the lock; where Nomad refuses, see whether it is ours still.

        A new leader refuses for a moment what it knows to be ours, before it has begun to count.
        """
        deadline = time.monotonic() + timeout
        status = self._prolong(deadline)
        self.revoked = not self._lock or (self._gone(status) and self._others(deadline))
        if self.revoked:
            self._lock = ""
        return status == 200

    def settle(self, place: str, timeout: float) -> bool:
        """Record the node that holds the state."""
        deadline = time.monotonic() + timeout
        items = {"node": place, "token": str(self.token)}
        cas = f"cas={self._seen_at}"
        status, answer = self._send("PUT", self._state_path, cas, deadline, Items=items)
        if status == 409:  # an earlier answer of ours may have been lost; else a later holder was here
            status, answer = self._send("GET", self._state_path, "", deadline)
            if status == 200 and (answer.get("Items") or {}) != items:
                self.reason = "a later holder of the lease has recorded where the state is"
                return False
        if status == 200:
            self.place, self.placed, self._seen_at = place, self.token, answer["ModifyIndex"]
        return status == 200

    def look_back(self, timeout: float) -> bool:
        """Read the variable of the former name."""
        if not self._former_path:
            return True
        status, answer = self._send("GET", self._former_path, "", time.monotonic() + timeout)
        if status == 200:
            self.place, self.placed = _parsed(answer)
            self.token = max(self.token, self.placed + 1)
            self._former_seen_at = answer["ModifyIndex"]
        return status in {200, 404}

    def leave_former(self, timeout: float) -> bool:
        """Write it, where it is as it was read."""
        if not self._former_seen_at:
            return True
        deadline, cas = time.monotonic() + timeout, f"cas={self._former_seen_at}"
        items = {"node": "", "token": str(self.token)}
        status, _ = self._send("PUT", self._former_path, cas, deadline, Items=items)
        return status == 200

    def release(self, timeout: float) -> bool:
        """Free the lock, trying again until it is free or the time is over."""
        deadline = time.monotonic() + timeout
        while self._lock:
            status, _ = self._send("PUT", self._path, "lock-release", deadline, Lock={"ID": self._lock})
            if status == 200 or self._gone(status):
                self._lock = ""
            elif time.monotonic() + _RETRY >= deadline:
                return False
            else:
                time.sleep(_RETRY)
        return True

    def _take(self, deadline: float) -> bool:
        items = {"holder": self._holder, "node": self._node}
        lock = {"TTL": self._ttl, "LockDelay": "1s"}
        status, answer = self._send("PUT", self._path, "lock-acquire", deadline, Items=items, Lock=lock)
        if status == 200:
            self._lock, self._granted_at = answer["Lock"]["ID"], answer["ModifyIndex"]
            self._leave_note()
        return status == 200

    def _kept(self, deadline: float) -> bool:
        """Whether a lock that we hold without knowing it, or hold already, can be renewed now."""
        if not (self._lock or self._ours(deadline)):
            self._lock = self._inheritance()
        return self._renew(deadline)

    def _renew(self, deadline: float) -> bool:
        status = self._prolong(deadline)
        if self._gone(status):
            self._lock = ""
        return status == 200

    def _prolong(self, deadline: float) -> int:
        """Ask for the renewal; return the answer's status, 0 for none."""
        if not self._lock:
            return 0
        status, _ = self._send("PUT", self._path, "lock-renew", deadline, Lock={"ID": self._lock})
        return status

    def _others(self, deadline: float) -> bool:
        """Whether Nomad says that the lock is somebody else's, or nobody's; not where it does not answer."""
        status, answer = self._send("GET", self._path, "", deadline)
        held = (answer.get("Lock") or {}).get("ID")
        if status == 404 or (status == 200 and held != self._lock):
            self.reason = "Nomad says that the lease is not held by this copy any more"
            return True
        return False

    def _gone(self, status: int) -> bool:
        """Whether the answer says that the lock is not ours any more (nor anybody's, perhaps)."""
        return status in {404, 409} or (status == 500 and "hold a lock" in self.reason)

    def _ours(self, deadline: float) -> bool:
        """Whether the holder is ourselves: an earlier request was granted, and its answer never came."""
        status, answer = self._send("GET", self._path, "", deadline)
        items = answer.get("Items") or {}
        lock = answer.get("Lock") or {}
        self._granted_at = max(self._granted_at, answer.get("ModifyIndex", 0))
        if status == 200 and lock.get("ID") and items.get("holder") == self._holder:
            self._lock = lock["ID"]
            return True
        if status == 200:
            self.reason = (
                f"another copy holds the lease, or held it a moment ago: node {items.get('node', '?')}"
            )
        return False

    def _leave_note(self) -> None:
        """Remember the lock for a successor in this allocation, should we die without letting it go."""
        try:
            replace(self._note, f"{self._lock} {posix.getpid()} {_process_space()}", 0o600)
        except OSError as error:
            self.reason = f"the lease is held, but a successor would have to wait for its end: {error}"

    def _inheritance(self) -> str:
        """Return the lock of our dead predecessor in this allocation, "" where there is none.

        Its bot went with it (parent-death signal), so waiting for the lock to expire would help nobody.
        """
        lock, _, rest = (read(self._note) or "").partition(" ")
        pid, _, space = rest.partition(" ")
        if space != _process_space() or not pid.isdigit():
            return ""
        try:
            posix.stat(f"/proc/{pid}")
        except FileNotFoundError:
            return lock
        return ""

    def _read_place(self, deadline: float) -> bool:
        status, answer = self._send("GET", self._state_path, "", deadline)
        if status == 200:
            self.place, self.placed = _parsed(answer)
        self._seen_at = answer["ModifyIndex"] if status == 200 else 0
        self.token = max(self._granted_at, self.placed + 1)
        return status in {200, 404}

    def _send(
        self, method: str, path: str, operation: str, deadline: float, **body: "Any"
    ) -> "tuple[int, dict[str, Any]]":
        """Return the status and the JSON of one request; 0 where there was no answer in time."""
        target = f"/v1/var/{path}?namespace={self._namespace}{'&' if operation else ''}{operation}"
        content = encode({"Path": path, **body}).encode() if body else b""
        try:
            return self._read(self._nomad.exchange(method, target, content, deadline))
        except (OSError, ValueError, IndexError) as error:
            self.reason = f"Nomad does not answer on this node: {error}"
            return 0, {}

    def _read(self, answer: bytes) -> "tuple[int, dict[str, Any]]":
        status, _, content = status_of(answer)
        if status != 200:
            self.reason = f"Nomad answers {status}: {content[:200].decode(errors='replace').strip()}"
            return status, {}
        return status, decode(content.decode())


def _parsed(answer: "dict[str, Any]") -> tuple[str, int]:
    """Return the place and the token in a variable."""
    items = answer.get("Items") or {}
    token = items.get("token", "")
    return items.get("node", ""), int(token) if token.isdecimal() else 0


def _process_space() -> str:
    """Return the name of this namespace of process ids: in another one, ids say nothing."""
    return posix.readlink("/proc/self/ns/pid")
