"""The fleet as a whole: its header, its plan, all of its events."""

from typing import Annotated

from litestar import Response, get
from litestar.params import QueryParameter

from telemetry.stores import EventQuery
from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.documents.revisions import FleetDocument, PlanDocument
from web.documents.series import EventsAnswer
from web.moments import optional_moment
from web.presentation import events_answer, plan_document
from web.queries import NOTABLE_KINDS, checked_level, kinds_of, names_in
from web.routes.parameters import Cursor, End, Kinds, Level, Limit, Start, Wired, Without, Words


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
async def events(
    services: Wired,
    start: Start = "",
    end: End = "",
    text: Words = "",
    level: Level = "",
    kind: Kinds = "",
    without: Without = "",
    bot: Annotated[str, QueryParameter(description="Of this bot alone.")] = "",
    limit: Limit = 200,
    cursor: Cursor = "",
) -> Response[EventsAnswer]:
    """Return events of all bots, newest first: orders, trades, crashes; logs and prices where asked for."""
    position = services.live.position()
    now = services.clock()
    query = EventQuery(
        bot=bot or None,
        start=optional_moment(start, now),
        end=optional_moment(end, now),
        text=text,
        level=checked_level(level),
        kinds=kinds_of(kind, NOTABLE_KINDS),
        without=names_in(without),
        limit=limit,
        cursor=cursor,
    )
    return Response(events_answer(await services.events.search(query)), headers={STREAM_POSITION: position})
