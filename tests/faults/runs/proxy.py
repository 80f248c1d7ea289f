"""A proxy on loopback between a client and a server, which can be as bad as a network and a busy server."""

import contextlib
import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_ANSWERS = {
    "conflict": b"HTTP/1.1 409 Conflict",
    "limited": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1",
    "broken": b"HTTP/1.1 500 Internal Server Error",
    "busy": b"HTTP/1.1 503 Service Unavailable",
}
MOODS = ("refuse", "hang", "half", "slow", *_ANSWERS)
HALF = 60
"""Bytes of an answer that get through where it is cut in half."""
SLOW = 0.3


class Proxy:
    """Forwards to `target`; `mood` is "" or how it treats what comes, see `MOODS`."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self._mood = ""
        self._open: set[socket.socket] = set()
        self.port = 0
        self.struck = 0
        """How many connections were treated badly."""

    @property
    def mood(self) -> str:
        return self._mood

    @mood.setter
    def mood(self, mood: str) -> None:
        """Treat what comes from now on so; where that is badly, nothing that was there before goes on."""
        self._mood = mood
        for one in [*self._open] if mood else ():
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, client: socket.socket) -> None:
        """Treat one connection as the mood is when it comes."""
        mood = self.mood
        self.struck += bool(mood)
        if mood == "refuse":
            return
        if mood in _ANSWERS:
            client.recv(1 << 16)
            client.sendall(_ANSWERS[mood] + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if mood == "hang":
            while self.mood == "hang":
                time.sleep(0.05)
            return
        with contextlib.suppress(OSError), socket.create_connection(self.target, timeout=10) as server:
            self._open.add(server)
            try:
                _forward(client, server, HALF if mood == "half" else None, SLOW if mood == "slow" else 0)
            finally:
                self._open.discard(server)


def _forward(client: socket.socket, server: socket.socket, most: int | None, delay: float) -> None:
    """Copy both ways until one side ends, or so much of the answer is through."""
    other = {client: server, server: client}
    while True:
        for ready in select.select([client, server], [], [], 60)[0]:
            part = ready.recv(1 << 16)
            if not part:
                return
            if ready is server and delay:
                time.sleep(delay)
            if ready is server and most is not None:
                other[ready].sendall(part[:most])
                return
            other[ready].sendall(part)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


@contextmanager
def proxy(target: tuple[str, int]) -> Iterator[Proxy]:
    """Offer a proxy for the time of the block."""
    owner = Proxy(target)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                owner.serve(self.request)

    with _Server(("127.0.0.1", 0), Handler) as server:
        owner.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield owner
        finally:
            owner.mood = ""
            server.shutdown()
            thread.join()
