"""Where the agents of all nodes deliver what their bots printed and used."""

from litestar import post

from web.access.scopes import Scope
from web.problems import NotTaken
from web.routes.parameters import AnyRequest, Wired

MOST_BATCH = 32 * 1024 * 1024
"""The largest batch taken at once, in bytes."""


@post(
    "/api/v1/ingest",
    opt={"access": Scope.INGEST},
    tags=["telemetry"],
    status_code=204,
    request_max_body_size=MOST_BATCH,
)
async def ingest(services: Wired, request: AnyRequest) -> None:
    """Take one batch of an agent: 204 once it is durable.

    429 or 503 with Retry-After: send it again. The body is MessagePack, see `telemetry/wire.py`.
    """
    answer = await services.intake.accept(await request.body())
    if answer.status >= 400:
        raise NotTaken(answer.status, answer.message, answer.retry_after)
