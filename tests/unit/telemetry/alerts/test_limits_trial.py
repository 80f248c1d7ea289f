"""Risk limits tried over what is stored: by the guard that holds bots to them live."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.risk import read_risk
from telemetry.alerts.limits.breaches import OF_ACCOUNT, OF_BOT, limit_rules
from telemetry.alerts.ports import Setup
from telemetry.alerts.trial import Tried
from telemetry.alerts.watch import BotProfile
from telemetry.embedded import TelemetryDatabase
from telemetry.trial_reading import Bounds
from tests.unit.telemetry.alerts.desk import rule
from tests.unit.telemetry.alerts.tried import DAY, HOUR, NOW, Past, spans

LABELS = {"account": "main", "currency": "USDT"}
MIDNIGHT = NOW % DAY
"""How many seconds ago the UTC day began."""


@pytest.fixture
async def past(tmp_path: Path) -> AsyncIterator[Past]:
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    yield Past(database)
    await database.close()


def limited(
    risk: Mapping[str, Any], bot: str = "sma", account: Mapping[str, Any] | None = None, mode: str = "live"
) -> Setup:
    """Return a bot under limits of its own and of its account."""
    limits = read_risk(risk)
    rules = [*limit_rules(limits, OF_BOT), *limit_rules(read_risk(account or {}), OF_ACCOUNT)]
    return Setup(BotProfile(bot, "trend", "main", "prod", mode, risk=limits), tuple(rules), currency="USDT")


async def worth(past: Past, values: Mapping[float, float], bot: str = "sma", mode: str = "live") -> None:
    """Store what a bot said that it is worth, by how many seconds ago it did."""
    for ago, value in values.items():
        await past.lines(ago, kind="equity", bot=bot, mode=mode, equity=value)


async def tried(past: Past, setup: Setup, span: float = HOUR) -> Tried:
    found = await past.run(setup, span=span)
    assert found.complete, found.notes
    return found.tried[0]


async def test_daily_loss_is_counted_since_the_day_began_and_breaks_once(past: Past) -> None:
    """What was lost before the range counts as well; what stops the bot stays broken to the end."""
    await worth(past, {MIDNIGHT + 60: 1000, 2 * HOUR: 970, 500: 945, 400: 990})
    one = await tried(past, limited({"daily_loss": "5%"}))
    assert spans(one) == [(pytest.approx(500, abs=1), None)]
    assert one.episodes[0].text == "daily loss of 55.00 USDT is over the limit of 5%"
    assert (one.rule.action, one.begun, one.standing, one.seen, one.lacks) == ("suspend", 1, "firing", 4, "")


async def test_limit_that_only_tells_is_over_once_there_is_less(past: Past) -> None:
    """Its alert has an end, and may come again."""
    await worth(past, {1000: 1000, 900: 940, 800: 990, 700: 930})
    one = await tried(past, limited({"daily_loss": 50, "action": "notify"}))
    assert [(round(began), ended and round(ended)) for began, ended in spans(one)] == [
        (899, 800),
        (699, None),
    ]


async def test_drawdown_is_below_the_peak_of_before(past: Past) -> None:
    """How far equity was below its peak when the range begins was kept; a day's loss is no part of that."""
    await past.values("bot_trading_equity", {2 * DAY: 900.0}, **LABELS)
    await past.values("bot_trading_drawdown", {2 * DAY: -0.1}, **LABELS)
    await worth(past, {2 * DAY: 900, 1000: 895, 500: 880})
    one = await tried(past, limited({"drawdown": "11%"}))
    assert one.episodes[0].text == "drawdown of 12.00% is over the limit of 11%"
    assert spans(one) == [(pytest.approx(500, abs=1), None)]
    assert (await tried(past, limited({"daily_loss": 100}))).begun == 0


async def test_one_line_of_garbage_breaks_nothing(past: Past) -> None:
    """As live: what the next line does not say as well is not believed."""
    await worth(past, {900: 1000, 800: 0.001, 700: 1000, 600: 990})
    assert (await tried(past, limited({"daily_loss": 100}))).begun == 0


async def test_withdrawal_that_a_line_tells_of_is_no_loss(past: Past) -> None:
    """The transfer may come right after the equity that it moved; without one it is a loss."""
    await worth(past, {900: 1000, 800: 900})
    await past.lines(799.9, kind="transfer", mode="live", asset="USDT", amount=-100, currency="USDT")
    assert (await tried(past, limited({"daily_loss": 50}))).begun == 0
    await worth(past, {700: 820})
    assert (await tried(past, limited({"daily_loss": 50}))).begun == 1


@pytest.mark.parametrize("named", [{}, {"account": "main", "currency": "USDT"}])
async def test_withdrawal_before_the_first_equity_of_the_range_is_no_loss(
    past: Past, named: dict[str, str]
) -> None:
    """The equity that lines told of before is known, whatever these name, and so are transfers since then."""
    await past.values("bot_trading_equity", {MIDNIGHT + 3 * HOUR: 1000.0}, **LABELS)
    await past.lines(MIDNIGHT + 3 * HOUR, kind="equity", mode="live", equity=1000, **named)
    for ago in (MIDNIGHT + 2 * HOUR, MIDNIGHT - HOUR):
        await past.lines(ago, kind="transfer", mode="live", asset="USDT", amount=-50, currency="USDT")
    for ago in (2, 3, 4):
        await past.lines(MIDNIGHT - ago * HOUR, kind="equity", mode="live", equity=900, **named)
    found = await past.run(limited({"daily_loss": 50, "drawdown": "5%"}))
    assert [(one.begun, one.lacks) for one in found.tried] == [(0, ""), (0, "")]
    await past.lines(MIDNIGHT - 4.5 * HOUR, kind="equity", mode="live", equity=840, **named)
    found = await past.run(limited({"daily_loss": 50, "drawdown": "5%"}))
    assert [one.begun for one in found.tried] == [1, 1]


async def test_losses_are_not_tried_where_no_line_tells_of_the_equity_of_before(past: Past) -> None:
    """It would not be known which withdrawals it holds already."""
    await past.values("bot_trading_equity", {2 * DAY: 1000.0}, **LABELS)
    await past.lines(2 * DAY, kind="price", mode="live", symbol="BTC/USDT", value=100)
    await worth(past, {900: 800, 800: 800})
    found = await past.run(limited({"daily_loss": 100, "drawdown": "5%"}))
    said = "what sma was worth when this begins is not stored, so this limit was not tried"
    assert [(one.begun, one.lacks) for one in found.tried] == [(0, said), (0, said)]


async def test_exposure_is_not_tried_where_fills_come_to_about_twice_as_much(past: Past) -> None:
    """A sale that is older than what is looked through is part of the position: nothing is made up."""
    trade = {"kind": "trade", "mode": "live", "symbol": "BTC/USDT", "currency": "USDT"}
    await past.lines(70 * DAY, **trade, side="sell", quantity=0.9, price=100)
    await past.lines(3 * DAY, **trade, side="buy", quantity=1.9, price=100)
    await past.values("bot_trading_gross_exposure", {3 * DAY: 100.0}, **LABELS)
    await past.lines(600, kind="price", mode="live", symbol="BTC/USDT", value=101)
    one = await tried(past, limited({"exposure": 150}))
    assert (one.begun, one.lacks[:18]) == (0, "what sma held when")


async def test_exposure_begins_at_the_prices_of_then_and_without_rounding(past: Past) -> None:
    """Prices moved since its fills; what rounding leaves of a position is none."""
    trade = {"kind": "trade", "mode": "live", "symbol": "BTC/USDT", "currency": "USDT"}
    await past.lines(20 * DAY, **trade, side="buy", quantity=2, price=100)
    await past.lines(3 * DAY + 60, 3 * DAY, kind="price", mode="live", symbol="BTC/USDT", value=60)
    await past.values("bot_trading_gross_exposure", {3 * DAY: 120.0}, **LABELS)
    await past.lines(600, kind="price", mode="live", symbol="BTC/USDT", value=61)
    one = await tried(past, limited({"exposure": 150}))
    assert (one.begun, one.lacks) == (0, "")
    await past.lines(500, **trade, side="buy", quantity=3, price=61)
    assert (await tried(past, limited({"exposure": 150}))).begun == 1


async def test_bot_that_was_flat_but_for_rounding_is_tried(past: Past) -> None:
    """Ten fills of a tenth are not quite one: that is no position that nobody knows of."""
    trade = {"kind": "trade", "mode": "live", "symbol": "BTC/USDT", "currency": "USDT"}
    for ago, side, quantity in ((3, "buy", 0.1), (2, "buy", 0.2), (1, "sell", 0.3)):
        await past.lines(3 * DAY + ago, **trade, side=side, quantity=quantity, price=100)
    await past.values("bot_trading_gross_exposure", {3 * DAY: 0.0}, **LABELS)
    await past.lines(600, **trade, side="buy", quantity=5, price=100)
    one = await tried(past, limited({"exposure": 150}))
    assert (one.begun, one.lacks) == (1, "")


async def test_exposure_is_of_what_was_held_before_as_well(past: Past) -> None:
    """Fills of days before are part of the position; its price moves it over the limit."""
    trade = {"kind": "trade", "mode": "live", "symbol": "BTC/USDT", "currency": "USDT"}
    await past.lines(3 * DAY, **trade, side="buy", quantity=2, price=100)
    await past.values("bot_trading_gross_exposure", {3 * DAY: 200.0}, **LABELS)
    await past.lines(600, **trade, side="sell", quantity=0.5, price=101)
    await past.lines(500, kind="price", mode="live", symbol="BTC/USDT", value=150)
    one = await tried(past, limited({"exposure": 210}))
    assert one.episodes[0].text == "exposure of 225.00 USDT is over the limit of 210"
    assert (await tried(past, limited({"exposure": 240}))).begun == 0


async def test_exposure_is_not_tried_where_it_is_not_known_what_was_held(past: Past) -> None:
    """A sale of what nobody knows of would look like a short position: no alert is made up of it."""
    await past.values("bot_trading_gross_exposure", {2 * DAY: 500.0}, **LABELS)
    await past.values("bot_trading_equity", {2 * DAY: 1000.0}, **LABELS)
    await worth(past, {2 * DAY: 1000, 900: 1000, 100: 1000})
    await past.lines(600, kind="trade", mode="live", symbol="BTC/USDT", side="sell", quantity=5, price=100)
    found = await past.run(limited({"exposure": 100, "daily_loss": 100}))
    told = {one.rule.name: (one.begun, one.lacks) for one in found.tried}
    said = "what sma held when this begins is not stored, so this limit was not tried"
    assert told == {"risk-daily-loss": (0, ""), "risk-exposure": (0, said)}


async def test_orders_of_a_minute_are_counted(past: Past) -> None:
    """Each order once, at the line that says that it was sent."""
    for number in range(6):
        order = {"kind": "order", "mode": "live", "order_id": f"o{number}", "side": "buy"}
        await past.lines(600 - number, **order, status="submitted")
        await past.lines(599.5 - number, **order, status="filled")
    one = await tried(past, limited({"order_rate": 5}))
    assert one.episodes[0].text == "6 orders in a minute, over the limit of 5"
    assert (await tried(past, limited({"order_rate": 6}))).begun == 0


async def test_account_is_held_to_what_its_bots_lost_together(past: Past) -> None:
    """Neither lost too much by itself; both are told of, those of another mode are not."""
    account = {"daily_loss": 100, "action": "kill"}
    for bot, mode in (("grid", "live"), ("sma", "live"), ("paper", "dry")):
        await worth(past, {1000: 1000, 500: 940}, bot, mode)
    setups = [limited({}, bot, account, mode) for bot, mode in (("grid", "live"), ("sma", "live"))]
    found = await past.run(
        *setups, limited({}, "paper", account, "dry"), accounts={"main": read_risk(account)}
    )
    assert {one.bot: one.begun for one in found.tried} == {"grid": 1, "sma": 1, "paper": 0}
    assert found.bots == 3
    text = "daily loss of 120.00 USDT is over the limit of 100 of the account main"
    assert {one.episodes[0].text for one in found.tried if one.begun} == {text}


async def test_account_is_not_tried_on_a_part_of_its_bots(past: Past) -> None:
    """What some lost, others may have made; limits of bots and other accounts are tried all the same."""
    account = {"daily_loss": 100, "action": "kill"}
    await worth(past, {1000: 1000, 500: 850, 400: 850}, "a")
    await worth(past, {1000: 1000, 500: 1150, 400: 1150}, "b")
    setups, limits = (
        [limited({"drawdown": "10%"}, bot, account) for bot in "ab"],
        {"main": read_risk(account)},
    )
    both = await past.run(*setups, accounts=limits)
    began = {(one.bot, one.rule.name): one.begun for one in both.tried}
    assert began["a", "account-daily-loss"] == began["b", "account-daily-loss"] == 0
    past.bounds = Bounds(bots=1)
    found = await past.run(*setups, accounts=limits)
    assert [(one.bot, one.rule.name, one.begun) for one in found.tried] == [("a", "risk-drawdown", 1)]
    assert found.notes == [
        "1 of 2 bots are tried at once: name others by --bot",
        "the limits of the account main are not tried: they are of all bots of an account together, "
        "and not all of those are tried at once",
    ]
    alone = await past.run(*[limited({}, bot, account) for bot in "ab"], accounts=limits)
    assert (alone.tried, alone.complete, alone.bots) == ([], False, 0)
    other = await past.run(limited({}, "a", account), limited({}, "b", account, "dry"), accounts=limits)
    assert [(one.bot, one.begun) for one in other.tried] == [("a", 1)]


@pytest.mark.parametrize(
    ("risk", "said"),
    [
        ({"drawdown": "5%"}, "NoEquity"),
        ({"daily_loss": "100 EUR"}, "OtherCurrency"),
        ({"order_rate": 5}, "no order was printed in the mode live"),
    ],
)
async def test_limit_that_nothing_could_break_says_why(past: Past, risk: dict[str, Any], said: str) -> None:
    """In the words of the alert that tells of it live."""
    await past.lines(600, kind="trade", mode="live", symbol="BTC/USDT", side="buy", quantity=1, price=100)
    one = await tried(past, limited(risk))
    assert (one.begun, said in one.lacks) == (0, True)


async def test_lines_of_another_mode_break_no_limit(past: Past) -> None:
    """What was lost on paper is said to be of no use for a limit of money, and so is what was kept of it."""
    await past.values("bot_trading_equity", {DAY: 5000.0}, **LABELS)
    await worth(past, {DAY: 5000, 600: 5000, 500: 100, 400: 100}, mode="dry")
    one = await tried(past, limited({"daily_loss": 100}))
    assert (one.begun, "NothingPrinted" in one.lacks, "in the mode live" in one.lacks) == (0, True, True)


async def test_limits_come_after_rules_and_the_rest_is_said(past: Past) -> None:
    """There is more to read for limits: where time is over, the rules were tried all the same."""
    ticks = iter(range(10_000))
    past.bounds = Bounds(seconds=40.0, clock=lambda: float(next(ticks)))
    await past.values("bot_x", {500: 5})
    setups = [limited({"daily_loss": 5}, f"b{number}") for number in range(20)]
    above = rule({"metric": "bot_x", "above": 3})
    setups.append(Setup(BotProfile("sma"), (above,)))
    found = await past.run(*setups)
    assert [one.begun for one in found.tried if one.bot == "sma"] == [1]
    assert (found.complete, 1 <= found.bots < 21) == (False, True)
    assert found.notes[-1].startswith(f"after 40 s the risk limits of {found.bots} of 21 bots were tried")
