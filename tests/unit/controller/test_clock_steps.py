"""A wall clock that is set, by a person or a time server, changes nobody's health and takes nothing back."""

import pytest

from controller.clock import WatchedClock
from controller.status import Health
from tests.fakes.clock import FakeClock
from tests.unit.controller.examples import spec

HOURS = 4 * 3600.0
BOTH = pytest.mark.parametrize("step", [HOURS, -HOURS], ids=["forward", "back"])


@BOTH
async def test_bot_gets_healthy_when_it_has_been_alive_long_enough(world, step):
    """Neither sooner nor later than without the step."""
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(5)
        world.clock.set(step)
        await world.clock.advance(3)
        assert world.health("a") is Health.PROGRESSING
        await world.clock.advance(4)
        assert world.health("a") is Health.HEALTHY


@BOTH
async def test_healthy_bots_stay_healthy(world, step):
    """No bot is told to be anything else, and none is said to be so since a moment to come."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(12)
        world.heard.statuses.clear()
        world.clock.set(step)
        await world.clock.advance(70, step=5)
        assert {status.health for status in world.heard.statuses} <= {Health.HEALTHY}
        assert all(one.since <= world.clock.time() for one in controller.statuses())


@BOTH
async def test_update_on_trial_is_not_late_for_it(world, step):
    """Only time that has passed makes an update one that does not get healthy."""
    slow = spec("a", parameters={"fast": 12}, healthy_within=60.0)
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
        await world.push([slow], 2)
        world.scheduler.crash("a")
        await world.clock.advance(30)
        world.clock.set(step)
        await world.clock.advance(20)
        assert world.scheduler.jobs["a"].launch.spec == slow
        await world.clock.advance(60)
        assert world.scheduler.jobs["a"].launch.spec == spec("a")


@BOTH
async def test_update_is_not_late_for_a_clock_that_was_set_while_herdsman_was_down(world, step):
    """Its time counts from the new life on, whatever the clock says of the one before."""
    slow = spec("a", parameters={"fast": 12}, healthy_within=60.0)
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
        await world.push([slow], 2)
        world.scheduler.crash("a")
        await world.clock.advance(5)
    world.clock.set(step)
    async with world.life():
        await world.clock.advance(40)
        assert world.scheduler.jobs["a"].launch.spec == slow
        await world.clock.advance(60)
        assert world.scheduler.jobs["a"].launch.spec == spec("a")


@BOTH
async def test_wave_is_not_late_for_it(world, step):
    """A rollout neither halts nor stands still because the clock was set."""
    names = [f"bot-{number:02d}" for number in range(12)]
    async with world.life() as controller:
        await world.push([spec(name) for name in names], 1)
        await world.clock.advance(12)
        world.source.push([spec(name, version="1.1.0") for name in names], 2)
        controller.request_pass("push")
        await world.clock.advance(5)
        world.clock.set(step)
        await world.clock.advance(60)
        assert controller.revision().rollout.halted == ""
        assert {job.launch.spec.program.version for job in world.scheduler.jobs.values()} == {"1.1.0"}


async def test_bot_of_an_earlier_life_is_alive_since_no_moment_to_come(world):
    """Where the clock was set back while herdsman was down, health does not wait for that time to come."""
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(5)
    world.clock.set(-HOURS)
    async with world.life():
        await world.clock.advance(12)
        assert world.health("a") is Health.HEALTHY


def test_a_clock_that_runs_a_little_wrong_was_not_set():
    """Small corrections are no steps; a step is told once, before the new time is."""
    clock, told = FakeClock(), []
    watched = WatchedClock(clock, lambda step, now: told.append((step, now)))
    for _ in range(10):
        clock.set(0.5)
        watched.time()
    assert told == []
    clock.set(-HOURS)
    assert watched.time() == watched.time()
    assert told == [(pytest.approx(-HOURS), clock.time())]
