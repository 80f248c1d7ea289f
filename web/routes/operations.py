"""What an operator asks for; each is recorded with who and why by the controller."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody, QueryParameter
from litestar.response import Stream

from controller.consent import TO_WHAT_IS_HELD, Consent, consent_to
from controller.passes import Pass
from controller.records import Wishes
from schemas.errors import HerdsmanError, UsageError
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.documents.access import AuditDocument
from web.documents.operations import OperationAnswer, OperationRequest, OutdatedAnswer, RecoverAnswer
from web.documents.revisions import SyncAnswer, SyncRequest
from web.presentation import audit_document, change_document
from web.progress import follow
from web.routes.bots import known_bot
from web.routes.parameters import AnyRequest, BotName, Limit, Wired

NDJSON = "application/x-ndjson"


@post("/api/v1/sync", opt={"access": Scope.OPERATE}, tags=["operations"])
async def sync(
    services: Wired, request: AnyRequest, data: JSONBody[SyncRequest | None] = None
) -> Response[Any]:
    """Reconcile now. With `wait`, answer when the pass is over; as NDJSON, each change as it happens."""
    wanted = data or SyncRequest()
    by = _who(request)
    started = services.controller.request_pass(
        "operator", by=by, consent=_consent(wanted), wishes=_wishes(wanted)
    )
    if not wanted.wait:
        return Response(_answer(started), status_code=202)
    if NDJSON in request.headers.get("accept", ""):
        return Stream(
            _lines(started, wanted.timeout), media_type=NDJSON, headers={"Cache-Control": "no-store"}
        )
    async for _ in follow(started, "running", wanted.timeout):
        continue
    return Response(_answer(started), status_code=200)


@post("/api/v1/bots/{name:str}/restart", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def restart(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[OperationRequest | None] = None
) -> OperationAnswer:
    """End a bot's process as at a stop, and start it again with the same content."""
    known_bot(services, name)
    by = _who(request)
    await services.controller.restart(name, by, _reason(data), token=by)
    return OperationAnswer(name, "restart", by, services.clock())


@post("/api/v1/bots/{name:str}/suspend", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def suspend(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[OperationRequest | None] = None
) -> OperationAnswer:
    """Stop a bot and keep it from running, whatever git says, until it is resumed (or until `until`)."""
    known_bot(services, name)
    by = _who(request)
    until = data.until if data else None
    if until is not None and until <= services.clock():
        raise UsageError(f"until ({until:.0f}) is in the past; give a Unix time to come, or leave it out")
    await services.controller.suspend(name, by, _reason(data), until, token=by)
    return OperationAnswer(name, "suspend", by, services.clock())


@post("/api/v1/bots/{name:str}/resume", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def resume(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[OperationRequest | None] = None
) -> OperationAnswer:
    """End a suspension: the bot is again what git says."""
    known_bot(services, name)
    by = _who(request)
    await services.controller.resume(name, by, _reason(data), token=by)
    return OperationAnswer(name, "resume", by, services.clock())


@get("/api/v1/outdated", opt={"access": Scope.READ}, tags=["operations"])
async def outdated(
    services: Wired,
    bot: Annotated[
        list[str] | None, QueryParameter(description="Of these bots alone; may be given several times.")
    ] = None,
) -> OutdatedAnswer:
    """Return the bots whose jobs would be rendered otherwise now, which a refresh would restart."""
    for name in bot or ():
        known_bot(services, name)
    return OutdatedAnswer(await services.controller.outdated(bot or ()))


@post("/api/v1/bots/{name:str}/refresh", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=202)
async def refresh(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[OperationRequest | None] = None
) -> OperationAnswer:
    """Apply a bot's job as it is rendered now; where that changes it, the bot is stopped and started anew."""
    known_bot(services, name)
    by = _who(request)
    changed = await services.controller.refresh(name, by, _reason(data), token=by)
    return OperationAnswer(name, "refresh", by, services.clock(), changed)


@post("/api/v1/recover", opt={"access": Scope.OPERATE}, tags=["operations"], status_code=200)
async def recover(
    services: Wired, request: AnyRequest, data: JSONBody[OperationRequest | None] = None
) -> RecoverAnswer:
    """Take over jobs of this fleet that the database does not know, after it was lost or restored."""
    by = _who(request)
    return RecoverAnswer(await services.controller.recover(by, _reason(data), token=by))


@get("/api/v1/audit", opt={"access": Scope.ADMIN}, tags=["operations"])
async def audit(services: Wired, limit: Limit = 100) -> list[AuditDocument]:
    """Return who did what, why and when, newest first."""
    return [audit_document(entry) for entry in await services.controller.audit(limit)]


async def _lines(started: Pass, seconds: float) -> AsyncIterator[bytes]:
    """Yield each change as a line of JSON, then the answer, or the problem, as the last line."""
    try:
        async for change in follow(started, "running", seconds):
            yield msgspec.json.encode(change_document(change)) + b"\n"
    except HerdsmanError as error:
        yield msgspec.json.encode({"error": str(error)}) + b"\n"
        return
    yield msgspec.json.encode(_answer(started)) + b"\n"


def _answer(started: Pass) -> SyncAnswer:
    return SyncAnswer(
        id=started.id,
        revision=started.plan.revision.id if started.plan else "",
        finished=started.ended,
        held=started.plan.held if started.plan else "",
        prune=sorted(started.plan.codes.values()) if started.plan else [],
        changes=[change_document(change) for change in started.changes],
    )


def _consent(wanted: SyncRequest) -> Consent:
    """Return which removals are confirmed: those shown, those of a revision, else those held right now."""
    shown = Consent(codes=frozenset(wanted.prune))
    if not wanted.confirm_prune:
        return shown
    return shown.joined(consent_to(wanted.revision) if wanted.revision else TO_WHAT_IS_HELD)


def _wishes(wanted: SyncRequest) -> Wishes:
    if wanted.override_window is not None and not wanted.override_window.strip():
        raise UsageError("override_window needs a reason: it stands in the audit")
    return Wishes(wanted.no_waves, wanted.continue_rollout, wanted.override_window)


def _who(request: AnyRequest) -> str:
    return authenticated(principal_of(request)).name


def _reason(data: OperationRequest | None) -> str:
    return data.reason if data else ""
