"""What a query of the API may say of series and events, and how a range is read for a chart. Pure."""

from dataclasses import dataclass

from schemas.errors import UsageError
from telemetry.levels import LEVELS
from telemetry.records import Series
from telemetry.stores import SeriesQuery
from web.moments import nice_step, parse_range, parse_step
from web.thinning import thin

MOST_POINTS = 2000
"""About as many as a wide screen has pixels: more points of a series are never drawn."""
_RAW_RANGE = 3600.0
"""Ranges up to this long, in seconds, are read raw and thinned here, with every extreme kept."""
_FINE_POINTS = 20_000
_ALL_METRICS_POINTS = 500
NOTABLE_KINDS = (
    "order",
    "trade",
    "position",
    "signal",
    "transfer",
    "risk",
    "alert",
    "error",
    "status",
    "lifecycle",
)
"""The kinds of events that a person reads: no logs, and nothing that is a number in time (prices, equity)."""


@dataclass(frozen=True, slots=True)
class ChartQuery:
    """What to ask the store for, and to how many points a series is thinned afterwards (0: not at all)."""

    query: SeriesQuery
    most: int


def chart_query(bot: str, metric: str, start: str, end: str, step: str, now: float) -> ChartQuery:
    """Return how to read a range. Raises UsageError.

    With a step, the store's own steps are the answer. Without, the range is read finely and thinned, so
    that a spike of one sample is still seen over a month.
    """
    since, until = parse_range(start, end, now)
    chosen = parse_step(step)
    if chosen is not None:
        _check_points(until - since, chosen)
        return ChartQuery(SeriesQuery(bot, metric, since, until, chosen), 0)
    if metric == "":
        coarse = nice_step((until - since) / _ALL_METRICS_POINTS)
        return ChartQuery(SeriesQuery(bot, metric, since, until, coarse), 0)
    fine = 0.0 if until - since <= _RAW_RANGE else nice_step((until - since) / _FINE_POINTS)
    return ChartQuery(SeriesQuery(bot, metric, since, until, fine), MOST_POINTS)


def thinned(series: Series, most: int) -> list[tuple[float, float]]:
    """Return a series' points, at most `most` of them (0: all)."""
    return thin(series.points, most) if most else series.points


def checked_level(level: str) -> str:
    """Return a level as it was given. Raises UsageError where there is none of that name."""
    if level and level not in LEVELS:
        raise UsageError(f'"{level}" is not a level; there are: {", ".join(LEVELS)}')
    return level


def kinds_of(text: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kinds named in `a,b,c`; `default` for "", and () (all there are) for "all"."""
    if text == "all":
        return ()
    return names_in(text) or default


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in `a,b,c`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _check_points(seconds: float, step: float) -> None:
    if step > 0 and seconds / step > 50 * MOST_POINTS:
        raise UsageError(
            f"a step of {step:g} s over {seconds:.0f} s makes {seconds / step:.0f} points of each series; "
            f"at most {50 * MOST_POINTS} are answered: ask for a longer step or a shorter range"
        )
