"""Where the agents of all nodes hand bots' states in, and get them from to bring them to another node."""

from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.params import PathParameter, QueryParameter

from schemas.errors import UsageError
from schemas.state import MOST_FILE, SaveAnswer, StateClaim, StateSave, StateVersion
from web.access.scopes import Scope
from web.routes.parameters import AnyRequest, BotName, Wired

_MOST_SAVE = 8 * 1024 * 1024
"""Bytes of a version's description: its paths and checksums."""
_decode = msgspec.json.Decoder(StateSave).decode
Fleet = Annotated[str, QueryParameter(description="The fleet that the allocation says it is of.")]
Allocation = Annotated[str, QueryParameter(description="The allocation on whose behalf this is asked.")]
Checksum = Annotated[str, PathParameter(description="The content's SHA-256.")]


@post(
    "/api/v1/states/{name:str}/versions",
    opt={"access": Scope.INGEST},
    tags=["states"],
    status_code=200,
    request_max_body_size=_MOST_SAVE,
)
async def offer_state(
    services: Wired, request: AnyRequest, name: BotName, fleet: Fleet, allocation: Allocation
) -> SaveAnswer:
    """Take a version of a bot's state: its number, or the contents that must be uploaded before.

    409: a later holder of the bot's lease has saved already; what a fenced copy leaves behind is not taken.
    403 StateRefused, as for every one of these requests: the allocation is not this bot's.
    """
    try:
        save = _decode(await request.body())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"this is no version of a state: {error}") from None
    return await services.desk.offer(StateClaim(fleet, allocation), name, save)


@get("/api/v1/states/{name:str}/versions/newest", opt={"access": Scope.INGEST}, tags=["states"])
async def newest_state(
    services: Wired, name: BotName, fleet: Fleet, allocation: Allocation
) -> StateVersion | None:
    """Return the newest version of a bot's state, null where nothing was saved."""
    return await services.desk.newest(StateClaim(fleet, allocation), name)


@get("/api/v1/states/{name:str}/claim", opt={"access": Scope.INGEST}, tags=["states"], status_code=204)
async def prove_state(services: Wired, name: BotName, fleet: Fleet, allocation: Allocation) -> None:
    """Say whether an allocation is this bot's by what the scheduler says: 204, or 403 StateRefused."""
    await services.desk.prove(StateClaim(fleet, allocation), name)


@put(
    "/api/v1/states/{name:str}/objects/{sha256:str}",
    opt={"access": Scope.INGEST},
    tags=["states"],
    status_code=204,
    request_max_body_size=MOST_FILE,
)
async def upload_state(
    services: Wired,
    request: AnyRequest,
    name: BotName,
    sha256: Checksum,
    fleet: Fleet,
    allocation: Allocation,
) -> None:
    """Take one content of a version to come; its checksum is proven."""
    await services.desk.upload(StateClaim(fleet, allocation), name, sha256, await request.body())


@get("/api/v1/states/{name:str}/objects/{sha256:str}", opt={"access": Scope.INGEST}, tags=["states"])
async def download_state(
    services: Wired, name: BotName, sha256: Checksum, fleet: Fleet, allocation: Allocation
) -> Response[bytes]:
    """Return one content of a bot's state."""
    return Response(
        await services.desk.download(StateClaim(fleet, allocation), name, sha256),
        media_type="application/octet-stream",
        headers={"Cache-Control": "no-store"},
    )
