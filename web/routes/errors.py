"""The errors of bots: groups, one with what came before it, resolving, explaining; source lines."""

import asyncio
from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from gitops.source_code import Asked
from schemas.errors import UsageError
from telemetry.errors.groups import State
from telemetry.errors.store import GroupQuery
from web.access.guard import authenticated, principal_of, require
from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.error_documents import (
    CodeAnswer,
    ErrorDetail,
    ErrorSummary,
    ExplainAnswer,
    ExplainRequest,
    ResolveRequest,
)
from web.error_presentation import code_answer, error_detail, error_summary, explain_answer
from web.errors import ErrorBook
from web.moments import optional_moment
from web.queries import names_in
from web.routes.parameters import AnyRequest, Limit, Start, Wired
from web.services import Services

OPEN = (State.NEW, State.ONGOING, State.REGRESSED)


@get("/api/v1/errors", opt={"access": Scope.READ}, tags=["errors"])
async def errors(
    services: Wired,
    bot: Annotated[str, QueryParameter(description="Of this bot alone.")] = "",
    program: Annotated[str, QueryParameter(description="Of the bots of this program alone.")] = "",
    states: Annotated[
        str,
        QueryParameter(
            description='new, ongoing, regressed, resolved, separated by commas; "all"; default: all but '
            "resolved."
        ),
    ] = "",
    start: Start = "",
    limit: Limit = 200,
) -> Response[list[ErrorSummary]]:
    """Return error groups, those seen last first: what is the same error is one group of its bot."""
    position = services.live.position()
    now = services.clock()
    query = GroupQuery(now, bot, program, states_of(states), optional_moment(start, now), limit)
    found = await book_of(services).groups(query)
    return Response([error_summary(one, now) for one in found], headers={STREAM_POSITION: position})


@get("/api/v1/errors/{error:str}", opt={"access": Scope.READ}, tags=["errors"])
async def error(
    services: Wired,
    error: FromPath[str],
    event: Annotated[str, QueryParameter(description="One of `occurrences`; default: the newest.")] = "",
) -> Response[ErrorDetail]:
    """Return one group with its trace, its revisions, and the lines, orders and resources before it."""
    position = services.live.position()
    found = await book_of(services).find(error, event)
    return Response(error_detail(found, services.clock()), headers={STREAM_POSITION: position})


@post("/api/v1/errors/{error:str}/resolve", opt={"access": Scope.OPERATE}, tags=["errors"], status_code=200)
async def resolve_error(
    services: Wired,
    request: AnyRequest,
    error: FromPath[str],
    data: JSONBody[ResolveRequest | None] = None,
) -> ErrorSummary:
    """Say that an error is resolved; it has regressed if it comes back at a revision that did not have it."""
    reason = data.reason if data else ""
    group = await book_of(services).resolve(error, _who(request), reason)
    return error_summary(group, services.clock())


@post("/api/v1/errors/{error:str}/reopen", opt={"access": Scope.OPERATE}, tags=["errors"], status_code=200)
async def reopen_error(
    services: Wired,
    request: AnyRequest,
    error: FromPath[str],
    data: JSONBody[ResolveRequest | None] = None,
) -> ErrorSummary:
    """Take back that an error is resolved."""
    reason = data.reason if data else ""
    group = await book_of(services).reopen(error, _who(request), reason)
    return error_summary(group, services.clock())


@post("/api/v1/errors/{error:str}/explain", opt={"access": Scope.READ}, tags=["errors"], status_code=200)
async def explain_error(
    services: Wired, request: AnyRequest, error: FromPath[str], data: JSONBody[ExplainRequest | None] = None
) -> ExplainAnswer:
    """Explain an error: likely cause and fix by the rule base; where asked, a language model's word too.

    The model is shown lines of the bot, so that asking it needs the scope `operate` and is audited.
    """
    book = book_of(services)
    asks = data is not None and data.model
    by = require(principal_of(request), Scope.OPERATE).name if asks else ""
    explained = await book.explain(error, with_model=asks, by=by)
    return explain_answer(explained, services.clock(), has_model=book.has_model)


@get("/api/v1/code", opt={"access": Scope.READ}, tags=["errors"])
async def code(
    services: Wired,
    program: Annotated[str, QueryParameter(description="The program's name.")],
    version: Annotated[str, QueryParameter(description="Its version.")],
    revision: Annotated[str, QueryParameter(description="The whole id of the revision that ran.")],
    file: Annotated[str, QueryParameter(description="A path in the program, as an error has it.")],
    line: Annotated[int, QueryParameter(ge=1, description="The line.")],
) -> CodeAnswer:
    """Return source lines around one, of the version that ran, each with the commit that wrote it."""
    asked = Asked(program, version, revision, file, line)
    async with services.code_slots:
        return code_answer(await asyncio.to_thread(services.codes.read, asked))


def states_of(text: str) -> tuple[State, ...]:
    """Return the states asked for, () for every one. Raises UsageError."""
    names = names_in(text)
    if "all" in names:
        return ()
    try:
        return tuple(State(name) for name in names) or OPEN
    except ValueError as error:
        known = ", ".join(State)
        raise UsageError(f'"{text}" are no states of errors; there are {known} and all') from error


def book_of(services: Services) -> ErrorBook:
    """Return what knows of errors. Raises UsageError where this process keeps none."""
    if services.errors is None:
        raise UsageError("this process keeps no errors")
    return services.errors


def _who(request: AnyRequest) -> str:
    return authenticated(principal_of(request)).name
