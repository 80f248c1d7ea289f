"""A stand-in for the socket that Nomad gives each task: it forwards to a real agent, and can misbehave."""

import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit


class TaskSocket:
    """`<folder>/api.sock` over a real agent; `swallow` answers are lost, while `silent` none is given, and
    `refuse` renewals are answered as by a leader that has not begun to count.
    """

    def __init__(self, folder: Path, agent: str) -> None:
        self.folder = folder
        self.swallow = self.refuse = 0
        self.silent = False
        self.requests: list[bytes] = []
        target = urlsplit(agent)
        self.target = (target.hostname or "", target.port or 0)


def _handler(owner: TaskSocket) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            request = self.request.recv(1 << 20)
            owner.requests.append(request)
            if owner.silent:
                self.request.recv(1)  # until the client gives up
                return
            if owner.refuse and b"lock-renew" in request:
                owner.refuse -= 1
                self.request.sendall(b"HTTP/1.0 409 Conflict\r\n\r\nattempting to modify locked variable")
                return
            with socket.create_connection(owner.target) as upstream:
                upstream.sendall(request)
                answer = b""
                while part := upstream.recv(1 << 16):
                    answer += part
            if owner.swallow:
                owner.swallow -= 1
            else:
                self.request.sendall(answer)

    return Handler


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def task_socket(folder: Path, agent: str) -> Iterator[TaskSocket]:
    """Offer the socket for the time of the block."""
    owner = TaskSocket(folder, agent)
    descriptor = os.open(folder, os.O_PATH)
    try:
        with _Server(f"/proc/self/fd/{descriptor}/api.sock", _handler(owner)) as server:
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
            )
            thread.start()
            try:
                yield owner
            finally:
                server.shutdown()
                thread.join()
    finally:
        os.close(descriptor)
