"""Jobs that herdsman did not start, and bots that take their place; each is recorded with who and why."""

from litestar import delete, get, post
from litestar.params import FromQuery, JSONBody

from schemas.errors import UsageError
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.adoptions import adoptable_document
from web.documents.adoption import AdoptableDocument, AdoptRequest
from web.documents.operations import OperationAnswer
from web.routes.parameters import AnyRequest, BotName, Wired


@get("/api/v1/adoptable", opt={"access": Scope.ADMIN}, tags=["operations"])
async def adoptable(services: Wired) -> AdoptableDocument:
    """Return the scheduler's jobs that are not this fleet's, and which bots are to take the place of some."""
    controller = services.controller
    known = {one.name: one for one in controller.statuses()}
    return adoptable_document(await controller.adopting.adoptable(), controller.fleet_id, known.get)


@post("/api/v1/bots/{name:str}/adopt", opt={"access": Scope.ADMIN}, tags=["operations"], status_code=202)
async def adopt(
    services: Wired, request: AnyRequest, name: BotName, data: JSONBody[AdoptRequest]
) -> OperationAnswer:
    """Have a bot take a job's place: once git has the bot, the job is ended, and when dead the bot starts."""
    if not data.reason.strip():
        raise UsageError("an adoption needs a reason: it stands in the audit")
    by = authenticated(principal_of(request)).name
    await services.controller.adopting.adopt(name, data.job, data.token, by, data.reason, token=by)
    return OperationAnswer(name, "adopt", by, services.clock())


@delete("/api/v1/bots/{name:str}/adopt", opt={"access": Scope.ADMIN}, tags=["operations"], status_code=200)
async def cancel_adoption(
    services: Wired, request: AnyRequest, name: BotName, beside: FromQuery[bool] = False
) -> OperationAnswer:
    """Take an adoption back that has not been carried out yet; the job runs on.

    The bot waits until the job has ended, unless `beside` says that both may live. 409 while the bot would
    start at once, beside the job, or a copy of a job that was asked to end may live.
    """
    by = authenticated(principal_of(request)).name
    await services.controller.adopting.cancel(name, by, "", beside=beside, token=by)
    return OperationAnswer(name, "adopt-cancel", by, services.clock())
