"""The trading figures that rules may be about, of one view of a bot's trading. Pure."""

from collections.abc import Mapping

from telemetry.trading.views import AccountView


def labels_of(view: AccountView) -> dict[str, str]:
    """Return what tells one view of a bot from its others."""
    return {name: word for name, word in (("account", view.account), ("currency", view.currency)) if word}


def figures_of(view: AccountView) -> Mapping[str, float | None]:
    """Return the figures by their names in rules; drawdowns are zero or positive."""
    drawdown, change = view.drawdown, view.change_today
    return {
        "equity": view.equity,
        "day_equity": None if view.equity is None or change is None else view.equity - change,
        "change_today": change,
        "daily_loss": None if change is None else max(-change, 0.0),
        "drawdown": None if drawdown is None else -drawdown.current,
        "max_drawdown": None if drawdown is None else -drawdown.maximum,
        "net_pnl": view.net_pnl,
        "realized_pnl": view.realized_pnl,
        "unrealized_pnl": view.unrealized_pnl,
        "fees": view.fees,
        "exposure": view.gross_exposure,
        "net_exposure": view.net_exposure,
        "positions": float(len(view.positions)),
        "orders": float(len(view.orders)),
        "sharpe": view.ratios.sharpe,
        "sortino": view.ratios.sortino,
        "calmar": view.ratios.calmar,
        "win_rate": view.trips.win_rate,
        "profit_factor": view.trips.profit_factor,
        "expectancy": view.trips.expectancy,
    }
