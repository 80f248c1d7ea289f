"""Where git servers say that a source has moved. No token is asked for: each delivery proves itself."""

from litestar import post
from litestar.params import FromPath
from litestar.status_codes import HTTP_202_ACCEPTED

from web.access.denied import AccessDenied
from web.access.scopes import PUBLIC
from web.documents.revisions import WebhookAnswer
from web.routes.parameters import AnyRequest, Wired
from web.webhooks import Answer

MOST_DELIVERY = 5 * 1024 * 1024
"""Bytes of the largest delivery that is read."""


@post(
    "/api/v1/webhooks/{source:str}",
    opt={"access": PUBLIC},
    tags=["fleet"],
    status_code=HTTP_202_ACCEPTED,
    request_max_body_size=MOST_DELIVERY,
)
async def webhook(services: Wired, request: AnyRequest, source: FromPath[str]) -> WebhookAnswer:
    """Take a delivery of GitHub, GitLab, Gitea, Forgejo or any Standard Webhook; answer at once.

    `looking`, `pong` or `ignored`; 401 for whatever is not genuine, 409 for one that was taken before.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    address = request.client.host if request.client else ""
    answer, wait = services.webhooks.take(source, headers, await request.body(), address)
    if answer is Answer.LIMITED:
        raise AccessDenied(429, "TooMany", "too many deliveries; send this one later", wait=wait)
    if answer is Answer.REFUSED:
        raise AccessDenied(
            401, "NotGenuine", "this delivery is not genuine", "check the webhook's address and its secret"
        )
    if answer is Answer.REPLAYED:
        raise AccessDenied(
            409, "Replayed", "this delivery was taken before, or its time is too far from ours"
        )
    return WebhookAnswer(answer.value)
