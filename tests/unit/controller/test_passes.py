"""Passes: what a push leads to, what an idle tick costs, and what those who follow a pass see."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from controller.records import ChangeState, RevisionState
from controller.schedulers.protocol import Phase
from controller.status import Health, Reason, Sync
from gitops.sources import NothingPushed
from schemas.bot import BotType
from schemas.errors import HerdsmanError, ManifestError, NotFound, SourceUnavailable
from tests.unit.controller.examples import revision, spec
from tests.unit.controller.harness import unreachable


async def test_pushed_bots_run_and_get_healthy(world):
    """A push starts its bots; they are Healthy once they stayed alive, and not before."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        assert world.health("a") is Health.PROGRESSING
        await world.clock.advance(9)
        assert world.health("a") is Health.PROGRESSING
        await world.clock.advance(2)
        assert world.health("a") is Health.HEALTHY
        status = controller.status("a")
        assert (status.sync, status.reason) == (Sync.SYNCED, Reason.RUNNING)
        assert status.applied_revision == revision(1).id


async def test_pass_tells_each_change_as_it_happens(world):
    """Who follows a pass sees each bot waiting and then running, with its action and summary."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.source.push([spec("a", parameters={"fast": 12}), spec("c")], 2)
        steps = [step async for step in controller.request_pass("push", by="ada")]
        told = {(step.bot, step.action, step.summary, step.state) for step in steps}
        assert ("a", "update", "fast 10 -> 12", ChangeState.WAITING) in told
        assert ("a", "update", "fast 10 -> 12", ChangeState.RUNNING) in told
        assert ("b", "remove", "removed", ChangeState.REMOVED) in told
        assert ("c", "create", "realtime", ChangeState.RUNNING) in told


async def test_plan_of_a_pass_says_how_many_change(world):
    """The head line of a push can be printed before anything has changed."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b"), spec("c")], 1)
        world.source.push([spec("a", parameters={"fast": 12}), spec("b"), spec("c")], 2)
        plan = await controller.request_pass("push").planned()
        assert plan.summary() == "1 of 3 bots change"
        assert plan.revision.message == "change 2"


async def test_waiting_for_healthy(world):
    """A pass can be waited for until every bot is healthy."""
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        waiting = asyncio.create_task(controller.request_pass("push").wait("healthy"))
        await world.until(lambda: "a" in world.scheduler.jobs)
        await world.clock.advance(9)
        assert not waiting.done()
        await world.clock.advance(2)
        changes = await asyncio.wait_for(waiting, 60)
        assert [change.state for change in changes] == [ChangeState.HEALTHY]


async def test_bot_that_crashes_at_once_fails_the_wait_for_healthy(world):
    """Who waits for healthy hears of the first crash, with its words."""
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        asked = controller.request_pass("push")
        await asked.wait()
        world.scheduler.crash("a", "ConnectionError: refused")
        changes = await asyncio.wait_for(asked.wait("healthy"), 90)
        assert changes[0].state is ChangeState.DEGRADED
        assert "ConnectionError: refused" in changes[0].message


async def test_a_bot_that_crashes_makes_no_revision_fail(world):
    """What was asked for was applied: the revision says so, and the bot that it does not keep running."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        for _ in range(6):
            world.scheduler.crash("a", "ValueError: no")
            await world.clock.advance(1)
        await world.until(lambda: world.health("a") is Health.DEGRADED)
        await world.clock.advance(12)
        record = (await controller.revisions())[0]
        assert record.state is RevisionState.APPLIED
        states = {change.bot: change.state for change in record.changes}
        assert states == {"a": ChangeState.DEGRADED, "b": ChangeState.HEALTHY}


async def test_scheduled_bot_is_done_when_it_is_registered(world):
    """A scheduled bot's change ends when it waits for its slot."""
    async with world.life():
        await world.push([spec("a", kind=BotType.SCHEDULED)], 1)
        assert world.health("a") is Health.HEALTHY
        assert world.controller.status("a").reason is Reason.WAITING_FOR_SLOT


async def test_silent_node_does_not_hold_a_push_up(world):
    """Without any report, a bot whose placement runs counts as running after 10 s, and says so."""
    world.scheduler.silent = True
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        asked = controller.request_pass("push")
        await world.until(lambda: "a" in world.scheduler.jobs)
        await world.clock.advance(9)
        assert not asked.ended
        await world.clock.advance(3)
        change = (await asyncio.wait_for(asked.wait(), 90))[0]
        assert (change.state, change.message) == (ChangeState.RUNNING, "no report from the node yet")
        assert world.health("a") is Health.PROGRESSING
        await world.clock.advance(30)
        assert world.health("a") is Health.UNKNOWN


async def test_idle_ticks_cost_one_fetch_and_at_most_one_observation(world):
    """Where nothing is new, a tick fetches once, observes at most once, and applies nothing."""
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(12)
        before, fetches, builds = world.scheduler.calls.copy(), world.source.fetches, world.source.builds
        await world.clock.advance(300)
        spent = world.scheduler.calls - before
        ticks = world.source.fetches - fetches
        assert 9 <= ticks <= 10
        assert spent["observe"] <= ticks
        assert set(spent) <= {"observe"}
        assert world.source.builds == builds


async def test_nothing_is_registered_twice(world):
    """Passes over a fleet that is as it should be register no job again."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        for _ in range(5):
            await controller.request_pass("operator").wait()
        assert world.scheduler.calls["apply"] == 2


async def test_change_of_one_bot_applies_one_bot(world):
    """A revision that changes one bot leaves the job of every other as it is."""
    bots = [spec(f"bot-{number}") for number in range(20)]
    async with world.life():
        await world.push(bots, 1)
        tokens = {name: job.seen.token for name, job in world.scheduler.jobs.items()}
        await world.push([spec("bot-0", parameters={"fast": 11}), *bots[1:]], 2)
        moved = {name for name, job in world.scheduler.jobs.items() if job.seen.token != tokens[name]}
        assert moved == {"bot-0"}


async def test_passes_asked_for_together_are_one(world):
    """Requests that come while a pass waits to begin are served by that one."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        passes = {controller.request_pass("push").id for _ in range(10)}
        assert len(passes) == 1


async def test_concurrency_is_bounded(world):
    """No more bots than the setting allows are being applied at once."""
    world.settings = replace(world.settings, concurrency=3)
    async with world.life():
        await world.push([spec(f"bot-{number}") for number in range(20)], 1)
        assert world.scheduler.most_at_once == 3


async def test_newer_revision_overtakes_one_being_waited_for(world):
    """A revision that cannot get on does not hold up the next one, and ends as superseded."""
    async with world.life() as controller:
        world.bundles.gate = asyncio.Event()
        world.source.push([spec("a", version="1.0.0")], 1)
        first = controller.request_pass("push")
        await world.until(lambda: "1.0.0" in world.bundles.built)
        world.source.push([spec("a", version="2.0.0")], 2)
        second = controller.request_pass("push")
        await world.until(lambda: second.plan is not None)
        world.bundles.gate.set()
        assert (await second.wait())[0].state is ChangeState.RUNNING
        change = (await first.wait())[0]
        assert (change.state, change.message) == (ChangeState.UNCHANGED, "overtaken by 0000000")
        assert [digest for _, digest in world.scheduler.applied] == [spec("a", version="2.0.0").digest]
        await world.clock.advance(1)
        states = {one.revision.id: one.state for one in await controller.revisions()}
        assert states[revision(1).id] is RevisionState.SUPERSEDED
        assert states[revision(2).id] is RevisionState.APPLIED


async def test_bot_stuck_at_a_stop_is_overtaken(world):
    """A newer commit does not wait behind a bot whose old copy takes its time to die."""
    world.scheduler.slow_stops = True
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.source.push([spec("b")], 2)
        removal = controller.request_pass("push")
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase is Phase.STOPPING)
        newer = spec("b", parameters={"fast": 99})
        world.source.push([newer], 3)
        controller.request_pass("push")
        await world.until(lambda: world.scheduler.jobs["b"].seen.spec == newer.digest)
        assert not removal.ended
        world.scheduler.finish_stop("a")
        assert (await asyncio.wait_for(removal.wait(), 90))[0].state is ChangeState.REMOVED


async def test_unreachable_source_changes_nothing(world):
    """A source that cannot be reached is reported; what runs goes on."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        world.source.error = unreachable()
        with pytest.raises(SourceUnavailable):
            await controller.request_pass("operator").wait()
        assert "the repository cannot be reached" in controller.problems()
        assert world.scheduler.calls["stop"] == 0
        world.source.error = None
        await controller.request_pass("operator").wait()
        assert controller.problems() == []


async def test_unreadable_revision_is_not_taken(world):
    """A revision of which nothing could be read stays out, and the last good one stays in force."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        world.source.push([], 2, complete=False, errors=(ManifestError(".", 0, 0, "", "git died"),))
        with pytest.raises(SourceUnavailable, match="git died"):
            await controller.request_pass("push").wait()
        assert controller.desired().revision == revision(1)
        assert world.scheduler.calls["stop"] == 0


async def test_failing_build_of_a_pass_is_told(world):
    """An unexpected error in a pass ends that pass with words, and not the loop."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        good, world.source.state = world.source.state, None
        with pytest.raises(HerdsmanError, match="unexpected AttributeError"):
            await controller.request_pass("push").wait()
        world.source.state = good
        await controller.request_pass("push").wait()


async def test_failed_file_keeps_its_bot_running(world):
    """A typo in a file neither stops nor changes its bot, which says why it is not in sync."""
    a, b = spec("a"), spec("b")
    async with world.life() as controller:
        await world.push([a, b], 1)
        await world.clock.advance(12)
        await world.push([b], 2, failed_paths=frozenset({a.path}))
        await world.until(lambda: controller.status("a").sync is Sync.UNKNOWN)
        status = controller.status("a")
        assert (status.health, status.reason) == (Health.HEALTHY, Reason.INVALID_MANIFEST)
        assert world.scheduler.calls["stop"] == 0
        assert world.scheduler.calls["apply"] == 2
        await world.push([a, b], 3)
        await world.until(lambda: controller.status("a").sync is Sync.SYNCED)
        assert world.scheduler.calls["apply"] == 2


async def test_force_push_to_an_older_revision_is_followed(world):
    """A branch that goes back is applied as any other revision, and is the newest again."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.push([spec("a", parameters={"fast": 12})], 2)
        await world.clock.advance(5)
        await world.push([spec("a")], 1)
        await world.clock.advance(1)
        assert world.scheduler.jobs["a"].seen.spec == spec("a").digest
        assert (await controller.revisions())[0].revision == revision(1)


async def test_revision_keeps_what_differed_in_each_manifest(world):
    """A revision's changes hold the fields before and after, also in the database and for a page by bot."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        await world.push([spec("a", parameters={"fast": 12}), spec("b")], 2)
        await world.clock.advance(5)
        (change,) = (await controller.find_revision(revision(2).id)).changes
        assert [(one.name, one.after) for one in change.fields] == [("fast", "12")]
        assert [one.revision.id for one in await controller.revisions(bot="a")] == [
            revision(2).id,
            revision(1).id,
        ]
        assert [one.revision.id for one in await controller.revisions(bot="b")] == [revision(1).id]
        assert await controller.revisions(before=revision(1).id) == []
        await world.push([spec("b")], 3)
        await world.clock.advance(60)
        past = await controller.past("a")
        assert (past.action, past.revision) == ("remove", revision(3).id)
        assert await controller.past("never") is None
    async with world.life() as controller:
        (change,) = (await controller.find_revision(revision(2).id)).changes
        assert [(one.name, one.after) for one in change.fields] == [("fast", "12")]


async def test_preview_changes_nothing(world):
    """A plan says what a pass would do, and does nothing."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        world.source.push([spec("a", parameters={"fast": 12})], 2)
        plan = await controller.plan()
        assert [(action.bot, action.summary) for action in plan.actions] == [("a", "fast 10 -> 12")]
        assert world.scheduler.calls["apply"] == 1


async def test_listener_hears_transitions_only(world):
    """No status is told twice in a row."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.clock.advance(120)
        told = [status for status in world.heard.statuses if status.name == "a"]
        assert all(one != following for one, following in itertools.pairwise(told))
        assert told[-1] == controller.status("a")
        assert [record.state for record in world.heard.revisions][-1] is RevisionState.APPLIED


async def test_refused_push_is_in_the_history(world):
    """A revision that was refused at the push is kept with its errors, and applied by nobody."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        error = ManifestError("bots/a.yaml", 7, 1, "/x", "unknown parameter")
        await controller.record_refusal(revision(2), (error,), "ada")
        newest = (await controller.revisions())[0]
        assert (newest.state, newest.errors) == (RevisionState.REFUSED, (error,))


async def test_unknown_names_are_not_found(world):
    """Asking for what there is not is an error in words."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        for asked in (lambda: controller.status("x"), lambda: controller.status("")):
            with pytest.raises(NotFound):
                asked()
        with pytest.raises(NotFound):
            await controller.find_revision("ffff")


async def test_cancelling_ends_everything(world):
    """A cancelled controller closes its scheduler, and who follows a pass is told."""
    world.bundles.gate = asyncio.Event()
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        asked = controller.request_pass("push")
        await world.until(lambda: asked.plan is not None)
        following = asyncio.create_task(asked.wait())
        tasks = len(asyncio.all_tasks())
    with pytest.raises(HerdsmanError, match="stopping"):
        await following
    assert world.scheduler.closed
    assert len(asyncio.all_tasks()) < tasks
    assert all("bot" not in task.get_name() for task in asyncio.all_tasks())


async def test_push_that_a_poll_saw_first_is_followed_and_credited(world):
    """Where a poll took the revision a moment before the push asked, the push sees and owns its changes."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        world.bundles.gate = asyncio.Event()
        world.source.push([spec("a", parameters={"fast": 12})], 2)
        await world.clock.advance(31)
        await world.until(lambda: controller.revision().trigger == "poll")
        world.bundles.gate.set()
        await world.until(lambda: world.scheduler.calls["apply"] == 2)
        await world.clock.advance(1)
        changes = await controller.request_pass("push", by="ada").wait()
        assert [(one.bot, one.state) for one in changes] == [("a", ChangeState.RUNNING)]
        assert (await controller.revisions())[0].by == "ada"


async def test_empty_repository_is_no_problem(world):
    """Before the first push there is nothing to do, and nothing wrong."""
    world.source.error = NothingPushed("nothing was pushed yet")
    async with world.life() as controller:
        await world.clock.advance(65)
        assert controller.problems() == []
        world.source.error = None
        await world.push([spec("a")], 1)
        assert "a" in world.scheduler.jobs
