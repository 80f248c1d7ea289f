"""The live stream: server-sent events, resumable, one connection for a whole page."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream

from schemas.errors import UsageError
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.publishing import ALERTS, ERRORS, FLEET, REVISIONS, TRADING
from web.routes.parameters import AnyRequest, Wired
from web.stream import event_stream
from web.system.health import SYSTEM

_MOST_TOPICS = 50
WHOLE = frozenset({FLEET, REVISIONS, ERRORS, ALERTS, SYSTEM, TRADING})
"""The topics that are not of one bot."""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@get("/api/v1/stream", opt={"access": Scope.READ}, tags=["stream"], media_type="text/event-stream")
async def stream(
    services: Wired,
    request: AnyRequest,
    topics: Annotated[
        str,
        QueryParameter(
            description='"fleet", "revisions", "errors", "alerts", "trading", "system", "bot:NAME", '
            "by commas."
        ),
    ] = "fleet",
    last_event_id: Annotated[
        str,
        QueryParameter(
            description="Where to go on: the position of what was fetched before, or the last id seen. "
            "The header Last-Event-ID, which browsers send at a reconnect, wins."
        ),
    ] = "",
) -> Stream:
    """Stream `status`, `fleet`, `revision`, `samples`, `event`, `log`, `run`, `trading`..."""
    wanted = parse_topics(topics)
    principal = authenticated(principal_of(request))
    last = request.headers.get("last-event-id", "") or last_event_id
    subscription = services.live.subscribe(wanted, last)
    if SYSTEM in wanted:
        services.system.tell(services.live)
    access = services.access
    messages = event_stream(
        subscription,
        services.settings.recheck,
        lambda: access.holds(principal),
        lambda: access.tokens.revocations,
    )
    return Stream(messages, media_type="text/event-stream", headers=_HEADERS)


def parse_topics(text: str) -> tuple[str, ...]:
    """Return the topics asked for, each once, in order. Raises UsageError for an unknown kind or too many."""
    topics = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for topic in topics:
        if topic not in WHOLE and not (topic.startswith("bot:") and len(topic) > len("bot:")):
            known = ", ".join(f'"{name}"' for name in sorted(WHOLE))
            raise UsageError(f'"{topic}" is not a topic; there are {known} and "bot:NAME"')
    if not 1 <= len(topics) <= _MOST_TOPICS:
        raise UsageError(f"a stream carries 1 to {_MOST_TOPICS} topics, not {len(topics)}")
    return topics
