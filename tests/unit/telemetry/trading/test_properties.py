"""Whatever bots print, in whatever batches and however often it comes: the same trading."""

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from telemetry.records import Event
from telemetry.trading.holdings import Holding, RoundTrips
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile, accounts_of
from tests.unit.telemetry.trading.lines import DAY, START, Printer

AMOUNTS = st.floats(0.001, 1000).map(lambda one: round(one, 3))
SYMBOLS = st.sampled_from(["BTC/USDT", "ETH/USDT", "BTC/EUR", "BTCUSDT", "XBT"])
SIDES = st.sampled_from(["buy", "sell"])
CURRENCIES = st.sampled_from(["USDT", "USDT", "", "BTC"])
ACCOUNTS = st.sampled_from(["", "", "main"])
PAID_IN = st.sampled_from(["", "USDT", "BTC", "BNB"])
IDS = st.sampled_from(["", "f1", "f2", 3])
LINES = st.one_of(
    st.tuples(st.just("trade"), SYMBOLS, SIDES, AMOUNTS, AMOUNTS, st.sampled_from([0.0, 0.25]), PAID_IN, IDS),
    st.tuples(st.just("price"), SYMBOLS, AMOUNTS),
    st.tuples(st.just("position"), SYMBOLS, st.sampled_from(["long", "short", "flat"]), AMOUNTS),
    st.tuples(st.just("equity"), AMOUNTS, CURRENCIES, ACCOUNTS),
    st.tuples(st.just("transfer"), st.floats(-50, 50), CURRENCIES, ACCOUNTS),
    st.tuples(
        st.just("order"), SYMBOLS, st.sampled_from("abc"), st.sampled_from(["accepted", "filled", "canceled"])
    ),
)
FILL = ("symbol", "side", "quantity", "price", "fee", "fee_currency", "event_id")
STORIES = st.lists(st.tuples(st.integers(0, 3 * 3600), LINES), max_size=60)


def events_of(story: list[tuple[int, tuple[object, ...]]]) -> list[Event]:
    """Return the events of a story, each some seconds after the one before it."""
    says, at, found = Printer(), 0, []
    for wait, (kind, *rest) in story:
        at += wait
        fields: dict[str, object] = {}
        if kind == "trade":
            fields = dict(zip(FILL, rest, strict=True))
        elif kind == "price":
            fields = dict(zip(("symbol", "value"), rest, strict=True))
        elif kind == "position":
            fields = dict(zip(("symbol", "side", "quantity"), rest, strict=True))
        elif kind == "order":
            fields = dict(zip(("symbol", "order_id", "status"), rest, strict=True)) | {"side": "buy"}
        else:
            fields = {"equity" if kind == "equity" else "amount": rest[0], "currency": rest[1]}
            fields |= {"account": rest[2]} if rest[2] else {}
        found.append(says.line(str(kind), float(at), **fields))
    return found


def taken(*batches: list[Event]) -> BotTrading:
    bot = BotTrading("sma")
    for batch in batches:
        bot.take(batch)
    return bot


@given(STORIES, st.lists(st.integers(0, 60), max_size=6))
def test_batches_and_repetitions_change_nothing(
    story: list[tuple[int, tuple[object, ...]]], cuts: list[int]
) -> None:
    """However a bot's lines are cut into batches, and however many of them come again, they count once."""
    events = events_of(story)
    whole = taken(events)
    edges = sorted({0, len(events), *(min(cut, len(events)) for cut in cuts)})
    parts = [events[start:end] for start, end in itertools.pairwise(edges)]
    again = [batch for number in range(len(parts)) for batch in (parts[number], events[: edges[number + 1]])]
    assert taken(*again) == whole


@given(STORIES, st.integers(0, 60))
def test_a_state_goes_on_from_where_it_was_kept(
    story: list[tuple[int, tuple[object, ...]]], cut: int
) -> None:
    """Kept, read and given everything once more, it is what it would have been."""
    events = events_of(story)
    half = msgspec.msgpack.decode(msgspec.msgpack.encode(taken(events[:cut])), type=BotTrading)
    half.take(events)
    assert half == taken(events)


@given(STORIES)
def test_the_lines_of_other_bots_and_modes_change_no_view(
    story: list[tuple[int, tuple[object, ...]]],
) -> None:
    """Live trading beside it leaves what is dry as it is."""
    events, live = events_of(story), Printer(mode="live", allocation="a2")
    alone = accounts_of(taken(events), Profile(currency="USDT", account="x"), START + DAY)
    beside = taken(events)
    beside.take([live.equity(5.0, 1), live.line("transfer", 2, amount=9.0, currency="USDT")])
    both = accounts_of(beside, Profile(currency="USDT", account="x"), START + DAY)
    kept = [one for one in both if one.mode == "dry"]
    assert [(one.currency, one.equity, one.net_pnl, one.fills) for one in kept] == [
        (one.currency, one.equity, one.net_pnl, one.fills) for one in alone
    ]


@given(st.lists(st.tuples(SIDES, AMOUNTS, AMOUNTS), min_size=1, max_size=50), AMOUNTS)
def test_realised_and_unrealised_are_the_cash_that_fills_made(
    fills: list[tuple[str, float, float]], mark: float
) -> None:
    """The average price method loses nothing: P&L is what was got, less what was paid, plus what is held."""
    holding, trips, realized, cash = Holding(), RoundTrips(), 0.0, 0.0
    for side, quantity, price in fills:
        signed = quantity if side == "buy" else -quantity
        realized += holding.fill(signed, price, 0.0, 0.0, trips)
        cash -= signed * price
    held = sum(quantity if side == "buy" else -quantity for side, quantity, _ in fills)
    turnover = sum(quantity * max(price, mark) for _, quantity, price in fills)
    assert abs(realized + holding.unrealized(mark) - (cash + held * mark)) <= 1e-7 * max(turnover, 1.0)
    assert abs(holding.quantity - held) <= 1e-7 * max(turnover, 1.0)


@given(st.lists(st.tuples(st.floats(1, 1e6) | st.none(), st.floats(-0.5, 2)), min_size=2, max_size=40))
def test_transfers_never_move_the_drawdown(steps: list[tuple[float | None, float]]) -> None:
    """Equity that only moves by transfers, to nothing too, stays at its peak; a drawdown is at most all."""
    says, still = Printer(), BotTrading("still")
    equity, at = 1000.0, 0.0
    still.take([says.equity(equity, at)])
    for deposit, _ in steps:
        at += 60
        amount = -equity if deposit is None else deposit
        equity += amount
        moved = says.line("transfer", at, amount=amount, currency="USDT")
        still.take([moved, says.equity(equity, at)])
    (view,) = accounts_of(still, Profile(), START + at)
    assert view.drawdown is not None
    assert view.drawdown.maximum > -1e-9
    other, moving = Printer(), BotTrading("moving")
    moving.take([other.equity(1000 * (1 + change), index) for index, (_, change) in enumerate(steps)])
    (seen,) = accounts_of(moving, Profile(), START + len(steps))
    assert seen.drawdown is not None
    assert -1.0 <= seen.drawdown.maximum <= seen.drawdown.current <= 0.0


@given(STORIES, st.integers(0, 60))
def test_a_state_that_an_earlier_version_kept_goes_on(
    story: list[tuple[int, tuple[object, ...]]], cut: int
) -> None:
    """It lacks what became known of bots since, and every sum goes on from it."""
    events = [msgspec.structs.replace(one, data={**one.data, "event_id": ""}) for one in events_of(story)]
    kept = msgspec.to_builtins(taken(events[:cut]), str_keys=False)
    for name in ("mode", "ids", "account", "currency"):
        del kept[name]
    for ledger in kept["ledgers"].values():
        if ledger["equity"]:
            del ledger["equity"]["resting"]
    older = msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=BotTrading)
    older.take(events)
    whole = taken(events)
    assert older.mode in ("", whole.mode)
    older.mode = whole.mode
    assert older == whole
