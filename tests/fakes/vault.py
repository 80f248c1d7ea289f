"""A stand-in for Vault's HTTP API: the key-value engine (version 2) and AppRole, as its documentation says.

It is no Vault: none was at hand to run. Imitated are status codes, the shape of answers, tokens that end.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeVault:
    """Secrets by `mount/path`; `tokens` are those in force, `roles` role ids with their secret ids."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.tokens = {"root"}
        self.roles: dict[str, str] = {}
        self.sealed = False
        self.logins = 0
        self.address = ""

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return the status and document of one request."""
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if (method, path) == ("POST", "auth/approle/login"):
            return self._login(body)
        if token not in self.tokens:
            return 403, {"errors": ["permission denied"]}
        mount, _, rest = path.partition("/data/")
        found = self.secrets.get(f"{mount}/{rest}")
        if method != "GET" or found is None:
            return 404, {"errors": []}
        return 200, {"data": {"data": found, "metadata": {"version": 1}}, "lease_duration": 0}

    def _login(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.roles.get(body.get("role_id", "")) != body.get("secret_id"):
            return 400, {"errors": ["invalid role or secret ID"]}
        self.logins += 1
        token = f"approle-{self.logins}"
        self.tokens.add(token)
        return 200, {"auth": {"client_token": token, "renewable": True, "lease_duration": 3600}}


@contextmanager
def fake_vault() -> Iterator[FakeVault]:
    """Serve one on a free port of this machine."""
    vault = FakeVault()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            token = self.headers.get("X-Vault-Token", "")
            status, document = vault.answer(self.command, self.path.removeprefix("/v1/"), token, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vault.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
