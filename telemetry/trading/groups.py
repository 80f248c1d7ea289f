"""Several bots' trading together: by program, by account or all, always within one mode and one currency."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from telemetry.trading.figures import Ratios, TripFigures, trip_figures
from telemetry.trading.holdings import RoundTrips
from telemetry.trading.memory import Memory
from telemetry.trading.views import DEFAULT_ANNUALIZATION, AccountView, Drawdown

GROUPINGS = ("bot", "program", "account", "all")


@dataclass(frozen=True, slots=True)
class GroupView:
    """The sums of some views, and the figures of their joint daily equity; amounts in `currency`."""

    by: str
    name: str
    """The bot, program or account that the group is of; "" for all."""
    mode: str
    currency: str
    bots: int
    newest_at: float
    fills: int
    realized_pnl: float | None
    unrealized_pnl: float | None
    fees: float | None
    net_pnl: float | None
    gross_exposure: float
    net_exposure: float
    open_positions: int
    open_orders: int
    equity: float | None
    change_today: float | None
    drawdown: Drawdown | None
    ratios: Ratios
    trips: TripFigures


def grouped(views: Iterable[AccountView], by: str, memory: Memory | None = None) -> list[GroupView]:
    """Return the groups of views, by name, mode and currency; `memory` as for the views."""
    kept = memory or Memory()
    found: dict[tuple[str, str, str], list[AccountView]] = {}
    for view in views:
        name = {"bot": view.bot, "program": view.program, "account": view.account}.get(by, "")
        found.setdefault((name, view.mode, view.currency), []).append(view)
    return [_group(by, *key, found[key], kept) for key in sorted(found)]


def _group(
    by: str, name: str, mode: str, currency: str, views: Sequence[AccountView], memory: Memory
) -> GroupView:
    closed = RoundTrips()
    for view in views:
        closed.join(view.closed)
    drawdown, figures = _joint((by, name, mode, currency), views, memory)
    return GroupView(
        by=by,
        name=name,
        mode=mode,
        currency=currency,
        bots=len({view.bot for view in views}),
        newest_at=max(view.newest_at for view in views),
        fills=sum(view.fills for view in views),
        realized_pnl=_sum([view.realized_pnl for view in views]),
        unrealized_pnl=_sum([view.unrealized_pnl for view in views]),
        fees=_sum([view.fees for view in views]),
        net_pnl=_sum([view.net_pnl for view in views]),
        gross_exposure=sum(view.gross_exposure for view in views),
        net_exposure=sum(view.net_exposure for view in views),
        open_positions=sum(len(view.positions) for view in views),
        open_orders=sum(len(view.orders) for view in views),
        equity=_sum([view.equity for view in views]),
        change_today=_sum([view.change_today for view in views]),
        drawdown=drawdown,
        ratios=figures,
        trips=trip_figures(closed),
    )


def _joint(
    key: tuple[str, ...], views: Sequence[AccountView], memory: Memory
) -> tuple[Drawdown | None, Ratios]:
    """Return drawdown and ratios: of one account its own, of several those of their joint daily returns."""
    tracked = [view for view in views if view.equity is not None] or views[:1]
    if len(tracked) == 1:
        return tracked[0].drawdown, tracked[0].ratios
    years = {view.ratios.annualization for view in tracked}
    annualization = years.pop() if len(years) == 1 else DEFAULT_ANNUALIZATION
    current, deepest, figures = memory.joint(key, [view.days for view in tracked], annualization)
    return (Drawdown(current, deepest, None, None) if figures.returns else None), figures


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
