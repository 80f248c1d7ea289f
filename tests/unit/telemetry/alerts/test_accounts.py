"""Limits of accounts: bots that leave, move, are silent or resumed stop no neighbour and hide no loss."""

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.risk import read_risk
from telemetry.alerts.limits.together import Together
from telemetry.embedded.database import TelemetryDatabase
from telemetry.embedded.risk import EmbeddedRiskStore
from tests.unit.telemetry.alerts.limited import HOUR, NOW, Desk


def account(*bots: str, **limits: object) -> Desk:
    """Return an account under limits, with bots of equity 10,000 each."""
    desk = Desk(accounts={"main": limits})
    for bot in bots:
        desk.bot(bot)
        desk.worth(bot, 10_000)
    return desk


def test_loss_of_yesterday_is_not_of_today() -> None:
    """A bot that lost yesterday and says nothing since, or nothing new, adds nothing to today's loss."""
    desk = account("a", "c", daily_loss=1_000)
    desk.worth("c", 9_100)
    desk.now = NOW + 25 * HOUR
    desk.worth("a", 10_000, 9_850)
    assert desk.stopped == []
    desk.worth("c", 9_100)
    desk.worth("a", 9_101)
    assert desk.stopped == []
    desk.worth("a", 8_999)
    assert desk.stopped == [("a", "account-daily-loss"), ("c", "account-daily-loss")]


def test_what_a_bot_lost_before_midnight_is_not_of_today_though_it_is_read_today() -> None:
    """Lines that come after an outage say what was lost yesterday: only what was lost since counts."""
    desk = account("a", "c", daily_loss=1_000)
    desk.now = NOW + 25 * HOUR
    desk.line("equity", "c", at=NOW + 23 * HOUR, equity=9_100, currency="USDT")
    desk.worth("c", 9_100)
    desk.worth("a", 9_850)
    assert desk.stopped == []
    own = Desk(daily_loss=500)
    own.equity(10_000)
    own.now = NOW + 25 * HOUR
    own.line("equity", at=NOW + 23 * HOUR, equity=9_100, currency="USDT")
    own.equity(9_000)
    assert own.broken == []


def test_bot_that_leaves_with_its_gains_moves_no_drawdown() -> None:
    """A profitable bot is removed: the equity that goes with it is no loss of the others."""
    desk = account("a", "b", drawdown="15%")
    desk.worth("b", 15_000, 15_000)
    desk.guard.forget("b")
    desk.worth("a", 10_001)
    assert desk.stopped == []
    desk.worth("a", 8_490)
    assert desk.stopped == [("a", "account-drawdown")]


def test_bot_that_leaves_hides_no_loss() -> None:
    """What it lost today, and how far the account fell by it, stay: but what it leaves breaks nothing."""
    desk = account("a", "b", daily_loss=1_000, drawdown="10%")
    desk.worth("b", 9_200)
    desk.guard.forget("b")
    desk.worth("a", 10_000)
    assert desk.stopped == []
    desk.worth("a", 9_799)
    assert desk.broken == [
        ("account-daily-loss", "daily loss of 1,001.00 USDT is over the limit of 1,000 of the account main")
    ]


def test_share_of_the_days_equity_is_not_of_what_a_bot_left_behind() -> None:
    """5% is of the equity that the day began with, also once a bot went with its own."""
    desk = account("a", "b", daily_loss="5%")
    desk.worth("b", 9_200)
    desk.guard.forget("b")
    desk.worth("a", 9_990, 9_801)
    assert desk.stopped == []
    desk.worth("a", 9_799)
    assert desk.stopped == [("a", "account-daily-loss")]


def test_bot_that_is_resumed_moves_nothing_of_its_account() -> None:
    """A broke its own limit and was resumed: what it had gained before is no drawdown of the account."""
    desk = Desk(accounts={"main": {"drawdown": "15%", "action": "kill"}})
    desk.bot("a", read_risk({"daily_loss": 500}))
    desk.bot("b")
    desk.worth("b", 5_000)
    desk.worth("a", 10_000, 12_000, 15_000)
    desk.now = NOW + 25 * HOUR
    desk.worth("a", 15_000, 14_400)
    assert desk.stopped == [("a", "risk-daily-loss")]
    desk.guard.arm("a", desk.now)
    desk.worth("a", 14_400)
    desk.worth("b", 5_000)
    assert len(desk.stopped) == 1
    desk.worth("a", 14_000)
    desk.worth("b", 4_100, 3_500, 2_990)
    assert desk.stopped[1:] == [("a", "account-drawdown"), ("b", "account-drawdown")]


def test_bot_that_moves_to_another_account_is_no_more_of_the_old_one() -> None:
    """Its open position counts where its manifest says now, and in the old account nowhere."""
    desk = Desk(accounts={"main": {"exposure": 10_000}, "new": {"exposure": 10_000}})
    desk.bot("a")
    desk.bot("b")
    desk.bot("n", account="new")
    desk.line("position", "a", symbol="X", side="long", quantity=90, entry_price=100, mark_price=100)
    desk.bot("a", account="new")
    desk.line("position", "b", symbol="Y", side="long", quantity=20, entry_price=100, mark_price=100)
    desk.line("position", "a", symbol="X", side="long", quantity=91, entry_price=100, mark_price=100)
    assert desk.stopped == []
    desk.line("position", "n", symbol="Y", side="long", quantity=20, entry_price=100, mark_price=100)
    assert desk.stopped == [("n", "account-exposure"), ("a", "account-exposure")]


def test_bot_that_becomes_live_takes_no_dry_position_with_it() -> None:
    """The account's dry bots and its live ones are two sums."""
    desk = Desk(accounts={"main": {"exposure": 10_000}})
    desk.bot("a", mode="dry")
    desk.bot("b")
    desk.line("position", "a", "dry", symbol="X", side="long", quantity=90, entry_price=100, mark_price=100)
    desk.bot("a")
    desk.line("position", "b", symbol="Y", side="long", quantity=20, entry_price=100, mark_price=100)
    assert desk.stopped == []


def test_account_goes_on_over_a_restart() -> None:
    """Its peak, its day, and what silent bots hold are known from the first line on."""
    desk = account("a", "b", drawdown="15%", daily_loss=100_000)
    desk.worth("a", 8_800)
    desk.worth("b", 8_700)
    later = desk.again()
    later.worth("a", 8_700)
    later.worth("b", 8_400)
    assert later.stopped == []
    later.worth("b", 8_290)
    assert later.stopped == [("a", "account-drawdown"), ("b", "account-drawdown")]
    day = account("a", "b", daily_loss=1_000)
    day.worth("b", 9_200)
    again = day.again()
    again.worth("a", 9_790)
    assert [rule for _, rule in again.stopped] == ["account-daily-loss"] * 2


def test_bot_that_left_while_herdsman_was_down_is_not_of_the_account() -> None:
    """Once all bots are known, the sums are of those that are there."""
    desk = Desk(accounts={"main": {"exposure": 10_000}})
    desk.bot("a")
    desk.bot("b")
    desk.line("position", "a", symbol="X", side="long", quantity=90, entry_price=100, mark_price=100)
    desk.guard.bots.pop("a")
    later = desk.again()
    later.guard.settle()
    later.line("position", "b", symbol="Y", side="long", quantity=20, entry_price=100, mark_price=100)
    assert later.stopped == []


def test_account_without_limits_is_forgotten() -> None:
    """Under new limits it counts anew, also where herdsman was restarted in between."""
    desk = account("a", "b", drawdown="15%")
    desk.worth("a", 8_000)
    desk.guard.accounts = {}
    desk.bot("a")
    desk.bot("b")
    assert desk.guard.unkept_accounts() == [Together("main", "live")]
    later = desk.again()
    later.guard.accounts = {"main": read_risk({"drawdown": "15%"})}
    later.bot("a")
    later.bot("b")
    later.worth("a", 8_000, 7_500)
    assert later.stopped == []


def test_second_bot_that_is_resumed_has_nothing_begin_again() -> None:
    """What the first one loses after it was resumed counts on when the others are resumed as well."""
    desk = account("a", "b", daily_loss=500)
    desk.worth("a", 9_400)
    assert desk.stopped == [("a", "account-daily-loss"), ("b", "account-daily-loss")]
    desk.guard.arm("a", desk.now)
    desk.worth("a", 9_000)
    desk.guard.arm("b", desk.now)
    desk.worth("b", 10_000)
    assert len(desk.stopped) == 2
    desk.worth("b", 9_890)
    assert desk.stopped[2:] == [("a", "account-daily-loss"), ("b", "account-daily-loss")]


def test_account_that_counts_anew_has_its_equity_still() -> None:
    """A limit of its drawdown guards on from the moment that a bot is resumed, whoever prints first."""
    desk = account("a", drawdown="10%")
    (together,) = desk.guard._together.values()
    assert [one.equity for one in together.printed] == [True]
    together.arm(desk.now)
    assert [one.equity for one in together.printed] == [True]


def test_account_is_kept_as_it_is() -> None:
    """What is kept of an account is read back as it was."""
    desk = account("a", "b", drawdown="15%")
    kept = desk.guard.unkept_accounts()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=list[Together]) == kept
    assert desk.guard.unkept_accounts() == []


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["line", "leave", "arm", "restart", "day", "move"]),
        st.sampled_from(["a", "b", "c"]),
        st.floats(0.995, 1.01),
    ),
    max_size=60,
)


@given(MOVES)
def test_nothing_but_losses_breaks_an_account(moves: list[tuple[str, str, float]]) -> None:
    """Bots leave, come back, move, are resumed, fall silent: where together they lost less, nothing breaks.

    Each line moves one bot's equity by half a percent at most: what all of them lost at each of these lines,
    added up, is the most that there can have been.
    """
    worth = {"a": 10_000.0, "b": 3_000.0, "c": 20_000.0}
    desk = account(daily_loss=1_000, drawdown="8%")
    for bot, value in worth.items():
        desk.bot(bot)
        desk.worth(bot, value)
    lost = share = 0.0
    for what, bot, by in moves:
        if what == "line":
            total = min(sum(worth.values()), worth[bot])
            lost += max(worth[bot] * (1 - by), 0.0)
            share += max(worth[bot] * (1 - by), 0.0) / total
            worth[bot] *= by
            desk.worth(bot, worth[bot])
        elif what == "leave":
            desk.guard.forget(bot)
            desk.bot(bot)
        elif what == "arm":
            desk.guard.arm(bot, desk.now)
        elif what == "day":
            desk.now += 24 * HOUR
        elif what == "move":
            desk.bot(bot, account="other")
            desk.bot(bot)
        else:
            later = desk.again()
            later.told, desk = desk.told, later
    broken = {rule for rule, _ in desk.broken}
    assert lost > 1_000 or "account-daily-loss" not in broken
    assert share > 0.08 or "account-drawdown" not in broken


async def test_store_keeps_books_and_accounts(tmp_path: Path) -> None:
    """Both are read back as they were; what nothing is known of begins anew."""
    desk = account("a", "b", drawdown="15%")
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    try:
        store = EmbeddedRiskStore(database)
        assert (await store.load(), await store.load_accounts()) == ({}, [])
        kept, book = desk.guard.unkept_accounts(), desk.guard.bots["a"].book
        await store.save([book], kept)
        assert (await store.load(), await store.load_accounts()) == ({"a": book}, kept)
    finally:
        await database.close()
