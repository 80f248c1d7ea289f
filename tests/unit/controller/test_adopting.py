"""Adoption: a bot takes the place of a job that herdsman did not start, by word alone, once that is dead."""

import asyncio
from dataclasses import replace

import pytest

from controller.records import STOPPED, OtherJob
from controller.schedulers.protocol import Phase
from schemas.errors import Conflict, NotFound, UsageError
from tests.unit.controller.examples import spec

JOB = OtherJob("momentum", "service", "running", "7", 1)


@pytest.fixture
def cluster(world):
    world.scheduler.strangers = {
        "momentum": JOB,
        "desk-zzzzzz.b": OtherJob("desk-zzzzzz.b", "service", "running", "3", 1, fleet="desk-zzzzzz"),
        "desk-agent": OtherJob("desk-agent", "system", "running", "3", 1, "", "agent"),
    }
    return world


async def test_a_job_runs_on_until_git_has_the_bot_and_is_dead_before_it_starts(cluster):
    """The word alone changes nothing; at the bot's start the job ends first, however long that takes."""
    cluster.scheduler.slow_stops = True
    async with cluster.life() as controller:
        await cluster.push([spec("other")], 1)
        await controller.adopting.adopt("a", "momentum", "7", "ada", "to herdsman")
        await cluster.clock.advance(120)
        assert cluster.scheduler.strangers["momentum"] == JOB
        cluster.source.push([spec("other"), spec("a")], 2)
        asked = controller.request_pass("push")
        (action,) = (await asked.planned()).actions
        assert action.summary.endswith("in place of the job momentum")
        await cluster.until(lambda: ("end", "momentum") in cluster.scheduler.log)
        await cluster.clock.advance(60)
        assert "a" not in cluster.scheduler.jobs
        cluster.scheduler.end_stranger("momentum")
        await cluster.clock.advance(10)
        await asyncio.wait_for(asked.wait(), 60)
        assert cluster.scheduler.log[-1] == ("apply", "a")
        assert cluster.scheduler.jobs["a"].seen.phase is Phase.RUNNING
        done, asked_for = (await controller.audit())[:2]
        assert (done.action, done.subject, done.details["job"]) == ("adopted", "a", "momentum")
        assert (asked_for.action, asked_for.who, asked_for.why) == ("adopt", "ada", "to herdsman")
        assert (await controller.adopting.adoptable()).waiting == ()
        cluster.source.push([spec("other"), spec("a", parameters={"fast": 12})], 3)
        await controller.request_pass("push").wait()
        assert cluster.scheduler.calls["stop"] == 0


async def test_an_adoption_outlives_a_restart(cluster):
    """What an operator said before herdsman ended holds in its next life."""
    async with cluster.life() as controller:
        await controller.adopting.adopt("a", "momentum", "7", "ada", "to herdsman")
    async with cluster.life() as controller:
        assert [one.job for one in (await controller.adopting.adoptable()).waiting] == ["momentum"]
        await cluster.push([spec("a")], 1)
        assert cluster.scheduler.log == [("end", "momentum"), ("apply", "a")]


async def test_a_job_that_changed_since_it_was_looked_at_is_left_alone(cluster):
    """It is neither recorded nor ended; the bot waits until somebody has looked at the job again."""
    async with cluster.life() as controller:
        with pytest.raises(Conflict, match="look at it again"):
            await controller.adopting.adopt("a", "momentum", "6", "ada", "why")
        await controller.adopting.adopt("a", "momentum", "7", "ada", "why")
        cluster.scheduler.strangers["momentum"] = OtherJob("momentum", "service", "running", "8", 1)
        cluster.source.push([spec("a")], 1)
        controller.request_pass("push")
        await cluster.clock.advance(30)
        assert "a" not in cluster.scheduler.jobs
        assert cluster.scheduler.strangers["momentum"].status == "running"
        await controller.adopting.adopt("a", "momentum", "8", "ada", "why")
        await cluster.clock.advance(300)
        assert cluster.scheduler.log == [("end", "momentum"), ("apply", "a")]


async def test_an_adoption_is_not_taken_back_while_the_bot_would_start_beside_the_job(cluster):
    """A changed job runs on, so the bot must be gone from git, or suspended, before its word ends."""
    async with cluster.life() as controller:
        await controller.adopting.adopt("a", "momentum", "7", "ada", "why")
        cluster.scheduler.strangers["momentum"] = replace(JOB, token="8")
        cluster.source.push([spec("other"), spec("a")], 1)
        controller.request_pass("push")
        await cluster.clock.advance(30)
        with pytest.raises(Conflict, match="Take a from git or suspend it first"):
            await controller.adopting.cancel("a", "ada", "")
        await cluster.clock.advance(300)
        assert "a" not in cluster.scheduler.jobs
        await cluster.push([spec("other")], 2)
        await controller.adopting.cancel("a", "ada", "")
        await cluster.clock.advance(300)
        assert "a" not in cluster.scheduler.jobs
        assert cluster.scheduler.strangers["momentum"].status == "running"


async def test_a_bot_starts_beside_no_job_whose_adoption_was_taken_back(cluster):
    """Nobody ends the job any more; the bot waits for its end, says so, and is kept so over a restart."""
    async with cluster.life() as controller:
        await controller.adopting.adopt("a", "momentum", "7", "ada", "why")
        await controller.adopting.cancel("a", "bo", "rather not")
        with pytest.raises(Conflict, match="that was taken back already"):
            await controller.adopting.cancel("a", "bo", "")
        with pytest.raises(Conflict, match="waits until it has ended"):
            await controller.adopting.adopt("a", "idle", "1", "ada", "why")
    async with cluster.life() as controller:
        cluster.source.push([spec("a")], 1)
        asked = controller.request_pass("push")
        (action,) = (await asked.planned()).actions
        assert action.summary.endswith("once the job momentum has ended")
        await cluster.clock.advance(300)
        assert cluster.scheduler.strangers["momentum"] == JOB
        status = next(one for one in controller.statuses() if one.name == "a")
        assert "which bo took back" in status.message
        assert "herdsman adopt a --cancel --beside" in status.message
        assert "a" not in cluster.scheduler.jobs
        cluster.scheduler.strangers["momentum"] = replace(JOB, status=STOPPED, copies=0)
        await cluster.clock.advance(900)
        assert cluster.scheduler.jobs["a"].seen.phase is Phase.RUNNING
        assert (await controller.adopting.adoptable()).waiting == ()


@pytest.mark.parametrize("later", [False, True])
async def test_both_may_live_where_an_operator_says_so(cluster, later):
    """With the word that takes the adoption back, or once git has the bot, which waits until then."""
    async with cluster.life() as controller:
        await controller.adopting.adopt("a", "momentum", "7", "ada", "the wrong job")
        await controller.adopting.cancel("a", "ada", "", beside=not later)
        cluster.source.push([spec("a")], 1)
        controller.request_pass("push")
        await cluster.clock.advance(30)
        assert ("a" in cluster.scheduler.jobs) is not later
        if later:
            await controller.adopting.cancel("a", "ada", "", beside=True)
            await cluster.clock.advance(900)
        assert cluster.scheduler.strangers["momentum"] == JOB
        assert cluster.scheduler.jobs["a"].seen.phase is Phase.RUNNING
        taken_back = next(one for one in await controller.audit() if one.action == "adopt-cancel")
        assert taken_back.details["kept_apart"] is False


async def test_nothing_is_kept_apart_of_a_job_that_has_ended(cluster):
    """An adoption that is taken back after its job's end leaves nothing to wait for."""
    async with cluster.life() as controller:
        await controller.adopting.adopt("a", "momentum", "7", "ada", "why")
        cluster.scheduler.strangers["momentum"] = replace(JOB, status=STOPPED, copies=0)
        await controller.adopting.cancel("a", "ada", "")
        assert (await controller.adopting.adoptable()).waiting == ()


async def test_an_adoption_is_not_taken_back_while_the_job_is_ending(cluster):
    """Whatever keeps the bot from starting meanwhile: a copy that is asked to end may live for long."""
    cluster.scheduler.slow_stops = True
    async with cluster.life() as controller:
        cancel = controller.adopting.cancel
        await controller.adopting.adopt("a", "momentum", "7", "ada", "why")
        cluster.source.push([spec("a")], 1)
        controller.request_pass("push")
        await cluster.until(lambda: ("end", "momentum") in cluster.scheduler.log)
        await controller.suspend("a", "ada", "wait")
        with pytest.raises(Conflict, match="may still live"):
            await cancel("a", "ada", "")
        with pytest.raises(Conflict, match="take that back first"):
            await controller.adopting.adopt("a", "idle", "1", "ada", "why")
        await controller.resume("a", "ada")
        await cluster.clock.advance(300)
        assert "a" not in cluster.scheduler.jobs
        await controller.suspend("a", "ada", "wait")
        cluster.scheduler.end_stranger("momentum")
        await cancel("a", "ada", "")
        await controller.resume("a", "ada")
        await cluster.clock.advance(300)
        assert cluster.scheduler.log == [("end", "momentum"), ("apply", "a")]


async def test_a_job_that_was_purged_between_two_lives_has_not_ended(cluster):
    """Nobody saw the end of its copy, which may live: the bot starts only where an operator says so."""
    cluster.scheduler.slow_stops = True
    async with cluster.life() as controller:
        await controller.adopting.adopt("a", "momentum", "7", "ada", "why")
        cluster.source.push([spec("a")], 1)
        controller.request_pass("push")
        await cluster.until(lambda: ("end", "momentum") in cluster.scheduler.log)
    del cluster.scheduler.strangers["momentum"]
    async with cluster.life() as controller:
        controller.request_pass("push")
        await cluster.clock.advance(300)
        assert "a" not in cluster.scheduler.jobs
        status = next(one for one in controller.statuses() if one.name == "a")
        assert "purged before the end" in status.message
        await controller.suspend("a", "ada", "its node was looked at")
        with pytest.raises(Conflict, match="purged before the end"):
            await controller.adopting.cancel("a", "ada", "")
        await controller.adopting.cancel("a", "ada", "", beside=True)
        await controller.resume("a", "ada")
        await cluster.clock.advance(300)
        assert cluster.scheduler.log == [("end", "momentum"), ("apply", "a")]


async def test_a_bot_that_git_has_brought_meanwhile_is_not_to_take_a_place(cluster):
    """While the jobs are listed the bot may start: then it takes nobody's place any more."""
    async with cluster.life() as controller:
        cluster.scheduler.listing = asyncio.Event()
        asked = asyncio.create_task(controller.adopting.adopt("a", "momentum", "7", "ada", "why"))
        await cluster.scheduler.asked["others"].wait()
        await cluster.push([spec("a")], 1)
        cluster.scheduler.listing.set()
        with pytest.raises(Conflict, match="is a bot of this fleet already"):
            await asked
        assert (await controller.adopting.adoptable()).waiting == ()


async def test_a_bot_that_the_scheduler_refuses_ends_no_job(cluster):
    """What would be refused is known before the job is ended, and the adoption waits until it is mended."""
    cluster.scheduler.refused["a"] = "there is no node pool fast"
    async with cluster.life() as controller:
        await controller.adopting.adopt("a", "momentum", "7", "ada", "why")
        cluster.source.push([spec("a")], 1)
        await asyncio.wait_for(controller.request_pass("push").wait(), 60)
        await cluster.clock.advance(60)
        assert cluster.scheduler.strangers["momentum"] == JOB
        assert [one.job for one in (await controller.adopting.adoptable()).waiting] == ["momentum"]
        status = next(one for one in controller.statuses() if one.name == "a")
        assert "there is no node pool fast" in status.message
        del cluster.scheduler.refused["a"]
        await cluster.clock.advance(900)
        assert cluster.scheduler.log == [("end", "momentum"), ("apply", "a")]


async def test_a_bot_that_cannot_be_built_ends_no_job(cluster):
    """The job runs on for as long as the bot in its place could not start."""
    cluster.bundles.broken.add("1.0.0")
    async with cluster.life() as controller:
        await controller.adopting.adopt("a", "momentum", "7", "ada", "why")
        cluster.source.push([spec("a")], 1)
        await asyncio.wait_for(controller.request_pass("push").wait(), 60)
        await cluster.clock.advance(60)
        assert cluster.scheduler.strangers["momentum"] == JOB


async def test_only_nobodys_jobs_can_be_adopted(cluster):
    """Another fleet's, herdsman's own, one that is not there, and one for a bot that runs are refused."""
    async with cluster.life() as controller:
        await cluster.push([spec("runs")], 1)
        adopt = controller.adopting.adopt
        with pytest.raises(UsageError, match="--adopt-fleet desk-zzzzzz"):
            await adopt("a", "desk-zzzzzz.b", "3", "ada", "why")
        with pytest.raises(UsageError, match="a part of herdsman"):
            await adopt("a", "desk-agent", "3", "ada", "why")
        with pytest.raises(NotFound, match="did you mean momentum"):
            await adopt("a", "momentun", "7", "ada", "why")
        with pytest.raises(Conflict, match="is a bot of this fleet already"):
            await adopt("runs", "momentum", "7", "ada", "why")
        with pytest.raises(NotFound):
            await controller.adopting.cancel("a", "ada", "")
        assert ("end", "momentum") not in cluster.scheduler.log
