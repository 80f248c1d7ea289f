"""What bots use, measured a moment ago, and when they run into a limit."""

import asyncio
from typing import Any

import msgspec
from litestar import MediaType, Response, get

from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.documents.resources import ResourcesDocument
from web.liveness import resources_document
from web.routes.bots import known_bot
from web.routes.parameters import BotName, Wired

_AT_ONCE = 200


@get("/api/v1/bots/{name:str}/resources", opt={"access": Scope.READ}, tags=["bots"])
async def bot_resources(services: Wired, name: BotName) -> Response[ResourcesDocument]:
    """Return what a bot uses, and when it runs into its limits."""
    position = services.live.position()
    known_bot(services, name)
    view = services.resources.view(name)
    found = resources_document(view) if view else ResourcesDocument(name, None)
    return Response(found, headers={STREAM_POSITION: position})


@get("/api/v1/resources", opt={"access": Scope.READ}, tags=["bots"])
async def resources(services: Wired) -> Response[list[ResourcesDocument]]:
    """Return what every bot that runs uses, by name."""
    position = services.live.position()
    shares: list[bytes] = []
    views = list(services.resources.views())
    for start in range(0, len(views), _AT_ONCE):
        found = [resources_document(view) for view in views[start : start + _AT_ONCE]]
        shares.append(msgspec.json.encode(found)[1:-1])
        await asyncio.sleep(0)
    body: Any = b"[" + b",".join(shares) + b"]"
    return Response(body, media_type=MediaType.JSON, headers={STREAM_POSITION: position})
