"""Two revisions of a bot side by side, and when which of its revisions was applied to it."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from schemas.errors import NotFound
from telemetry.comparing.numbers import Numbers
from telemetry.comparing.periods import Period
from web.access.scopes import Scope
from web.comparing import compare_revisions, periods
from web.documents.comparing import (
    ComparisonDocument,
    ErrorChangeDocument,
    LineChangeDocument,
    NumbersDocument,
    PeriodDocument,
    SeriesChangeDocument,
)
from web.routes.bots import ever_known
from web.routes.parameters import BotName, Wired
from web.services import Services

_MOST_LINES = 200
_MOST_SERIES = 500
_MOST_ERRORS = 200
_DESCRIBED = 50


@get("/api/v1/bots/{name:str}/deploys", opt={"access": Scope.READ}, tags=["bots"])
async def bot_deploys(services: Wired, name: BotName) -> list[PeriodDocument]:
    """Return when which revision was applied to a bot, by whom and what it changed, the newest first."""
    await ever_known(services, name)
    known = await periods(services, name)
    return [await _period(services, name, one) for one in known[:_DESCRIBED]]


@get("/api/v1/bots/{name:str}/compare", opt={"access": Scope.READ}, tags=["bots"])
async def compare(
    services: Wired,
    name: BotName,
    before: Annotated[
        str, QueryParameter(description="A revision by its first digits; default: the one before `after`.")
    ] = "",
    after: Annotated[str, QueryParameter(description="Likewise; default: the newest that ran.")] = "",
) -> ComparisonDocument:
    """Compare two revisions of a bot: series, errors, kinds of log lines, memory; trading is not judged."""
    await ever_known(services, name)
    found = await compare_revisions(services, name, before, after)
    return ComparisonDocument(
        name,
        await _period(services, name, found.before),
        await _period(services, name, found.after),
        list(found.cautions),
        [
            SeriesChangeDocument(
                one.name,
                dict(one.labels),
                one.section,
                one.verdict,
                _numbers(one.before),
                _numbers(one.after),
            )
            for one in found.series[:_MOST_SERIES]
        ],
        [
            ErrorChangeDocument(one.id, one.type, one.message, one.verdict, one.before, one.after)
            for one in found.errors[:_MOST_ERRORS]
        ],
        [
            LineChangeDocument(one.template, one.example, one.verdict, one.before, one.after)
            for one in found.lines[:_MOST_LINES]
        ],
        *found.memory_per_hour,
    )


def _numbers(one: Numbers | None) -> NumbersDocument | None:
    if one is None:
        return None
    return NumbersDocument(one.count, one.median, one.p95, one.least, one.most, one.last, one.per_minute)


async def _period(services: Services, bot: str, one: Period) -> PeriodDocument:
    """Return a period with what is known of its revision; of one that is forgotten only the id is."""
    message = by = change = ""
    try:
        record = await services.controller.find_revision(one.revision)
    except NotFound:
        pass
    else:
        message, by = record.revision.message, record.by or record.revision.author
        change = next((each.summary for each in record.changes if each.bot == bot), "")
    return PeriodDocument(one.revision, message, by, change, one.start, one.end, one.seconds)
