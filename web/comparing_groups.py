"""Whole programs, labels or accounts compared: before and after a revision, or beside one another.

Bots of different modes are compared apart. What is read is bounded: so many bots of a group, so many lines of
each, a few bots at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from controller.scopes import checked_scope, scope_words, scopes_of
from schemas.bot import BotSpec
from schemas.errors import NotFound, UsageError
from telemetry.comparing.compared import SHORT, Comparison, compare
from telemetry.comparing.periods import Period
from telemetry.comparing.together import (
    FEW_BOTS,
    Row,
    RowChange,
    can_tell,
    changed_together,
    numbers_on,
    side_by_side,
    with_currency,
)
from web.comparing import MOST_LINES, errors_of, find_period, periods, side_of
from web.services import Services

MOST_BOTS = 50
"""Bots of a group and mode that are looked at."""
_MOST_READ = 200
"""Bots of a group whose runs are read."""
_AT_ONCE = 4
_LEAST_LINES = 500
_POINTS = 200
_NAMED = 5
_TRADING = "trading figures are shown and not judged: the market differed as well, and they are no advice"


@dataclass(frozen=True, slots=True)
class Part:
    """What came of the bots of one mode; `before` and `after`: how many are on each side."""

    mode: str
    before: int
    after: int
    cautions: tuple[str, ...]
    rows: tuple[RowChange, ...]


@dataclass(frozen=True, slots=True)
class Together:
    """A group compared; `before` and `after` say what its sides are, in words."""

    before: str
    after: str
    parts: tuple[Part, ...]


Numbered = Mapping[Row, float]
Pair = tuple[Period, Period]
Found = TypeVar("Found")


async def compare_program(services: Services, of: str, before: str, after: str) -> Together:
    """Compare the bots of a scope with themselves: before and after a revision (by default the newest).

    Each with the revision that it ran at before, unless `before` names one. Raises NotFound, UsageError.
    """
    bots = await _bots(services, of)
    read = await _likely(services, bots, after)
    known = dict(zip(read, await _each(read, _periods(services)), strict=True))
    newest = max((own[0] for own in known.values() if own), key=lambda one: one.start, default=None)
    if newest is None:
        raise NotFound(f"no bot of {scope_words(of)} has run yet: there is nothing to compare")
    chosen = _one_revision(known, after) if after else newest.revision
    pairs: dict[str, Pair] = {}
    for bot, own in known.items():
        pair = _pair(own, before, chosen)
        if pair is not None:
            pairs[bot] = pair
    if not pairs:
        raise NotFound(
            f"no bot of {scope_words(of)} ran both at {chosen[:7]} and at {before[:7] or 'one before it'}"
        )
    by_mode, every = _by_mode(services, pairs), _by_mode(services, read)
    unread = [f"the runs of {len(read)} of {len(bots)} bots were read"] if len(read) < len(bots) else []
    parts = []
    for mode, chosen_bots in by_mode.items():
        out = [bot for bot in every[mode] if bot not in pairs]
        parts.append(await _before_and_after(services, mode, chosen_bots, pairs, out, unread))
    return Together(before[:7] or f"before {chosen[:7]}", chosen[:7], tuple(parts))


async def compare_groups(services: Services, of: str, beside: str, start: float, end: float) -> Together:
    """Compare the bots of two scopes over one time. Raises NotFound, UsageError."""
    if of == beside:
        raise UsageError(f"{scope_words(of)} was given twice: name two groups")
    groups = (await _bots(services, of), await _bots(services, beside))
    both = sorted(set(groups[0]).intersection(groups[1]))
    if both:
        raise UsageError(f"{both[0]} is in both groups: name two that share no bot")
    modes = [_by_mode(services, bots) for bots in groups]
    shared = [mode for mode in modes[0] if mode in modes[1]]
    if not shared:
        raise UsageError(
            f"{scope_words(of)} and {scope_words(beside)} have no mode in common: "
            "live bots are not compared with dry ones"
        )
    parts = [await _beside(services, mode, modes[0][mode], modes[1][mode], (start, end)) for mode in shared]
    return Together(scope_words(of), scope_words(beside), tuple(parts))


async def _likely(services: Services, bots: list[str], after: str) -> list[str]:
    """Return the bots whose runs are read, by name: all, or of many those that a revision reached.

    Without one, those that are at the newest that reached any of them; then those that started last.
    """
    if len(bots) <= _MOST_READ:
        return bots
    statuses = {bot: services.controller.status(bot) for bot in bots}
    reached: set[str] = set()
    if after:
        with suppress(NotFound):
            reached = {change.bot for change in (await services.controller.find_revision(after)).changes}
    else:
        at = {status.applied_revision for status in statuses.values()}
        newest = [one.revision.id for one in await services.controller.revisions()]
        after = next((revision for revision in newest if revision in at), "")

    def distance(bot: str) -> tuple[bool, float, str]:
        status = statuses[bot]
        is_near = bot in reached or (bool(after) and status.applied_revision.startswith(after))
        return not is_near, -(status.started_at or 0.0), bot

    return sorted(sorted(bots, key=distance)[:_MOST_READ])


def _periods(services: Services) -> Callable[[str], Awaitable[list[Period]]]:
    return lambda bot: periods(services, bot)


async def _bots(services: Services, scope: str) -> list[str]:
    """Return the bots of a scope, by name. Raises NotFound, UsageError."""
    checked_scope(scope)
    specs = {status.name: services.spec(status.name) for status in services.controller.statuses()}
    names = await asyncio.to_thread(_names_in, specs, scope)
    if not names:
        raise NotFound(f"there is no bot of {scope_words(scope)}")
    return names


def _names_in(specs: Mapping[str, BotSpec | None], scope: str) -> list[str]:
    return sorted(name for name, spec in specs.items() if spec is not None and scope in scopes_of(spec))


def _by_mode(services: Services, bots: Sequence[str] | Mapping[str, Pair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for bot in bots:
        found.setdefault(services.controller.status(bot).mode, []).append(bot)
    return dict(sorted(found.items(), reverse=True))


def _one_revision(known: Mapping[str, list[Period]], text: str) -> str:
    every = {one.revision: one for own in known.values() for one in own}
    return find_period(list(every.values()), text, "any of these bots").revision


def _pair(own: Sequence[Period], before: str, after: str) -> Pair | None:
    """Return a bot's two periods, None where it did not run at both."""
    second = next((one for one in own if one.revision == after), None)
    if second is None:
        return None
    others = [one for one in own if one.start < second.start]
    if before:
        others = [one for one in own if one.revision.startswith(before) and one is not second]
    return (others[0], second) if others else None


async def _before_and_after(
    services: Services,
    mode: str,
    bots: list[str],
    pairs: Mapping[str, Pair],
    out: Sequence[str],
    unread: Sequence[str],
) -> Part:
    chosen = bots[:MOST_BOTS]
    lines = max(MOST_LINES // len(chosen), _LEAST_LINES)

    async def one(bot: str) -> Comparison:
        currency = _currency(services, bot)
        sides = [
            with_currency(await side_of(services, bot, period, lines, _POINTS), currency)
            for period in pairs[bot]
        ]
        errors = await errors_of(services, bot)
        return await asyncio.to_thread(compare, sides[0], sides[1], errors)

    found = await _each(chosen, one)
    cautions = [*unread, *_shared_cautions(len(bots), len(chosen), found)]
    if out:
        cautions.append(f"left out, since they did not run at both: {_names(out)}")
    rows = await asyncio.to_thread(changed_together, found)
    return Part(mode, len(chosen), len(chosen), (*cautions, *_trading(rows)), tuple(rows))


def _shared_cautions(bots: int, looked_at: int, found: Sequence[Comparison]) -> list[str]:
    short = sum(min(one.before.seconds, one.after.seconds) < SHORT for one in found)
    cautions = []
    if looked_at < bots:
        cautions.append(f"the first {looked_at} of {bots} bots are looked at")
    if looked_at < FEW_BOTS:
        bots_text = "one bot" if looked_at == 1 else f"{looked_at} bots"
        cautions.append(f"it is {bots_text} only: what one of them met may be all of a difference")
    if short:
        cautions.append(f"{short} of {looked_at} ran for less than an hour at one of the two")
    return cautions


async def _beside(
    services: Services, mode: str, first: list[str], second: list[str], span: tuple[float, float]
) -> Part:
    groups, cautions = [], []
    for bots in (first, second):
        chosen = bots[:MOST_BOTS]
        if len(chosen) < len(bots):
            cautions.append(f"the first {len(chosen)} of {len(bots)} bots are looked at")
        groups.append(await _numbered(services, chosen, span))
    ran = [[own for own in group if own is not None] for group in groups]
    for group, own in zip(groups, ran, strict=True):
        if len(own) < len(group):
            cautions.append(f"{len(group) - len(own)} of {len(group)} bots did not run in that time")
    if not can_tell(len(ran[0]), len(ran[1])):
        cautions.append(
            f"of {len(ran[0])} and {len(ran[1])} bots nothing can be judged: it takes at least 4 on each side"
        )
    rows = await asyncio.to_thread(side_by_side, ran[0], ran[1])
    return Part(mode, len(ran[0]), len(ran[1]), (*cautions, *_trading(rows)), tuple(rows))


async def _numbered(
    services: Services, bots: Sequence[str], span: tuple[float, float]
) -> list[Numbered | None]:
    """Return the numbers of each bot over the time in which it ran, None of one that did not."""
    lines = max(MOST_LINES // len(bots), _LEAST_LINES)

    async def one(bot: str) -> Numbered | None:
        period = _within(await periods(services, bot), span)
        if period is None:
            return None
        side = await side_of(services, bot, period, lines, _POINTS)
        errors = await errors_of(services, bot)
        return await asyncio.to_thread(numbers_on, with_currency(side, _currency(services, bot)), errors)

    return await _each(bots, one)


def _within(known: Sequence[Period], span: tuple[float, float]) -> Period | None:
    """Return when a bot ran in a time, at whatever revision."""
    start, end = span
    spans = sorted(
        (max(begun, start), min(ended, end))
        for one in known
        for begun, ended in one.spans
        if begun < end and ended > start
    )
    return Period("", tuple(spans)) if spans else None


async def _each(bots: Sequence[str], one: Callable[[str], Awaitable[Found]]) -> list[Found]:
    """Return what came of each bot, a few at a time."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(bot: str) -> Found:
        async with turn:
            return await one(bot)

    tasks = [asyncio.create_task(in_turn(bot)) for bot in bots]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()  # where one failed, nobody waits for the others


def _currency(services: Services, bot: str) -> str:
    return services.controller.status(bot).currency


def _trading(rows: Sequence[RowChange]) -> list[str]:
    return [_TRADING] if any(row.section == "trading" for row in rows) else []


def _names(bots: Sequence[str]) -> str:
    more = f" and {len(bots) - _NAMED} more" if len(bots) > _NAMED else ""
    return ", ".join(bots[:_NAMED]) + more
