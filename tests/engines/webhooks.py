"""A server of webhooks for tests: it keeps what it took, and refuses, or hangs, as it is told to."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Heard:
    """A message: when it came (Unix seconds), where to, and its text."""

    at: float
    path: str
    text: str


class Webhooks(ThreadingHTTPServer):
    """Answers with the code that the path ends with; `/hang` waits until it is closed.

    While it is `refusing` it answers 503 to all, and keeps what it refused apart. `heard` is all of both.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.heard: list[Heard] = []
        self.taken: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.refusing = False
        self.closing = threading.Event()


class Hook(BaseHTTPRequestHandler):
    """One request."""

    server: Webhooks

    def do_POST(self) -> None:
        at = time.time()
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append(Heard(at, self.path, body.decode()))
        if self.path.endswith("/hang"):
            self.server.closing.wait()
            return
        code = 503 if self.server.refusing else int(self.path.rpartition("/")[2])
        (self.server.refused if self.server.refusing else self.server.taken).append(json.loads(body))
        self.send_response(code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def webhooks() -> Iterator[Webhooks]:
    """Serve on a free port of this machine."""
    server = Webhooks()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
