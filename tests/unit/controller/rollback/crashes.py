"""Bots that crash and get healthy, in a world of fakes."""

from controller.status import Health, Reason
from schemas.bot import BotSpec
from tests.unit.controller.examples import spec
from tests.unit.controller.harness import World

GOOD = spec("a")
BAD = spec("a", parameters={"fast": 99})
BETTER = spec("a", parameters={"fast": 12})


async def healthy(world: World, *names: str) -> None:
    """Let time pass until bots are healthy."""
    await world.clock.advance(11)
    assert {world.health(name) for name in names} == {Health.HEALTHY}


async def crash_loop(world: World, name: str, message: str = "ValueError: no") -> None:
    """Let a bot crash until it counts as a loop, or as soon as another spec of it was applied."""
    before = len(world.scheduler.applied)
    for number in range(5):
        world.scheduler.crash(name, message)
        await world.clock.advance(1)
        if number < 4 and len(world.scheduler.applied) == before:
            world.scheduler.start_process(name)
            await world.clock.advance(1)


def runs(world: World, name: str) -> BotSpec | None:
    """Return the spec that the scheduler runs."""
    launch = world.scheduler.jobs[name].launch
    return launch.spec if launch else None


def reason(world: World, name: str) -> Reason:
    return world.controller.status(name).reason
