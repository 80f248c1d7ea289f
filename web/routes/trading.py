"""Trading: positions, fills and key figures, of one bot and of all."""

from collections.abc import Iterable
from typing import Annotated

from litestar import Response, get
from litestar.params import QueryParameter

from schemas.errors import UsageError
from telemetry.stores import EventPage, EventQuery
from telemetry.trading.groups import GROUPINGS
from telemetry.trading.views import AccountView
from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.moments import optional_moment
from web.routes.bots import ever_known
from web.routes.parameters import BotName, Cursor, End, Limit, Start, Wired
from web.services import Services
from web.trading import figures_document, fill_document, position_document, trading_document
from web.trading_documents import FiguresAnswer, FillDocument, PositionsAnswer, TradesAnswer, TradingAnswer

OfBot = Annotated[str, QueryParameter(description="Of this bot alone.")]
OfMode = Annotated[str, QueryParameter(description='"live" or "dry": of this mode alone.')]
OfAccount = Annotated[str, QueryParameter(description="Of this account alone.")]
Fills = Annotated[int, QueryParameter(ge=0, le=1000, description="How many of the newest fills.")]


@get("/api/v1/bots/{name:str}/trading", opt={"access": Scope.READ}, tags=["trading"])
async def bot_trading(services: Wired, name: BotName, fills: Fills = 50) -> Response[TradingAnswer]:
    """Return a bot's positions, open orders, newest fills and key figures, by mode, account and currency."""
    position = services.live.position()
    await ever_known(services, name)
    answer = trading_document(services.trading, name)
    answer.fills = []
    if fills:
        page = await services.events.search(EventQuery(bot=name, kinds=("trade",), limit=fills))
        answer.fills = _fills(services, page)
    return Response(answer, headers={STREAM_POSITION: position})


@get("/api/v1/positions", opt={"access": Scope.READ}, tags=["trading"])
async def positions(
    services: Wired, bot: OfBot = "", mode: OfMode = "", account: OfAccount = ""
) -> Response[PositionsAnswer]:
    """Return the open positions of all bots, also of those that do not run (any more)."""
    position = services.live.position()
    views = await _views(services, bot, mode, account)
    found = [position_document(one) for view in views for one in view.positions]
    return Response(PositionsAnswer(found, services.trading.ready), headers={STREAM_POSITION: position})


@get("/api/v1/trades", opt={"access": Scope.READ}, tags=["trading"])
async def trades(
    services: Wired,
    bot: OfBot = "",
    start: Start = "",
    end: End = "",
    limit: Limit = 200,
    cursor: Cursor = "",
) -> Response[TradesAnswer]:
    """Return fills of all bots, newest first."""
    position = services.live.position()
    if bot:
        await ever_known(services, bot)
    now = services.clock()
    query = EventQuery(
        bot=bot or None,
        start=optional_moment(start, now),
        end=optional_moment(end, now),
        kinds=("trade",),
        limit=limit,
        cursor=cursor,
    )
    page = await services.events.search(query)
    return Response(
        TradesAnswer(_fills(services, page), page.next_cursor), headers={STREAM_POSITION: position}
    )


@get("/api/v1/figures", opt={"access": Scope.READ}, tags=["trading"])
async def figures(
    services: Wired,
    by: Annotated[
        str, QueryParameter(description='"bot", "program", "account" or "all": what is summed.')
    ] = "account",
    bot: OfBot = "",
    mode: OfMode = "",
    account: OfAccount = "",
) -> Response[FiguresAnswer]:
    """Return key figures; nothing is summed across currencies, nor live with dry."""
    position = services.live.position()
    if by not in GROUPINGS:
        raise UsageError(f'"{by}" is no grouping; there are: {", ".join(GROUPINGS)}')
    views = await _views(services, bot, mode, account)
    return Response(figures_document(services.trading, by, views), headers={STREAM_POSITION: position})


async def _views(services: Services, bot: str, mode: str, account: str) -> Iterable[AccountView]:
    """Return the views asked for. Raises UnknownName, and UsageError where there is no such mode."""
    if mode not in ("", "live", "dry"):
        raise UsageError(f'"{mode}" is no mode; there are: live, dry')
    if bot:
        await ever_known(services, bot)
    views = services.trading.accounts(bot) if bot else services.trading.all_accounts()
    return [view for view in views if mode in ("", view.mode) and account in ("", view.account)]


def _fills(services: Services, page: EventPage) -> list[FillDocument]:
    return [fill_document(event, services.trading.profile(event.bot)) for event in page.events]
