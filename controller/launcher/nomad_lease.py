"""A lease by the lock on a Nomad variable, taken over the task's own socket to Nomad.

Raw HTTP over the bare socket type: importing a client would cost every bot megabytes. The socket and the
token are those that Nomad gives each task with `identity { env = true }`. Nomad frees a lock that nobody
renews after twice its time to live, never sooner than once.
"""

import posix
import time
from _socket import AF_UNIX, socket

from controller.launcher.text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHORTEST = 10.0
_RETRY = 0.2


class Lease:
    """See `lease.py`; options: `path` (whose lock it is), `state_path` (remembers the place), `namespace`.

    The place has a variable of its own, since taking a lock overwrites what its variable holds.
    """

    deadline_free = False

    def __init__(self, order: "dict[str, Any]", environment: dict[str, str]) -> None:
        options = order["lease"]["options"]
        self.place = ""
        self.reason = ""
        self.inherited: tuple[int, ...] = ()
        self._path = options["path"]
        self._state_path = options["state_path"]
        self._namespace = options.get("namespace") or "default"
        self._ttl = f"{max(float(order['lease']['ttl']), _SHORTEST):g}s"
        self._node = order["node"]
        self._place_of_life = f"{order['allocation']} {posix.readlink('/proc/self/ns/pid')}"
        self._holder = f"{self._place_of_life} {posix.getpid()} {posix.urandom(4).hex()}"
        self._folder = environment["NOMAD_SECRETS_DIR"]
        self._token = environment.get("NOMAD_TOKEN", "")
        self._lock = ""

    def acquire(self, timeout: float) -> bool:
        """Take the lock if it is free, and read where the state is."""
        deadline = time.monotonic() + timeout
        taken = not self._lock and self._take(deadline)
        return (taken or self._kept(deadline)) and self._read_place(deadline)

    def renew(self, timeout: float) -> bool:
        """Prolong the lock."""
        return self._renew(time.monotonic() + timeout)

    def settle(self, place: str, timeout: float) -> bool:
        """Record the node that holds the state."""
        deadline = time.monotonic() + timeout
        status, _ = self._send("PUT", self._state_path, "", deadline, Items={"node": place})
        if status == 200:
            self.place = place
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
            self._lock = answer["Lock"]["ID"]
        return status == 200

    def _kept(self, deadline: float) -> bool:
        """Whether a lock granted earlier, perhaps in an answer that came too late, can be renewed now."""
        return bool(self._lock or self._ours(deadline)) and self._renew(deadline)

    def _renew(self, deadline: float) -> bool:
        if not self._lock:
            return False
        status, _ = self._send("PUT", self._path, "lock-renew", deadline, Lock={"ID": self._lock})
        if self._gone(status):
            self._lock = ""
        return status == 200

    def _gone(self, status: int) -> bool:
        """Whether the answer says that the lock is not ours any more (nor anybody's, perhaps)."""
        return status in {404, 409} or (status == 500 and "hold a lock" in self.reason)

    def _ours(self, deadline: float) -> bool:
        """Whether the holder is ourselves (an answer that never came) or our own dead predecessor."""
        status, answer = self._send("GET", self._path, "", deadline)
        items = answer.get("Items") or {}
        lock = answer.get("Lock") or {}
        holder = items.get("holder", "")
        if status == 200 and lock.get("ID") and (holder == self._holder or self._is_dead(holder)):
            self._lock = lock["ID"]
            return True
        if status == 200:
            self.reason = (
                f"another copy holds the lease, or held it a moment ago: node {items.get('node', '?')}"
            )
        return False

    def _is_dead(self, holder: str) -> bool:
        """Whether a holder was a launcher of this allocation, seen by this kernel, that is gone.

        Its bot went with it (parent-death signal), so waiting for the lock to expire would help nobody.
        """
        place, _, rest = holder.rpartition(" ")[0].rpartition(" ")
        if place != self._place_of_life or not rest.isdigit():
            return False
        try:
            posix.stat(f"/proc/{rest}")
        except FileNotFoundError:
            return True
        return False

    def _read_place(self, deadline: float) -> bool:
        status, answer = self._send("GET", self._state_path, "", deadline)
        if status == 200:
            self.place = (answer.get("Items") or {}).get("node", "")
        return status in {200, 404}

    def _send(
        self, method: str, path: str, operation: str, deadline: float, **body: "Any"
    ) -> "tuple[int, dict[str, Any]]":
        """Return the status and the JSON of one request; 0 where there was no answer in time."""
        target = f"/v1/var/{path}?namespace={self._namespace}{'&' if operation else ''}{operation}"
        content = encode({"Path": path, **body}).encode() if body else b""
        head = (
            f"{method} {target} HTTP/1.0\r\nHost: nomad\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        try:
            return self._read(self._exchange(head.encode() + content, deadline))
        except (OSError, ValueError, IndexError) as error:
            self.reason = f"Nomad does not answer on this node: {error}"
            return 0, {}

    def _read(self, answer: bytes) -> "tuple[int, dict[str, Any]]":
        head, _, content = answer.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 200:
            self.reason = f"Nomad answers {status}: {content[:200].decode(errors='replace').strip()}"
            return status, {}
        return status, decode(content.decode())

    def _exchange(self, request: bytes, deadline: float) -> bytes:
        # A task's folder is often too deep for a socket's path, which ends at 108 bytes.
        folder = posix.open(self._folder, posix.O_PATH | posix.O_CLOEXEC)
        connection = socket(AF_UNIX)
        try:
            connection.settimeout(_left(deadline))
            connection.connect(f"/proc/self/fd/{folder}/api.sock")
            connection.sendall(request)
            parts: list[bytes] = []
            while True:
                connection.settimeout(_left(deadline))
                part = connection.recv(65536)
                if not part:
                    return b"".join(parts)
                parts.append(part)
        finally:
            connection.close()
            posix.close(folder)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
