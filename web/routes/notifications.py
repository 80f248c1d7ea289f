"""Who is told of problems: how each destination is, and a test message to it."""

from litestar import get, post
from litestar.params import FromPath, JSONBody

from controller.database.notifications import Delivery, Fate
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.documents.notifications import DestinationDocument, NotifyTestRequest, SentDocument
from web.routes.parameters import AnyRequest, Wired


@get("/api/v1/notifications", opt={"access": Scope.READ}, tags=["notifications"])
async def notifications(services: Wired) -> list[DestinationDocument]:
    """Return every destination by name: what it hears of, its last delivery, its failures; no addresses."""
    return [_destination(one) for one in await services.notifications.destinations()]


@post("/api/v1/notifications/test", opt={"access": Scope.OPERATE}, tags=["notifications"])
async def notify_test(
    services: Wired, request: AnyRequest, data: JSONBody[NotifyTestRequest]
) -> list[SentDocument]:
    """Put a test message on its way to each of `names` (to all without any); it is tried once."""
    by = authenticated(principal_of(request)).name
    return [_sent(one) for one in await services.notifications.test(data.names, by)]


@get("/api/v1/notifications/{message:str}", opt={"access": Scope.READ}, tags=["notifications"])
async def notification(services: Wired, message: FromPath[str]) -> SentDocument:
    """Return what has become of a message: waiting, sent or failed; kept for an hour after its end."""
    return _sent(await services.notifications.fate(message))


def _destination(one: Delivery) -> DestinationDocument:
    return DestinationDocument(
        one.name, one.service, one.routes, one.sent_at, one.failures, one.error, one.waiting, one.dropped
    )


def _sent(one: Fate) -> SentDocument:
    return SentDocument(one.id, one.destination, one.state, one.attempts, one.error)
