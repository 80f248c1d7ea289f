"""What a bot's own query program says of it: read-only, through our own access control."""

from litestar import post
from litestar.params import JSONBody
from msgspec import Raw

from web.access.scopes import Scope
from web.documents.bots import QueryAnswer, QueryRequest
from web.routes.bots import known_bot
from web.routes.parameters import BotName, Wired

MOST_QUESTION = 128 * 1024
"""Bytes of a question's body."""


@post(
    "/api/v1/bots/{name:str}/query",
    opt={"access": Scope.READ},
    tags=["bots"],
    status_code=200,
    request_max_body_size=MOST_QUESTION,
)
async def query(services: Wired, name: BotName, data: JSONBody[QueryRequest]) -> QueryAnswer:
    """Ask a bot's query program, and return its answer unchanged; it cannot change the bot's state.

    A realtime bot's own query server answers (409 where the bot does not run), for a scheduled bot a fresh
    process does. 30 s, 1 MiB, four at a time for each bot. 502 with `trace` where the program failed.
    """
    known_bot(services, name)
    began = services.clock()
    answer = await services.controller.query(name, data.path, data.params)
    seconds = round(max(services.clock() - began, 0.0), 3)
    return QueryAnswer(name, data.path, Raw(answer.encode()), seconds)
