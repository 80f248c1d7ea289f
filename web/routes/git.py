"""The git remote at `/git/fleet.git`: who may fetch and who may push; the rest is `gitops.remote`."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from litestar import asgi
from litestar.connection import ASGIConnection

from schemas.errors import NotFound
from web.access.guard import principal_of, require
from web.access.scopes import PUBLIC, Scope

if TYPE_CHECKING:
    from litestar.handlers import ASGIRouteHandler
    from litestar.types import ASGIApp, Receive, Send

MOUNT = "/git"
_PUSH = "git-receive-pack"


def mount(remote: "ASGIApp | None") -> "ASGIRouteHandler":
    """Return the route that hands git's requests on, once they are allowed."""

    @asgi(MOUNT, is_mount=True, copy_scope=True, opt={"access": PUBLIC})
    async def git(scope: Any, receive: "Receive", send: "Send") -> None:
        """Serve git: reading takes the scope read, pushing the scope operate."""
        if remote is None:
            raise NotFound("this herdsman follows a git repository elsewhere and serves none of its own")
        path = scope["path"].rstrip("/")
        require(principal_of(ASGIConnection(scope)), wanted_scope(path, scope["query_string"]))
        # The framework cut the mount's address off and put a slash at the end; git's own form is expected.
        scope["path"] = f"{MOUNT}{path}"
        await remote(scope, receive, send)

    return git


def wanted_scope(path: str, query: bytes) -> Scope:
    """Return what a git request needs: a push announces itself in the query, then posts to its own path."""
    service = parse_qs(query.decode("latin-1")).get("service", [""])
    if path.endswith(f"/{_PUSH}") or _PUSH in service:
        return Scope.OPERATE
    return Scope.READ
