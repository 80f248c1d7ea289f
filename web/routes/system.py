"""How herdsman itself is."""

from litestar import Response, get

from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.documents.system import SystemDocument
from web.routes.parameters import Wired


@get("/api/v1/system", opt={"access": Scope.READ}, tags=["health"])
async def system(services: Wired) -> Response[SystemDocument]:
    """Return how each part of herdsman is, and the newest warnings and errors of its own log."""
    position = services.live.position()
    return Response(await services.system.document(), headers={STREAM_POSITION: position})
