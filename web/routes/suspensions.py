"""Suspending many bots by one rule, and the kill switch; each is recorded with who and why."""

from litestar import get, post
from litestar.params import JSONBody

from schemas.errors import UsageError
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.documents.operations import OperationAnswer
from web.documents.suspensions import KillDocument, ScopeRequest, SuspensionDocument
from web.presentation import kill_document, suspension_document
from web.routes.parameters import AnyRequest, Wired


@get("/api/v1/suspensions", opt={"access": Scope.READ}, tags=["operations"])
async def suspensions(services: Wired) -> list[SuspensionDocument]:
    """Return everything that keeps bots from running: kill switches, suspensions of many and of one."""
    return [suspension_document(one) for one in services.controller.suspensions()]


@post("/api/v1/suspensions", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def suspend_scope(
    services: Wired, request: AnyRequest, data: JSONBody[ScopeRequest]
) -> OperationAnswer:
    """Stop every bot of a scope, also those to come, until that is resumed (or until `until`)."""
    by = _who(request)
    if data.until is not None and data.until <= services.clock():
        raise UsageError(f"until ({data.until:.0f}) is in the past; give one to come, or leave it out")
    await services.controller.suspend_scope(data.scope, by, data.reason, data.until, token=by)
    return OperationAnswer(data.scope, "suspend", by, services.clock())


@post("/api/v1/suspensions/resume", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def resume_scope(services: Wired, request: AnyRequest, data: JSONBody[ScopeRequest]) -> OperationAnswer:
    """End the suspension of exactly this scope; bots under another one stay stopped."""
    by = _who(request)
    await services.controller.resume_scope(data.scope, by, data.reason, token=by)
    return OperationAnswer(data.scope, "resume", by, services.clock())


@get("/api/v1/kill", opt={"access": Scope.READ}, tags=["operations"])
async def kills(services: Wired) -> list[KillDocument]:
    """Return the kill switches that are on, and how far each has come."""
    return [kill_document(one) for one in services.controller.kills()]


@post("/api/v1/kill", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def kill(services: Wired, request: AnyRequest, data: JSONBody[ScopeRequest]) -> KillDocument:
    """End every bot of a scope now, before everything else, and keep it so until it is released."""
    by = _who(request)
    return kill_document(await services.controller.kill(data.scope, by, data.reason, token=by))


@post("/api/v1/release", opt={"access": Scope.ADMIN}, tags=["operations"], status_code=202)
async def release(services: Wired, request: AnyRequest, data: JSONBody[ScopeRequest]) -> OperationAnswer:
    """Turn the kill switch of exactly this scope off: its bots become what git asks for."""
    by = _who(request)
    await services.controller.release(data.scope, by, data.reason, token=by)
    return OperationAnswer(data.scope, "release", by, services.clock())


def _who(request: AnyRequest) -> str:
    return authenticated(principal_of(request)).name
