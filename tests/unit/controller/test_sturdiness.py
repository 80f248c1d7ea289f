"""The loop outlives what nobody foresaw; what it cannot live with, it says in words."""

import asyncio

import pytest

from controller.controller import Controller
from controller.database import Database
from controller.database.programs import load_programs, save_program
from controller.loop import Loop
from controller.status import Health
from schemas.errors import UsageError
from tests.fakes.clock import FakeClock
from tests.fakes.scheduler import FakeScheduler
from tests.unit.controller.examples import FLEET, program, spec
from tests.unit.controller.harness import FakeBundles, FakeSource


async def test_adapter_with_a_bug_does_not_end_the_watch(world):
    """An unforeseen error while observing is waited out like an outage."""
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
        true_observe = world.scheduler.observe_bot

        async def broken(name):
            raise RuntimeError("a bug")

        world.scheduler.observe_bot = broken
        world.scheduler.stop_behind_our_back("a")
        await world.clock.advance(3)
        world.scheduler.observe_bot = true_observe
        await world.until(lambda: world.scheduler.calls["apply"] == 2)


async def test_adapter_with_a_bug_after_a_conflict_ends_nothing(world):
    """The look that follows a conflict may fail in any way: the bot is tried again, the others go on."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        true_observe = world.scheduler.observe_bot

        async def broken(name):
            raise RuntimeError("a bug")

        world.scheduler.observe_bot = broken
        world.scheduler.conflicts["a"] = 1
        world.source.push([spec("a", parameters={"fast": 12})], 2)
        controller.request_pass("push")
        await world.until(lambda: world.scheduler.conflicts["a"] == 0)
        await world.clock.advance(1)
        world.scheduler.observe_bot = true_observe
        await world.clock.advance(30)
        await world.until(lambda: len(world.scheduler.applied) == 2)


async def test_listener_that_raises_keeps_nothing_from_happening(world):
    """An error of a listener about one bot leaves the others told, and the fleet running."""
    true_hear = world.heard.status_changed

    def hear(status):
        if status.name == "a":
            raise RuntimeError("a bug")
        true_hear(status)

    world.heard.status_changed = hear
    async with world.life() as controller:
        world.source.push([spec("a"), spec("b")], 1)
        controller.request_pass("push")
        await world.until(lambda: len(world.scheduler.jobs) == 2)
        await world.clock.advance(12)
        assert world.health("b") is Health.HEALTHY


async def test_database_that_fails_for_a_while_is_waited_for(world):
    """While nothing can be written, nothing is applied; afterwards all goes on by itself."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        true_run = controller._database.run

        async def broken(function):
            raise OSError("no space left on device")

        controller._database.run = broken
        world.source.push([spec("a", parameters={"fast": 12})], 2)
        with pytest.raises(Exception, match="no space left"):
            await controller.request_pass("push").wait()
        assert world.scheduler.calls["apply"] == 1
        assert any("no space left" in problem for problem in controller.problems())
        controller._database.run = true_run
        await world.clock.advance(65)
        assert world.scheduler.calls["apply"] == 2
        assert controller.problems() == []


async def test_what_cannot_be_lived_with_is_raised_as_it_is(tmp_path):
    """A start that cannot be is one plain error, for `run` and for whoever waits for `ready`."""

    class Taken(FakeScheduler):
        async def open(self):
            raise UsageError("another herdsman uses this folder")

    clock, source = FakeClock(), FakeSource()
    database = await Database.open(str(tmp_path / "herdsman.db"))
    controller = Controller(Loop(Taken(FLEET, clock.time), source, source, FakeBundles(), database, clock))
    running = asyncio.create_task(controller.run())
    with pytest.raises(UsageError, match="another herdsman"):
        await running
    with pytest.raises(UsageError, match="another herdsman"):
        await controller.ready()
    assert controller.problems() == ["the controller has ended: another herdsman uses this folder"]
    await database.close()


async def test_what_ran_is_remembered_after_its_bots_are_gone(world):
    """The content of a version that ever ran is known for ever, so that it cannot change unnoticed."""
    async with world.life() as controller:
        await world.push([spec("a", version="1.0.0"), spec("b", version="2.0.0")], 1)
        await world.push([spec("b", version="2.0.0")], 2)
    async with world.life() as controller:
        assert controller.programs_ran() == {
            ("sma", "1.0.0"): "tree-1.0.0",
            ("sma", "2.0.0"): "tree-2.0.0",
        }


async def test_program_is_stored_with_its_newest_content(tmp_path):
    """In development, other content under the same version replaces what was known."""
    database = await Database.open(str(tmp_path / "herdsman.db"))
    for tree in ("one", "two"):
        ran = program(tree=tree)
        await database.run(lambda connection, ran=ran: save_program(connection, ran, 1.0))
    assert await database.run(load_programs) == {("sma", "1.0.0"): "two"}
    await database.close()
