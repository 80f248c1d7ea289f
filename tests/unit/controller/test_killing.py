"""The kill switch goes before everything, tells the truth, and holds until it is released."""

import asyncio

import pytest

from controller.records import Fate
from controller.schedulers.protocol import Phase
from controller.status import Health, Reason
from schemas.errors import SourceUnavailable, UsageError
from schemas.reports import LauncherReport, ReportKind
from tests.unit.controller.examples import spec

BOTS = [spec("a", account="x"), spec("b"), spec("c")]


@pytest.fixture
async def running(world):
    async with world.life():
        await world.push(BOTS, 1)
        await world.clock.advance(12)
        yield world


def phases(world):
    return {name: job.seen.phase for name, job in world.scheduler.jobs.items()}


def progress(world):
    (found,) = world.controller.kills()
    return found


async def all_dead(world):
    await world.until(lambda: progress(world).total > 0 and progress(world).dead == progress(world).total)


async def test_the_kill_switch_stops_all_and_nothing_starts_them_but_the_release(running):
    """No push, sync, restart, refresh, drift correction or time; then they are what git asks for."""
    controller, scheduler = running.controller, running.scheduler
    await controller.kill("all", "desk-ops", "runaway orders", token="t9")
    await all_dead(running)
    assert (progress(running).total, progress(running).asked) == (3, 3)
    assert scheduler.kept_rules.kills[0].reason == "runaway orders"
    status = controller.status("a")
    assert (status.health, status.reason) == (Health.SUSPENDED, Reason.KILL_SWITCH)
    assert "kill switch" in status.message
    assert 'by desk-ops: "runaway orders" (all bots)' in status.message
    applied = len(scheduler.applied)
    await running.push([*BOTS[1:], spec("a", parameters={"fast": 3}), spec("new")], 2)
    await controller.request_pass("operator", by="ada").wait()
    for refused in (controller.restart("a", "o", "w"), controller.refresh("a", "o")):
        with pytest.raises(UsageError):
            await refused
    await running.clock.advance(700)
    assert len(scheduler.applied) == applied
    entry = next(one for one in await controller.audit() if one.action == "kill")
    assert (entry.who, entry.subject, entry.why, entry.token) == ("desk-ops", "all", "runaway orders", "t9")
    await controller.release("all", "boss", "it was the feed")
    await running.until(
        lambda: set(phases(running).values()) == {Phase.RUNNING} and len(phases(running)) == 4
    )
    assert controller.kills() == []
    assert not any(status.reason is Reason.DRIFTED for status in running.heard.statuses)
    assert next(one for one in await controller.audit() if one.action == "release").who == "boss"


async def test_the_kill_switch_of_a_scope_leaves_the_others_alone(running):
    """Only the account's bot ends."""
    await running.controller.kill("account=x", "ops", "why")
    await all_dead(running)
    await running.clock.advance(60)
    assert phases(running) == {"a": Phase.STOPPED, "b": Phase.RUNNING, "c": Phase.RUNNING}


async def test_the_kill_switch_does_not_wait_for_a_pass_a_build_or_an_apply(running):
    """With every slot of the applier held and a fetch that never returns, all are stopped."""
    hung = asyncio.Event()
    running.scheduler.gate = asyncio.Event()
    running.source.push([spec(one.name, parameters={"fast": 9}) for one in BOTS], 2)
    running.controller.request_pass("push")
    await running.until(lambda: running.scheduler.calls["apply"] == 6)
    running.source.fetch = hung.wait
    running.controller.request_pass("push")
    await running.controller.kill("all", "ops", "why")
    await running.until(lambda: set(phases(running).values()) == {Phase.STOPPED})
    applied = len(running.scheduler.applied)
    running.scheduler.gate.set()
    await all_dead(running)
    await running.clock.advance(400)
    assert len(running.scheduler.applied) == applied
    assert set(phases(running).values()) == {Phase.STOPPED}


async def test_the_kill_switch_works_while_nothing_of_git_is_known(world):
    """A life that has never seen the source stops what runs; the source's error stays told beside it."""
    async with world.life():
        await world.push(BOTS, 1)
        await world.clock.advance(12)
    world.source.error = SourceUnavailable("the repository cannot be reached")
    async with world.life() as controller:
        await controller.kill("all", "ops", "why")
        await all_dead(world)
        assert set(phases(world).values()) == {Phase.STOPPED}


async def test_the_kill_switch_outlives_herdsman_and_its_database(world):
    """Killed in the middle with the database lost: the next life goes on, and a recovery starts nothing."""
    async with world.life() as controller:
        await world.push(BOTS, 1)
        await world.clock.advance(12)
        world.scheduler.slow_stops = True
        await controller.kill("all", "ops", "why")
        await world.until(lambda: Phase.STOPPING in phases(world).values())
    world.path.unlink()
    for name in list(world.scheduler.jobs):
        if world.scheduler.jobs[name].seen.phase is Phase.STOPPING:
            world.scheduler.finish_stop(name)
    world.scheduler.show("c", phase=Phase.RUNNING, suspended=None)  # its stop had never arrived
    world.scheduler.slow_stops = False
    async with world.life() as controller:
        await world.until(lambda: set(phases(world).values()) == {Phase.STOPPED})
        await controller.request_pass("operator").wait()
        await controller.recover("ops")
        await world.clock.advance(200)
        assert set(phases(world).values()) == {Phase.STOPPED}
        assert controller.status("a").reason is Reason.KILL_SWITCH
        await controller.release("all", "ops")
        await world.until(lambda: set(phases(world).values()) == {Phase.RUNNING})


async def test_who_is_not_dead_is_told_with_why(running):
    """A lost node's bot may still run, until its lease ends; one that takes its time was asked."""
    running.scheduler.slow_stops = True
    running.scheduler.lose_node("c")
    await running.until(lambda: running.health("c") is Health.UNKNOWN)
    await running.controller.kill("all", "ops", "why")
    await running.until(lambda: progress(running).asked == 2)
    await running.clock.advance(2)
    seen = progress(running)
    assert (seen.total, seen.dead, seen.patience) == (3, 0, 30.0)
    fates = {one.bot: (one.fate, one.node) for one in seen.survivors}
    assert fates == {"a": (Fate.ASKED, "node-1"), "b": (Fate.ASKED, "node-1"), "c": (Fate.UNKNOWN, "node-1")}
    assert "its lease ends at 08:00:39 UTC" in seen.survivors[2].why
    await running.clock.advance(40)
    assert "its lease ran out" in progress(running).survivors[2].why
    running.scheduler.slow_stops = False
    for name in "ab":
        running.scheduler.finish_stop(name)
    running.scheduler.show("c", phase=Phase.RUNNING)
    await running.clock.advance(2)
    assert (progress(running).dead, progress(running).survivors) == (3, ())


async def test_a_launcher_that_heard_of_it_itself_counts_as_dead(running):
    """Its word that the bot has ended is the proof, though the job is not stopped yet."""
    scheduler = running.scheduler
    calm, scheduler.stop = scheduler.stop, lambda *_: asyncio.Event().wait()
    await running.controller.kill("bot=a", "ops", "why")
    await running.until(lambda: progress(running).total == 1)
    assert progress(running).survivors[0].fate is Fate.WAITING
    report = LauncherReport(running.clock.time() + 1, ReportKind.WAITING, reason="kill_switch")
    await running.controller.record([(scheduler.labels("a"), report)])
    assert (progress(running).asked, progress(running).dead, progress(running).stopping) == (1, 1, 1)
    scheduler.stop = calm


async def test_a_stop_that_fails_is_told_and_tried_again(running):
    """While the scheduler refuses, the bot is told as not asked, with the reason; then it is stopped."""
    scheduler, failing = running.scheduler, [SourceUnavailable("Nomad is busy")] * 3
    stop = scheduler.stop

    async def trying(*given):
        if given[0] == "a" and failing:
            raise failing.pop()
        await stop(*given)

    scheduler.stop = trying
    await running.controller.kill("all", "ops", "why")
    await running.until(lambda: progress(running).dead == 2)
    assert [(one.bot, one.fate, one.why) for one in progress(running).survivors] == [
        ("a", Fate.WAITING, "Nomad is busy")
    ]
    await running.clock.advance(4)
    await all_dead(running)


async def test_the_kill_switch_is_on_while_the_scheduler_is_away(running):
    """Nothing can be reached, which is told; once it can, everything is stopped."""
    running.scheduler.down = True
    await running.controller.kill("all", "ops", "why")
    await running.clock.advance(3)
    assert "down" in progress(running).problem
    running.scheduler.down = False
    await running.clock.advance(40)
    await all_dead(running)
    assert progress(running).problem == ""


async def test_what_cannot_be_released_is_refused(running):
    """A switch that is not on, and a suspension by the word of a kill switch."""
    await running.controller.suspend_scope("all", "ops", "why")
    with pytest.raises(UsageError, match="not under a kill switch"):
        await running.controller.release("all", "ops")
    with pytest.raises(UsageError, match="say why"):
        await running.controller.kill("all", "ops", " ")
