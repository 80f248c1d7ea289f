"""Plans of any revision: of a branch, tag or commit, or of what is sent as a pack; nothing is changed."""

from typing import Annotated

from litestar import post
from litestar.params import QueryParameter

from gitops.candidates import LARGEST_PACK, Packed
from schemas.errors import UsageError
from web.access.scopes import Scope
from web.documents.revisions import PlanDocument
from web.routes.parameters import AnyRequest, Wired


@post(
    "/api/v1/plans",
    opt={"access": Scope.READ},
    tags=["fleet"],
    status_code=200,
    request_max_body_size=LARGEST_PACK,
)
async def plan_of(
    services: Wired,
    request: AnyRequest,
    ref: Annotated[
        str,
        QueryParameter(description="A branch, tag or commit of the source; with a body, what it is called."),
    ] = "",
    source: Annotated[str, QueryParameter(description="The source's name, where there are several.")] = "",
    commit: Annotated[str, QueryParameter(description="The commit that is meant in the body.")] = "",
    tree: Annotated[
        str,
        QueryParameter(description="In place of `commit`: the tree that is meant, for what comes next."),
    ] = "",
    message: Annotated[str, QueryParameter(description="What it is about, with `tree`.")] = "",
) -> PlanDocument:
    """Return what a pass would do for a revision, with every detail; nothing is changed or deployed.

    The body is empty, or a pack (`git pack-objects --revs --thin --stdout`) that builds on revisions which
    are here. Without `ref` and body: the revision that is deployed now.
    """
    if commit or tree:
        sent = Packed(await request.body(), commit, tree, ref, message)
        return await services.plans.of(sent, source)
    if await request.body():
        raise UsageError("a pack was sent without the commit that is meant in it")
    return await (services.plans.of(ref, source) if ref else services.plans.now())
