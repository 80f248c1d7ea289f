"""The key figures, with one definition for every bot; none is told of too few days or round trips.

docs/trading.md says them in words; the tests hold them against `empyrical`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from telemetry.trading.equity import Days
from telemetry.trading.holdings import RoundTrips

LEAST_RETURNS = 30
"""Daily returns below which no ratio is told."""
LEAST_TRIPS = 20
"""Round trips below which no trade statistic is told."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """What daily returns say; each None where there are too few returns, or where it has no meaning."""

    returns: int
    """How many daily returns there are."""
    annualization: int
    """Days of a year that they are counted with."""
    sharpe: float | None = None
    sortino: float | None = None
    calmar: float | None = None
    cagr: float | None = None


@dataclass(frozen=True, slots=True)
class TripFigures:
    """What closed round trips say, net of fees; the statistics are None where there are too few."""

    count: int
    wins: int
    losses: int
    even: int
    win_rate: float | None = None
    """Winners among all, break-even ones included, from 0 to 1."""
    profit_factor: float | None = None
    """What winners made over what losers lost; None without a loser."""
    expectancy: float | None = None
    """What a round trip made on average."""


def daily_returns(days: Days) -> list[float]:
    """Return the return of each day after the first, transfers taken out.

    A day that begins with no equity has no return.
    """
    pairs = zip(days.closes, days.closes[1:], days.flows[1:], strict=False)
    found = [(close - flow) / before - 1.0 for before, close, flow in pairs if before > 0]
    return [one for one in found if math.isfinite(one)]


def joint_returns(tracks: Sequence[Days]) -> list[float]:
    """Return the daily returns of several accounts together; each counts from its second day to its last."""
    if not tracks:
        return []
    start = min(one.first for one in tracks)
    length = max(one.first + len(one.closes) for one in tracks) - start
    before, gained = [0.0] * length, [0.0] * length
    for one in tracks:
        shift = one.first - start
        for index in range(1, len(one.closes)):
            before[shift + index] += one.closes[index - 1]
            gained[shift + index] += one.closes[index] - one.flows[index] - one.closes[index - 1]
    found = [gain / base for gain, base in zip(gained, before, strict=True) if base > 0]
    return [one for one in found if math.isfinite(one)]


def ratios(returns: Sequence[float], annualization: int, max_drawdown: float) -> Ratios:
    """Return the ratios of daily returns; `max_drawdown` is zero or negative.

    Returns that no number holds the squares of have no ratio.
    """
    count = len(returns)
    if count < LEAST_RETURNS:
        return Ratios(count, annualization)
    try:
        return _reckoned(returns, annualization, max_drawdown)
    except (OverflowError, ValueError):
        return Ratios(count, annualization)


def _reckoned(returns: Sequence[float], annualization: int, max_drawdown: float) -> Ratios:
    count = len(returns)
    mean = math.fsum(returns) / count
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in returns) / (count - 1))
    below = math.sqrt(math.fsum(min(one, 0.0) ** 2 for one in returns) / count)
    year = math.sqrt(annualization)
    cagr = _compound(returns, annualization)
    return Ratios(
        count,
        annualization,
        sharpe=_over(mean * year, spread),
        sortino=_over(mean * year, below),
        calmar=_over(cagr, abs(max_drawdown)) if cagr is not None else None,
        cagr=cagr,
    )


def drawdown_of(returns: Sequence[float]) -> tuple[float, float]:
    """Return the current and the maximum drawdown of compounded returns, each zero or negative."""
    share, lowest = 1.0, 1.0
    for one in returns:
        share = min(share * max(1.0 + one, 0.0), 1.0)
        lowest = min(lowest, share)
    return share - 1.0, lowest - 1.0


def trip_figures(trips: RoundTrips) -> TripFigures:
    """Return the statistics of closed round trips."""
    count = trips.count
    known = TripFigures(count, trips.wins, trips.losses, trips.even)
    if count < LEAST_TRIPS:
        return known
    return TripFigures(
        count,
        trips.wins,
        trips.losses,
        trips.even,
        win_rate=trips.wins / count,
        profit_factor=_over(trips.won, -trips.lost),
        expectancy=(trips.won + trips.lost) / count,
    )


def _compound(returns: Sequence[float], annualization: int) -> float | None:
    """Return the yearly growth that the returns compound to; None where it is beyond any number."""
    whole = math.prod(1.0 + one for one in returns)
    if whole <= 0:
        return -1.0
    try:
        grown = float(whole ** (annualization / len(returns))) - 1.0
    except OverflowError:
        return None
    return grown if math.isfinite(grown) else None


def _over(value: float, base: float) -> float | None:
    """Return a ratio, None where its base is nothing: it would be infinite, or an accident of rounding."""
    if not 1e-12 < base < math.inf:
        return None
    found = value / base
    return found if math.isfinite(found) else None
