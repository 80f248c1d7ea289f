"""A limit that nothing could ever break is told of, with the reason and only once it is certain enough."""

import pytest

from schemas.risk import read_risk
from telemetry.alerts.builtin import BUILT_IN
from telemetry.alerts.limits.idle import AFTER, Idle, Printed, idle_limits, other_account
from telemetry.alerts.ports import Setup
from telemetry.alerts.states import State
from telemetry.records import Sample
from telemetry.trading.state import BotTrading
from tests.unit.telemetry.alerts.limited import Desk
from tests.unit.telemetry.alerts.test_desk import Book, FakeHands, Trader, living

RULE = next(one for one in BUILT_IN if one.name == "limit-guards-nothing")


@pytest.mark.parametrize(
    ("risk", "printed", "told"),
    [
        ({"daily_loss": "500 EUR"}, [("", "USDT", True)], "daily loss 500 EUR: OtherCurrency"),
        ({"daily_loss": "500 EUR"}, [("", "", True)], ""),
        ({"daily_loss": "500 EUR"}, [("", "", True), ("", "USDT", True)], "in USDT, no currency, and no"),
        ({"daily_loss": 500}, [("", "USDT", False)], ""),
        ({"daily_loss": "5%"}, [("", "USDT", False)], "daily loss 5%: NoEquity"),
        ({"drawdown": "10%"}, [("", "USDT", False)], "drawdown 10%: NoEquity"),
        ({"drawdown": "10%"}, [("", "USDT", False), ("", "EUR", True)], ""),
        ({"exposure": 100, "drawdown": "10%"}, [], "exposure 100: NothingPrinted"),
        ({"order_rate": 10}, [], ""),
    ],
)
def test_what_was_printed_decides_whether_a_limit_guards_anything(
    risk: dict[str, object], printed: list[tuple[str, str, bool]], told: str
) -> None:
    """Its currency must be printed, and where it is a share of equity, that as well; no order is no fault."""
    found = "; ".join(idle_limits(read_risk(risk), [Printed(*one) for one in printed]))
    assert (told in found) if told else found == ""


def test_lines_that_name_another_account_are_told_with_it() -> None:
    """A hundred accounts are named in few words; lines that name none belong to the manifest's."""
    lines = [Printed(f"sub-{number:03}", "USDT", True) for number in range(100)]
    assert other_account("main", lines) == (
        f"{Idle.OTHER_ACCOUNT}, its lines name sub-000, sub-001, sub-002, sub-003, sub-004 and 95 more, "
        "and no main"
    )
    assert other_account("main", [*lines, Printed("", "USDT", True)]) == ""
    assert other_account("main", []) == ""


def test_a_bot_is_told_of_once_it_ran_long_enough_also_through_a_restart() -> None:
    """The time counts since it ran under its limits first; what it prints then ends it."""
    desk = Desk(daily_loss="500 EUR")
    desk.equity(1_000)
    assert desk.guard.idle("sma", desk.now) == ""
    desk.now += AFTER / 2
    later = desk.again()
    assert later.guard.idle("sma", later.now) == ""
    later.now += AFTER / 2
    told = later.guard.idle("sma", later.now)
    assert told == "daily loss 500 EUR: OtherCurrency, what was printed is in USDT, and nothing in EUR"
    later.equity(900, currency="EUR")
    assert later.guard.idle("sma", later.now) == ""


def test_the_limits_of_an_account_are_told_on_its_bots() -> None:
    """A currency that one bot prints is enough for all; whose lines name another account is not seen."""
    desk = Desk({"main": {"drawdown": "10%", "daily_loss": "500 USDT"}})
    for bot in ("a", "b"):
        desk.bot(bot)
        desk.guard.idle(bot, desk.now)
    desk.now += AFTER
    assert "of the account main: drawdown 10%: NothingPrinted" in desk.guard.idle("b", desk.now)
    desk.worth("a", 1_000)
    assert desk.guard.idle("b", desk.now) == ""
    desk.line("equity", "b", equity=5, currency="USDT", account="paper")
    assert "limits of the account main: OtherAccount, its lines name paper" in desk.guard.idle("b", desk.now)


async def test_an_alert_tells_of_it_while_the_bot_is_meant_to_run() -> None:
    """It fires with the reason, as how the bot lives is told, and is over once the bot prints an equity."""
    service = Trader(Book(), FakeHands(), BotTrading("sma"))
    service.setups["sma"] = Setup(service.setups["sma"].profile, (RULE,))
    async with living(service):
        service.desk.verdicts("sma", {"healthy": ""})
        service.now += AFTER
        service.desk.samples("sma", [Sample("bot_up", {"bot": "sma"}, service.now, 1.0)])
        service.desk.verdicts("sma", {"healthy": ""})
        assert service.desk.standing({State.FIRING}) == []
        service.now += AFTER
        service.desk.verdicts("sma", {"healthy": ""})
        (fires,) = service.desk.standing({State.FIRING})
        assert (fires.rule, fires.severity) == ("limit-guards-nothing", "warning")
        assert "daily loss 500: NothingPrinted" in fires.state.text
        service.equity(1_000)
        await service.looked()
        service.desk.verdicts("sma", {"healthy": ""})
        service.now += 60
        await service.until(lambda: service.desk.standing({State.FIRING}) == [])


def test_a_bot_that_never_ran_is_not_accused() -> None:
    """One that waits for its hour, its node or its turn printed nothing since it could not."""
    desk = Desk(daily_loss=500)
    assert desk.guard.idle("sma", desk.now, lives=False) == ""
    desk.now += 10 * AFTER
    assert desk.guard.idle("sma", desk.now, lives=False) == ""
    assert desk.guard.idle("sma", desk.now) == ""
    desk.now += AFTER
    assert "NothingPrinted" in desk.guard.idle("sma", desk.now)
