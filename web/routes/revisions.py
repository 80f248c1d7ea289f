"""The revisions: what was pushed by whom, what it changed on each bot, and what came of it."""

from typing import Annotated

from litestar import Response, get
from litestar.params import FromPath, QueryParameter

from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.documents.revisions import RevisionDocument
from web.presentation import revision_document, whole_revision_document
from web.routes.parameters import Limit, Wired


@get("/api/v1/revisions", opt={"access": Scope.READ}, tags=["revisions"])
async def revisions(
    services: Wired,
    limit: Limit = 50,
    before: Annotated[
        str, QueryParameter(description="The id of the last revision of the page before.")
    ] = "",
    bot: Annotated[str, QueryParameter(description="Those that changed this bot, with its change.")] = "",
) -> Response[list[RevisionDocument]]:
    """Return revisions with their first changes and their errors, newest first."""
    position = services.live.position()
    found = await services.controller.revisions(limit, before=before, bot=bot)
    return Response([revision_document(one) for one in found], headers={STREAM_POSITION: position})


@get("/api/v1/revisions/{revision:str}", opt={"access": Scope.READ}, tags=["revisions"])
async def revision(services: Wired, revision: FromPath[str]) -> Response[RevisionDocument]:
    """Return one revision by its id or the first digits of it, with every change and what differs in it."""
    position = services.live.position()
    found = await services.controller.find_revision(revision)
    return Response(whole_revision_document(found), headers={STREAM_POSITION: position})
