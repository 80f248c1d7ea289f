"""The fleet as a whole: its header, its plan, all of its events."""

from litestar import Response, get

from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.documents.revisions import FleetDocument, PlanDocument
from web.documents.series import EventsAnswer
from web.presentation import events_answer, plan_document
from web.queries import NOTABLE_KINDS
from web.routes.logs import query_of
from web.routes.parameters import Searched, Wired


@get("/api/v1/fleet", opt={"access": Scope.READ}, tags=["fleet"])
async def fleet(services: Wired) -> Response[FleetDocument]:
    """Return the header of every page: revision, last sync, bots by health, what is wrong with herdsman."""
    position = services.live.position()
    return Response(services.fleet.document(), headers={STREAM_POSITION: position})


@get("/api/v1/plan", opt={"access": Scope.READ}, tags=["fleet"])
async def plan(services: Wired) -> PlanDocument:
    """Return what a pass would do now; nothing is changed."""
    return plan_document(await services.controller.plan(), services.controller.desired())


@get("/api/v1/events", opt={"access": Scope.READ}, tags=["fleet"])
async def events(services: Wired, search: Searched) -> Response[EventsAnswer]:
    """Return events of all bots, newest first: orders, trades, crashes; logs and prices where asked for."""
    position = services.live.position()
    page = await services.events.search(query_of(services, search, NOTABLE_KINDS))
    return Response(events_answer(page), headers={STREAM_POSITION: position})
