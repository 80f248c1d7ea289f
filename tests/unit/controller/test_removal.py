"""Removals: dead first, logs acknowledged, then forgotten; and never by mistake."""

import asyncio

import pytest

from controller.consent import TO_WHAT_IS_HELD, consent_to
from controller.records import ChangeState, RevisionState
from controller.schedulers.protocol import Phase
from controller.status import Health, Reason
from schemas.errors import NotFound
from tests.unit.controller.examples import revision, spec


def bots(count):
    return [spec(f"bot-{number:03}") for number in range(count)]


async def test_removed_bot_is_stopped_then_forgotten(world):
    """A bot gone from git is stopped, its job removed, and nothing of it is left in any list."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        await world.push([spec("b")], 2)
        assert world.scheduler.log[-3:] == [("stop", "a"), ("dead", "a"), ("remove", "a")]
        await world.until(lambda: "a" in world.heard.removed)
        assert [status.name for status in controller.statuses()] == ["b"]
        assert "a" not in await controller.bundle_keys()


async def test_new_bots_start_after_the_removed_ones_are_dead(world):
    """A new bot waits for the end of those that the same revision removes; an update does not."""
    world.scheduler.slow_stops = True
    async with world.life() as controller:
        await world.push([spec("old"), spec("kept")], 1)
        world.source.push([spec("kept", parameters={"fast": 12}), spec("new")], 2)
        asked = controller.request_pass("push")
        await world.until(lambda: world.scheduler.calls["apply"] == 3)
        await world.clock.advance(5)
        assert "new" not in world.scheduler.jobs
        world.scheduler.finish_stop("old")
        await asyncio.wait_for(asked.wait(), 90)
        events = world.scheduler.log
        assert events.index(("dead", "old")) < events.index(("apply", "new"))


async def test_removal_that_does_not_end_delays_new_bots_only_so_long(world):
    """A bot that will not die does not keep new bots from starting for ever."""
    world.scheduler.slow_stops = True
    async with world.life() as controller:
        await world.push([spec("old")], 1)
        world.source.push([spec("new")], 2)
        controller.request_pass("push")
        await world.until(lambda: world.scheduler.jobs["old"].seen.phase is Phase.STOPPING)
        await world.clock.advance(62)
        assert "new" in world.scheduler.jobs


async def test_renamed_bot_waits_for_its_old_self_without_end(world):
    """A renamed bot never starts before the old one is dead, whatever the wait."""
    world.scheduler.slow_stops = True
    async with world.life() as controller:
        await world.push([spec("old")], 1)
        world.source.push([spec("new", renamed_from="old")], 2)
        asked = controller.request_pass("push")
        await world.until(lambda: world.scheduler.jobs["old"].seen.phase is Phase.STOPPING)
        await world.clock.advance(200)
        assert "new" not in world.scheduler.jobs
        world.scheduler.finish_stop("old")
        await world.until(lambda: "new" in world.scheduler.jobs)
        await asyncio.wait_for(asked.wait(), 90)
        assert world.scheduler.jobs["new"].launch.spec.renamed_from == "old"


async def test_job_is_kept_until_its_logs_are_acknowledged(world):
    """The job, and with it the log files, is removed only once the last lines have arrived."""
    arrived = False
    world.acknowledged = lambda _name: arrived
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.source.push([spec("b")], 2)
        asked = controller.request_pass("push")
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase is Phase.STOPPED)
        await world.clock.advance(10)
        assert "a" in world.scheduler.jobs
        arrived = True
        await world.clock.advance(2)
        await asyncio.wait_for(asked.wait(), 90)
        assert "a" not in world.scheduler.jobs


async def test_logs_that_never_arrive_do_not_keep_a_job_for_ever(world):
    """After a while a job is removed though nobody acknowledged its logs."""
    world.acknowledged = lambda _name: False
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        world.source.push([spec("b")], 2)
        world.controller.request_pass("push")
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase is Phase.STOPPED)
        await world.clock.advance(32)
        assert "a" not in world.scheduler.jobs


async def test_large_prune_is_held_until_it_is_confirmed(world):
    """Too many removals at once wait for a person, and no new bot starts meanwhile."""
    async with world.life() as controller:
        await world.push(bots(10), 1)
        world.source.push([*bots(5), spec("new")], 2)
        asked = controller.request_pass("push")
        plan = await asked.planned()
        assert "5 of 10 bots would be removed" in plan.held
        await asyncio.wait_for(asked.wait(), 90)
        await world.clock.advance(130)
        assert world.scheduler.calls["stop"] == 0
        assert "new" not in world.scheduler.jobs
        assert controller.problems() == [plan.held]
        assert (await controller.revisions())[0].state is RevisionState.PENDING
        assert controller.status("new").reason is Reason.PRUNE_HELD
        assert controller.status("bot-009").health is Health.HEALTHY

        await controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD).wait()
        assert set(world.scheduler.jobs) == {*(f"bot-{n:03}" for n in range(5)), "new"}
        await world.clock.advance(1)
        assert (await controller.revisions())[0].state is RevisionState.APPLIED
        await world.push(bots(6), 3)
        await world.clock.advance(5)
        held = {one.revision.id: one.held for one in await controller.revisions()}
        assert set(held.values()) == {""}
        assert controller.problems() == []


async def test_confirmed_prune_is_finished_though_it_takes_several_passes(world):
    """A confirmed prune is not held again by a pass that comes in its midst."""
    world.scheduler.slow_stops = True
    async with world.life() as controller:
        await world.push(bots(10), 1)
        world.source.push(bots(2), 2)
        controller.request_pass("push", by="ada", consent=consent_to(revision(2).id))
        await world.until(lambda: world.scheduler.calls["stop"] == 8)
        await controller.request_pass("operator").planned()
        for number in range(2, 10):
            world.scheduler.finish_stop(f"bot-{number:03}")
        await world.until(lambda: len(world.scheduler.jobs) == 2)


async def test_bot_that_comes_back_is_started_again(world):
    """A bot that is removed and pushed again before it is dead starts anew once it is."""
    world.scheduler.slow_stops = True
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.source.push([spec("b")], 2)
        removal = controller.request_pass("push")
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase is Phase.STOPPING)
        world.source.push([spec("a"), spec("b")], 3)
        again = controller.request_pass("push")
        await world.until(lambda: again.plan is not None)
        assert (await asyncio.wait_for(removal.wait(), 90))[0].state is ChangeState.UNCHANGED
        world.scheduler.finish_stop("a")
        await asyncio.wait_for(again.wait(), 90)
        assert world.scheduler.jobs["a"].seen.phase is Phase.RUNNING
        assert world.scheduler.calls["remove"] == 0


async def test_moved_and_then_broken_file_does_not_purge(world):
    """A manifest that moves, and later fails at its new place, still protects its bot."""
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        await world.push([spec("a", path="bots/prod/a.yaml"), spec("b")], 2)
        await world.push([spec("b")], 3, failed_paths=frozenset({"bots/prod/a.yaml"}))
        await world.clock.advance(90)
        assert "a" in world.scheduler.jobs
        assert world.scheduler.calls["stop"] == 0


async def test_removal_goes_on_after_a_restart(world):
    """A removal that was under way when herdsman died is finished by its next life."""
    world.scheduler.slow_stops = True
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.source.push([spec("b")], 2)
        controller.request_pass("push")
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase is Phase.STOPPING)
    world.scheduler.finish_stop("a")
    async with world.life() as controller:
        await world.until(lambda: "a" not in world.scheduler.jobs)
        await world.until(lambda: controller.revision() is not None)
        assert controller.revision().revision == revision(2)
        await world.until(lambda: [one.name for one in controller.statuses()] == ["b"])
        with pytest.raises(NotFound, match="no bot a"):
            controller.status("a")


async def test_dead_job_is_stopped_before_it_is_forgotten(world):
    """A bot whose job only happens to be dead is stopped first, so that nobody starts it in between."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.scheduler.show("a", quietly=True, phase=Phase.STOPPED)
        world.source.push([spec("b")], 2)
        await controller.request_pass("push").wait()
        assert world.scheduler.calls["stop"] == 1
        assert "a" not in world.scheduler.jobs


async def test_new_bot_never_takes_the_state_of_a_bot_that_stays(world):
    """Where the former name still is a bot of the fleet, the new one is refused in words."""
    async with world.life() as controller:
        await world.push([spec("old")], 1)
        await world.push([spec("old"), spec("new", renamed_from="old")], 2)
        assert "new" not in world.scheduler.jobs
        assert "renamed_from names old, which is still a bot" in controller.status("new").message
        world.source.push([spec("new", renamed_from="old")], 3)
        controller.request_pass("push")
        await world.clock.advance(40)  # where it was refused once more just before, it is tried again in 30 s
        await world.until(lambda: "new" in world.scheduler.jobs)
        assert world.scheduler.jobs["new"].launch.spec.renamed_from == "old"


async def test_former_name_that_is_in_use_again_is_let_go_of(world):
    """A bot that was renamed long ago does not take the state of a later bot of its former name."""
    async with world.life():
        await world.push([spec("old")], 1)
        await world.push([spec("new", renamed_from="old")], 2)
        await world.until(lambda: "new" in world.scheduler.jobs)
        await world.push([spec("new", renamed_from="old"), spec("old")], 3)
        changed = spec("new", renamed_from="old", parameters={"fast": 12})
        await world.push([changed, spec("old")], 4)
        launch = world.scheduler.jobs["new"].launch
        assert (launch.spec.digest, launch.spec.renamed_from) == (changed.digest, "")
