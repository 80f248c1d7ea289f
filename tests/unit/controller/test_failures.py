"""What goes wrong with one bot is that bot's own."""

import asyncio

from controller.records import ChangeState, RevisionState
from controller.status import Health, Reason
from tests.unit.controller.examples import revision, spec


async def test_refused_bot_fails_and_the_others_run(world):
    """A bot that the scheduler refuses says so in its own status; all others run."""
    world.scheduler.refused["bad"] = "memory exceeds every node"
    async with world.life() as controller:
        world.source.push([spec("bad"), spec("good")], 1)
        changes = {one.bot: one for one in await controller.request_pass("push").wait()}
        assert changes["good"].state is ChangeState.RUNNING
        assert changes["bad"].state is ChangeState.FAILED
        assert changes["bad"].message == "memory exceeds every node"
        await world.until(lambda: world.health("bad") is Health.DEGRADED)
        assert controller.status("bad").reason is Reason.APPLY_FAILED
        await world.clock.advance(1)
        assert (await controller.revisions())[0].state is RevisionState.FAILED


async def test_missing_runtime_is_said(world):
    """A bot whose runtime is not on this machine is not placed, and says what is missing."""
    world.bundles.without_runtime = "2.0.0"
    async with world.life() as controller:
        world.source.push([spec("bad", version="2.0.0")], 1)
        (change,) = await controller.request_pass("push").wait()
        assert change.state is ChangeState.FAILED
        assert controller.status("bad").reason is Reason.NO_RUNTIME
        assert "no Node.js" in controller.status("bad").message


async def test_failed_bot_is_tried_again_later_and_later(world):
    """A bot that fails is tried again with growing waits, and runs once it can."""
    world.scheduler.refused["a"] = "no"
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        await controller.request_pass("push").wait()
        assert world.scheduler.calls["apply"] == 1
        await world.clock.advance(29)
        assert world.scheduler.calls["apply"] == 1
        await world.clock.advance(2)
        assert world.scheduler.calls["apply"] == 2
        await world.clock.advance(58)
        assert world.scheduler.calls["apply"] == 2
        del world.scheduler.refused["a"]
        await world.clock.advance(3)
        assert world.scheduler.calls["apply"] == 3
        await world.clock.advance(12)
        assert world.health("a") is Health.HEALTHY
        assert (await controller.revisions())[0].state is RevisionState.APPLIED


async def test_newer_revision_does_not_wait_for_the_backoff(world):
    """A bot that waits to be tried again takes a newer revision at once."""
    world.scheduler.refused["a"] = "no"
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        await controller.request_pass("push").wait()
        del world.scheduler.refused["a"]
        await world.push([spec("a", parameters={"fast": 12})], 2)
        assert [digest for _, digest in world.scheduler.applied] == [
            spec("a", parameters={"fast": 12}).digest
        ]


async def test_program_that_does_not_build_affects_its_bots_only(world):
    """A bundle that cannot be built fails its own bots; the log's end is their message."""
    world.bundles.broken.add("2.0.0")
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.source.push([spec("a", version="2.0.0"), spec("b", parameters={"fast": 12})], 2)
        changes = {one.bot: one.state for one in await controller.request_pass("push").wait()}
        assert changes == {"a": ChangeState.FAILED, "b": ChangeState.RUNNING}
        await world.until(lambda: controller.status("a").reason is Reason.BUILD_FAILED)
        status = controller.status("a")
        assert status.version == "1.0.0"
        assert (status.applied_revision, status.attempted_revision) == (revision(1).id, revision(2).id)
        assert world.scheduler.jobs["a"].seen.spec == spec("a").digest


async def test_program_is_built_once_for_all_its_bots(world):
    """However many bots wait for a program, it is built once."""
    world.bundles.gate = asyncio.Event()
    async with world.life() as controller:
        world.source.push([spec(f"bot-{number}") for number in range(30)], 1)
        asked = controller.request_pass("push")
        await world.until(lambda: asked.plan is not None and bool(world.bundles.built))
        world.bundles.gate.set()
        await asked.wait()
        assert world.bundles.built == ["1.0.0"]


async def test_slow_build_holds_up_nobody_else(world):
    """While one program is being built, bots of another are applied."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.bundles.gate = asyncio.Event()
        world.source.push([*(spec(f"slow-{n}", version="9.0.0") for n in range(12)), spec("a"), spec("b")], 2)
        controller.request_pass("push")
        await world.until(lambda: "9.0.0" in world.bundles.built)
        world.scheduler.stop_behind_our_back("a")
        gate, world.bundles.gate = world.bundles.gate, None
        await world.until(lambda: world.scheduler.calls["apply"] == 3)
        gate.set()


async def test_first_conflict_is_settled_at_once(world):
    """A bot that somebody changed in between is looked at again and applied, without a wait."""
    world.scheduler.conflicts["a"] = 1
    async with world.life():
        await world.push([spec("a")], 1)
        assert world.scheduler.applied == [("a", spec("a").digest)]
        assert world.clock.monotonic() == 0


async def test_conflicts_in_a_row_wait(world):
    """A bot whose applies keep conflicting is not hammered."""
    world.scheduler.conflicts["a"] = 50
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        change = (await controller.request_pass("push").wait())[0]
        assert change.state is ChangeState.FAILED
        await world.clock.advance(60)
        assert world.scheduler.calls["apply"] < 10


async def test_attempts_are_kept(world):
    """The last applies of a bot are kept with what they said."""
    world.scheduler.refused["a"] = "no room"
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        await controller.request_pass("push").wait()
        del world.scheduler.refused["a"]
        await world.clock.advance(40)
        attempts = await controller.attempts("a")
        assert [(one.ok, one.message) for one in attempts] == [(True, ""), (False, "no room")]


async def test_unexpected_error_of_one_bot_is_its_own(world):
    """An error that nobody foresaw fails one bot and leaves the loop alive."""
    world.scheduler.jobs.clear()

    async def broken(launch, expected):
        if launch.spec.name == "bad":
            raise RuntimeError("a bug")
        return await type(world.scheduler).apply(world.scheduler, launch, expected)

    world.scheduler.apply = broken
    async with world.life() as controller:
        world.source.push([spec("bad"), spec("good")], 1)
        changes = {one.bot: one for one in await controller.request_pass("push").wait()}
        assert changes["good"].state is ChangeState.RUNNING
        assert "unexpected RuntimeError: a bug" in changes["bad"].message


async def test_scheduler_that_is_down_is_waited_for(world):
    """A scheduler that does not answer makes sync Unknown; when it is back, all goes on by itself."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
        world.scheduler.down = True
        world.scheduler.send_gap()
        await world.until(lambda: controller.status("a").sync == "Unknown")
        assert controller.status("a").health is Health.HEALTHY
        assert controller.status("a").reason is Reason.SCHEDULER_UNAVAILABLE
        assert controller.problems() == ["the fake scheduler is down"]
        world.source.push([spec("a"), spec("b")], 2)
        world.scheduler.down = False
        await world.clock.advance(45)
        assert "b" in world.scheduler.jobs
        assert controller.problems() == []


async def test_revision_that_was_overtaken_while_the_scheduler_was_down_is_never_applied(world):
    """What git asked for in between is history once the scheduler answers again, however long it was away."""
    async with world.life():
        await world.push([spec("a")], 1)
        world.scheduler.down = True
        await world.push([spec("a", digest="overtaken")], 2)
        await world.clock.advance(200)
        await world.push([spec("a")], 3)
        await world.clock.advance(60)
        world.scheduler.down = False
        await world.clock.advance(400)
        assert [digest for _, digest in world.scheduler.applied] == [spec("a").digest]


async def test_scheduler_that_is_down_at_the_start_is_waited_for(world):
    """A start without the scheduler ends in a running fleet once it answers."""
    world.scheduler.down = True
    world.source.push([spec("a")], 1)
    async with world.life():
        await world.clock.advance(3)
        assert world.scheduler.jobs == {}
        world.scheduler.down = False
        await world.clock.advance(40)
        assert "a" in world.scheduler.jobs


async def test_crash_loop_is_degraded_with_the_last_error(world):
    """Five crashes in ten minutes make a bot Degraded, with the words of the last one."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        for number in range(5):
            await world.clock.advance(3)
            world.scheduler.crash("a", f"ConnectionError: refused ({number})")
            await world.clock.advance(1)
            world.scheduler.start_process("a")
            await world.clock.advance(1)
        await world.until(lambda: world.health("a") is Health.DEGRADED)
        status = controller.status("a")
        assert status.reason is Reason.CRASH_LOOP
        assert status.message.startswith("crashed 5 times in 20 s: ConnectionError: refused (4)")
        assert status.restarts == 5
        assert Health.HEALTHY not in world.heard.healths("a")
        assert world.scheduler.calls["apply"] == 1
        runs = await controller.runs("a")
        assert [run.outcome for run in runs] == ["", *["crashed"] * 5]


async def test_bot_that_never_ran_is_removed_without_its_old_failure(world):
    """Removing a bot whose program never built is told as a removal; its attempts kept the log until then."""
    world.bundles.broken.add("1.0.0")
    async with world.life() as controller:
        world.source.push([spec("bad")], 1)
        await controller.request_pass("push").wait()
        assert (await controller.attempts("bad"))[0].message.endswith("cannot be built\nthe log")
        world.source.push([], 2)
        (change,) = await controller.request_pass("push").wait()
        assert (change.state, change.message) == (ChangeState.REMOVED, "")


async def test_a_fix_is_not_told_as_the_failure_that_it_mends(world):
    """A push that mends a bot shows it running, not failed for the reason of before."""
    world.scheduler.refused["a"] = "no"
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        await controller.request_pass("push").wait()
        del world.scheduler.refused["a"]
        world.source.push([spec("a", parameters={"fast": 12})], 2)
        (change,) = await controller.request_pass("push").wait()
        assert change.state is ChangeState.RUNNING
