"""What a bot's trading comes to: one view for each mode, account and currency, never summed across these."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from telemetry.trading.belonging import belonging
from telemetry.trading.equity import Days, EquityTrack
from telemetry.trading.figures import Ratios, TripFigures, trip_figures
from telemetry.trading.holdings import RoundTrips
from telemetry.trading.ledger import Ledger, symbol_of
from telemetry.trading.memory import Memory
from telemetry.trading.orders import OpenOrder
from telemetry.trading.state import BotTrading

DEFAULT_ANNUALIZATION = 365


@dataclass(frozen=True, slots=True)
class Profile:
    """What a bot's manifest says of its trading: it fills in what its lines leave out."""

    program: str = ""
    account: str = ""
    currency: str = ""
    annualization: int = DEFAULT_ANNUALIZATION


@dataclass(frozen=True, slots=True)
class PositionView:
    """An open position; `quantity` is negative where it is short, amounts are in `currency`."""

    bot: str
    mode: str
    account: str
    currency: str
    symbol: str
    quantity: float
    opened_at: float
    source: str
    """`bot`: its own position lines; `fills`: reckoned from its fills at their average price."""
    entry_price: float | None = None
    mark_price: float | None = None
    value: float | None = None
    """Quantity times mark (entry where there is no mark): negative where it is short."""
    unrealized_pnl: float | None = None
    leverage: float | None = None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An open order."""

    bot: str
    mode: str
    account: str
    currency: str
    order: OpenOrder


@dataclass(frozen=True, slots=True)
class Drawdown:
    """How far equity is below its peak: shares that are zero or negative, times in seconds."""

    current: float
    maximum: float
    under_water: float | None
    longest_under: float | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """P&L from fills against the change of the bot's own equity, since its first sample."""

    since: float
    equity_change: float
    """Without transfers."""
    pnl_from_fills: float
    difference: float


@dataclass(frozen=True, slots=True)
class AccountView:
    """One bot's trading in one mode, account and currency; all amounts in that currency."""

    bot: str
    program: str
    mode: str
    account: str
    currency: str
    newest_at: float
    fills: int
    realized_pnl: float | None
    unrealized_pnl: float | None
    fees: float | None
    net_pnl: float | None
    pnl_source: str
    """`fills`, `bot` (its equity lines say it) or "" where neither does."""
    other_fees: Mapping[str, float]
    volume: float
    gross_exposure: float
    net_exposure: float
    equity: float | None
    equity_at: float | None
    change_today: float | None
    drawdown: Drawdown | None
    ratios: Ratios
    trips: TripFigures
    reconciliation: Reconciliation | None
    positions: Sequence[PositionView]
    orders: Sequence[OrderView]
    days: Days
    closed: RoundTrips


@dataclass(slots=True)
class Part:
    """The ledgers that belong to one mode, account and currency."""

    mode: str
    account: str
    currency: str
    ledgers: list[Ledger] = field(default_factory=list)


def accounts_of(
    bot: BotTrading, profile: Profile, now: float, memory: Memory | None = None
) -> list[AccountView]:
    """Return a bot's views, by mode, account and currency; `memory` spares reckoning whole days again."""
    kept = memory or Memory()
    return [_view(bot, profile, part, now, kept) for part in parts_of(bot, profile)]


def parts_of(bot: BotTrading, profile: Profile) -> list[Part]:
    """Return which ledgers belong together: what a line left out is what the manifest or the others say."""
    parts: dict[tuple[str, str, str], Part] = {}
    ledgers = list(bot.ledgers.values())
    for one in ledgers:
        key = (one.mode, *belonging(one, ledgers, profile.account, profile.currency))
        parts.setdefault(key, Part(*key)).ledgers.append(one)
    return [parts[key] for key in sorted(parts)]


def _view(bot: BotTrading, profile: Profile, part: Part, now: float, memory: Memory) -> AccountView:
    positions = list(positions_of(bot, part))
    track = track_of(part)
    key = (bot.bot, part.mode, part.account, part.currency)
    days, figures = memory.of(key, track, profile.annualization, now)
    closed = RoundTrips()
    for ledger in part.ledgers:
        closed.join(ledger.trips)
    values = [one.value or 0.0 for one in positions]
    realized, unrealized, fees, source = _pnl(part, positions)
    known = [one for one in (realized, unrealized) if one is not None]
    return AccountView(
        bot=bot.bot,
        program=profile.program or bot.labels.get("program", ""),
        mode=part.mode,
        account=part.account,
        currency=part.currency,
        newest_at=bot.newest_at,
        fills=sum(one.fills for one in part.ledgers),
        realized_pnl=realized,
        unrealized_pnl=unrealized,
        fees=fees,
        net_pnl=sum(known) - (fees or 0.0) if known else None,
        pnl_source=source,
        other_fees=_other_fees(part),
        volume=sum(one.volume for one in part.ledgers),
        gross_exposure=sum(abs(value) for value in values),
        net_exposure=sum(values),
        equity=track.newest if track else None,
        equity_at=track.newest_at if track else None,
        change_today=track.today(now) if track else None,
        drawdown=_drawdown(track) if track else None,
        ratios=figures,
        trips=trip_figures(closed),
        reconciliation=_reconciled(part, track) if track else None,
        positions=positions,
        orders=[
            OrderView(bot.bot, part.mode, part.account, part.currency, order)
            for ledger in part.ledgers
            for order in ledger.orders.open.values()
        ],
        days=days,
        closed=closed,
    )


def positions_of(bot: BotTrading, part: Part) -> Iterator[PositionView]:
    """Yield open positions: as the bot tells them, and of symbols that it tells nothing of from its fills."""
    told = {symbol_of(key) for ledger in part.ledgers for key in ledger.told}
    for ledger in part.ledgers:
        for key, said in ledger.told.items():
            if said.quantity:
                held, entry = ledger.holdings.get(key), said.entry_price
                if entry is None and held is not None and held.quantity * said.quantity > 0:
                    entry = held.price
                shown = _position(bot, part, key, said.quantity, said.opened_at, "bot", entry)
                own = said.unrealized_pnl if said.unrealized_pnl is not None else shown.unrealized_pnl
                yield replace(shown, unrealized_pnl=own, leverage=said.leverage)
        for key, holding in ledger.holdings.items():
            if symbol_of(key) not in told:
                yield _position(bot, part, key, holding.quantity, holding.opened_at, "fills", holding.price)


def _position(
    bot: BotTrading, part: Part, key: str, quantity: float, since: float, source: str, entry: float | None
) -> PositionView:
    symbol = symbol_of(key)
    mark = bot.marks.get(symbol)
    price = entry if mark is None else mark
    return PositionView(
        bot.bot,
        part.mode,
        part.account,
        part.currency,
        symbol,
        quantity,
        since,
        source,
        entry,
        mark,
        None if price is None else price * quantity,
        None if mark is None or entry is None else (mark - entry) * quantity,
    )


def track_of(part: Part) -> EquityTrack | None:
    """Return the equity of a part; of several the one with the newest sample."""
    tracks = [one.equity for one in part.ledgers if one.equity is not None]
    return max(tracks, key=lambda one: one.newest_at, default=None)


def _pnl(
    part: Part, positions: Sequence[PositionView]
) -> tuple[float | None, float | None, float | None, str]:
    """Return realised, unrealised, fees and where they come from."""
    own = [one.unrealized_pnl for one in positions if one.unrealized_pnl is not None]
    held = sum(own) if own else None
    if any(one.fills for one in part.ledgers):
        realized = sum(one.realized for one in part.ledgers)
        return realized, held or 0.0, sum(one.fees_in(part.currency) for one in part.ledgers), "fills"
    said: dict[str, float] = {}
    for ledger in part.ledgers:
        said.update(ledger.said)
    unrealized = held if held is not None else said.get("unrealized_pnl")
    realized_by_bot = said.get("realized_pnl")
    source = "bot" if realized_by_bot is not None or unrealized is not None else ""
    return realized_by_bot, unrealized, said.get("fees"), source


def _other_fees(part: Part) -> dict[str, float]:
    fees: dict[str, float] = {}
    for ledger in part.ledgers:
        for currency, amount in ledger.other_fees.items():
            if currency == part.currency:
                continue  # since its lines did not say what the manifest does: it is among the fees
            fees[currency] = fees.get(currency, 0.0) + amount
    return fees


def _drawdown(track: EquityTrack) -> Drawdown:
    return Drawdown(track.drawdown, track.max_drawdown, track.under_water, track.longest_under)


def _reconciled(part: Part, track: EquityTrack) -> Reconciliation | None:
    """Return P&L from fills against the equity's change, None where the bot told of no fill."""
    if not any(one.fills for one in part.ledgers):
        return None
    change = track.newest - track.first - track.moved
    made = track.made - (track.made_at_first or 0.0)
    return Reconciliation(track.first_at, change, made, change - made)
