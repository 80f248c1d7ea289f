"""What stands in front of every route, known or not: the gate, security headers, the access log."""

import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.enums import ScopeType

from web.access.denied import AccessDenied
from web.access.gate import Access
from web.access.hosts import SAFE_METHODS
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
_access_log = logging.getLogger("herdsman.web.access")


class Front:
    """An ASGI application around another: nothing reaches a route without having passed here.

    It puts the request's `Principal` (or None) into `scope["state"]["principal"]` and its name into
    `scope["state"]["user"]`.
    """

    def __init__(self, app: "ASGIApp", access: Access, *, tls: bool) -> None:
        self._app = app
        self._access = access
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

        async def guarded_send(message: "Message") -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                self._add_headers(message)
            await send(message)

        try:
            if await self._admitted(scope, guarded_send):
                await self._app(scope, receive, guarded_send)
        finally:
            _log_request(scope, seen["status"], time.monotonic() - started)

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
        return True

    def _add_headers(self, message: Any) -> None:
        present = {name.lower() for name, _ in message["headers"]}
        message["headers"] = [
            *message["headers"],
            *(header for header in self._headers if header[0] not in present),
        ]


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
