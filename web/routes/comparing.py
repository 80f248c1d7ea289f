"""Two revisions of a bot side by side, and when which of its revisions was applied to it."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from schemas.errors import NotFound, UsageError
from telemetry.comparing.numbers import Numbers
from telemetry.comparing.periods import MOST_SECONDS, Period
from telemetry.comparing.together import Spread
from web.access.scopes import Scope
from web.comparing import compare_revisions, periods
from web.comparing_groups import Part, compare_groups, compare_program
from web.documents.comparing import (
    ComparisonDocument,
    ErrorChangeDocument,
    LineChangeDocument,
    NumbersDocument,
    PartDocument,
    PeriodDocument,
    RowChangeDocument,
    SeriesChangeDocument,
    SpreadDocument,
    TogetherDocument,
)
from web.moments import parse_range
from web.routes.bots import ever_known
from web.routes.parameters import BotName, End, Start, Wired
from web.services import Services

_MOST_LINES = 200
_MOST_SERIES = 500
_MOST_ERRORS = 200
_MOST_ROWS = 100
"""Rows of each section of many bots."""
_DESCRIBED = 50
_SECTIONS = ("errors", "lines", "metrics", "resources", "trading")


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


@get("/api/v1/compare", opt={"access": Scope.READ}, tags=["bots"])
async def compare_many(
    services: Wired,
    of: Annotated[
        str,
        QueryParameter(description="Which bots: program=sma, label=desk=alpha, account=..., mode=dry, all."),
    ],
    beside: Annotated[
        str, QueryParameter(name="with", description="Beside which others, likewise; over one time.")
    ] = "",
    before: Annotated[
        str, QueryParameter(description="A revision; default: of each bot the one before `after`.")
    ] = "",
    after: Annotated[str, QueryParameter(description="Likewise; default: the newest that ran.")] = "",
    start: Start = "",
    end: End = "",
) -> TogetherDocument:
    """Compare many bots: before and after a revision, or beside others over the last day.

    Each bot counts once, by its medians and rates; nothing is added up, live and dry bots are apart. One is
    made at a time, in 30 s at most.
    """
    if beside:
        if before or after:
            raise UsageError("groups are compared over one time: give start and end, no revisions")
        since, until = parse_range(start, end, services.clock(), 86400.0)
        since = max(since, until - MOST_SECONDS)
        async with services.comparing.taken():
            found = await compare_groups(services, of, beside, since, until)
    elif start or end:
        raise UsageError("a time is for two groups (with=...): give revisions, or another group")
    else:
        async with services.comparing.taken():
            found = await compare_program(services, of, before, after)
    return TogetherDocument(found.before, found.after, [_part(one) for one in found.parts])


def _part(one: Part) -> PartDocument:
    rows = [
        RowChangeDocument(
            row.section,
            row.name,
            dict(row.labels),
            row.verdict,
            _spread(row.before),
            _spread(row.after),
            dict(row.moved),
        )
        for section in _SECTIONS
        for row in [each for each in one.rows if each.section == section][:_MOST_ROWS]
    ]
    return PartDocument(one.mode, one.before, one.after, list(one.cautions), rows)


def _spread(one: Spread | None) -> SpreadDocument | None:
    return None if one is None else SpreadDocument(one.bots, one.median, one.low, one.high)


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
