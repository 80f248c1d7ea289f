"""The verdict on one bot: what its silence, its troubles and its standing come to. Pure: time is a value."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from telemetry.liveness.habit import Habit
from telemetry.liveness.rhythm import Rhythm
from telemetry.liveness.signs import BotSigns
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness.trouble import QUIET, Troubles
from telemetry.liveness.words import clock_text, span


class Verdict(StrEnum):
    """How a bot lives. `docs/liveness.md` describes each with what to do."""

    HEALTHY = "healthy"
    NOT_TRADING = "not_trading"
    """Its process lives, and it does not do what it used to."""
    HUNG = "hung"
    """Its process lives and says nothing at all any more."""
    STREAM_LOST = "stream_lost"
    """Nothing is heard of it: how it is, is not known."""
    CRASHED = "crashed"
    FINISHED = "finished"
    SUSPENDED = "suspended"
    MARKET_CLOSED = "market_closed"
    WAITING = "waiting"
    """Scheduled, between two runs."""
    STARTING = "starting"


BAD = frozenset({Verdict.NOT_TRADING, Verdict.HUNG, Verdict.STREAM_LOST, Verdict.CRASHED})
"""The verdicts that somebody should see."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, why, and which sign's silence led to it ("trouble" for lines that tell of it, else "").

    `recheck_at` (Unix seconds) is when time alone may change it.
    """

    verdict: Verdict
    text: str = ""
    sign: str = ""
    recheck_at: float = math.inf


@dataclass(frozen=True, slots=True)
class Watched:
    """How one sign is watched: the least silence that counts, and the gaps that make a habit."""

    name: str
    floor: float
    needs: int
    words: str
    otherwise: float | None = None
    """The longest silence that is no news where there is no habit; None where none is held against a bot."""


STREAM = Watched("stream", 30.0, 5, "word of its process", otherwise=300.0)
OUTPUT = Watched("output", 30.0, 10, "output")
MARKET = Watched("market_data", 20.0, 8, "market data")
LOOP = Watched("loop", 20.0, 8, "pass of its loop")
ORDERS = Watched("orders", 900.0, 50, "order, fill or signal")

_UNHEARD_FOR = 90.0
"""Seconds that the controller must know nothing of a bot; a launcher says at least every 60 that it runs."""
_LASTING = 8.0
"""Seconds that trouble lasts before it counts."""
_WELL_KNOWN = 64
"""Gaps from which on the longest of them says something."""
_HABITUAL = 20
_HABITUAL_GAP = 120.0
_LOOK_AGAIN = 1.0
_STILL_PRINTS = 1.0


def judge(signs: BotSigns, troubles: Troubles, standing: Standing, now: float) -> Finding:
    """Return the verdict on a bot at a moment."""
    if standing.life is Life.UNHEARD:
        return _unheard(standing, now)
    if standing.life is not Life.RUNNING:
        return _not_running(standing)
    lost = _silent(STREAM, signs.stream, None, signs, standing, now)
    if lost.over:
        return Finding(Verdict.STREAM_LOST, f"{lost.text}: how it is, is not known", STREAM.name)
    if standing.scheduled:
        return Finding(Verdict.HEALTHY, "a run is under way", recheck_at=lost.due)
    if standing.market_open is False:
        until = f", it opens at {clock_text(standing.opens_at)}" if standing.opens_at else ""
        text = f"the market {standing.settings.calendar} is closed{until}"
        return Finding(Verdict.MARKET_CLOSED, text, recheck_at=min(lost.due, standing.opens_at or math.inf))
    found = _of_output(signs, standing, now) or _of_trouble(signs, troubles, standing, now)
    if found is not None and found.verdict is not Verdict.HEALTHY:
        return found
    soon = min(lost.due, found.recheck_at if found else math.inf)
    return _of_work(signs, standing, now, soon)


def _not_running(standing: Standing) -> Finding:
    verdict = {
        Life.STARTING: Verdict.STARTING,
        Life.CRASHED: Verdict.CRASHED,
        Life.SUSPENDED: Verdict.SUSPENDED,
        Life.WAITING: Verdict.WAITING,
        Life.LOST: Verdict.STREAM_LOST,
    }.get(standing.life, Verdict.FINISHED)
    return Finding(verdict, standing.message)


def _unheard(standing: Standing, now: float) -> Finding:
    """Find a bot lost that was placed and never heard of, once that lasted."""
    told_at = standing.since + _UNHEARD_FOR
    if now < told_at:
        return Finding(Verdict.STARTING, standing.message, recheck_at=told_at)
    return Finding(Verdict.STREAM_LOST, f"{standing.message}: how it is, is not known", STREAM.name)


@dataclass(frozen=True, slots=True)
class Silence:
    """Whether a sign is silent for longer than it may be, when it will be, and since when it is."""

    over: bool = False
    due: float = math.inf
    text: str = ""


def limit_of(watched: Watched, habit: Habit, standing: Standing) -> float | None:
    """Return the longest silence that is no news, None where neither the habit nor the manifest says."""
    settings = standing.settings
    if watched.name not in settings.watch:
        return None
    told = settings.longest(watched.name)
    if told is not None:
        return told
    return habit.limit(watched.floor) if habit.count >= watched.needs else watched.otherwise


def _silent(
    watched: Watched, habit: Habit, rhythm: Rhythm | None, signs: BotSigns, standing: Standing, now: float
) -> Silence:
    limit = limit_of(watched, habit, standing)
    if limit is None or (rhythm is not None and rhythm.quiet):
        return Silence()
    told = standing.settings.longest(watched.name)
    warm_up = standing.settings.warm_up
    first = max(limit, habit.start_limit(watched.floor, warm_up)) if told is None else max(told, warm_up)
    begins = max(rhythm.quiet_to if rhythm is not None else 0.0, standing.opened_at or 0.0)
    if habit.at >= signs.since:
        due = max(habit.at + limit, begins + limit, signs.started_at + first)
        often = f"; it comes every {span(habit.usual)}" if habit.count >= watched.needs else ""
        text = f"no {watched.words} for more than {span(limit)}{often}"
    else:
        due = max(signs.since + first, begins + limit)
        text = f"no {watched.words} since its start, for more than {span(first)}"
    return Silence(now >= due, due, text)


def _of_output(signs: BotSigns, standing: Standing, now: float) -> Finding | None:
    """Find a bot that prints nothing at all."""
    found = _silent(OUTPUT, signs.output, signs.output_rhythm, signs, standing, now)
    return Finding(Verdict.HUNG, f"its process lives, and {found.text}", OUTPUT.name) if found.over else None


def _of_trouble(signs: BotSigns, troubles: Troubles, standing: Standing, now: float) -> Finding | None:
    """Find a bot whose lines tell that something cannot be reached, while no work of it shows."""
    if "market_data" not in standing.settings.watch or now > troubles.newest + QUIET:
        return None
    work = _work_of(signs)
    if work is None and _is_habitual(signs.trouble):
        return None
    began = troubles.since(now, work.at if work else 0.0)
    if began is None or (work is not None and now - work.at <= _unhurried(work)):
        return None
    if now < began + _LASTING:
        return Finding(Verdict.HEALTHY, "", "", began + _LASTING)
    text = f"its process lives, and it cannot reach what it needs: {troubles.text}"
    return Finding(Verdict.NOT_TRADING, text, "trouble", min(now + _LOOK_AGAIN, troubles.newest + QUIET))


def _work_of(signs: BotSigns) -> Habit | None:
    """Return the sign that shows that a bot works; None for one that prints nothing but lines for people."""
    if signs.market.count >= MARKET.needs:
        return signs.market
    return signs.loop if signs.loop.count >= LOOP.needs else None


def _unhurried(work: Habit) -> float:
    """Return the seconds in which a bot's next sign of work need not come: less than its longest silence."""
    return max(work.quantile(0.99), (1.5 if work.count >= _WELL_KNOWN else 4.0) * work.longest)


def _is_habitual(trouble: Habit) -> bool:
    return trouble.count >= _HABITUAL and trouble.quantile(0.9) <= _HABITUAL_GAP


def _of_work(signs: BotSigns, standing: Standing, now: float, due: float) -> Finding:
    """Find a bot that prints, and does not do what it used to; else tell when to look again."""
    if signs.paused:
        return Finding(Verdict.HEALTHY, "it pauses, as its heartbeat says", recheck_at=due)
    for watched, habit, rhythm in _works_of(signs):
        found = _silent(watched, habit, rhythm, signs, standing, now)
        if found.over and not _nothing_printed(signs, habit, standing):
            text = f"its process lives, and there is {found.text}{_rest(signs, watched, now)}"
            return Finding(Verdict.NOT_TRADING, text, watched.name)
        due = min(due, found.due if not found.over else now + _LOOK_AGAIN)
    quiet = _silent(OUTPUT, signs.output, signs.output_rhythm, signs, standing, now)
    text = "" if signs.output.count else "nothing it printed tells a habit yet: no silence is held against it"
    return Finding(Verdict.HEALTHY, text, recheck_at=min(due, quiet.due))


def _works_of(signs: BotSigns) -> Iterator[tuple[Watched, Habit, Rhythm | None]]:
    yield MARKET, signs.market, signs.market_rhythm
    yield LOOP, signs.loop, signs.output_rhythm
    yield ORDERS, signs.orders, signs.market_rhythm


def _nothing_printed(signs: BotSigns, habit: Habit, standing: Standing) -> bool:
    """Say whether the bot printed nothing since the sign, and is to be found hung instead."""
    watched = limit_of(OUTPUT, signs.output, standing) is not None
    return watched and signs.output.at <= habit.at + _STILL_PRINTS


def _rest(signs: BotSigns, watched: Watched, now: float) -> str:
    """Return what a bot still does, for the one who reads of what it does not."""
    if watched is MARKET and signs.loop.count >= LOOP.needs and now - signs.loop.at <= signs.loop.limit(5.0):
        return ", though its loop goes on"
    return ", though it prints"
