"""The series that are derived of a bot's trading. A figure that is not known has no sample."""

import math
from collections.abc import Mapping

from telemetry.records import Sample
from telemetry.trading.views import AccountView

DERIVED: Mapping[str, str] = {
    "bot_trading_equity": "What the account is worth, as the bot says, in the account and currency it is of",
    "bot_trading_change_today": "The change of equity since the UTC day began, less transfers",
    "bot_trading_realized_pnl": "What fills realised, before fees",
    "bot_trading_unrealized_pnl": "What closing the open positions at their marks would realise",
    "bot_trading_net_pnl": "Realised and unrealised, less fees",
    "bot_trading_fees": "Fees of fills, in the currency of the account",
    "bot_trading_gross_exposure": "The value of all open positions, long and short added",
    "bot_trading_net_exposure": "The value of long positions less that of short ones",
    "bot_trading_open_positions": "How many positions are open",
    "bot_trading_open_orders": "How many orders are open",
    "bot_trading_drawdown": "Equity below its peak, as a share of it: zero or negative",
    "bot_trading_max_drawdown": "The deepest drawdown so far: zero or negative",
    "bot_trading_unexplained": "The change of equity less what fills made: the reconciliation's difference",
    "bot_trading_sharpe": "Sharpe ratio, annualised, from 30 daily returns on",
    "bot_trading_sortino": "Sortino ratio, annualised, from 30 daily returns on",
    "bot_trading_calmar": "Calmar ratio, from 30 daily returns on",
    "bot_trading_cagr": "Compound annual growth, from 30 daily returns on",
    "bot_trading_win_rate": "Winners among closed round trips, from 20 on",
    "bot_trading_profit_factor": "What winners made over what losers lost, from 20 round trips on",
    "bot_trading_expectancy": "What a closed round trip made on average, from 20 on",
}
"""Each series with a text. Labels: those of the bot, `account` and `currency`."""


def derived_samples(view: AccountView, labels: Mapping[str, str], now: float) -> list[Sample]:
    """Return the samples of a view; `labels` is the one mapping of its series."""
    drawdown, agreed = view.drawdown, view.reconciliation
    values: dict[str, float | None] = {
        "bot_trading_equity": view.equity,
        "bot_trading_change_today": view.change_today,
        "bot_trading_realized_pnl": view.realized_pnl,
        "bot_trading_unrealized_pnl": view.unrealized_pnl,
        "bot_trading_net_pnl": view.net_pnl,
        "bot_trading_fees": view.fees,
        "bot_trading_gross_exposure": view.gross_exposure,
        "bot_trading_net_exposure": view.net_exposure,
        "bot_trading_open_positions": float(len(view.positions)),
        "bot_trading_open_orders": float(len(view.orders)),
        "bot_trading_drawdown": drawdown.current if drawdown else None,
        "bot_trading_max_drawdown": drawdown.maximum if drawdown else None,
        "bot_trading_unexplained": agreed.difference if agreed else None,
        "bot_trading_sharpe": view.ratios.sharpe,
        "bot_trading_sortino": view.ratios.sortino,
        "bot_trading_calmar": view.ratios.calmar,
        "bot_trading_cagr": view.ratios.cagr,
        "bot_trading_win_rate": view.trips.win_rate,
        "bot_trading_profit_factor": view.trips.profit_factor,
        "bot_trading_expectancy": view.trips.expectancy,
    }
    return [
        Sample(name, labels, now, value)
        for name, value in values.items()
        if value is not None and math.isfinite(value)
    ]
