"""The key figures are those of `empyrical`, wherever it has them, and null where there is too little."""

import math
from collections.abc import Sequence

import empyrical
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.trading.equity import Days
from telemetry.trading.figures import (
    LEAST_RETURNS,
    LEAST_TRIPS,
    daily_returns,
    drawdown_of,
    joint_returns,
    ratios,
    trip_figures,
)
from telemetry.trading.groups import grouped
from telemetry.trading.holdings import RoundTrips
from telemetry.trading.memory import Memory
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile, accounts_of
from tests.unit.telemetry.trading.lines import DAY, START, Printer

RETURNS = st.lists(st.floats(-0.2, 0.2).map(lambda one: round(one, 6)), min_size=LEAST_RETURNS, max_size=120)


def same(ours: float | None, theirs: float) -> bool:
    """Say whether a figure is the oracle's; where it has no number, we have none."""
    if not math.isfinite(theirs):
        return ours is None
    return ours is not None and ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@given(RETURNS, st.sampled_from([252, 365]))
def test_ratios_are_the_oracles(returns: list[float], year: int) -> None:
    """Sharpe, Sortino, growth, drawdown and Calmar of any returns, for both years."""
    series = numpy.array(returns)
    found = ratios(returns, year, drawdown_of(returns)[1])
    assert same(drawdown_of(returns)[1], empyrical.max_drawdown(series))
    if numpy.std(series, ddof=1) > 1e-6:
        assert same(found.sharpe, empyrical.sharpe_ratio(series, annualization=year))
    if any(one < -1e-6 for one in returns):
        assert same(found.sortino, empyrical.sortino_ratio(series, annualization=year))
    assert same(found.cagr, empyrical.annual_return(series, annualization=year))
    if drawdown_of(returns)[1] < -1e-6:
        assert same(found.calmar, empyrical.calmar_ratio(series, annualization=year))


@given(RETURNS)
def test_a_bots_equity_lines_come_to_the_oracles_figures(returns: list[float]) -> None:
    """From printed lines to the ratios: one sample a day, through the whole core."""
    says, bot, equity = Printer(), BotTrading("sma"), [1000.0]
    for one in returns:
        equity.append(equity[-1] * (1 + one))
    bot.take([says.equity(value, day * DAY + 7) for day, value in enumerate(equity)])
    (view,) = accounts_of(bot, Profile(), START + len(equity) * DAY)
    series = numpy.array(returns)
    assert view.ratios.returns == len(returns)
    assert view.drawdown is not None
    assert view.drawdown.maximum == pytest.approx(empyrical.max_drawdown(series), abs=1e-9)
    if numpy.std(series, ddof=1) > 1e-6:
        theirs = empyrical.sharpe_ratio(series, annualization=365)
        assert view.ratios.sharpe == pytest.approx(theirs, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("count", [0, 1, LEAST_RETURNS - 1])
def test_too_few_days_have_no_ratio(count: int) -> None:
    """Below 30 daily returns there is the count and nothing else."""
    found = ratios([0.01, -0.02] * (count // 2) + [0.01] * (count % 2), 365, -0.5)
    assert (found.returns, found.sharpe, found.sortino, found.calmar, found.cagr) == (count, *[None] * 4)


def test_what_has_no_meaning_is_no_number() -> None:
    """Without any spread, any loss or any drawdown a ratio would be infinite."""
    flat = ratios([0.0] * 40, 365, 0.0)
    assert (flat.sharpe, flat.sortino, flat.calmar, flat.cagr) == (None, None, None, 0.0)
    assert ratios([-1.0, *[0.1] * 40], 365, -1.0).cagr == -1.0
    assert ratios([9e5] * 60, 365, 0.0).cagr is None


@pytest.mark.parametrize("wild", [1e160, 1e308, 5e-324])
def test_returns_that_are_beyond_numbers_have_no_ratio(wild: float) -> None:
    """Whatever the returns, nothing is raised, and what is told is a number."""
    for returns in ([0.01, -0.02] * 20 + [wild], [wild, -1.0] * 20, [wild] * 40):
        found = ratios(returns, 365, -0.5)
        told = (found.sharpe, found.sortino, found.calmar, found.cagr, *drawdown_of(returns))
        assert all(one is None or math.isfinite(one) for one in told)
    assert ratios([0.01, -0.02] * 20 + [1e160], 365, -0.5).sharpe is None
    assert all(math.isfinite(one) for one in daily_returns(Days(0, [1e-300, 1e90, 1e90], [0.0] * 3)))
    assert all(math.isfinite(one) for one in joint_returns([Days(0, [1e-300, 1e90, 1e90], [0.0] * 3)] * 2))


def trips(made: Sequence[float]) -> RoundTrips:
    found = RoundTrips()
    for one in made:
        found.add(one, 100.0)
    return found


def test_trade_statistics_need_twenty_round_trips() -> None:
    """Below that there are only the counts; with them, break-even ones are neither won nor lost."""
    assert trip_figures(trips([1.0] * (LEAST_TRIPS - 1))).win_rate is None
    found = trip_figures(trips([3.0] * 10 + [-2.0] * 5 + [0.0] * 5))
    assert (found.wins, found.losses, found.even, found.count) == (10, 5, 5, 20)
    assert (found.win_rate, found.profit_factor, found.expectancy) == (0.5, 3.0, 1.0)
    assert trip_figures(trips([1.0] * 20)).profit_factor is None, "nothing was lost"


def test_transfers_are_taken_out_of_returns() -> None:
    """A day's deposit is no return of it."""
    assert daily_returns(Days(0, [100.0, 210.0, 189.0], [0.0, 100.0, 0.0])) == pytest.approx([0.1, -0.1])
    assert daily_returns(Days(0, [0.0, 10.0, 11.0], [0.0, 0.0, 0.0])) == pytest.approx([0.1])


def test_accounts_together_weigh_by_their_equity() -> None:
    """One that joins later is no gain of the day, and one that ended does not dilute what follows."""
    old, young = Days(10, [100.0, 110.0, 121.0], [0.0] * 3), Days(11, [300.0, 270.0], [0.0] * 2)
    assert joint_returns([old, young]) == pytest.approx([0.1, -19 / 410])
    assert joint_returns([]) == []


def test_what_was_reckoned_of_whole_days_is_reckoned_again_where_it_changed() -> None:
    """With a memory the figures are those without one: over new days, other drawdowns and other members."""
    memory, bots = Memory(), [BotTrading("a"), BotTrading("b")]
    says = [Printer("a", allocation="a"), Printer("b", allocation="b")]
    for day in range(40):
        for number, (bot, printer) in enumerate(zip(bots, says, strict=True)):
            bot.take([printer.equity(1000 + (day * (7 + number)) % 31, day * DAY + 9)])
        for hour in (10, 20):
            now = START + day * DAY + hour * 3600
            fresh = [view for bot in bots for view in accounts_of(bot, Profile(), now)]
            kept = [view for bot in bots for view in accounts_of(bot, Profile(), now, memory)]
            assert kept == fresh
            assert grouped(kept, "all", memory) == grouped(fresh, "all")
            assert grouped(kept[:1], "all", memory) == grouped(fresh[:1], "all")
    (together,) = grouped(kept, "all", memory)
    assert together.ratios.returns == 38
    assert together.ratios.sharpe is not None
