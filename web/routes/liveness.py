"""How bots live: the verdict on one or all, and the ages behind it."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Response, get
from litestar.params import QueryParameter

from telemetry.liveness.verdict import BAD, Verdict
from telemetry.liveness.watch import LivenessView
from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.documents.liveness import LivenessDocument
from web.liveness import liveness_document, open_at_end
from web.routes.bots import known_bot
from web.routes.parameters import BotName, Wired

_AT_ONCE = 200


@get("/api/v1/bots/{name:str}/liveness", opt={"access": Scope.READ}, tags=["bots"])
async def bot_liveness(services: Wired, name: BotName) -> Response[LivenessDocument]:
    """Return how a bot lives: a verdict, and when it last gave each kind of sign."""
    position = services.live.position()
    status = known_bot(services, name)
    view = services.liveness.view(name) or LivenessView(
        name, Verdict.STARTING, "not looked at yet", services.clock(), {}
    )
    found = services.liveness.found(name)
    left = open_at_end(found, services.trading, name, status.mode) if found else []
    return Response(liveness_document(view, left), headers={STREAM_POSITION: position})


@get("/api/v1/liveness", opt={"access": Scope.READ}, tags=["bots"])
async def liveness(
    services: Wired,
    bad: Annotated[bool, QueryParameter(description="Only those that somebody should see to.")] = False,
) -> Response[list[LivenessDocument]]:
    """Return how every bot lives, by name."""
    position = services.live.position()
    shares: list[bytes] = []
    views = [one for one in services.liveness.views() if not bad or one.verdict in BAD]
    for start in range(0, len(views), _AT_ONCE):
        found = [liveness_document(view) for view in views[start : start + _AT_ONCE]]
        shares.append(msgspec.json.encode(found)[1:-1])
        await asyncio.sleep(0)
    body: Any = b"[" + b",".join(shares) + b"]"
    return Response(body, media_type=MediaType.JSON, headers={STREAM_POSITION: position})
