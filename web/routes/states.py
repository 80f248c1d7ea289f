"""Where the agents of all nodes hand bots' states in, and get them from to bring them to another node."""

from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.params import PathParameter

from schemas.errors import UsageError
from schemas.state import MOST_FILE, SaveAnswer, StateSave, StateVersion
from web.access.scopes import Scope
from web.routes.parameters import AnyRequest, BotName, Wired

_MOST_SAVE = 8 * 1024 * 1024
"""Bytes of a version's description: its paths and checksums."""
_decode = msgspec.json.Decoder(StateSave).decode
Checksum = Annotated[str, PathParameter(description="The content's SHA-256.")]


@post(
    "/api/v1/states/{name:str}/versions",
    opt={"access": Scope.INGEST},
    tags=["states"],
    status_code=200,
    request_max_body_size=_MOST_SAVE,
)
async def offer_state(services: Wired, request: AnyRequest, name: BotName) -> SaveAnswer:
    """Take a version of a bot's state: its number, or the contents that must be uploaded before.

    409: a later holder of the bot's lease has saved already; what a fenced copy leaves behind is not taken.
    """
    try:
        save = _decode(await request.body())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"this is no version of a state: {error}") from None
    return await services.states.offer(name, save)


@get("/api/v1/states/{name:str}/versions/newest", opt={"access": Scope.INGEST}, tags=["states"])
async def newest_state(services: Wired, name: BotName) -> StateVersion | None:
    """Return the newest version of a bot's state, null where nothing was saved."""
    return await services.states.newest(name)


@put(
    "/api/v1/states/{name:str}/objects/{sha256:str}",
    opt={"access": Scope.INGEST},
    tags=["states"],
    status_code=204,
    request_max_body_size=MOST_FILE,
)
async def upload_state(services: Wired, request: AnyRequest, name: BotName, sha256: Checksum) -> None:
    """Take one content of a version to come; its checksum is proven."""
    await services.states.upload(name, sha256, await request.body())


@get("/api/v1/states/{name:str}/objects/{sha256:str}", opt={"access": Scope.INGEST}, tags=["states"])
async def download_state(services: Wired, name: BotName, sha256: Checksum) -> Response[bytes]:
    """Return one content of a bot's state."""
    return Response(
        await services.states.download(name, sha256),
        media_type="application/octet-stream",
        headers={"Cache-Control": "no-store"},
    )
