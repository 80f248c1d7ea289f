"""What is stored of what rules watch: which series hold it, and how their points are read. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from telemetry.alerts.values import BUCKETS, LabelKey, Labels, Point, key_of
from telemetry.alerts.watch import FIGURE, Watch
from telemetry.records import Series

_CHANGE, _EQUITY = "bot_trading_change_today", "bot_trading_equity"
FIGURE_SERIES: Mapping[str, str] = {
    "equity": _EQUITY,
    "change_today": _CHANGE,
    "daily_loss": _CHANGE,
    "drawdown": "bot_trading_drawdown",
    "max_drawdown": "bot_trading_max_drawdown",
    "net_pnl": "bot_trading_net_pnl",
    "realized_pnl": "bot_trading_realized_pnl",
    "unrealized_pnl": "bot_trading_unrealized_pnl",
    "fees": "bot_trading_fees",
    "exposure": "bot_trading_gross_exposure",
    "net_exposure": "bot_trading_net_exposure",
    "positions": "bot_trading_open_positions",
    "orders": "bot_trading_open_orders",
    "sharpe": "bot_trading_sharpe",
    "sortino": "bot_trading_sortino",
    "calmar": "bot_trading_calmar",
    "win_rate": "bot_trading_win_rate",
    "profit_factor": "bot_trading_profit_factor",
    "expectancy": "bot_trading_expectancy",
}
"""Figure -> the series that it is kept in, one of `telemetry.trading.derived`."""
DAY_EQUITY = "day_equity"
"""The figure that two series make: equity, and its change since the day began."""
_NEGATED = frozenset({"drawdown", "max_drawdown"})
_LEAST_STEP = 10.0
"""Seconds: stores hold steps of so many, and whole numbers of these cost them least."""


_AFTER = 0.001
"""Seconds from the end of a step to where the next is read from."""


class Wanted(NamedTuple):
    """A part of the past that a watch has not: of a slot, so many seconds back."""

    slot: str
    series: str
    over: float


def series_of(slot: str) -> tuple[str, ...]:
    """Return the names of the series that hold what is in a slot."""
    if not slot.startswith(FIGURE):
        return (slot,)
    figure = slot[len(FIGURE) :]
    return (_EQUITY, _CHANGE) if figure == DAY_EQUITY else (FIGURE_SERIES[figure],)


def figure_value(figure: str, value: float) -> float:
    """Return a figure as rules speak of it, of a value of its series."""
    if figure == "daily_loss":
        return max(-value, 0.0)
    return -value if figure in _NEGATED else value


def figure_values(figures: Iterable[str], kept: Mapping[str, float]) -> dict[str, float | None]:
    """Return figures of what was kept of them at one time, by series; one that was not kept is None."""
    found: dict[str, float | None] = {}
    for figure in figures:
        values = [kept.get(name) for name in series_of(FIGURE + figure)]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            found[figure] = None
        elif figure == DAY_EQUITY:
            found[figure] = known[0] - known[1]
        else:
            found[figure] = figure_value(figure, known[0])
    return found


def wanted_past(watch: Watch) -> list[Wanted]:
    """Return what a watch has to be told of before it knows what was."""
    return [
        Wanted(name, series_of(name)[0], over)
        for name, slot in watch.slots.items()
        for over, history in slot.histories.items()
        if not history.whole
    ]


def span_of(now: float, over: float, since: float) -> tuple[float, float]:
    """Return from when to read a history, and in what step (0: every sample): nothing of before `since`."""
    start = max(now - over, since)
    step = (now - start) / BUCKETS // _LEAST_STEP * _LEAST_STEP
    if start == since and step:
        start = math.ceil(start / step) * step + _AFTER  # a step is read whole, whatever is left of it
    return start, step


def points_of(slot: str, found: Sequence[Series]) -> dict[LabelKey, Sequence[Point]]:
    """Return the points of stored series by what tells these apart in a slot."""
    figure = slot[len(FIGURE) :] if slot.startswith(FIGURE) else ""
    return {
        key_of(own_labels(slot, one.labels)): (
            [(at, figure_value(figure, value)) for at, value in one.points] if figure else one.points
        )
        for one in found
    }


def own_labels(slot: str, labels: Labels) -> Labels:
    """Return a stored series' labels as a slot has them: those of a figure are its account and currency."""
    if not slot.startswith(FIGURE):
        return labels
    return {name: labels[name] for name in ("account", "currency") if name in labels}
