"""From the controller's and the intake's calls to messages on the live channel."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from controller.records import Change, ChangeState, RevisionRecord, RevisionState, RunRecord
from controller.status import Health
from telemetry.latest import Latest
from telemetry.live import Broadcaster, Subscription
from telemetry.liveness_desk import LivenessDesk
from telemetry.records import Event, Sample
from telemetry.resources_desk import ResourcesDesk
from telemetry.trading_desk import TradingDesk
from tests.fakes.controller import REVISION, FakeController, bot_status
from tests.fakes.telemetry import MemoryEvents, MemoryLiveness, MemorySeries, MemoryTrading
from web.fleet_header import FleetHeader
from web.publishing import LivePublisher
from web.rows import Rows

EVERY = 0.05


class Channel:
    """A publisher over real parts, and what comes out of its channel."""

    def __init__(self) -> None:
        self.controller = FakeController({"sma-btc": bot_status()})
        self.live = Broadcaster()
        self.recorded: list[object] = []
        latest = self.latest = Latest()
        self.trading = TradingDesk(MemoryEvents(), MemoryTrading(), MemorySeries())
        self.liveness = LivenessDesk(MemoryLiveness(), MemorySeries())
        self.publisher = LivePublisher(
            self.live,
            latest,
            self.trading,
            self.liveness,
            ResourcesDesk(MemorySeries()),
            Rows(latest, self.liveness),
            FleetHeader(self.controller, "local", "0.0.1", lambda: 1.0),
            find=self.controller.bots.get,
            record=self.record,
            rows_every=EVERY,
            header_again=1.0,
        )

    async def record(self, reports: object) -> None:
        self.recorded.append(reports)

    async def follow(self, *topics: str) -> Subscription:
        """Follow topics from now on."""
        subscription = self.live.subscribe(topics)
        await anext(subscription)
        return subscription


def messages(frames: bytes) -> list[tuple[str, Any]]:
    """Return the events in a piece of a stream."""
    found = []
    for frame in frames.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.splitlines() if ": " in line)
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture
async def channel() -> Channel:
    return Channel()


def sample(value: float, time: float = 1_700_000_000.0) -> Sample:
    return Sample("bot_equity", {"bot": "sma-btc"}, time, value)


async def test_samples_reach_the_bots_topic_and_its_row(channel: Channel):
    """A printed number is on the bot's topic at once, and in the fleet's row."""
    bot = await channel.follow("bot:sma-btc")
    fleet = await channel.follow("fleet")
    channel.publisher.samples("sma-btc", [sample(100.0)])
    ((event, data),) = messages(await anext(bot))
    assert event == "samples"
    assert data["samples"] == [
        {"name": "bot_equity", "labels": {"bot": "sma-btc"}, "time": 1_700_000_000.0, "value": 100.0}
    ]
    ((event, row),) = messages(await anext(fleet))
    assert (event, row["name"], row["equity"]) == ("status", "sma-btc", 100.0)
    channel.publisher.close()


async def test_row_is_sent_at_once_then_paced_and_ends_with_the_newest(channel: Channel):
    """However often a bot prints, its row comes at most at the given pace, and the last value is not lost."""
    fleet = await channel.follow("fleet")
    for value in range(100):
        channel.publisher.samples("sma-btc", [sample(float(value), 1_700_000_000.0 + value)])
    rows = messages(await anext(fleet))
    rows += messages(await anext(fleet))
    assert [row["equity"] for _, row in rows] == [0.0, 99.0]
    channel.publisher.close()


async def test_logs_events_and_runs_have_their_own_names(channel: Channel):
    """A line of a log is `log`, everything else that a bot prints `event`, an execution `run`."""
    bot = await channel.follow("bot:sma-btc")
    line = Event("a/stdout/0/1", "sma-btc", 5.0, "log", "info", "hello")
    trade = Event("a/stdout/0/2", "sma-btc", 6.0, "trade", "info", "bought", data={"price": 1.5})
    channel.publisher.events("sma-btc", [line, trade])
    channel.publisher.run_changed("sma-btc", RunRecord("r1", "sma-btc", "a", "n", REVISION.id, 1.0))
    found = messages(await anext(bot))
    assert [event for event, _ in found] == ["log", "event", "trading", "run"]
    assert found[1][1]["data"] == {"price": 1.5}
    assert found[3][1]["run"]["outcome"] is None
    assert found[3][1]["run"]["deploy"] == ""
    channel.publisher.close()


async def test_a_run_says_who_brought_its_revision_and_what_that_changed(channel: Channel):
    """So that a deploy can be marked on the charts the moment it is applied."""
    bot = await channel.follow("bot:sma-btc")
    change = Change("sma-btc", "update", "fast 10 -> 12")
    record = RevisionRecord(REVISION, RevisionState.RUNNING, 1.0, by="desk", changes=(change,))
    channel.publisher.revision_changed(record)
    channel.publisher.run_changed("sma-btc", RunRecord("r1", "sma-btc", "a", "n", REVISION.id, 1.0))
    (found,) = messages(await anext(bot))
    assert found[1]["run"]["deploy"] == "by desk: fast 10 -> 12"
    channel.publisher.close()


async def test_changes_of_many_bots_make_one_header(channel: Channel):
    """The header follows a burst of changes once, with counts as they are then."""
    fleet = await channel.follow("fleet")
    for number in range(50):
        status = bot_status(f"bot-{number}", Health.DEGRADED)
        channel.controller.bots[status.name] = status
        channel.publisher.status_changed(status)
    found = messages(await anext(fleet))
    assert [event for event, _ in found].count("status") == 50
    headers = [data for event, data in found if event == "fleet"]
    assert len(headers) == 1
    channel.publisher.close()


async def test_header_comes_again_though_nothing_changes(channel: Channel):
    """When the source was last seen is kept up to date on every page."""
    fleet = await channel.follow("fleet")
    channel.publisher.header_changed()
    await anext(fleet)
    channel.controller.synced_at = 5.0
    ((event, data),) = messages(await anext(fleet))
    assert (event, data["synced_at"]) == ("fleet", 5.0)
    channel.publisher.close()


async def test_removed_bot_and_new_revision_are_told(channel: Channel):
    """Who looks learns that a bot is gone, and which revision came."""
    fleet = await channel.follow("fleet")
    channel.publisher.bot_removed("sma-btc")
    channel.controller.records = [RevisionRecord(REVISION, RevisionState.RUNNING, 1.0)]
    channel.publisher.revision_changed(channel.controller.records[0])
    found = messages(await anext(fleet))
    assert found[0] == ("status", {"name": "sma-btc", "removed": True})
    while not any(event == "fleet" and data["revision"] for event, data in found):
        found += messages(await anext(fleet))
    channel.publisher.close()


async def test_a_revision_is_told_change_by_change(channel: Channel):
    """Each step of a revision carries the changes that moved, and no other: a pass may change thousands."""
    reader = await channel.follow("revisions")
    first, second = Change("a", "update", "fast 10 -> 12"), Change("b", "create", "realtime")
    record = RevisionRecord(REVISION, RevisionState.RUNNING, 1.0, changes=(first, second))
    channel.publisher.revision_changed(record)
    done = first.to(ChangeState.RUNNING, "", 0.3)
    channel.publisher.revision_changed(replace(record, changes=(done, second)))
    found = messages(await anext(reader))
    assert [event for event, _ in found] == ["revision", "revision"]
    assert [[change["bot"] for change in data["changes"]] for _, data in found] == [["a", "b"], ["a"]]
    assert found[1][1]["revision"]["results"] == {"running": 1, "waiting": 1}
    assert found[1][1]["revision"]["changes"] == []
    channel.publisher.close()


async def test_what_nobody_reads_still_counts_as_missed(channel: Channel):
    """A reader that comes with a position from before is told to fetch anew, not left with a gap."""
    position = channel.live.position()
    channel.publisher.run_changed("sma-btc", RunRecord("r1", "sma-btc", "a", "n", REVISION.id, 1.0))
    late = channel.live.subscribe(["bot:sma-btc"], position)
    assert messages(await anext(late))[0][0] == "reset"
    channel.publisher.close()


async def test_reports_go_to_the_controller_and_their_errors_back(channel: Channel):
    """A report counts as delivered only when the controller has kept it."""
    await channel.publisher.reports([])
    assert channel.recorded == [[]]

    async def fail(reports: object) -> None:
        raise OSError("disk full")

    channel.publisher._record = fail
    with pytest.raises(OSError, match="disk full"):
        await channel.publisher.reports([])


async def test_closed_publisher_sends_nothing_more(channel: Channel):
    """No timer is left behind after the end."""
    fleet = await channel.follow("fleet")
    channel.publisher.samples("sma-btc", [sample(1.0)])
    channel.publisher.samples("sma-btc", [sample(2.0)])
    await anext(fleet)
    channel.publisher.close()
    waiting = asyncio.ensure_future(anext(fleet))
    done, _ = await asyncio.wait({waiting}, timeout=3 * EVERY)
    assert not done
    channel.live.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_trading_is_told_of_to_its_bots_readers_and_by_account(channel: Channel):
    """A fill moves the bot's figures and positions, and those of its account, at most so often."""
    await channel.trading.catch_up()
    bot, every = await channel.follow("bot:sma-btc"), await channel.follow("trading")
    fill = {"symbol": "BTC/USDT", "side": "buy", "quantity": 2.0, "price": 50.0, "account": "main"}
    for offset in range(5):
        event = Event(f"a/stdout/0/{offset}", "sma-btc", 6.0, "trade", "info", "bought", data=fill)
        channel.publisher.events("sma-btc", [event])
    told = [data for event, data in messages(await anext(bot)) if event == "trading"]
    assert len(told) == 1
    assert [one["quantity"] for one in told[0]["positions"]] == [2.0]
    assert told[0]["fills"] is None
    ((event, figures),) = messages(await anext(every))
    assert event == "figures"
    assert [(one["name"], one["currency"], one["fills"]) for one in figures["figures"]] == [
        ("main", "USDT", 1)
    ]
    channel.publisher.close()


async def test_derived_samples_are_sent_and_are_not_the_bots_newest(channel: Channel):
    """Who looks at the bot gets them; its row shows what it printed itself."""
    bot = await channel.follow("bot:sma-btc")
    derived = Sample("bot_trading_drawdown", {"bot": "sma-btc"}, 9.0, -0.5)
    channel.publisher.samples("sma-btc", [Sample("bot_spread", {"bot": "sma-btc"}, 5.0, 1.0)])
    channel.publisher.derived("sma-btc", [derived])
    channel.publisher.samples("sma-btc", [derived])
    sent = [data["samples"][0]["name"] for event, data in messages(await anext(bot)) if event == "samples"]
    assert sent == ["bot_spread", "bot_trading_drawdown", "bot_trading_drawdown"]
    newest = channel.latest.of("sma-btc").newest
    assert newest is not None
    assert newest.name == "bot_spread"
    channel.publisher.close()


class Broken:
    """A follower that fails at whatever it is told."""

    def samples(self, _bot: str, _samples: object) -> None:
        raise ValueError("a number that nobody foresaw")

    def events(self, _bot: str, _events: object) -> bool:
        raise ValueError("a line that nobody foresaw")


async def test_one_followers_mistake_keeps_nothing_from_the_others(
    channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    """Log rules, ages and the page hear a line though trading failed at it; the log says so once."""
    heard: list[str] = []
    channel.publisher.lines = lambda bot, _events: heard.append(bot)
    channel.publisher._trading = Broken()  # type: ignore[assignment]
    subscription = await channel.follow("bot:sma-btc")
    for number in range(3):
        channel.publisher.samples("sma-btc", [sample(number)])
        line = Event(f"a/stdout/0/{number}", "sma-btc", 1_700_000_000.0, "log", "info", "a line")
        channel.publisher.events("sma-btc", [line])
    found = messages(await anext(subscription))
    assert heard == ["sma-btc"] * 3
    assert [kind for kind, _ in found if kind in ("samples", "log")] == ["samples", "log"] * 3
    said = [record for record in caplog.records if "could not be followed" in record.message]
    assert len(said) == 2
