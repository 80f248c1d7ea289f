"""A store that takes nothing: what bots say cannot be heard, and none of them is accused of silence."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.errors import StoreUnavailable
from schemas.labels import AllocationLabels
from telemetry.intake import Intake
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness.verdict import Verdict
from telemetry.liveness_desk import LivenessDesk
from telemetry.records import Event, Sample
from telemetry.wire import WIRE_VERSION, Batch, Chunk, Use, encode_batch
from tests.fakes.telemetry import MemoryEvents, MemoryLiveness, MemorySeries

START = 1_790_000_000.0


class FullDisk:
    """Stores that take everything, until the disk is full."""

    full = False

    async def keep(self, _events: Sequence[Event], _samples: Sequence[Sample]) -> None:
        if self.full:
            raise StoreUnavailable("the disk is full")

    async def deliver(self) -> None:
        """Deliver nothing."""


class House:
    """An agent with two bots, of which the first is measured too, an intake and the desk; a second a step."""

    def __init__(self) -> None:
        self.now = START
        self.disk = FullDisk()
        self.offsets = [0, 0]
        self.measured: list[float] = []
        self.verdicts: list[tuple[str, Verdict]] = []
        self.desk = LivenessDesk(MemoryLiveness(), MemorySeries(), None, self.clock, self.clock)
        self.desk.standing = lambda _: Standing(Life.RUNNING, started_at=START)
        self.desk.told = lambda view: self.verdicts.append((view.bot, view.verdict))
        self.intake = Intake(MemoryEvents(), self, self.disk, clock=self.clock)
        self.desk.held_up = self.intake.held_up

    def clock(self) -> float:
        return self.now

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        self.measured += [one.time for one in samples if one.name == "bot_up"]
        self.desk.samples(bot, samples)

    def events(self, bot: str, events: Sequence[Event]) -> None:
        self.desk.events(bot, events)

    async def reports(self, _reports: Any) -> None:
        """Take none."""

    def batch(self, bots: Sequence[int] = (0, 1)) -> bytes:
        """Return the next line of each bot, and a measurement of the first."""
        chunks = []
        for bot in bots:
            line = json.dumps({"_metric": "price", "symbol": "X", "value": 1.0}).encode() + b"\n"
            chunks.append(Chunk(bot, "stdout", 0, self.offsets[bot], self.now, line))
            self.offsets[bot] += len(line)
        labels = [
            AllocationLabels("f", f"b{bot}", "p", "1.0.0", "realtime", "live", "r", "s", f"a{bot}")
            for bot in range(2)
        ]
        return encode_batch(Batch(WIRE_VERSION, "n", labels, chunks, [Use(0, self.now, {"bot_up": 1.0})]))

    async def lives(self, seconds: int, bots: Sequence[int] = (0, 1)) -> None:
        """Let the bots print each second, all of it taken."""
        for _ in range(seconds):
            self.now += 1.0
            assert (await self.intake.accept(self.batch(bots))).status == 204
            await self.desk.look()

    async def refuses(self, seconds: int, bots: Sequence[int] = (0, 1)) -> None:
        """Let the disk be full: the agent sends the same batch every eight seconds, and no line after it."""
        self.disk.full = True
        self.now += 1.0
        body = self.batch(bots)
        for second in range(seconds):
            self.now += 1.0
            if second % 8 == 0:
                assert (await self.intake.accept(body)).status == 503
            await self.desk.look()
        self.disk.full = False
        assert (await self.intake.accept(body)).status == 204
        await self.desk.look()


async def test_a_full_disk_accuses_no_bot_of_silence() -> None:
    """Two minutes in which nothing is taken change no verdict, and neither does the time after them."""
    house = House()
    await house.lives(300)
    await house.refuses(120)
    await house.lives(120)
    assert house.verdicts == [("b0", Verdict.HEALTHY), ("b1", Verdict.HEALTHY)]


async def test_a_measurement_is_told_once_however_often_it_comes() -> None:
    """A batch that is refused again and again shows no life anew, and a clock that is set back hides none."""
    house = House()
    await house.lives(10)
    await house.refuses(60)
    house.now -= 3600
    await house.lives(1)
    assert len(house.measured) == 12


async def test_a_bot_that_hangs_after_a_full_disk_is_found() -> None:
    """Its silence counts from the end of the refusals on."""
    house = House()
    await house.lives(300)
    await house.refuses(120)
    await house.lives(200, bots=(1,))
    assert house.verdicts[2:] == [("b0", Verdict.HUNG)]


async def test_what_was_found_before_a_full_disk_holds_through_it() -> None:
    """Nobody is told that a bot is well of which nothing was heard; once it prints, that is told."""
    house = House()
    await house.lives(300)
    await house.lives(100, bots=(1,))
    await house.refuses(120, bots=(1,))
    await house.lives(20, bots=(1,))
    assert house.verdicts[2:] == [("b0", Verdict.HUNG)]
    await house.lives(10)
    assert house.verdicts[3:] == [("b0", Verdict.HEALTHY)]


@pytest.mark.parametrize("tries", [True, False])
async def test_an_agent_that_stops_sending_is_no_refusal(tries: bool) -> None:
    """Once nobody tries any more its bots are not heard of, whatever was refused before."""
    house = House()
    await house.lives(300)
    house.disk.full = True
    body = house.batch()
    for second in range(200):
        house.now += 1.0
        if tries and second == 0:
            assert (await house.intake.accept(body)).status == 503
        await house.desk.look()
    assert ("b0", Verdict.STREAM_LOST) in house.verdicts


async def test_an_agent_that_alone_is_refused_hides_its_bots_from_nobody() -> None:
    """The stores take what others say: after a while it is said that nothing is known of this one's bots."""
    house = House()
    await house.lives(300)
    refused, offset = house.batch(), 0
    for second in range(400):
        house.now += 1.0
        if second % 8 == 0:
            house.disk.full = True
            assert (await house.intake.accept(refused)).status == 503
            house.disk.full = False
        other = AllocationLabels("f", "c0", "p", "1.0.0", "realtime", "live", "r", "s", "c")
        chunk = Chunk(0, "stdout", 0, offset, house.now, b"a line\n")
        offset += 7
        batch = encode_batch(Batch(WIRE_VERSION, "m", [other], [chunk]))
        assert (await house.intake.accept(batch)).status == 204
        await house.desk.look()
        if second == 60:
            assert [one for one in house.verdicts if one[1] is Verdict.STREAM_LOST] == []
    lost = {bot for bot, verdict in house.verdicts if verdict is Verdict.STREAM_LOST}
    assert lost == {"b0", "b1"}
