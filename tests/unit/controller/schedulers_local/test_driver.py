"""A driver follows what its job asks for, with one launcher at a time."""

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controller.schedulers.local.driver import Driver
from controller.schedulers.local.registry import Job
from controller.schedulers.protocol import Phase
from schemas.errors import SchedulerRefused

NOON = 1_767_614_400.0
REALTIME = Job("alpha", "fleet-x", "one", "r", "t1", "alpha-1", {}, (), kill_timeout=0.0)
HOURLY = replace(REALTIME, schedule="0 * * * *", last_slot=NOON)


class FakeChild:
    """A launcher that ends when it is told to."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.signals: list[int] = []

    def send(self, number: int) -> None:
        self.signals.append(number)
        if not self.ended.done():
            self.ended.set_result(0)


class FakeHost:
    """What happened, in order; `refusal` makes starts fail, a `full` disk everything that writes."""

    node = "here"

    def __init__(self) -> None:
        self.moment = NOON
        self.refusal = ""
        self.full = False
        self.kill_switch = ""
        self.log: list[tuple[Any, ...]] = []
        self.children: list[FakeChild] = []
        self._moved = asyncio.Event()

    def now(self) -> float:
        return self.moment

    async def start(self, job: Job, slot: float | None) -> Any:
        self.log.append(("start", job.token, slot))
        self._write()
        if self.refusal:
            raise SchedulerRefused(self.refusal)
        self.children.append(FakeChild())
        return self.children[-1]

    def killed(self, job: Job) -> str:
        return self.kill_switch

    async def end_leftovers(self, job: Job) -> None:
        self.log.append(("sweep", job.token))

    async def record(self, job: Job) -> None:
        self.log.append(("record", job.last_slot))
        self._write()

    async def skipped(self, job: Job, reason: str, slots: tuple[float, ...]) -> None:
        self.log.append(("skipped", reason, slots))

    def _write(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")

    def last_words(self, job: Job) -> str:
        return "OSError: no room"

    def changed(self, job: Job) -> None:
        self._moved.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that a move makes true."""
        async with asyncio.timeout(60):
            while not condition():
                self._moved.clear()
                await self._moved.wait()


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


class driving:  # noqa: N801 - reads as what it does
    """Drive a job for the time of a block."""

    def __init__(self, job: Job, host: FakeHost) -> None:
        self.driver = Driver(job, host)

    async def __aenter__(self) -> Driver:
        self.task = asyncio.create_task(self.driver.drive())
        return self.driver

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


async def test_a_changed_job_replaces_its_launcher(host: FakeHost) -> None:
    """The old launcher has ended before the new one starts; at the end of all, that one is ended too."""
    async with driving(REALTIME, host) as driver:
        await host.until(lambda: driver.observed().phase is Phase.RUNNING)
        driver.ask(replace(REALTIME, token="t2"))
        assert driver.observed().reason == "replacing"
        await host.until(lambda: len(host.children) == 2)
    assert [child.signals for child in host.children] == [[15], [15]]
    assert host.log == [("start", "t1", None), ("start", "t2", None)]


async def test_a_stop_while_starting_is_not_forgotten(host: FakeHost) -> None:
    """A job stopped in the moment of its start is ended as soon as it runs."""
    async with driving(REALTIME, host) as driver:
        driver.ask(replace(REALTIME, token="t2", stopped="no"))
        await host.until(lambda: driver.observed().phase is Phase.STOPPED)
        assert not host.children or host.children[0].signals == [15]


async def test_a_launcher_that_was_killed_is_swept_up_after_and_replaced(host: FakeHost) -> None:
    """What it left is ended before the next one starts, the first time at once."""
    async with driving(REALTIME, host) as driver:
        await host.until(lambda: driver.running)
        host.children[0].ended.set_result(-9)
        await host.until(lambda: len(host.children) == 2 and driver.running)
        assert host.log == [("start", "t1", None), ("sweep", "t1"), ("start", "t1", None)]
        host.children[1].ended.set_result(1)
        await host.until(lambda: driver.observed().reason == "launcher_died")
        seen = driver.observed()
        assert seen.phase is Phase.PENDING
        assert seen.message == "the bot's launcher ended unasked (1): OSError: no room"


async def test_a_start_that_fails_is_explained_and_tried_again(host: FakeHost) -> None:
    """The bot is pending with the reason in words; a new apply is tried at once."""
    host.refusal = "the bundle is damaged"
    async with driving(REALTIME, host) as driver:
        await host.until(lambda: len(host.log) == 2 and driver.observed().message)
        seen = driver.observed()
        assert (seen.phase, seen.reason, seen.message) == (Phase.PENDING, "setup", "the bundle is damaged")
        host.refusal = ""
        driver.ask(replace(REALTIME, token="t2"))
        await host.until(lambda: driver.observed().phase is Phase.RUNNING)


async def test_a_slot_is_run_and_then_waited_for_again(host: FakeHost) -> None:
    """The launcher is told for which slot it runs; between runs the bot is idle and knows its next."""
    host.moment = NOON + 3600.5
    async with driving(HOURLY, host) as driver:
        await host.until(lambda: driver.running)
        assert host.log == [("record", NOON + 3600.5), ("start", "t1", NOON + 3600)]
        host.children[0].ended.set_result(1)
        await host.until(lambda: driver.observed().phase is Phase.IDLE and driver.observed().next_run)
        assert driver.observed().next_run == NOON + 7200
        assert len(host.children) == 1


async def test_slots_during_a_run_are_an_overlap(host: FakeHost) -> None:
    """They are told of, and not run late."""
    host.moment = NOON + 3600
    async with driving(HOURLY, host) as driver:
        await host.until(lambda: driver.running)
        host.moment = NOON + 3 * 3600 + 5
        host.children[0].ended.set_result(0)
        await host.until(lambda: driver.observed().phase is Phase.IDLE)
        await host.until(lambda: driver.observed().next_run == NOON + 4 * 3600)
        assert ("skipped", "overlap", (NOON + 7200, NOON + 10800)) in host.log
        assert len(host.children) == 1


@pytest.mark.parametrize("catch_up", [False, True])
async def test_missed_slots(host: FakeHost, catch_up: bool) -> None:
    """Slots that nobody was there for are told of; with catch_up the newest is run at once."""
    host.moment = NOON + 2.5 * 3600
    async with driving(replace(HOURLY, catch_up=catch_up), host) as driver:
        if catch_up:
            await host.until(lambda: driver.running)
            assert host.log[-1] == ("start", "t1", NOON + 7200)
            assert ("skipped", "missed", (NOON + 3600,)) in host.log
        else:
            await host.until(lambda: any(entry[0] == "skipped" for entry in host.log))
            assert host.log[-1] == ("skipped", "missed", (NOON + 3600, NOON + 7200))
            assert driver.observed().phase is Phase.IDLE


async def test_a_full_disk_is_waited_out(host: FakeHost) -> None:
    """What nobody foresaw at a start is said, and the bot is started once it has passed."""
    host.full = True
    async with driving(REALTIME, host) as driver:
        await host.until(lambda: "No space left" in driver.observed().message)
        assert driver.observed().phase is Phase.PENDING
        host.full = False
        await host.until(lambda: driver.observed().phase is Phase.RUNNING)


async def test_a_slot_that_could_not_be_accounted_for_is_not_lost(host: FakeHost) -> None:
    """It is run once its run can be recorded, never before, since it could then be run twice."""
    host.full = True
    host.moment = NOON + 3601
    async with driving(HOURLY, host) as driver:
        await host.until(lambda: len(host.log) >= 2)
        assert {entry[0] for entry in host.log} == {"record"}
        host.full = False
        await host.until(lambda: driver.running)
        assert host.log[-1] == ("start", "t1", NOON + 3600)


async def test_a_launcher_that_failed_is_swept_up_after(host: FakeHost) -> None:
    """One that ended by an error of its own could not see to what its bot had started."""
    async with driving(REALTIME, host) as driver:
        await host.until(lambda: driver.running)
        host.children[0].ended.set_result(1)
        await host.until(lambda: len(host.children) == 2)
    assert host.log[:3] == [("start", "t1", None), ("sweep", "t1"), ("start", "t1", None)]
