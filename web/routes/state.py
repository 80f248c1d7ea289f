"""A bot's saved state for people: its keys, its versions, and changes to it while the bot stands still.

A state may hold secrets: its contents need the scope operate, its keys and versions only read.
"""

import hashlib
import json
from typing import Annotated

from litestar import Response, delete, get, post, put
from litestar.params import JSONBody, QueryParameter

from controller.state.changing import StateChange
from schemas.errors import NotFound, UsageError
from schemas.state import KEY_SUFFIX, MOST_FILE, StateFile, StateVersion, find_file, key_of, path_problem
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.documents.states import RestoreRequest, StateDocument, StateKey, StateVersionDocument
from web.routes.bots import known_bot
from web.routes.parameters import AnyRequest, BotName, Wired
from web.services import Services

Key = Annotated[str, QueryParameter(description="A key of the SDK, or a file's path.")]
Version = Annotated[int, QueryParameter(ge=0, description="The version; 0: the newest saved.")]
All = Annotated[bool, QueryParameter(description="Delete all keys.")]
Why = Annotated[str, QueryParameter(description="Why, for the record.")]


@get("/api/v1/bots/{name:str}/state", opt={"access": Scope.READ}, tags=["state"])
async def bot_state(services: Wired, name: BotName, version: Version = 0) -> StateDocument:
    """Return the keys of a bot's saved state, and what of it is not saved and why."""
    await _known(services, name)
    found = await services.states.version(name, version)
    keys = [
        StateKey(key_of(file.path), file.path, file.size, file.sha256, file.mtime, file.changing)
        for file in found.files
    ]
    return StateDocument(name, _document(found), keys, {one.path: one.reason for one in found.skipped})


@get("/api/v1/bots/{name:str}/state/versions", opt={"access": Scope.READ}, tags=["state"])
async def state_versions(services: Wired, name: BotName) -> list[StateVersionDocument]:
    """Return the saved versions of a bot's state, newest first."""
    await _known(services, name)
    return [_document(version) for version in await services.states.history(name)]


@get("/api/v1/bots/{name:str}/state/content", opt={"access": Scope.OPERATE}, tags=["state"])
async def state_content(services: Wired, name: BotName, key: Key, version: Version = 0) -> Response[bytes]:
    """Return the content of one key of a bot's saved state."""
    await _known(services, name)
    found = await services.states.version(name, version)
    file = _file(name, found, key)
    content = await services.states.download(name, file.sha256)
    return Response(content, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


@put(
    "/api/v1/bots/{name:str}/state/content",
    opt={"access": Scope.OPERATE},
    tags=["state"],
    request_max_body_size=MOST_FILE,
)
async def put_state_content(
    services: Wired, request: AnyRequest, name: BotName, key: Key, reason: Why = ""
) -> StateVersionDocument:
    """Set one key of a bot's state, from the next start on. 409 while a copy of the bot runs."""
    await _known(services, name)
    newest = await services.states.newest(name)
    path = _path(newest, key)
    content = await request.body()
    if path.endswith(KEY_SUFFIX):
        _must_be_json(key, content)
    file = StateFile(path, hashlib.sha256(content).hexdigest(), len(content), services.clock())
    await services.states.upload(name, file.sha256, content)
    change = StateChange(put={path: file})
    return await _change(services, request, name, change, reason or f"set {key}")


@delete(
    "/api/v1/bots/{name:str}/state/content",
    opt={"access": Scope.OPERATE},
    tags=["state"],
    status_code=200,
)
async def delete_state_content(
    services: Wired,
    request: AnyRequest,
    name: BotName,
    key: Key = "",
    everything: All = False,
    reason: Why = "",
) -> StateVersionDocument:
    """Delete one key of a bot's state, or `everything`. 409 while a copy of the bot runs."""
    await _known(services, name)
    if bool(key) == everything:
        raise UsageError("say which key to delete, or everything=true for all of them")
    found = await services.states.version(name, 0)
    change = StateChange(base=None) if everything else StateChange(remove=(_file(name, found, key).path,))
    return await _change(services, request, name, change, reason or f"delete {key or 'everything'}")


@post("/api/v1/bots/{name:str}/state/restore", opt={"access": Scope.OPERATE}, tags=["state"], status_code=200)
async def restore_state(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[RestoreRequest]
) -> StateVersionDocument:
    """Make an older version the newest, from the next start on. 409 while a copy of the bot runs."""
    await _known(services, name)
    found = await services.states.version(name, data.version)
    change = StateChange(base=found.number, accept_loss=data.accept_loss)
    return await _change(services, request, name, change, data.reason or f"restore version {found.number}")


async def _change(
    services: Services, request: AnyRequest, name: str, change: StateChange, reason: str
) -> StateVersionDocument:
    by = authenticated(principal_of(request)).name
    return _document(await services.controller.change_state(name, change, by, reason, token=by))


async def _known(services: Services, name: str) -> None:
    """Raise UnknownName, unless the bot is there, or was and its state is kept."""
    try:
        known_bot(services, name)
    except NotFound:
        if "/" in name or name.startswith(".") or await services.states.newest(name) is None:
            raise


def _file(name: str, version: StateVersion, key: str) -> StateFile:
    found = find_file(version, key)
    if found is None:
        there = ", ".join(key_of(file.path) for file in version.files[:10]) or "none"
        raise NotFound(f"there is no key {key} in version {version.number} of the state of {name}: {there}")
    return found


def _path(newest: StateVersion | None, key: str) -> str:
    """Return the path that a key is written to: that of the file it names, else the SDK's for it."""
    if problem := path_problem(key):
        raise UsageError(f'"{key}" cannot be a key: {problem}')
    found = find_file(newest, key) if newest else None
    if found is not None:
        return found.path
    return key if "/" in key or "." in key else f"{key}{KEY_SUFFIX}"


def _must_be_json(key: str, content: bytes) -> None:
    try:
        json.loads(content)
    except ValueError as error:
        raise UsageError(f"the value of {key} is not JSON, which the SDK reads there: {error}") from None


def _document(version: StateVersion) -> StateVersionDocument:
    return StateVersionDocument(
        version.number,
        version.saved_at,
        version.node,
        version.final,
        len(version.files),
        version.size,
        version.by,
        version.reason,
    )
