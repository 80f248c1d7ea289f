"""Routes of a process that hands requests on to the leader: bundles, builds, plans, code, webhooks."""

from typing import TYPE_CHECKING, Any

from litestar import asgi

from web.access.scopes import PUBLIC

if TYPE_CHECKING:
    from litestar.handlers import ASGIRouteHandler
    from litestar.types import ASGIApp, Receive, Send

MOUNTS = ("/bundles", "/api/v1/builds", "/api/v1/webhooks", "/api/v1/plans", "/api/v1/code")
"""Where every request proves itself, or the leader asks for its token: none is asked for here."""


def mounts(leader: "ASGIApp") -> "list[ASGIRouteHandler]":
    """Return the routes; the leader looks whether a request has the right."""
    return [_mount(path, leader) for path in MOUNTS]


def _mount(path: str, leader: "ASGIApp") -> "ASGIRouteHandler":
    @asgi(path, is_mount=True, copy_scope=True, opt={"access": PUBLIC})
    async def hand_on(scope: Any, receive: "Receive", send: "Send") -> None:
        """Hand a request on."""
        scope["path"] = f"{path}{scope['path'].rstrip('/')}"
        await leader(scope, receive, send)

    return hand_on
