"""The bots: their rows, and everything about one of them."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Response, get
from litestar.params import QueryParameter

from controller.records import PastBot
from controller.status import BotStatus
from schemas.errors import NotFound, StoreUnavailable
from web.access.scopes import Scope
from web.documents import STREAM_POSITION
from web.documents.bots import Bot, BotDetail, Run
from web.documents.series import EventsAnswer, SeriesAnswer
from web.liveness import liveness_document, open_at_end
from web.presentation import (
    attempt_document,
    condition_documents,
    deploy_words,
    events_answer,
    inventory_document,
    parameters_of,
    past_row,
    revision_summary,
    run_document,
    secrets_of,
    suspension_document,
)
from web.problems import UnknownName
from web.queries import chart_query, thinned
from web.routes.logs import LOGS, query_of
from web.routes.parameters import AlsoRemoved, BotName, End, Limit, Searched, Start, Wired
from web.services import Services

_ROWS_AT_ONCE = 200
_DEPLOYS = 50
"""Revisions of a bot of which its runs say what they changed."""


@get("/api/v1/bots", opt={"access": Scope.READ}, tags=["bots"])
async def bots(services: Wired) -> Response[list[Bot]]:
    """Return every bot of the fleet, by name."""
    position = services.live.position()
    rows = await _encoded_rows(services, services.controller.statuses())
    return Response(rows, media_type=MediaType.JSON, headers={STREAM_POSITION: position})


@get("/api/v1/bots/{name:str}", opt={"access": Scope.READ}, tags=["bots"])
async def bot(services: Wired, name: BotName, removed: AlsoRemoved = False) -> Response[BotDetail]:
    """Return everything about one bot but its history."""
    position = services.live.position()
    past = await past_bot(services, name) if removed else None
    if past is not None:
        detail = await _past_detail(services, past)
        return Response(detail, headers={STREAM_POSITION: position})
    status = known_bot(services, name)
    return Response(await _detail(services, status), headers={STREAM_POSITION: position})


@get("/api/v1/bots/{name:str}/series", opt={"access": Scope.READ}, tags=["bots"])
async def bot_series(
    services: Wired,
    name: BotName,
    metric: Annotated[
        str, QueryParameter(description='A name out of `metrics`; "" for all of the bot.')
    ] = "",
    start: Start = "",
    end: End = "",
    step: Annotated[
        str,
        QueryParameter(
            description='Seconds, a span such as "5m", or "raw". Without: at most about 2,000 points, '
            "with every extreme kept."
        ),
    ] = "",
) -> Response[SeriesAnswer]:
    """Return series of a bot over a range (default: the last hour); points are [unix seconds, value]."""
    position = services.live.position()
    await ever_known(services, name)
    chart = chart_query(name, metric, start, end, step, services.clock())
    found = await services.series.query(chart.query)
    answer = SeriesAnswer([{"labels": dict(one.labels), "points": thinned(one, chart.most)} for one in found])
    return Response(answer, headers={STREAM_POSITION: position})


@get("/api/v1/bots/{name:str}/logs", opt={"access": Scope.READ}, tags=["bots"])
async def bot_logs(services: Wired, name: BotName, search: Searched) -> Response[EventsAnswer]:
    """Return what a bot printed, newest first; events of other kinds with `kind`."""
    position = services.live.position()
    await ever_known(services, name)
    query = query_of(services, replace(search, bot=name), LOGS)
    return Response(events_answer(await services.events.search(query)), headers={STREAM_POSITION: position})


@get("/api/v1/bots/{name:str}/runs", opt={"access": Scope.READ}, tags=["bots"])
async def bot_runs(services: Wired, name: BotName, limit: Limit = 50) -> Response[list[Run]]:
    """Return a bot's executions, newest first."""
    position = services.live.position()
    await ever_known(services, name)
    found = await services.controller.runs(name, limit)
    records = await services.controller.revisions(_DEPLOYS, bot=name)
    words = {
        one.revision.id: deploy_words(one, next((each for each in one.changes if each.bot == name), None))
        for one in records
    }
    runs = [run_document(one, words.get(one.revision, "")) for one in found]
    return Response(runs, headers={STREAM_POSITION: position})


async def _encoded_rows(services: Services, statuses: list[BotStatus]) -> Any:
    """Return all rows as JSON, made a share at a time: ten thousand at once would hold up every stream."""
    shares = []
    for start in range(0, len(statuses), _ROWS_AT_ONCE):
        rows = [services.rows.of(status) for status in statuses[start : start + _ROWS_AT_ONCE]]
        shares.append(msgspec.json.encode(rows)[1:-1])
        await asyncio.sleep(0)
    return b"[" + b",".join(shares) + b"]"


async def metrics_of(services: Services, bot: str) -> list[str]:
    """Return the names of a bot's series; none while their store is away, which hides nothing else of it."""
    try:
        return await services.series.metrics(bot)
    except StoreUnavailable:
        return []


async def _detail(services: Wired, status: BotStatus) -> BotDetail:
    controller = services.controller
    metrics, attempts, entry = await asyncio.gather(
        metrics_of(services, status.name),
        controller.attempts(status.name),
        controller.inventory(status.name),
    )
    spec = controller.spec(status.name)
    view, found = services.liveness.view(status.name), services.liveness.found(status.name)
    left = open_at_end(found, services.trading, status.name, status.mode) if found else []
    suspended = [suspension_document(one) for one in controller.suspended(status.name)]
    return BotDetail(
        bot=services.rows.of(status),
        path=status.path,
        parameters=parameters_of(spec),
        secrets=secrets_of(spec),
        metrics=metrics,
        conditions=condition_documents(status),
        attempts=[attempt_document(one) for one in attempts[:5]],
        suspended=suspended[0] if suspended else None,
        suspensions=suspended,
        revision=await _revision(services, status.applied_revision),
        operation_message=status.operation_message,
        liveness=liveness_document(view, left) if view else None,
        inventory=inventory_document(entry),
    )


async def _past_detail(services: Services, past: PastBot) -> BotDetail:
    """Return what is left of a bot that is gone."""
    metrics = await metrics_of(services, past.name)
    return BotDetail(
        bot=past_row(past),
        path="",
        parameters={},
        metrics=metrics,
        conditions=[],
        attempts=[attempt_document(one) for one in await services.controller.attempts(past.name)],
        suspended=None,
        revision=None,
        removed={"revision": past.revision, "at": past.at},
    )


async def _revision(services: Services, revision: str) -> dict[str, Any] | None:
    """Return the author and message of a revision, None where it is unknown or there is none."""
    if not revision:
        return None
    try:
        return revision_summary((await services.controller.find_revision(revision)).revision)
    except NotFound:
        return None


async def past_bot(services: Services, name: str) -> PastBot | None:
    """Return what is remembered of a bot that is gone; None where it is there, or never was."""
    try:
        services.controller.status(name)
    except NotFound:
        return await services.controller.past(name)
    return None


async def ever_known(services: Services, name: str) -> None:
    """Take a bot that is there, or was: what is kept of it stays readable. Raises UnknownName."""
    if await past_bot(services, name) is None:
        known_bot(services, name)


def known_bot(services: Wired, name: BotName) -> BotStatus:
    """Return a bot's status. Raises UnknownName with the nearest name there is."""
    try:
        return services.controller.status(name)
    except NotFound as error:
        names = (status.name for status in services.controller.statuses())
        raise UnknownName("bot", name, names) from error
