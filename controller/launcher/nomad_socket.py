"""HTTP over the socket that Nomad gives each task; raw, since importing a client would cost every bot much.

The socket and the token are those of a task with `identity { env = true }`.
"""

import posix
import time
from _socket import AF_UNIX, socket

_CONNECTING = 1.0


class NomadSocket:
    """One task's way to Nomad. Every method raises OSError where Nomad's agent does not answer."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._folder = environment["NOMAD_SECRETS_DIR"]
        self._token = environment.get("NOMAD_TOKEN", "")

    def exchange(self, method: str, target: str, content: bytes, deadline: float) -> bytes:
        """Return the whole answer to one request; `deadline` is a moment of `time.monotonic`."""
        connection = self._connected(_left(deadline))
        try:
            connection.sendall(self._request(method, target, content))
            parts: list[bytes] = []
            while True:
                connection.settimeout(_left(deadline))
                part = connection.recv(65536)
                if not part:
                    return b"".join(parts)
                parts.append(part)
        finally:
            connection.close()

    def ask(self, target: str) -> socket:
        """Send a GET and return the connection, which never blocks: its answer may come much later."""
        connection = self._connected(_CONNECTING)
        try:
            connection.sendall(self._request("GET", target, b""))
            connection.setblocking(False)
        except OSError:
            connection.close()
            raise
        return connection

    def _request(self, method: str, target: str, content: bytes) -> bytes:
        head = (
            f"{method} {target} HTTP/1.0\r\nHost: nomad\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    def _connected(self, seconds: float) -> socket:
        # A task's folder is often too deep for a socket's path, which ends at 108 bytes.
        folder = posix.open(self._folder, posix.O_PATH | posix.O_CLOEXEC)
        connection = socket(AF_UNIX)
        try:
            connection.settimeout(seconds)
            connection.connect(f"/proc/self/fd/{folder}/api.sock")
        except OSError:
            connection.close()
            raise
        finally:
            posix.close(folder)
        return connection


def status_of(answer: bytes) -> tuple[int, bytes, bytes]:
    """Return status, head and content of an answer. Raises ValueError or IndexError where it is none."""
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head, content


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
