"""From a bot's trading to its documents. Pure but for the desk that is asked."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from schemas.bot import BotSpec
from telemetry.records import Event
from telemetry.trading.currencies import account_of, currency_of, number_of
from telemetry.trading.figures import Ratios, TripFigures
from telemetry.trading.groups import GroupView, grouped
from telemetry.trading.views import (
    AccountView,
    Drawdown,
    OrderView,
    PositionView,
    Profile,
    Reconciliation,
)
from telemetry.trading_desk import TradingDesk
from web.trading_documents import (
    DrawdownDocument,
    FiguresAnswer,
    FiguresDocument,
    FillDocument,
    OrderDocument,
    PositionDocument,
    RatiosDocument,
    ReconciliationDocument,
    TradingAnswer,
    TripsDocument,
)


class KnowsSpecs(Protocol):
    """What tells what a bot should be."""

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be, None where nothing is known of it."""
        ...


def profiles(controller: KnowsSpecs) -> Callable[[str], Profile]:
    """Return what tells of a bot what its manifest says of its trading."""

    def profile(bot: str) -> Profile:
        spec = controller.spec(bot)
        if spec is None:
            return Profile()
        return Profile(spec.program.name, spec.account, spec.currency, spec.annualization)

    return profile


def trading_document(desk: TradingDesk, bot: str) -> TradingAnswer:
    """Return a bot's figures, positions and open orders as of now."""
    views = desk.accounts(bot)
    return TradingAnswer(
        bot=bot,
        complete=desk.ready,
        figures=[account_document(view) for view in views],
        positions=[position_document(one) for view in views for one in view.positions],
        orders=[order_document(one) for view in views for one in view.orders],
    )


def figures_document(desk: TradingDesk, by: str, views: Iterable[AccountView] | None = None) -> FiguresAnswer:
    """Return the figures of all bots' trading, grouped."""
    known = desk.all_accounts() if views is None else views
    if by == "bot":
        return FiguresAnswer(by, [account_document(view) for view in known], desk.ready)
    return FiguresAnswer(by, [group_document(group) for group in grouped(known, by, desk.memory)], desk.ready)


def account_document(view: AccountView) -> FiguresDocument:
    """Return the figures of one bot in one mode, account and currency."""
    return FiguresDocument(
        by="bot",
        name=view.bot,
        mode=view.mode,
        account=view.account,
        currency=view.currency,
        bots=1,
        newest_at=view.newest_at,
        equity=view.equity,
        change_today=view.change_today,
        realized_pnl=view.realized_pnl,
        unrealized_pnl=view.unrealized_pnl,
        fees=view.fees,
        net_pnl=view.net_pnl,
        pnl_source=view.pnl_source,
        other_fees=dict(view.other_fees),
        gross_exposure=view.gross_exposure,
        net_exposure=view.net_exposure,
        open_positions=len(view.positions),
        open_orders=len(view.orders),
        fills=view.fills,
        drawdown=_drawdown(view.drawdown),
        ratios=_ratios(view.ratios),
        trips=_trips(view.trips),
        reconciliation=_reconciliation(view.reconciliation),
    )


def group_document(group: GroupView) -> FiguresDocument:
    """Return the figures of a group."""
    return FiguresDocument(
        by=group.by,
        name=group.name,
        mode=group.mode,
        account=group.name if group.by == "account" else "",
        currency=group.currency,
        bots=group.bots,
        newest_at=group.newest_at,
        equity=group.equity,
        change_today=group.change_today,
        realized_pnl=group.realized_pnl,
        unrealized_pnl=group.unrealized_pnl,
        fees=group.fees,
        net_pnl=group.net_pnl,
        pnl_source="",
        other_fees={},
        gross_exposure=group.gross_exposure,
        net_exposure=group.net_exposure,
        open_positions=group.open_positions,
        open_orders=group.open_orders,
        fills=group.fills,
        drawdown=_drawdown(group.drawdown),
        ratios=_ratios(group.ratios),
        trips=_trips(group.trips),
        reconciliation=None,
    )


def position_document(one: PositionView) -> PositionDocument:
    """Return an open position."""
    return PositionDocument(
        bot=one.bot,
        mode=one.mode,
        account=one.account,
        currency=one.currency,
        symbol=one.symbol,
        side="long" if one.quantity > 0 else "short",
        quantity=abs(one.quantity),
        entry_price=one.entry_price,
        mark_price=one.mark_price,
        value=one.value,
        unrealized_pnl=one.unrealized_pnl,
        leverage=one.leverage,
        opened_at=one.opened_at,
        source=one.source,
    )


def order_document(one: OrderView) -> OrderDocument:
    """Return an open order."""
    order = one.order
    return OrderDocument(
        bot=one.bot,
        mode=one.mode,
        account=one.account,
        currency=one.currency,
        order_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        status=order.status,
        order_type=order.order_type,
        quantity=order.quantity,
        filled=order.filled,
        price=order.price,
        since=order.since,
        at=order.at,
    )


def fill_document(event: Event, profile: Profile) -> FillDocument:
    """Return a stored fill; what its line leaves out is what the manifest says."""
    line = event.data
    return FillDocument(
        id=event.id,
        bot=event.bot,
        mode=event.mode,
        account=account_of(line) or profile.account,
        currency=currency_of(line) or profile.currency,
        time=event.time,
        symbol=_text(line, "symbol"),
        side=_text(line, "side"),
        quantity=abs(number_of(line, "quantity") or 0.0),
        price=number_of(line, "price") or 0.0,
        fee=number_of(line, "fee"),
        fee_currency=_text(line, "fee_currency"),
        liquidity=_text(line, "liquidity"),
        realized_pnl=number_of(line, "realized_pnl"),
        order_id=_text(line, "order_id"),
        trade_id=_text(line, "trade_id"),
    )


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    return "" if value is None else str(value)


def _drawdown(one: Drawdown | None) -> DrawdownDocument | None:
    if one is None:
        return None
    return DrawdownDocument(one.current, one.maximum, one.under_water, one.longest_under)


def _ratios(one: Ratios) -> RatiosDocument:
    return RatiosDocument(one.returns, one.annualization, one.sharpe, one.sortino, one.calmar, one.cagr)


def _trips(one: TripFigures) -> TripsDocument:
    return TripsDocument(
        one.count, one.wins, one.losses, one.even, one.win_rate, one.profit_factor, one.expectancy
    )


def _reconciliation(one: Reconciliation | None) -> ReconciliationDocument | None:
    if one is None:
        return None
    return ReconciliationDocument(one.since, one.equity_change, one.pnl_from_fills, one.difference)
