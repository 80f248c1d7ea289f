"""Positions, fills and figures over HTTP, over a desk that heard a few lines."""

import pytest

from telemetry.records import Event
from telemetry.stores import EventPage
from tests.fakes.web import Running
from tests.unit.telemetry.trading.lines import Printer
from web.access.scopes import Scope


async def trade(web: Running) -> list[Event]:
    """Let a bot trade in dry mode, and what is left of a removed one live."""
    desk = web.services.trading
    await desk.catch_up()
    says, gone = Printer("sma-btc"), Printer("gone", mode="live")
    lines = [
        says.equity(1000, 0),
        says.fill("buy", 2, 100, 1, fee=0.5, order_id="7", liquidity="maker"),
        says.line("price", 2, symbol="BTC/USDT", value=110.0),
        says.line("order", 3, order_id="8", symbol="BTC/USDT", side="sell", status="accepted", quantity=2),
        says.equity(1019.5, 4),
    ]
    desk.events("sma-btc", lines)
    desk.events("gone", [gone.fill("sell", 1, 50, 2, account="main", symbol="ETH/EUR")])
    return lines


async def test_a_bots_trading_is_one_document(web: Running):
    """Figures, positions, open orders and the newest fills, with their currency."""
    lines = await trade(web)
    web.services.events.page = EventPage([lines[1]])
    async with web.client(Scope.READ) as client:
        answer = (await client.get("/api/v1/bots/sma-btc/trading?fills=5")).json()
    assert web.services.events.queries[-1].kinds == ("trade",)
    (figures,) = answer["figures"]
    assert (figures["currency"], figures["mode"], figures["equity"]) == ("USDT", "dry", 1019.5)
    assert (figures["unrealized_pnl"], figures["fees"], figures["net_pnl"]) == (20.0, 0.5, 19.5)
    assert figures["reconciliation"]["difference"] == 0.0
    assert figures["ratios"]["sharpe"] is None
    assert figures["ratios"] | {"returns": 0, "annualization": 365} == figures["ratios"]
    (position,) = answer["positions"]
    assert (position["side"], position["quantity"], position["value"]) == ("long", 2.0, 220.0)
    (order,) = answer["orders"]
    assert (order["order_id"], order["status"], order["filled"]) == ("8", "accepted", 0.0)
    (fill,) = answer["fills"]
    assert (fill["price"], fill["order_id"], fill["liquidity"], fill["fee"]) == (100, "7", "maker", 0.5)
    assert answer["complete"] is True


async def test_positions_of_all_bots_are_listed_also_of_those_that_are_gone(web: Running):
    """They are narrowed by bot, mode and account."""
    await trade(web)
    async with web.client(Scope.READ) as client:
        every = (await client.get("/api/v1/positions")).json()["positions"]
        live = (await client.get("/api/v1/positions?mode=live&account=main")).json()["positions"]
    assert [(one["bot"], one["side"], one["currency"]) for one in every] == [
        ("gone", "short", "EUR"),
        ("sma-btc", "long", "USDT"),
    ]
    assert [one["bot"] for one in live] == ["gone"]


async def test_figures_are_never_summed_across_modes_and_currencies(web: Running):
    """By account, by program and of all there is a row for each mode and currency."""
    await trade(web)
    desk = web.services.trading
    other = Printer("other", allocation="a9")
    desk.events(
        "other", [other.fill("buy", 1, 100, 1), other.line("price", 2, symbol="BTC/USDT", value=90.0)]
    )
    async with web.client(Scope.READ) as client:
        found = (await client.get("/api/v1/figures?by=all")).json()["figures"]
        bots = (await client.get("/api/v1/figures?by=bot&mode=dry")).json()["figures"]
    assert [(one["mode"], one["currency"], one["bots"]) for one in found] == [
        ("dry", "USDT", 2),
        ("live", "EUR", 1),
    ]
    assert found[0]["net_pnl"] == 19.5 - 10.0
    assert (found[0]["gross_exposure"], found[0]["open_positions"]) == (310.0, 2)
    assert [one["name"] for one in bots] == ["other", "sma-btc"]


async def test_trades_are_paged(web: Running):
    """Fills of all bots or one, newest first, with where the next page begins."""
    lines = await trade(web)
    web.services.events.page = EventPage([lines[1]], "1_2")
    async with web.client(Scope.READ) as client:
        answer = (await client.get("/api/v1/trades?bot=sma-btc&start=-1h&limit=1&cursor=5_6")).json()
    query = web.services.events.queries[-1]
    assert (query.bot, query.limit, query.cursor, query.kinds) == ("sma-btc", 1, "5_6", ("trade",))
    assert (answer["trades"][0]["id"], answer["next_cursor"]) == (lines[1].id, "1_2")


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/api/v1/figures?by=colour", 400, "there are: bot, program, account, all"),
        ("/api/v1/positions?mode=paper", 400, "there are: live, dry"),
        ("/api/v1/trades?bot=sma-btcc", 404, "sma-btc"),
        ("/api/v1/bots/nobody/trading", 404, "nobody"),
    ],
)
async def test_a_wrong_question_says_what_there_is(web: Running, path: str, status: int, expected: str):
    """A mode, a grouping or a bot that is none is answered with what to give instead."""
    async with web.client(Scope.READ) as client:
        answer = await client.get(path)
    assert answer.status_code == status
    assert expected in answer.text
