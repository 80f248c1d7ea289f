"""Going back to an earlier revision, and the end of it; each is recorded with who and why."""

import asyncio
from dataclasses import replace

from litestar import get, post
from litestar.params import JSONBody

from controller.rollback.records import WentBack, fleet_subject
from gitops.revision import Revision
from schemas.errors import NotFound, UsageError
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.documents.operations import (
    DeploymentDocument,
    OperationAnswer,
    OperationRequest,
    RollbackAnswer,
    RollbackRequest,
    UnpinRequest,
)
from web.presentation import deployment_document
from web.routes.bots import ever_known, known_bot
from web.routes.parameters import AnyRequest, BotName, Wired
from web.services import Services


@post("/api/v1/bots/{name:str}/rollback", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def rollback(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[RollbackRequest | None] = None
) -> RollbackAnswer:
    """Hold a bot at what it was at a revision, whatever git says, until it is unpinned (or until `until`)."""
    await ever_known(services, name)
    wanted, by = _checked(services, data), _who(request)
    went = await services.controller.rollbacks.roll_back(
        name, wanted.to, by, wanted.reason, wanted.until, allow_major=wanted.allow_major, token=by
    )
    return _answer(services, by, went)


@post("/api/v1/bots/{name:str}/unpin", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def unpin(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[UnpinRequest | None] = None
) -> RollbackAnswer:
    """Let a bot go: it is again what git says."""
    await ever_known(services, name)
    wanted, by = data or UnpinRequest(), _who(request)
    went = await services.controller.rollbacks.unpin(name, by, wanted.reason, token=by)
    return _answer(services, by, went)


@post("/api/v1/bots/{name:str}/retry", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def retry(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[OperationRequest | None] = None
) -> OperationAnswer:
    """Apply once more what git asks of a bot, though it was taken back because it did not get healthy."""
    known_bot(services, name)
    by = _who(request)
    await services.controller.rollbacks.retry(name, by, data.reason if data else "", token=by)
    return OperationAnswer(name, "retry", by, services.clock())


@get("/api/v1/bots/{name:str}/deployments", opt={"access": Scope.READ}, tags=["bots"])
async def deployments(services: Wired, name: BotName) -> list[DeploymentDocument]:
    """Return what was applied to a bot, which it can be rolled back to, the newest first."""
    await ever_known(services, name)
    found = await services.controller.rollbacks.deployments(name)
    current = next((one.spec for one in found if one.current), None)
    known = await asyncio.gather(*(_described(services, one.revision) for one in found))
    return [
        deployment_document(replace(one, revision=revision), current)
        for one, revision in zip(found, known, strict=True)
    ]


@post("/api/v1/rollback", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def rollback_fleet(
    services: Wired, request: AnyRequest, data: JSONBody[RollbackRequest]
) -> RollbackAnswer:
    """Hold all bots at a revision: what was added since is removed, what was removed since comes back.

    Where that removes many bots it waits to be confirmed, as any removal of many. In a fleet with several
    sources it holds the bots of the revision's own source.
    """
    wanted, by = _checked(services, data), _who(request)
    if not wanted.to:
        raise UsageError("say to which revision all bots go back (to)")
    went = await services.controller.rollbacks.roll_back_all(
        wanted.to,
        by,
        wanted.reason,
        wanted.until,
        allow_major=wanted.allow_major,
        confirm_prune=wanted.confirm_prune,
        token=by,
    )
    return _answer(services, by, went)


@post("/api/v1/unpin", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def unpin_fleet(
    services: Wired, request: AnyRequest, data: JSONBody[UnpinRequest | None] = None
) -> RollbackAnswer:
    """Let all bots go: they are again what git says."""
    wanted, by = data or UnpinRequest(), _who(request)
    went = await services.controller.rollbacks.unpin(
        fleet_subject(wanted.source), by, wanted.reason, confirm_prune=wanted.confirm_prune, token=by
    )
    return _answer(services, by, went)


def _checked(services: Services, data: RollbackRequest | None) -> RollbackRequest:
    wanted = data or RollbackRequest()
    if wanted.until is not None and wanted.until <= services.clock():
        raise UsageError(
            f"until ({wanted.until:.0f}) is in the past; give a Unix time to come, or leave it out"
        )
    return wanted


def _answer(services: Services, by: str, went: WentBack) -> RollbackAnswer:
    return RollbackAnswer(went.revision, by, services.clock(), went.changing, went.held)


async def _described(services: Services, revision: Revision) -> Revision:
    """Return a revision with its author and message, where they are known."""
    if revision.author:
        return revision
    try:
        return (await services.controller.find_revision(revision.id)).revision
    except NotFound:
        return revision


def _who(request: AnyRequest) -> str:
    return authenticated(principal_of(request)).name
