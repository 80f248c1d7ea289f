"""An account whose limit is broken holds also the bots that come to it later, until somebody has looked."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from schemas.errors import StoreUnavailable
from schemas.risk import RiskLimits, read_risk
from telemetry.alerts.ports import Kept, Setup
from telemetry.alerts.states import Doing, State
from telemetry.records import Event
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile
from tests.unit.telemetry.alerts.desk import PROFILE
from tests.unit.telemetry.alerts.test_desk import Book, FakeHands, Risks, Service, living

KEY = ("main", "live")
OFFSETS = itertools.count(1)


class House(Service):
    """One life of a desk over two live bots of an account under a limit."""

    def __init__(
        self, book: Book, hands: FakeHands, risks: Risks, action: str = "suspend", loss: int = 500
    ) -> None:
        super().__init__(book, hands, risks=risks)
        self.hands = hands
        self.limits: Mapping[str, RiskLimits] = {"main": read_risk({"daily_loss": loss, "action": action})}
        self.traded: dict[str, BotTrading] = {}
        self.setups.clear()
        for bot in ("a", "b"):
            self.come(bot)
        self.desk.limits.accounts = lambda: self.limits
        self.at_a_look: Callable[[], None] = lambda: None
        """Called as a bot is looked at."""
        self.desk.limits.trading = self.trading

    def come(self, bot: str) -> None:
        """Have a bot belong to the account, or look again at who it is."""
        self.setups[bot] = Setup(replace(PROFILE, bot=bot, account="main", mode="live"))
        self.desk.attend(bot)

    def trading(self, bot: str) -> tuple[BotTrading, Profile]:
        """Return a bot's trading."""
        self.at_a_look()
        return self.traded.setdefault(bot, BotTrading(bot)), Profile("trend", "main")

    def equity(self, bot: str, value: float) -> None:
        """Have a bot print its equity."""
        data = {"equity": value, "currency": "USDT"}
        place = f"{bot}/stdout/0/{next(OFFSETS)}"
        event = Event(place, bot, self.now, "equity", "info", "", mode="live", data=data)
        self.traded.setdefault(bot, BotTrading(bot)).take([event])
        self.desk.events(bot, [event])
        self.now += 1

    async def until(self, met: object) -> None:
        """Wait until something is so, while the clock goes on."""
        assert callable(met)
        async with asyncio.timeout(90):
            while not met():
                await asyncio.sleep(0.005)
                self.now += 0.01

    async def looked(self) -> None:
        """Wait until what was printed was looked at."""
        guard = self.desk.limits.guard
        await self.until(lambda: not guard.touched and not guard.waiting)

    async def lose(self) -> None:
        """Have both print their equity, and one lose too much."""
        for bot in ("a", "b"):
            self.equity(bot, 10_000)
            await self.looked()
        self.equity("a", 9_400)

    def limit(self, bot: str) -> Kept:
        """Return how the account's limit stands for a bot."""
        found = self.desk.find(bot, "account-daily-loss")
        assert found is not None
        return found

    async def stopped(self) -> None:
        """Wait until both are stopped and the account is held."""
        await self.until(lambda: all(self.limit(bot).state.action is Doing.DONE for bot in ("a", "b")))
        await self.until(lambda: KEY in self.hands.held)

    async def kept(self) -> None:
        """Wait until the hold is kept."""
        await self.until(lambda: any(one.held_at is not None for one in self.desk.limits.guard.holds()))
        await self.desk.limits.keep()


@asynccontextmanager
async def held(house: House) -> AsyncIterator[House]:
    """Live once over the limit: its bots are stopped, the account is held, and that is kept."""
    async with living(house):
        await house.lose()
        await house.stopped()
        await house.kept()
        yield house


def of_accounts(hands: FakeHands) -> list[tuple[str, ...]]:
    """Return what was asked about accounts."""
    return [one[:3] for one in hands.asked if one[0] in ("hold", "let go")]


@pytest.mark.parametrize("action", ["suspend", "kill"])
async def test_an_account_over_its_limit_is_held_with_the_numbers_as_the_reason(action: str) -> None:
    """Once, by the risk limit's word; each of its bots is stopped by itself besides."""
    hands = FakeHands()
    async with held(House(Book(), hands, Risks(), action)) as house:
        house.equity("a", 9_300)
        await house.looked()
    (hold,) = [one for one in hands.asked if one[0] == "hold"]
    assert hold[1:4] == ("main", "live", "risk limit")
    assert hold[4].startswith(
        "daily loss of 600.00 USDT is over the limit of 500 of the account main; no bot"
    )
    assert sorted(one[:2] for one in hands.asked if one[0] == action) == [(action, "a"), (action, "b")]


async def test_a_limit_that_only_tells_holds_nobody() -> None:
    """With `action: notify` bots come and go as ever."""
    hands = FakeHands()
    async with living(House(Book(), hands, Risks(), "notify")) as house:
        assert isinstance(house, House)
        await house.lose()
        await house.until(lambda: house.limit("a").state.state is State.FIRING)
        await house.looked()
        assert house.desk.limits.guard.holds() == []
    assert hands.asked == []


async def test_the_first_bot_that_is_resumed_ends_the_hold() -> None:
    """The account counts anew from then on, and whoever came meanwhile may start."""
    hands = FakeHands()
    async with held(House(Book(), hands, Risks())) as house:
        house.come("b")
        await house.until(lambda: "b" in house.desk.limits.stopped.seen)
        del hands.stopped["b"]
        house.come("b")
        await house.until(lambda: KEY not in hands.held)
        await house.until(lambda: house.desk.limits.guard.holds() == [])
        house.equity("b", 9_900)
        await house.looked()
        assert house.limit("a").state.state is State.FIRING
    assert of_accounts(hands) == [("hold", *KEY), ("let go", *KEY)]


async def test_an_operator_may_end_the_hold_itself() -> None:
    """Then the account counts anew: what was lost before holds nobody a second time, also after a restart."""
    hands, book, risks = FakeHands(), Book(), Risks()
    async with held(House(book, hands, risks)) as house:
        house.come("new")
        house.equity("new", 100)
        await house.looked()
        hands.held.clear()
        house.now += 40
        await house.until(lambda: house.desk.limits.guard.holds() == [])
        house.equity("new", 90)
        await house.looked()
        await house.desk.limits.keep()
        traded = house.traded
    async with living(House(book, hands, risks)) as again:
        assert isinstance(again, House)
        again.traded, again.now = traded, house.now
        again.equity("new", 80)
        await again.looked()
        assert again.desk.limits.guard.holds() == []
    assert of_accounts(hands) == [("hold", *KEY)]


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_hold_that_was_just_ended_leaves_alone_whoever_waited_for_that(meanwhile: bool) -> None:
    """Also where its first line is there before it was looked whether the hold still is.

    `meanwhile`: the end is seen while bots are looked at, before their account is.
    """
    hands = FakeHands()
    async with held(House(Book(), hands, Risks())) as house:
        house.come("new")
        await house.until(lambda: "new" in house.desk.limits.guard.bots)
        for value in (100, 99):  # by the second look the hold was seen to be in force
            house.equity("new", value)
            await house.looked()
            for _ in range(100):  # that round comes to its end
                await asyncio.sleep(0)
        if meanwhile:
            house.at_a_look = hands.held.clear
        else:
            hands.held.clear()
        house.equity("new", 98)
        await house.looked()
        await house.until(lambda: house.desk.limits.guard.holds() == [])
        house.equity("new", 97)
        await house.looked()
        assert house.limit("new").state.state is State.OK
    assert sorted(one[1] for one in hands.asked if one[0] == "suspend") == ["a", "b"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_account_that_has_no_limits_any_more_is_let_go(restarted: bool) -> None:
    """A push that takes them out, also while herdsman is down, leaves no hold that nobody looks after."""
    hands, book, risks = FakeHands(), Book(), Risks()
    house = House(book, hands, risks)
    async with held(house):
        if not restarted:
            house.limits = {}
            await house.until(lambda: KEY not in hands.held and not house.desk.limits.guard.holds())
    if restarted:
        again = House(book, hands, risks)
        again.limits = {}
        async with living(again):
            await again.until(lambda: KEY not in hands.held and not again.desk.limits.guard.holds())
    assert of_accounts(hands) == [("hold", *KEY), ("let go", *KEY)]


async def test_whoever_comes_to_a_held_account_is_stopped_by_the_hold_alone() -> None:
    """What it prints until it has ended breaks nothing of its own: it starts once the hold is ended."""
    hands = FakeHands()
    async with held(House(Book(), hands, Risks())) as house:
        house.come("moved")
        house.equity("moved", 100)
        await house.looked()
        house.equity("a", 9_300)
        await house.looked()
        assert house.limit("moved").state.state is State.OK
        hands.held.clear()
        hands.lag = None  # nobody can say whether somebody ended it: who comes now is stopped by itself
        house.equity("moved", 90)
        await house.until(lambda: house.limit("moved").state.action is Doing.DONE)
    assert sorted(one[1] for one in hands.asked if one[0] == "suspend") == ["a", "b", "moved"]


@pytest.mark.parametrize("lag", [None, 30.0])
async def test_a_hold_that_was_never_seen_is_not_ended_by_that(lag: float | None) -> None:
    """Its leader is away, or had no time to show it: the account stays over its limit."""
    hands, book, risks = FakeHands(), Book(), Risks()
    async with held(House(book, hands, risks)) as house:
        pass
    hands.held.clear()
    hands.stopped.clear()
    hands.lag = lag
    again = House(book, hands, risks)
    again.now = house.now + 3_600
    async with living(again):
        await again.looked()
        for bot in ("a", "b"):
            again.come(bot)
        again.equity("a", 9_300)
        await again.looked()
        assert [one.held_at is not None for one in again.desk.limits.guard.holds()] == [True]
        assert again.limit("a").state.state is State.FIRING
    assert of_accounts(hands) == [("hold", *KEY)]


async def test_a_hold_outlives_a_restart_and_the_bots_that_broke_the_limit() -> None:
    """Their manifests may be gone: the account stays held until somebody ends that."""
    hands, book, risks = FakeHands(), Book(), Risks()
    async with held(House(book, hands, risks)) as house:
        pass
    again = House(book, hands, risks)
    again.now = house.now + 3_600
    del again.setups["a"], again.setups["b"]
    again.come("new")
    async with living(again):
        again.equity("new", 100)
        await again.looked()
        assert [one.held_at is not None for one in again.desk.limits.guard.holds()] == [True]
    assert of_accounts(hands) == [("hold", *KEY)]


async def test_a_hold_that_cannot_be_put_is_put_as_soon_as_it_can_be() -> None:
    """While no controller leads, and by the next life where herdsman was killed meanwhile."""
    hands, book, risks = FakeHands(), Book(), Risks()
    hands.trouble = StoreUnavailable("no controller leads")
    async with living(House(book, hands, risks)) as house:
        assert isinstance(house, House)
        await house.lose()
        rows, rule = book.rows, ("a", "account-daily-loss")
        await house.until(lambda: rule in rows and rows[rule].state.action is Doing.FAILED)
        assert hands.held == set()
    risks.accounts.clear()  # it was killed before that was kept
    hands.trouble = None
    async with living(House(book, hands, risks)) as again:
        assert isinstance(again, House)
        await again.stopped()
    assert of_accounts(hands) == [("hold", *KEY)]
