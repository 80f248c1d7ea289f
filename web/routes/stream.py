"""The live stream: server-sent events, resumable, one connection for a whole page."""

from dataclasses import replace
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream

from schemas.errors import UsageError
from telemetry.stores import EventQuery
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.publishing import ALERTS, ERRORS, FLEET, REVISIONS, TRADING
from web.routes.logs import LOGS, query_of
from web.routes.parameters import AnyRequest, Wired
from web.searching import EventSearch
from web.services import Services
from web.stream import event_stream
from web.system.health import SYSTEM
from web.tails import is_tail

_MOST_TOPICS = 50
WHOLE = frozenset({FLEET, REVISIONS, ERRORS, ALERTS, SYSTEM, TRADING})
"""The topics that are not of one bot."""
TAIL_FILTERS = (
    *("text", "level", "levels", "kind", "without", "bot", "program"),
    *("label", "symbol", "revision", "run", "stream"),
)
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@get("/api/v1/stream", opt={"access": Scope.READ}, tags=["stream"], media_type="text/event-stream")
async def stream(
    services: Wired,
    request: AnyRequest,
    topics: Annotated[
        str,
        QueryParameter(
            description='"fleet", "revisions", "errors", "alerts", "trading", "system", "bot:NAME", by '
            'commas; "logs:FILTER", a search as its address has it, encoded: "logs:level=error&bot=a%2Cb".'
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
    last = services.tails.open(wanted, last, lambda filters: tail_query(services, filters), principal.name)
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


def tail_query(services: Services, filters: dict[str, str]) -> EventQuery:
    """Return the search of a tail. Raises UsageError for what no search, or no tail, has."""
    unknown = [name for name in filters if name not in TAIL_FILTERS]
    if unknown:
        raise UsageError(f'"{unknown[0]}" is no filter of a tail; there are {", ".join(TAIL_FILTERS)}')
    return query_of(services, replace(EventSearch(), **filters), LOGS)  # type: ignore[arg-type]


def parse_topics(text: str) -> tuple[str, ...]:
    """Return the topics asked for, each once, in order. Raises UsageError for an unknown kind or too many."""
    topics = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for topic in topics:
        if topic not in WHOLE and not is_tail(topic) and not (topic.startswith("bot:") and len(topic) > 4):
            known = ", ".join(f'"{name}"' for name in sorted(WHOLE))
            raise UsageError(f'"{topic}" is not a topic; there are {known}, "bot:NAME" and "logs:FILTER"')
    if not 1 <= len(topics) <= _MOST_TOPICS:
        raise UsageError(f"a stream carries 1 to {_MOST_TOPICS} topics, not {len(topics)}")
    return topics
