"""The JSON documents of trading: positions, orders, fills and key figures.

Amounts are in the `currency` beside them, times are Unix seconds, and a figure that cannot be told is null.
"""

from msgspec import Struct


class PositionDocument(Struct):
    """One open position."""

    bot: str
    mode: str
    account: str
    currency: str
    symbol: str
    side: str
    """long or short."""
    quantity: float
    """Always positive."""
    entry_price: float | None
    mark_price: float | None
    """The newest price of the symbol that the bot printed."""
    value: float | None
    """Quantity times mark: negative where it is short."""
    unrealized_pnl: float | None
    leverage: float | None
    opened_at: float
    source: str
    """bot: its own position lines; fills: reckoned from its fills at their average price."""


class OrderDocument(Struct):
    """One open order."""

    bot: str
    mode: str
    account: str
    currency: str
    order_id: str
    symbol: str
    side: str
    status: str
    order_type: str
    quantity: float | None
    filled: float
    price: float | None
    since: float
    at: float
    """The time of its newest state."""


class FillDocument(Struct):
    """One fill."""

    id: str
    bot: str
    mode: str
    account: str
    currency: str
    time: float
    symbol: str
    side: str
    quantity: float
    price: float
    fee: float | None
    fee_currency: str
    liquidity: str
    realized_pnl: float | None
    """As the bot itself says it."""
    order_id: str
    trade_id: str


class DrawdownDocument(Struct):
    """How far equity is below its peak, as shares of it that are zero or negative; times in seconds."""

    current: float
    maximum: float
    under_water: float | None
    """For how long it has been below its peak; null for several accounts together."""
    longest_under_water: float | None


class RatiosDocument(Struct):
    """What daily returns say; null below 30 of them, and where it has no meaning."""

    returns: int
    """How many daily returns there are."""
    annualization: int
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    cagr: float | None


class TripsDocument(Struct):
    """What closed round trips say, net of fees; the statistics are null below 20 of them."""

    count: int
    wins: int
    losses: int
    even: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None


class ReconciliationDocument(Struct):
    """What fills made beside the change of the bot's own equity, since its first, without transfers."""

    since: float
    equity_change: float
    pnl_from_fills: float
    difference: float


class FiguresDocument(Struct):
    """The key figures of a bot, a program, an account or all, within one mode and one currency."""

    by: str
    """bot, program, account or all."""
    name: str
    """Which one; "" for all, and for bots that name no account."""
    mode: str
    account: str
    """For `by=bot` the account; else "" or the name."""
    currency: str
    bots: int
    newest_at: float
    """The time of the newest line that moved it."""
    equity: float | None
    change_today: float | None
    """Since the end of the day before (UTC), transfers taken out."""
    realized_pnl: float | None
    """Before fees."""
    unrealized_pnl: float | None
    fees: float | None
    net_pnl: float | None
    pnl_source: str
    """fills; bot, where it prints none and its equity lines say it; "" where nothing does, and of groups."""
    other_fees: dict[str, float]
    """Fees in other currencies, which are in no sum."""
    gross_exposure: float
    net_exposure: float
    open_positions: int
    open_orders: int
    fills: int
    drawdown: DrawdownDocument | None
    ratios: RatiosDocument
    trips: TripsDocument
    reconciliation: ReconciliationDocument | None


class TradingAnswer(Struct):
    """`GET /api/v1/bots/{name}/trading`, and a `trading` event on the topic of a bot (without fills)."""

    bot: str
    complete: bool
    """False while the past is still being read after a start: the figures are those of an earlier moment."""
    figures: list[FiguresDocument]
    """One for each mode, account and currency."""
    positions: list[PositionDocument]
    orders: list[OrderDocument]
    fills: list[FillDocument] | None = None
    """The newest ones, newest first; null on the stream, where each comes as an `event`."""


class PositionsAnswer(Struct):
    """`GET /api/v1/positions`: the open positions of all bots, by bot and symbol."""

    positions: list[PositionDocument]
    complete: bool


class TradesAnswer(Struct):
    """`GET /api/v1/trades`: a page of fills, newest first."""

    trades: list[FillDocument]
    next_cursor: str


class FiguresAnswer(Struct):
    """`GET /api/v1/figures`, and a `figures` event on the topic trading: by account, at most every 2 s."""

    by: str
    figures: list[FiguresDocument]
    complete: bool
