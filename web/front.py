"""What stands in front of every route, known or not: the gate, security headers, the access log."""

import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.enums import ScopeType

from telemetry.agent.sinks import INGEST_PATH
from telemetry.names import Health
from web.access.denied import AccessDenied
from web.access.gate import Access
from web.access.hosts import SAFE_METHODS
from web.compression import Compressed
from web.problems import MEDIA_TYPE, challenge, denied_problem, retry_after, shown_path

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_QUIET = ("/api/v1/stream", "/api/v1/ingest", "/livez", "/readyz", "/assets/")
_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})
_ENDLESS = frozenset({"/api/v1/stream"})
"""Routes whose answers end when the client has seen enough."""
_access_log = logging.getLogger("herdsman.web.access")


class Front:
    """An ASGI application around another: nothing reaches a route without having passed here.

    It puts the request's `Principal` (or None) into `scope["state"]["principal"]` and its name into
    `scope["state"]["user"]`.
    """

    def __init__(self, app: "ASGIApp", access: Access, health: Health, *, tls: bool) -> None:
        self._app = app
        self._access = access
        self._health = health
        headers = dict(SECURITY_HEADERS)
        if tls:
            headers["strict-transport-security"] = "max-age=31536000"
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Check a request and hand it on. There are no websockets here, so none gets past this."""
        if str(scope["type"]) == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != ScopeType.HTTP:
            return
        started = time.monotonic()
        seen = {"status": 0}
        packed_send = Compressed(send, _accepted(scope))

        async def guarded_send(message: "Message") -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                self._add_headers(message)
            await packed_send(message)

        try:
            if await self._admitted(scope, guarded_send):
                await self._app(scope, receive, guarded_send)
        finally:
            took = time.monotonic() - started
            _log_request(scope, seen["status"], took)
            self._count(scope, seen["status"], took)

    def _count(self, scope: Any, status: int, took: float) -> None:
        """Count a request under its route's template: an address that a client made up is no label."""
        refused = INGEST_PATH if scope["path"] == INGEST_PATH else "none"  # an agent's, before any route
        route = scope.get("path_template") or refused
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._health.count("herdsman_http_requests_total", method=method, route=route, status=str(status))
        if scope["path"] == INGEST_PATH and status in (401, 403) and _has_credential(scope):
            denied = self._health.gauge("herdsman_ingest_denied_timestamp_seconds")
            denied.set(time.time(), status=str(status))
        if route not in _ENDLESS:
            self._health.histogram("herdsman_http_request_seconds").observe(took, route=route)

    async def _admitted(self, scope: Any, send: "Send") -> bool:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        address = (scope.get("client") or ("", 0))[0]
        try:
            principal = self._access.admit(scope["method"], headers, address)
        except AccessDenied as denied:
            await _refuse(scope["path"], denied, send)
            return False
        state = scope.setdefault("state", {})
        state["principal"] = principal
        state["user"] = principal.name if principal else ""
        state["role"] = principal.scope.value if principal else ""
        if principal is not None:
            self._access.tokens.used(principal.token, self._access.clock())
        return True

    def _add_headers(self, message: Any) -> None:
        present = {name.lower() for name, _ in message["headers"]}
        message["headers"] = [
            *message["headers"],
            *(header for header in self._headers if header[0] not in present),
        ]


def _accepted(scope: Any) -> bytes:
    return next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")


def _has_credential(scope: Any) -> bool:
    """Say whether whoever asked means to be known: a scanner of the network is nobody's agent."""
    return any(name.lower() == b"authorization" and value for name, value in scope["headers"])


async def _refuse(path: str, denied: AccessDenied, send: Any) -> None:
    body = msgspec.json.encode(denied_problem(path, denied))
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **challenge(path, denied)}
    if denied.wait:
        headers["retry-after"] = retry_after(denied.wait)
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": denied.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _log_request(scope: Any, status: int, seconds: float) -> None:
    """Log one request: never its query (a sign-in code), never a bundle's capability, no heartbeat noise.

    What only reads, and succeeds, is for those who asked for more (`--verbose`).
    """
    path = scope["path"]
    if path.startswith(_QUIET):
        return
    user = scope.get("state", {}).get("user") or "-"
    plain_reading = scope["method"] in SAFE_METHODS and status < 400
    level = logging.DEBUG if plain_reading else logging.INFO
    _access_log.log(level, "%s %s %s %d %.3fs", user, scope["method"], shown_path(path), status, seconds)
