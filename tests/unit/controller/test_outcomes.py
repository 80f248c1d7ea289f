"""Every change comes to an end on record, also where herdsman ends in the middle of it."""

import asyncio

import pytest

from controller.database.revisions import open_changes
from controller.database.statuses import load_statuses
from controller.records import ChangeState, RevisionState
from controller.status import Health
from tests.unit.controller.examples import revision, spec

NEW = {"fast": 12}


async def changes(controller, number):
    """Return what became of each bot's change of a revision, as it is in the database."""
    record = await controller.find_revision(revision(number).id)
    return {change.bot: (change.action, change.state) for change in record.changes}


async def test_change_of_an_earlier_life_gets_its_outcome(world):
    """A bot that ran, and was not healthy yet as herdsman ended, is on record as healthy once it is."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(1)
        assert await changes(controller, 1) == dict.fromkeys("ab", ("create", ChangeState.RUNNING))
    async with world.life() as controller:
        await world.clock.advance(12)
        assert await changes(controller, 1) == dict.fromkeys("ab", ("create", ChangeState.HEALTHY))
        assert (await controller.revisions())[0].state is RevisionState.APPLIED


async def test_change_that_was_made_as_herdsman_ended_gets_its_outcome(world):
    """An apply whose answer was lost is on record with what came of it, not as if nothing had been done."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
        world.source.push([spec("a", parameters=NEW)], 2)
        true_apply = world.scheduler.apply

        async def dies(launch, expected):
            await true_apply(launch, expected)
            raise RuntimeError("the answer was lost")

        world.scheduler.apply = dies
        controller.request_pass("push")
        await world.until(lambda: world.scheduler.calls["apply"] == 2)
    world.scheduler.apply = true_apply
    async with world.life() as controller:
        await world.clock.advance(12)
        assert await changes(controller, 2) == {"a": ("update", ChangeState.HEALTHY)}


async def test_outcome_is_found_though_a_newer_revision_came_first(world):
    """What the newer revision leaves alone still gets its outcome; what it changes is called overtaken."""
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(1)
    world.source.push([spec("a"), spec("b", parameters=NEW)], 2)
    async with world.life() as controller:
        await world.clock.advance(12)
        assert await changes(controller, 1) == {
            "a": ("create", ChangeState.HEALTHY),
            "b": ("create", ChangeState.UNCHANGED),
        }
        assert await changes(controller, 2) == {"b": ("update", ChangeState.HEALTHY)}
        newest, before = await controller.revisions()
        assert (newest.state, before.state) == (RevisionState.APPLIED, RevisionState.APPLIED)


async def test_revision_that_was_not_finished_is_superseded_by_the_next_life(world):
    """A revision under way as herdsman ended is not shown as running for ever once a newer one is there."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.clock.advance(1)
        world.source.push([spec("a", parameters=NEW)], 2)
        world.scheduler.gate = asyncio.Event()
        controller.request_pass("push")
        await world.until(lambda: world.scheduler.calls["apply"] == 2)
        await world.clock.advance(1)
        assert (await controller.revisions())[0].state is RevisionState.RUNNING
    world.scheduler.gate = None
    world.source.push([spec("a", parameters={"fast": 14})], 3)
    async with world.life() as controller:
        await world.clock.advance(12)
        states = [one.state for one in await controller.revisions()]
        assert states == [RevisionState.APPLIED, RevisionState.SUPERSEDED, RevisionState.APPLIED]
        assert await changes(controller, 2) == {"a": ("update", ChangeState.UNCHANGED)}
        assert await changes(controller, 3) == {"a": ("update", ChangeState.HEALTHY)}


async def test_outcome_of_two_revisions_ago_is_called_overtaken(world):
    """Of two revisions that left a bot's change on its way, the later one has the outcome."""
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(1)
        await world.push([spec("a", parameters=NEW)], 2)
        await world.clock.advance(1)
    async with world.life() as controller:
        await world.clock.advance(12)
        assert await changes(controller, 1) == {"a": ("create", ChangeState.UNCHANGED)}
        assert await changes(controller, 2) == {"a": ("update", ChangeState.HEALTHY)}


async def test_removal_of_an_earlier_life_gets_its_outcome(world):
    """A bot that was still stopping as herdsman ended is on record as removed once it is gone."""
    async with world.life():
        await world.push([spec("a"), spec("b"), spec("c"), spec("d")], 1)
        await world.clock.advance(12)
        world.scheduler.slow_stops = True
        world.source.push([spec("b"), spec("c"), spec("d")], 2)
        world.controller.request_pass("push")
        await world.until(lambda: world.scheduler.calls["stop"] == 1)
        await world.clock.advance(1)
    world.scheduler.finish_stop("a")
    async with world.life() as controller:
        await world.until(lambda: "a" not in world.scheduler.jobs)
        await world.clock.advance(2)
        assert await changes(controller, 2) == {"a": ("remove", ChangeState.REMOVED)}


@pytest.mark.parametrize("again", [False, True], ids=["in one life", "after a restart"])
async def test_drift_amid_a_change_loses_no_outcome(world, again):
    """A bot that is stopped behind our back before it was healthy: its revision still tells the end."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.clock.advance(1)
        if not again:
            world.scheduler.stop_behind_our_back("a")
            await controller.request_pass("operator").wait()
            await world.clock.advance(12)
            assert await changes(controller, 1) == {"a": ("create", ChangeState.HEALTHY)}
            assert world.scheduler.calls["apply"] == 2
            return
    world.scheduler.stop_behind_our_back("a")
    async with world.life() as controller:
        await world.clock.advance(12)
        assert await changes(controller, 1) == {"a": ("create", ChangeState.HEALTHY)}
        assert world.scheduler.calls["apply"] == 2


async def test_record_survives_a_first_write_that_fails(world):
    """Where the first pass after a start cannot be written, who pushed and what changed are not forgotten."""
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        await controller.request_pass("push", by="ada").wait()
        await world.clock.advance(12)
    world.source.push([spec("a"), spec("b")], 1)  # the same revision asks for more, so that all is written
    async with world.life() as controller:
        true_run, failed = controller._database.run, []

        async def broken(function):
            if function.__qualname__.startswith("PassRecords.write") and not failed:
                failed.append(function)
                raise OSError("no space left on device")
            return await true_run(function)

        controller._database.run = broken
        await world.until(lambda: bool(failed))
        await controller.request_pass("operator").wait()
        await world.clock.advance(12)
        (record,) = await controller.revisions()
        assert (record.by, {change.bot for change in record.changes}) == ("ada", {"a", "b"})


async def test_status_that_could_not_be_saved_is_saved_later_by_itself(world):
    """A disk that was full for a moment costs no status, though nothing else ever happens."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        true_run = controller._database.run

        async def broken(function):
            raise OSError("no space left on device")

        controller._database.run = broken
        await world.clock.advance(12)
        controller._database.run = true_run
        await world.clock.advance(5)
        saved = await controller._database.run(load_statuses)
        assert saved["a"][0].health is Health.HEALTHY
        assert await controller._database.run(open_changes) == []


async def test_revision_that_was_applied_just_before_the_next_is_told_so(world):
    """What a revision came to is on record also where the next one comes before that was written."""
    async with world.life() as controller:
        true_run = controller._database.run

        async def slow(function):
            if function.__qualname__.startswith("Telling._save"):
                raise OSError("no space left on device")
            return await true_run(function)

        controller._database.run = slow
        await world.push([spec("a")], 1)
        await world.clock.advance(1)
        assert controller.revision().state is RevisionState.APPLIED
        await world.push([spec("a"), spec("b")], 2)
        controller._database.run = true_run
        await world.clock.advance(5)
        assert [one.state for one in await controller.revisions()] == [RevisionState.APPLIED] * 2
