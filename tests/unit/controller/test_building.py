"""Compiled programs: their builds take long, may fail, and are nobody else's business."""

from dataclasses import replace

from controller.records import ChangeState
from controller.schedulers.protocol import Phase
from controller.status import Health, Reason
from schemas.bot import BotSpec
from tests.unit.controller.examples import spec


def compiled(name: str, *, version: str = "1.0.0", **fields: object) -> BotSpec:
    """Return a bot of a program in C++."""
    one = spec(name, version=version, **fields)
    program = replace(one.program, name="maker", runtime="gcc13", tree=f"maker-{version}")
    return replace(one, program=program)


async def test_a_build_delays_nobody_else_and_says_how_far_it_is(world):
    """While programs are being built, more of them than may be packed at once, other bots start."""
    slow = [compiled(f"slow-{number}", version=f"{number}.0.0") for number in range(1, 7)]
    async with world.life() as controller:
        world.source.push([*slow, spec("quick")], 1)
        asked = controller.request_pass("push")
        await world.until(lambda: world.health("quick") is Health.PROGRESSING and "quick" in jobs(world))
        await world.until(lambda: controller.status("slow-6").reason is Reason.BUILDING)
        status = controller.status("slow-1")
        assert (status.health, status.message) == (Health.PROGRESSING, "building: compiling maker")
        (change,) = [one for one in asked.changes if one.bot == "slow-1"]
        assert change.building
        world.bundles.compiling.set()
        changes = {one.bot: one.state for one in await asked.wait()}
        assert set(changes.values()) == {ChangeState.RUNNING}
        assert world.scheduler.jobs["slow-1"].launch.dependencies.key == "built-maker-1.0.0"


def jobs(world) -> set[str]:
    return set(world.scheduler.jobs)


async def test_a_failing_build_never_touches_a_running_bot(world):
    """It runs on at its last version, healthy; the change says why, with the compiler's own lines."""
    world.bundles.compiling.set()
    async with world.life() as controller:
        await world.push([compiled("a")], 1)
        await world.clock.advance(12)
        assert world.health("a") is Health.HEALTHY
        world.bundles.compiling.clear()
        world.bundles.broken.add("2.0.0")
        world.source.push([compiled("a", version="2.0.0")], 2)
        asked = controller.request_pass("push")
        await world.until(lambda: controller.status("a").reason is Reason.BUILDING)
        status = controller.status("a")
        assert status.health is Health.HEALTHY
        assert status.message == "runs on; its next version: building: compiling maker"
        world.bundles.compiling.set()
        (change,) = await asked.wait()
        assert change.state is ChangeState.FAILED
        assert change.message.splitlines() == [
            "The build failed: no such price (main.cpp:2:10)",
            "main.cpp:2:10: error",
        ]
        await world.until(lambda: controller.status("a").reason is Reason.BUILD_FAILED)
        status = controller.status("a")
        assert (status.health, status.version) == (Health.HEALTHY, "1.0.0")
        assert status.message == "The build failed: no such price (main.cpp:2:10)"
        assert world.scheduler.jobs["a"].seen.spec == compiled("a").digest
        assert world.scheduler.calls["apply"] == 1


async def test_a_newer_revision_does_not_wait_for_a_build(world):
    """A bot whose program is being built takes what is pushed meanwhile, also where that is what ran."""
    world.bundles.compiling.set()
    async with world.life() as controller:
        await world.push([compiled("a")], 1)
        await world.clock.advance(12)
        world.bundles.compiling.clear()
        for number, next_one, reason in (
            (2, compiled("a"), Reason.RUNNING),
            (4, spec("a", version="3.0.0"), Reason.NOT_YET_HEALTHY),
        ):
            world.source.push([compiled("a", version="2.0.0")], number)
            controller.request_pass("push")
            await world.until(lambda: controller.status("a").reason is Reason.BUILDING)
            await world.push([next_one], number + 1)
            await world.until(lambda reason=reason: controller.status("a").reason is reason)
        assert not world.bundles.compiling.is_set()
        assert world.scheduler.jobs["a"].seen.spec == spec("a", version="3.0.0").digest


async def test_a_suspension_does_not_wait_for_a_build(world):
    """An operator's stop stops the running copy while its next version is being built."""
    world.bundles.compiling.set()
    async with world.life() as controller:
        await world.push([compiled("a")], 1)
        world.bundles.compiling.clear()
        world.source.push([compiled("a", version="2.0.0")], 2)
        controller.request_pass("push")
        await world.until(lambda: controller.status("a").reason is Reason.BUILDING)
        await controller.suspend("a", "ada", "look at it first")
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase in (Phase.STOPPING, Phase.STOPPED))
        assert not world.bundles.compiling.is_set()


async def test_a_missing_compiler_is_looked_for_again_soon(world):
    """Once it is installed the bot starts within seconds, and its old reason goes."""
    world.bundles.without_runtime = "2.0.0"
    async with world.life() as controller:
        world.source.push([spec("a", version="2.0.0")], 1)
        await controller.request_pass("push").wait()
        await world.clock.advance(40)
        assert controller.status("a").reason is Reason.NO_RUNTIME
        world.bundles.without_runtime = ""
        await world.clock.advance(11)
        await world.until(lambda: controller.status("a").reason is not Reason.NO_RUNTIME)
        await world.clock.advance(11)
        assert world.health("a") is Health.HEALTHY
