"""The desk goes on after a restart, on a real store: nothing lost, nothing doubled."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, TelemetryDatabase
from telemetry.embedded.trading import EmbeddedTradingStore
from telemetry.records import Event, Sample
from telemetry.stores import SeriesQuery
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile
from telemetry.trading_desk import TradingDesk
from tests.unit.telemetry.trading.lines import DAY, START, Printer


class House:
    """A desk on the stores of one process."""

    def __init__(self, path: Path) -> None:
        self.database = database = TelemetryDatabase(path / "telemetry.db")
        self.events = EmbeddedEventStore(database)
        self.series = EmbeddedSeriesStore(database)
        store = EmbeddedTradingStore(database)
        self.desk = TradingDesk(self.events, store, self.series, clock=lambda: START + DAY / 2)
        self.desk.profile = lambda _: Profile("cross", "main", "USDT")

    async def print(self, events: Sequence[Event], *, stored: bool = True) -> None:
        """Tell the desk and store, as the intake does; a batch that was not stored comes again."""
        self.desk.events(events[0].bot, events)
        if stored:
            await self.events.append(events)

    def fills(self) -> int:
        return sum(view.fills for view in self.desk.accounts("sma"))


@contextlib.asynccontextmanager
async def living(path: Path) -> AsyncIterator[House]:
    """A process from its start to its death: nothing is kept at its end."""
    house = House(path)
    await house.desk.catch_up()
    try:
        yield house
    finally:
        await house.events.close()


async def test_a_killed_process_forgets_no_fill_and_doubles_none(tmp_path: Path) -> None:
    """Kept states, events stored since, and a batch that was told but not stored, each count once."""
    says = Printer()
    first, second, third = ([says.fill("buy", 1, 100, at) for at in range(3)] for _ in range(3))
    async with living(tmp_path) as house:
        await house.print(first)
        await house.desk.keep()
        await house.print(second)
        await house.print(third, stored=False)
        assert house.fills() == 9
    async with living(tmp_path) as house:
        assert house.fills() == 6
        await house.print(third)
        assert house.fills() == 9
        await house.desk.keep()
    async with living(tmp_path) as house:
        assert house.fills() == 9


async def test_what_was_told_and_kept_but_not_stored_counts_once(tmp_path: Path) -> None:
    """A batch that the store refused comes again after the restart."""
    says = Printer()
    batch = [says.fill("buy", 1, 100) for _ in range(4)]
    async with living(tmp_path) as house:
        await house.print(batch, stored=False)
        await house.desk.keep()
    async with living(tmp_path) as house:
        assert house.fills() == 4
        await house.print(batch)
        assert house.fills() == 4


async def test_what_comes_while_the_past_is_read_counts_once(tmp_path: Path) -> None:
    """Live lines wait for the past, whether the past holds them already or not."""
    says = Printer()
    past, stored, told = ([says.fill("buy", 1, 100) for _ in range(5)] for _ in range(3))
    async with living(tmp_path) as house:
        await house.events.append(past)
    house = House(tmp_path)
    await house.print(stored)
    await house.print(told, stored=False)
    assert not house.desk.ready
    assert house.fills() == 0
    await house.desk.catch_up()
    assert house.fills() == 15
    assert house.desk.ready
    await house.events.close()


async def test_the_past_is_read_a_part_at_a_time(tmp_path: Path) -> None:
    """Events of other kinds lie between those of trading; each part goes on behind the one before."""
    says = Printer()
    async with living(tmp_path) as house:
        for _ in range(4):
            batch = [says.line("log", text="x"), says.fill("buy", 1, 100), says.line("signal", symbol="X")]
            await house.events.append(batch)
        found, number = [], 0
        for _ in range(4):
            arrived = await house.events.arrived(number, ("trade",), 3)
            number = arrived.number
            found += arrived.events
        assert [event.kind for event in found] == ["trade"] * 4
        assert number == await house.events.newest_number() == 12
        assert (await house.events.arrived(number, ("trade",))).events == []


async def test_derived_series_are_written_and_told(tmp_path: Path) -> None:
    """A bot that traded has P&L, exposure and drawdown as series, with its account and currency."""
    says = Printer()
    told: list[Sample] = []
    base = {"fleet": "desk", "bot": "sma", "program": "cross"}
    async with living(tmp_path) as house:
        house.desk.told = lambda _, samples: told.extend(samples)
        await house.print([says.fill("buy", 2, 100), says.equity(1000, 1), says.equity(900, 2)])
        house.desk.samples("sma", [Sample("bot_equity", {**base, "currency": "USDT"}, START, 900.0)])
        await house.desk.write()
        query = SeriesQuery("sma", "bot_trading_drawdown", START, START + DAY)
        (series,) = await house.series.query(query)
        ((at, value),) = series.points
        assert (at, round(value, 9)) == (START + DAY / 2, -0.1)
        wanted = {**base, "account": "main", "currency": "USDT"}
        assert {key: series.labels[key] for key in wanted} == wanted
        assert {one.name: one.value for one in told}["bot_trading_gross_exposure"] == 200.0
        told.clear()
        await house.desk.write()
        assert told == [], "nothing moved since"


async def test_one_bots_numbers_cost_no_other_bot_its_figures(tmp_path: Path) -> None:
    """A state with numbers beyond all reckoning, kept by an earlier version, is passed over by itself."""
    base, fine, wild = {"fleet": "desk"}, Printer("fine"), Printer("wild", allocation="a2")
    before = BotTrading("wild", labels={**base, "bot": "wild"})
    long = {"symbol": "LONG/USDT", "side": "buy", "quantity": 1.0, "price": 1.0}
    before.take(
        [wild.line("trade", **long), wild.line("trade", **{**long, "symbol": "S/USDT", "side": "sell"})]
    )
    (ledger,) = before.ledgers.values()
    for holding in ledger.holdings.values():
        holding.quantity *= 1e200
    before.marks = {"LONG/USDT": 1e200, "S/USDT": 1e200}
    async with living(tmp_path) as house:
        await EmbeddedTradingStore(house.database).save(0, {"wild": msgspec.msgpack.encode(before)}, [])
    async with living(tmp_path) as house:
        assert house.desk.bots() == ["wild"]
        await house.print([wild.line("price", 9, symbol="X/USDT", value=1.0)])
        await house.print([fine.equity(1000, 1), fine.equity(900, 2)])
        house.desk.samples("fine", [Sample("bot_equity", {**base, "bot": "fine"}, START, 900.0)])
        await house.desk.write()
        await house.desk.keep()
        query = SeriesQuery("fine", "bot_trading_drawdown", START, START + DAY)
        assert len(await house.series.query(query)) == 1
        exposure = SeriesQuery("wild", "bot_trading_net_exposure", START, START + DAY)
        assert await house.series.query(exposure) == []


async def test_a_bot_that_cannot_be_reckoned_has_no_figures_and_the_others_theirs(tmp_path: Path) -> None:
    """A fault of one is logged, and neither the others' figures nor their series miss it."""
    fine, bad = Printer("fine"), Printer("bad", allocation="a2")

    def profile(bot: str) -> Profile:
        if bot == "bad":
            raise ArithmeticError("what this bot says cannot be reckoned")
        return Profile("cross", "main", "USDT")

    async with living(tmp_path) as house:
        house.desk.profile = profile
        for says in (bad, fine):
            await house.print([says.equity(1000, 1), says.equity(900, 2)])
            labels = {"fleet": "desk", "bot": says.bot}
            house.desk.samples(says.bot, [Sample("bot_equity", labels, START, 900.0)])
        assert [view.bot for view in house.desk.all_accounts()] == ["fine"]
        await house.desk.write()
        assert await house.series.query(SeriesQuery("fine", "bot_trading_drawdown", START, START + DAY))
        house.desk.profile = lambda _: Profile()
        assert [view.equity for view in house.desk.all_accounts()] == [900.0, 900.0], "no line was lost"


async def test_a_bot_that_went_live_writes_the_series_of_live_alone(tmp_path: Path) -> None:
    """A series names no mode: it has one value at a time, that of the mode which the bot runs in."""
    dry, live = Printer(), Printer(mode="live", allocation="a2")
    told: list[Sample] = []
    async with living(tmp_path) as house:
        house.desk.told = lambda _, samples: told.extend(samples)
        await house.print([dry.equity(1000, 1), dry.fill("buy", 1, 100, 1)])
        await house.print([live.equity(10, 2), live.fill("buy", 3, 100, 2)])
        house.desk.samples("sma", [Sample("bot_equity", {"fleet": "desk", "bot": "sma"}, START, 10.0)])
        await house.desk.write()
    exposure = [one.value for one in told if one.name == "bot_trading_gross_exposure"]
    assert exposure == [300.0]


async def test_views_that_are_asked_for_again_are_those_of_now(tmp_path: Path) -> None:
    """What was reckoned of a bot holds until a line, its manifest or the day changes it, and no longer."""
    says, now, account = Printer(), [START + 10.0], ["main"]
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    store = EmbeddedTradingStore(database)
    events, series = EmbeddedEventStore(database), EmbeddedSeriesStore(database)
    desk = TradingDesk(events, store, series, clock=lambda: now[0])
    desk.profile = lambda _: Profile("cross", account[0])
    await desk.catch_up()
    desk.events("sma", [says.equity(1000, 1), says.equity(1100, 2)])
    (first,) = desk.accounts("sma")
    assert (first.equity, first.change_today, first.account) == (1100.0, 100.0, "main")
    assert desk.accounts("sma")[0] is first
    desk.events("sma", [says.equity(1200, 3)])
    assert desk.accounts("sma")[0].equity == 1200.0
    account[0] = "sub"
    assert desk.accounts("sma")[0].account == "sub"
    now[0] += DAY
    assert desk.accounts("sma")[0].change_today == 0.0
    desk.samples("sma", [Sample("bot_equity", {"bot": "sma", "program": "other"}, START, 1.0)])
    desk.profile = lambda _: Profile()
    assert desk.accounts("sma")[0].program == "other"
    await events.close()


async def test_what_the_manifest_says_decides_whose_transfer_it_was(tmp_path: Path) -> None:
    """A transfer that names no account is of the manifest's, also where a bot names two."""
    says = Printer()
    async with living(tmp_path) as house:
        both = [{"account": "main"}, {"account": "sub"}]
        await house.print([says.equity(1000, 1, **account) for account in both])
        await house.print([says.line("transfer", 2, amount=500.0, currency="USDT")])
        await house.print([says.equity(1500, 3, **account) for account in both])
        found = {view.account: view.change_today for view in house.desk.accounts("sma")}
    assert found == {"main": 0.0, "sub": 500.0}


async def test_old_trading_goes_with_its_bot_and_never_before(tmp_path: Path) -> None:
    """A bot that there is keeps its position, however long ago it traded; one that is gone is forgotten."""
    async with living(tmp_path) as house:
        await house.print([Printer().fill("buy", 1, 100)])
        house.desk._forget_after = 3600.0
        house.desk._clock = lambda: START + 30 * DAY
        await house.desk.keep()
        assert house.fills() == 1
        house.desk.profile = lambda _: Profile()
        await house.desk.keep()
        assert house.desk.bots() == []
