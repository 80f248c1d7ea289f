"""Two revisions of a bot compared: what is read for it, bounded whatever the bot printed."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from schemas.errors import NotFound, UsageError
from telemetry.comparing.compared import Comparison, Key, Side, compare
from telemetry.comparing.numbers import Point
from telemetry.comparing.periods import Period, periods_of
from telemetry.comparing.templates import Lines, count_templates
from telemetry.errors.groups import ErrorGroup
from telemetry.errors.store import GroupQuery
from telemetry.stores import EventQuery, EventStore, SeriesQuery, SeriesStore
from web.moments import nice_step
from web.services import Services

_RUNS = 1000
MOST_LINES = 20_000
_PAGE = 2000
_POINTS = 500
_BASE = frozenset({"__name__", "fleet", "bot", "program", "env"})


async def periods(services: Services, bot: str) -> list[Period]:
    """Return when a bot ran at which revision, the newest first."""
    runs = await services.controller.runs(bot, _RUNS)
    return periods_of([(one.revision, one.started_at, one.ended_at) for one in runs], services.clock())


async def compare_revisions(services: Services, bot: str, before: str = "", after: str = "") -> Comparison:
    """Return what differs; by default between the revision that runs and the one before it.

    Raises NotFound where the bot never ran at one of them, UsageError where both are the same.
    """
    known = await periods(services, bot)
    second = find_period(known, after, bot) if after else known[0] if known else None
    if second is None:
        raise NotFound(f"{bot} has not run yet: there is nothing to compare")
    others = [one for one in known if one.start < second.start]
    first = find_period(known, before, bot) if before else others[0] if others else None
    if first is None:
        raise NotFound(f"{bot} has run at one revision only ({second.revision[:7]}): nothing came before it")
    if first.revision == second.revision:
        raise UsageError(f"{first.revision[:7]} was given twice: name two revisions")
    sides = await asyncio.gather(*(side_of(services, bot, one) for one in (first, second)))
    errors = await errors_of(services, bot)
    return await asyncio.to_thread(compare, sides[0], sides[1], errors)


def find_period(known: Sequence[Period], text: str, bot: str) -> Period:
    """Return the period of a revision by the first digits of its id. Raises NotFound, UsageError."""
    found = [one for one in known if one.revision.startswith(text)]
    if not found:
        ran = ", ".join(one.revision[:7] for one in known[:10]) or "none"
        raise NotFound(f"{bot} did not run at {text}, as far as its runs are kept; it ran at {ran}")
    if len(found) > 1:
        raise UsageError(f"{text} is the beginning of {len(found)} revisions: give more digits")
    return found[0]


async def side_of(
    services: Services, bot: str, period: Period, lines: int = MOST_LINES, points: int = _POINTS
) -> Side:
    """Return what is known of a bot in a period, of its newest `lines`; one of no revision is of them all."""
    series = await _series(services.series, bot, period, points)
    return Side(period, series, await _lines(services.events, bot, period, lines))


async def _series(store: SeriesStore, bot: str, period: Period, points: int) -> dict[Key, Sequence[Point]]:
    step = nice_step(max((period.end - period.start) / points, 1.0))
    found = await store.query(SeriesQuery(bot, "", period.start, period.end, step))
    return {
        (
            one.labels["__name__"],
            tuple(sorted((name, value) for name, value in one.labels.items() if name not in _BASE)),
        ): one.points
        for one in found
    }


async def _lines(store: EventStore, bot: str, period: Period, most: int) -> Lines:
    """Return the newest log lines of a period as templates, read and counted a page at a time."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    cursor, read, oldest = "", 0, period.end
    while read < most:
        limit = min(_PAGE, most)
        query = EventQuery(bot, period.start, period.end, kinds=("log",), limit=limit, cursor=cursor)
        page = await store.search(query)
        own = [event for event in page.events if period.revision in ("", event.revision)]
        more, shown = await asyncio.to_thread(count_templates, own)
        counts.update(more)
        examples = {**shown, **examples}
        read += len(page.events)
        oldest = page.events[-1].time if page.events else oldest
        cursor = page.next_cursor
        if not cursor:
            return Lines(period.seconds, counts, examples)
    since = [(max(start, oldest), end) for start, end in period.spans if end > oldest]
    return Lines(sum(end - start for start, end in since), counts, examples, all_read=False)


async def errors_of(services: Services, bot: str) -> list[ErrorGroup]:
    """Return the newest error groups of a bot."""
    if services.errors is None:
        return []
    return await services.errors.groups(GroupQuery(services.clock(), bot, limit=1000))
