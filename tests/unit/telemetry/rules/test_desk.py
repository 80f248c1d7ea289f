"""The desk of log rules on real stores: every line counts once, and no mistake costs a batch."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.errors import StoreUnavailable
from schemas.log_rules import FieldKind, LogRule, RuleField, RuleScope
from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, TelemetryDatabase
from telemetry.embedded.kept import EmbeddedKeptStates
from telemetry.records import Event, Sample
from telemetry.rule_sets import BotFacts
from telemetry.rules.matching import RuleSet
from telemetry.rules.state import MOST_SERIES, BotRules
from telemetry.rules_desk import RulesDesk
from telemetry.stores import SeriesQuery

NOW = 1_790_000_000.0
PAID = LogRule(
    "paid",
    r"paid (?P<fee>\S+) on (?P<venue>\w+)",
    (RuleField("fee", FieldKind.COUNTER, "USDT"),),
    ("venue",),
    most_labels=2,
)
TICK = LogRule("tick", r"^tick took (?P<ms>\S+)", (RuleField("ms", FieldKind.HISTOGRAM, "ms"),))
LEVEL = LogRule("level", r"level (?P<value>\S+)", (RuleField("value"),))


class Broken(RuleScope):
    """A scope that fails when it is asked about one bot."""

    def covers(self, bot: str, *_: Any) -> bool:
        if bot == "sma":
            raise RuntimeError("a mistake of ours")
        return False


class House:
    """A desk on the stores of one process; `print` does what the intake does."""

    def __init__(self, path: Path, rules: Sequence[LogRule] | None) -> None:
        self.database = TelemetryDatabase(path / "telemetry.db")
        self.events = EmbeddedEventStore(self.database)
        self.series = EmbeddedSeriesStore(self.database)
        self.now = NOW
        self.rules = None if rules is None else tuple(rules)
        self.told: list[Sample] = []
        store = EmbeddedKeptStates(self.database, "rules")
        self.desk = RulesDesk(self.events, store, self.series, clock=lambda: self.now)
        self.desk.rules = lambda: self.rules
        self.desk.about = lambda bot: BotFacts("desk-1", "sma", "prod", {"team": "a"})
        self.desk.told = lambda _bot, samples: self.told.extend(samples)

    async def print(self, lines: Sequence[Event], *, stored: bool = True) -> None:
        self.desk.events(lines[0].bot, lines)
        if stored:
            await self.events.append(lines)

    async def last(self, name: str, bot: str = "sma", **labels: str) -> float | None:
        """Return the newest value of a series."""
        found = await self.series.query(SeriesQuery(bot, name, NOW - 3600, NOW + 3600, labels=labels))
        return max(found[0].points)[1] if found else None


@contextlib.asynccontextmanager
async def living(path: Path, *rules: LogRule) -> AsyncIterator[House]:
    """A process from its start to its death: nothing is kept at its end."""
    house = House(path, rules)
    await house.desk.work()
    try:
        yield house
    finally:
        await house.events.close()


def lines(
    *messages: str, start: int = 0, bot: str = "sma", at: float = NOW, kind: str = "log"
) -> list[Event]:
    """Return events of one stream, one second apart."""
    return [
        Event(f"a-{bot}/stdout/0/{100 * (start + n)}", bot, at + n, kind, "info", text, allocation=f"a-{bot}")
        for n, text in enumerate(messages)
    ]


async def test_numbers_become_counters_gauges_and_quantiles(tmp_path: Path) -> None:
    """With the labels of the bot and of the line; the live channel hears of each sample that is stored."""
    async with living(tmp_path, PAID, TICK, LEVEL) as house:
        printed = ("paid 1.5 on kraken", "level 3", "paid 2 on kraken", "level -7", "tick took 5 ms")
        await house.print(lines(*printed))
        await house.desk.work()
        assert await house.last("bot_log_paid_fee_usdt_total", venue="kraken") == 3.5
        assert await house.last("bot_log_paid_total", venue="kraken") == 2.0
        assert await house.last("bot_log_level_value") == -7.0
        house.now = NOW + 60
        await house.desk.work()
        assert await house.last("bot_log_tick_ms_p95") == pytest.approx(5.0, rel=0.02)
        assert await house.last("bot_log_tick_ms_max") == 5.0
        (labels,) = {tuple(sample.labels.items()) for sample in house.told if "paid" in sample.name}
        base = {"fleet": "desk-1", "bot": "sma", "program": "sma", "env": "prod"}
        assert dict(labels) == {**base, "venue": "kraken"}


async def test_a_killed_process_counts_each_line_once(tmp_path: Path) -> None:
    """Kept states, lines stored since, and a batch that was told but not stored, which comes again."""
    first, second, third = (
        lines(*["paid 1 on kraken"] * 3, start=start, at=NOW + start) for start in (0, 3, 6)
    )
    async with living(tmp_path, PAID) as house:
        await house.print(first)
        await house.desk.keep()
        await house.print(second)
        await house.print(third, stored=False)
    async with living(tmp_path, PAID) as house:
        await house.desk.work()
        assert await house.last("bot_log_paid_total", venue="kraken") == 6.0
        await house.print(third)
        await house.print(third)
        await house.desk.keep()
    async with living(tmp_path, PAID) as house:
        await house.print(lines("paid 1 on kraken", start=9, at=NOW + 9))
        await house.desk.work()
        assert await house.last("bot_log_paid_total", venue="kraken") == 10.0
        assert await house.last("bot_log_paid_fee_usdt_total", venue="kraken") == 10.0


async def test_rules_change_while_lines_come(tmp_path: Path) -> None:
    """From the next look on the new ones hold, for the lines that wait as well; totals go on."""
    async with living(tmp_path, PAID) as house:
        await house.print(lines("paid 1 on kraken", "level 1"))
        await house.desk.work()
        house.rules = (PAID, LEVEL)
        await house.print(lines("paid 1 on kraken", "level 2", start=2, at=NOW + 2))
        await house.desk.work()
        assert await house.last("bot_log_paid_total", venue="kraken") == 2.0
        assert await house.last("bot_log_level_total") == 1.0
        house.rules = ()
        await house.desk.work()
        await house.print(lines("paid 1 on kraken", start=4, at=NOW + 4))
        await house.desk.work()
        assert await house.last("bot_log_paid_total", venue="kraken") == 2.0
        assert house.desk.counts == {}


async def test_lines_of_before_the_rules_are_known_are_read_from_the_store(tmp_path: Path) -> None:
    """After a restart the rules come with the first revision: what was printed until then counts as well."""
    async with living(tmp_path, PAID) as house:
        await house.print(lines("paid 1 on kraken"))
        await house.desk.keep()
    house = House(tmp_path, None)
    await house.desk.work()
    await house.print(lines("paid 1 on kraken", start=1, at=NOW + 1))
    assert not house.desk.ready
    house.rules = (PAID,)
    await house.desk.work()
    assert house.desk.ready
    assert await house.last("bot_log_paid_total", venue="kraken") == 2.0
    await house.events.close()


async def test_first_rules_begin_with_now(tmp_path: Path) -> None:
    """What was stored before there were any rules is not counted."""
    async with living(tmp_path) as house:
        await house.events.append(lines("paid 1 on kraken"))
    (tmp_path / "fresh").mkdir()
    async with living(tmp_path, PAID) as house:
        await house.desk.work()
        assert await house.last("bot_log_paid_total") is None


async def test_rules_that_are_no_more_take_no_room(tmp_path: Path) -> None:
    """A rule that is renamed and labelled otherwise again and again keeps its series, over a restart too."""

    def rule(number: int, label: str = "venue") -> LogRule:
        return LogRule(f"paid_{number}", rf"paid \S+ on (?P<{label}>\w+)", (), (label,), most_labels=20)

    paid = [f"paid 1 on venue{number}" for number in range(20)]
    async with living(tmp_path) as house:
        for number in range(30):
            house.rules = (rule(number),)
            await house.print(lines(*paid, start=20 * number, at=NOW + number))
            await house.desk.work()
        assert await house.last("bot_log_paid_29_total", venue="venue19") == 1.0
        assert await house.last("bot_log_paid_28_total", venue="venue19") == 1.0
        assert house.desk.counts["paid_29"].refused == 0
        await house.desk.keep()
    async with living(tmp_path, rule(29, "market")) as house:
        await house.print(lines(*paid, start=1000, at=NOW + 100))
        await house.desk.work()
        assert await house.last("bot_log_paid_29_total", market="venue19") == 1.0
        assert house.desk.counts["paid_29"].others == 0


async def test_fields_of_stored_lines_count_as_those_of_new_ones(tmp_path: Path) -> None:
    """What a killed process had stored is read with its fields, and each line counts once."""
    fields = (RuleField("fee", FieldKind.COUNTER, "USDT", "order.fee"),)
    where = {"event": ("filled",)}
    rule = LogRule("fills", "", fields, ("venue",), where=where, label_paths={"venue": "venue"})

    def filled(start: int) -> list[Event]:
        data = {"event": "filled", "venue": "kraken", "order": {"fee": 1.5}}
        return [msgspec.structs.replace(one, data=data) for one in lines("x", start=start, at=NOW + start)]

    async with living(tmp_path, rule) as house:
        await house.print(filled(0))
        await house.desk.keep()
        await house.print(filled(1))
    async with living(tmp_path, rule) as house:
        await house.print(filled(2))
        await house.print(lines("event filled on kraken", start=3, at=NOW + 3))
        await house.desk.work()
        assert await house.last("bot_log_fills_total", venue="kraken") == 3.0
        assert await house.last("bot_log_fills_fee_usdt_total", venue="kraken") == 4.5


async def test_rules_that_cannot_be_compiled_are_tried_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with each batch again, until the rules change; lines are taken meanwhile, and it is said."""
    tried: list[int] = []

    def compiled(rules: Sequence[LogRule]) -> RuleSet:
        tried.append(len(rules))
        raise ValueError("too large together")

    async with living(tmp_path, PAID) as house:
        with monkeypatch.context() as patched:
            patched.setattr("telemetry.rule_sets._compiled", compiled)
            for number in range(3):
                await house.print(lines("paid 1 on kraken", start=number, at=NOW + number))
                await house.desk.work()
        assert tried == [1]
        assert caplog.text.count("could not be matched with the log rules") == 1
        house.rules = (PAID, LEVEL)
        await house.print(lines("paid 1 on kraken", start=4, at=NOW + 4))
        await house.desk.work()
        assert await house.last("bot_log_paid_total", venue="kraken") == 1.0


async def test_too_many_labels_are_counted_as_other(tmp_path: Path) -> None:
    """The first ones stay apart, the rest are one; how many is known."""
    async with living(tmp_path, PAID) as house:
        await house.print(lines(*[f"paid 1 on venue{n}" for n in range(10)]))
        await house.desk.work()
        assert await house.last("bot_log_paid_total", venue="venue1") == 1.0
        assert await house.last("bot_log_paid_total", venue="other") == 8.0
        assert house.desk.counts["paid"].others == 8


async def test_a_bot_has_a_bounded_number_of_series(tmp_path: Path) -> None:
    """Also of many rules with many labels: what is beyond is refused, and counted."""
    many = [LogRule(f"rule_{n}", r"number (?P<n>\d+)", (), ("n",), most_labels=100) for n in range(10)]
    async with living(tmp_path, *many) as house:
        await house.print(lines(*[f"number {n}" for n in range(90)]))
        await house.desk.work()
        assert len(await house.series.query(SeriesQuery("sma", "", NOW - 60, NOW + 3600))) == MOST_SERIES
        assert sum(counts.refused for counts in house.desk.counts.values()) == 900 - MOST_SERIES


async def test_what_is_no_number_is_counted_and_costs_nothing_else(tmp_path: Path) -> None:
    """Absurd numbers, words and negative amounts of a counter."""
    async with living(tmp_path, PAID, LEVEL) as house:
        await house.print(lines("level nan", "level 1e300", "level high", "paid -1 on kraken", "level 4"))
        await house.desk.work()
        assert await house.last("bot_log_level_total") == 4.0
        assert await house.last("bot_log_level_value") == 4.0
        assert (house.desk.counts["level"].misses, house.desk.counts["paid"].misses) == (3, 1)


async def test_only_log_lines_of_bots_in_scope_are_matched(tmp_path: Path) -> None:
    """Not metric lines, not what herdsman says of a gap, not another program's bots."""
    scoped = LogRule("mine", "level", (), (), RuleScope(bots=("sma",)))
    async with living(tmp_path, scoped) as house:
        await house.print(lines("level 1", kind="equity"))
        gap = Event("a-sma/stdout/0/100/gap", "sma", NOW, "log", "warning", "level: 3 lines are missing")
        await house.print([gap, *lines("level 2", start=2)])
        await house.print(lines("level 1", bot="grid"))
        await house.desk.work()
        assert await house.last("bot_log_mine_total") == 1.0
        assert await house.last("bot_log_mine_total", bot="grid") is None


async def test_a_mistake_costs_one_bot_and_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and the rules of other bots go on."""
    broken = LogRule("broken", "level", (), (), Broken())
    async with living(tmp_path, broken, LEVEL) as house:
        for start in range(3):
            await house.print(lines("level 1", start=start))
        await house.print(lines("level 2", bot="grid"))
        await house.desk.work()
        assert await house.last("bot_log_level_value", bot="grid") == 2.0
    assert caplog.text.count("could not be matched") == 1


async def test_samples_wait_while_their_store_is_away(tmp_path: Path) -> None:
    """They are written with the next ones, and no state is kept that would let a death forget them."""
    async with living(tmp_path, PAID) as house:
        write = house.series.write

        async def away(_samples: Sequence[Sample]) -> None:
            raise StoreUnavailable("the series store is away")

        house.series.write = away  # type: ignore[method-assign]
        await house.print(lines("paid 1 on kraken"))
        with pytest.raises(StoreUnavailable):
            await house.desk.keep()
        house.series.write = write  # type: ignore[method-assign]
        await house.desk.work()
        assert await house.last("bot_log_paid_total", venue="kraken") == 1.0


async def test_windows_and_totals_of_rules_that_are_gone_are_let_go(tmp_path: Path) -> None:
    """Nobody would close or count them: they take no other series' place, and hold no bot's windows open."""
    async with living(tmp_path, PAID, TICK) as house:
        await house.print(lines("tick took 1 ms", "paid 1 on kraken"))
        await house.desk.work()
        known = house.desk._bots["sma"]
        house.rules = (PAID,)
        await house.desk.work()
        house.now = NOW + 60
        await house.desk.work()
        assert (known.windows, list(house.desk._open)) == ({}, [])
        assert {place.partition("\x1f")[0] for place in known.totals} == {
            "bot_log_paid_total",
            "bot_log_paid_fee_usdt_total",
        }
        house.rules = ()
        await house.desk.keep()
    async with living(tmp_path) as house:
        await house.desk.work()
        assert house.desk._bots["sma"].totals == {}


async def test_only_bots_whose_windows_may_be_over_are_looked_at(tmp_path: Path) -> None:
    """A window that goes on for seconds costs nothing four times a second, with however many bots."""
    asked: list[str] = []

    class Watched(BotRules):
        def close_windows(self, *parts: Any) -> list[Sample]:
            asked.append(self.bot)
            return super().close_windows(*parts)

    async with living(tmp_path, TICK) as house:
        for number in range(3):
            house.desk._bots[f"b{number}"] = Watched(f"b{number}")
            await house.print(lines("tick took 1 ms", bot=f"b{number}"))
        for step in range(40):
            house.now = NOW + 0.25 * step
            await house.desk.work()
        assert sorted(asked) == ["b0", "b1", "b2"]
        house.now = NOW + 12.5
        await house.desk.work()
        assert sorted(asked) == ["b0", "b0", "b1", "b1", "b2", "b2"]
        assert await house.last("bot_log_tick_ms_max", "b2") == 1.0


async def test_late_lines_make_their_window_again(tmp_path: Path) -> None:
    """A quantile is that of all the lines of its ten seconds, whenever they arrive."""
    async with living(tmp_path, TICK) as house:
        await house.print(lines("tick took 1 ms"))
        await house.desk.work()
        house.now = NOW + 30
        await house.desk.work()
        assert await house.last("bot_log_tick_ms_max") == 1.0
        await house.print(lines("tick took 9 ms", start=1))
        await house.desk.work()
        house.now = NOW + 60
        await house.desk.work()
        assert await house.last("bot_log_tick_ms_max") == 9.0
        assert await house.last("bot_log_tick_total") == 2.0
