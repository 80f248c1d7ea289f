"""What operators ask for overrides git, is recorded, and ends when it should."""

import asyncio

import pytest

from controller.schedulers.protocol import Phase
from controller.status import Health, Reason
from schemas.errors import Conflict, NotFound, StoppedLonger, UsageError
from tests.unit.controller.examples import NOW, spec


@pytest.fixture
async def running(world):
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(12)
        yield world


async def test_suspended_bot_is_stopped_and_stays_so(running):
    """A suspension stops the bot, says by whom and why, and no push starts it."""
    controller = running.controller
    await controller.suspend("a", "desk-ops", "exchange maintenance", token="t1")
    await running.until(lambda: running.health("a") is Health.SUSPENDED)
    assert controller.status("a").message == 'by desk-ops: "exchange maintenance"'
    await running.push([spec("a", parameters={"fast": 12}), spec("b")], 2)
    await running.clock.advance(120)
    assert running.scheduler.jobs["a"].seen.phase is Phase.STOPPED
    entry = (await controller.audit())[0]
    assert (entry.who, entry.action, entry.subject, entry.why, entry.token) == (
        "desk-ops",
        "suspend",
        "a",
        "exchange maintenance",
        "t1",
    )


async def test_rule_never_shortens_what_another_suspended(running):
    """A rule's stop for some time leaves a suspension that lasts longer as it is; people may shorten one."""
    controller = running.controller
    soon, later = running.clock.time() + 600, running.clock.time() + 900
    await controller.suspend("a", "alert soft", "too warm", soon)
    await controller.suspend("a", "risk limit", "daily loss")
    for by, until in (("alert soft", later), ("alert hard", None)):
        with pytest.raises(StoppedLonger, match="stopped already, by risk limit"):
            await controller.suspend("a", by, "again", until)
    await running.clock.advance(1000)
    assert [(one.by, one.until) for one in controller.suspended("a")] == [("risk limit", None)]
    await controller.suspend("a", "ann", "until lunch", running.clock.time() + 60, token="t1")
    assert [one.by for one in controller.suspended("a")] == ["ann"]


async def test_resumed_bot_is_as_git_asks(running):
    """After a resume the bot runs the newest spec, and this is no drift."""
    await running.controller.suspend("a", "ops", "why")
    await running.until(lambda: running.health("a") is Health.SUSPENDED)
    newer = spec("a", parameters={"fast": 12})
    await running.push([newer, spec("b")], 2)
    await running.controller.resume("a", "ops", "done")
    await running.until(lambda: running.scheduler.jobs["a"].seen.spec == newer.digest)
    assert running.scheduler.jobs["a"].seen.phase is Phase.RUNNING
    assert not any(status.reason is Reason.DRIFTED for status in running.heard.statuses)


async def test_suspension_survives_a_restart(world):
    """A restart of herdsman starts no suspended bot."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await controller.suspend("a", "ops", "why")
        await world.until(lambda: world.health("a") is Health.SUSPENDED)
    async with world.life() as controller:
        await controller.request_pass("operator").wait()
        await world.clock.advance(90)
        assert world.scheduler.jobs["a"].seen.phase is Phase.STOPPED
        assert controller.suspended("a")[0].reason == "why"


async def test_suspension_ends_at_its_time(running):
    """A suspension with an end resumes by itself, and the audit says so."""
    controller = running.controller
    until = running.clock.time() + 60
    await controller.suspend("a", "ops", "why", until)
    await running.until(lambda: running.health("a") is Health.SUSPENDED)
    assert ", until 2027-01-15 08:01 UTC" in controller.status("a").message
    await running.clock.advance(59)
    assert running.scheduler.jobs["a"].seen.phase is Phase.STOPPED
    await running.clock.advance(2)
    await running.until(lambda: running.scheduler.jobs["a"].seen.phase is Phase.RUNNING)
    entry = (await controller.audit())[0]
    assert (entry.who, entry.action, entry.why) == ("herdsman", "resume", "the suspension's time is over")


async def test_protected_bot_can_be_suspended_and_resumed(running):
    """The operator's stop works for a bot whose manifest is broken, and its resume as well."""
    await running.push([spec("b")], 2, failed_paths=frozenset({"bots/a.yaml"}))
    await running.controller.suspend("a", "ops", "why")
    await running.until(lambda: running.health("a") is Health.SUSPENDED)
    await running.controller.resume("a", "ops")
    await running.until(lambda: running.scheduler.jobs["a"].seen.phase is Phase.RUNNING)


async def test_restart_is_no_drift(running):
    """A restart that was asked for restarts the bot once, and is not corrected afterwards."""
    controller = running.controller
    await controller.restart("a", "ops", "stuck")
    await running.clock.advance(120)
    assert running.scheduler.calls["restart"] == 1
    assert running.scheduler.calls["apply"] == 2
    assert running.health("a") is Health.HEALTHY
    assert (await controller.audit())[0].action == "restart"


async def test_requests_that_cannot_be_are_refused_in_words(running):
    """Unknown bots, missing suspensions and past ends are refused with what to do."""
    controller = running.controller
    with pytest.raises(NotFound, match="no bot x"):
        await controller.suspend("x", "ops", "why")
    with pytest.raises(NotFound):
        await controller.restart("x", "ops", "why")
    with pytest.raises(UsageError, match="not suspended"):
        await controller.resume("a", "ops")
    with pytest.raises(UsageError, match="future"):
        await controller.suspend("a", "ops", "why", NOW - 1)
    await controller.suspend("a", "ops", "why")
    with pytest.raises(UsageError, match="herdsman resume a"):
        await controller.restart("a", "ops", "why")


async def test_bot_that_is_being_changed_is_not_restarted(running):
    """A restart does not cut into a change under way."""
    running.scheduler.show("a", phase=Phase.STOPPING, token="77")
    await running.until(lambda: running.controller._loop.applier.busy("a"))
    with pytest.raises(Conflict):
        await running.controller.restart("a", "ops", "why")


async def test_sync_by_hand_is_recorded(running):
    """A pass that a person asks for is in the audit."""
    await running.controller.request_pass("operator", by="ada").wait()
    entry = (await running.controller.audit())[0]
    assert (entry.who, entry.action) == ("ada", "sync")


async def test_refresh_applies_the_newest_rendering_of_what_runs(running):
    """An outdated job is applied again with the content that runs, which is no drift, and is recorded."""
    controller, scheduler = running.controller, running.scheduler
    scheduler.older = {"a"}
    before = scheduler.jobs["b"].seen.token
    assert await controller.outdated() == ["a"]
    assert await controller.refresh("a", "ops", "upgraded")
    await running.until(lambda: running.health("a") is Health.PROGRESSING)
    await running.clock.advance(120)
    assert running.health("a") is Health.HEALTHY
    assert (await controller.outdated(), scheduler.jobs["b"].seen.token) == ([], before)
    assert not any(status.reason is Reason.DRIFTED for status in running.heard.statuses)
    entry = (await controller.audit())[0]
    assert (entry.who, entry.action, entry.subject, entry.why) == ("ops", "refresh", "a", "upgraded")


@pytest.fixture
def slow(running):
    """Hold up the scheduler's comparison until `slow.set()`, and tell of its begin by `slow.begun`."""
    gate, scheduler = asyncio.Event(), running.scheduler
    gate.begun, compare = asyncio.Event(), scheduler.outdated

    async def outdated(launch):
        found = await compare(launch)
        gate.begun.set()
        await gate.wait()
        return found

    scheduler.older, scheduler.outdated = {"a"}, outdated
    return gate


async def test_a_bot_that_is_suspended_while_it_is_refreshed_stays_stopped(running, slow):
    """What a refresh knew at its beginning starts nothing that was stopped since."""
    controller, scheduler = running.controller, running.scheduler
    refresh = asyncio.create_task(controller.refresh("a", "ops"))
    await slow.begun.wait()
    await controller.suspend("a", "ops", "the exchange is down")
    await running.until(lambda: running.health("a") is Health.SUSPENDED)
    calls = scheduler.calls["apply"]
    slow.set()
    with pytest.raises(Conflict):
        await refresh
    assert scheduler.calls["apply"] == calls
    assert scheduler.jobs["a"].seen.phase is Phase.STOPPED


async def test_a_push_overtakes_a_refresh(running, slow):
    """A refresh does not bring back what a push has replaced meanwhile."""
    refresh = asyncio.create_task(running.controller.refresh("a", "ops"))
    await slow.begun.wait()
    newer = spec("a", parameters={"fast": 12})
    await running.push([newer, spec("b")], 2)
    await running.until(lambda: running.scheduler.jobs["a"].seen.spec == newer.digest)
    slow.set()
    with pytest.raises(Conflict):
        await refresh
    assert running.scheduler.jobs["a"].seen.spec == newer.digest
    assert not any(status.reason is Reason.DRIFTED for status in running.heard.statuses)


async def test_refresh_restarts_no_bot_without_need(running):
    """A job that is as it would be rendered now is left alone, and so is a suspended bot."""
    calls = running.scheduler.calls["apply"]
    assert not await running.controller.refresh("a", "ops")
    await running.controller.suspend("b", "ops", "why")
    await running.until(lambda: running.health("b") is Health.SUSPENDED)
    running.scheduler.older = {"b"}
    assert await running.controller.outdated() == []
    with pytest.raises(UsageError, match="does not run"):
        await running.controller.refresh("b", "ops")
    with pytest.raises(NotFound):
        await running.controller.outdated(["nobody"])
    assert running.scheduler.calls["apply"] == calls
