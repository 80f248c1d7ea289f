"""An update that does not get healthy is taken back once, marked, and not applied again."""

from dataclasses import replace

import pytest

from controller.records import ChangeState
from controller.status import Health, HeldBy, Reason, Sync
from schemas.bot import BotType
from schemas.errors import UsageError
from schemas.reports import LauncherReport, Outcome, ReportKind
from tests.unit.controller.examples import revision, spec
from tests.unit.controller.rollback.crashes import BAD, BETTER, GOOD, crash_loop, healthy, reason, runs


async def fail_update(world, bad=BAD, others=()):
    """Have a healthy bot get an update that crashes for ever."""
    await world.push([GOOD, *others], 1)
    await healthy(world, "a")
    await world.push([bad, *others], 2)
    await crash_loop(world, "a")


async def test_update_that_crashes_is_taken_back(world):
    """The bot runs its last healthy spec again, says why, and its revision shows it as rolled back."""
    async with world.life() as controller:
        await fail_update(world)
        assert runs(world, "a") == GOOD
        assert world.scheduler.jobs["a"].seen.revision == revision(1).id
        await healthy(world, "a")
        status = controller.status("a")
        assert (status.reason, status.sync) == (Reason.ROLLED_BACK, Sync.OUT_OF_SYNC)
        assert status.message.startswith(f"{revision(2).short} did not get healthy (crashed 5 times")
        assert f"runs {revision(1).short} since" in status.message
        assert (status.hold.by, status.hold.revision) == (HeldBy.GUARD, revision(1).id)
        (change,) = (await controller.find_revision(revision(2).id)).changes
        assert change.state is ChangeState.ROLLED_BACK
        assert change.summary.startswith(f"back to {revision(1).short}: fast 99 -> 10")
        (entry,) = await controller.audit()
        assert (entry.who, entry.action, entry.subject) == ("herdsman", "rollback", "a")


async def test_update_is_not_healthy_by_the_copy_before_it(world):
    """The former copy, shown under the changed job for a moment, ends no trial of what crashes after it."""
    async with world.life():
        await world.push([GOOD], 1)
        await healthy(world, "a")
        former = world.scheduler.jobs["a"].seen.allocation
        world.scheduler.silent = True
        world.source.push([BAD], 2)
        world.controller.request_pass("push")
        await world.until(lambda: runs(world, "a") == BAD)
        placed = world.scheduler.jobs["a"].seen.allocation
        world.scheduler.show("a", allocation=former)
        await world.clock.advance(1)
        assert world.health("a") is Health.PROGRESSING
        world.scheduler.silent = False
        world.scheduler.show("a", allocation=placed)
        world.scheduler.start_process("a")
        await crash_loop(world, "a")
        assert runs(world, "a") == GOOD


async def test_bad_commit_is_not_pushed_again_after_an_auto_revert(world):
    """The same digest again, by a force-push or by reverting the revert, stays refused; other ones do not."""
    async with world.life():
        await fail_update(world)
        await healthy(world, "a")
        applied = len(world.scheduler.applied)
        for number, pushed in enumerate((BAD, GOOD, BAD), 3):
            await world.push([pushed], number)
            await world.clock.advance(120, step=10)
            assert runs(world, "a") == GOOD
        assert len(world.scheduler.applied) == applied
        assert reason(world, "a") is Reason.ROLLED_BACK
        await world.push([BETTER], 6)
        await healthy(world, "a")
        assert (runs(world, "a"), reason(world, "a")) == (BETTER, Reason.RUNNING)
        await world.push([BAD], 7)
        await world.clock.advance(120, step=10)
        assert runs(world, "a") == BETTER, "the last healthy spec is kept, and not the one of long ago"


async def test_retry_applies_the_refused_spec_once_more(world):
    """An operator lifts the refusal; where the spec fails again, it is taken back again."""
    async with world.life() as controller:
        await fail_update(world)
        await healthy(world, "a")
        await controller.rollbacks.retry("a", "desk", "the exchange is back")
        await world.until(lambda: runs(world, "a") == BAD)
        await crash_loop(world, "a")
        assert runs(world, "a") == GOOD
        await controller.rollbacks.retry("a", "desk", "")
        await world.clock.advance(12)
        assert (runs(world, "a"), reason(world, "a")) == (BAD, Reason.RUNNING)
        with pytest.raises(UsageError, match="nothing of a was taken back"):
            await controller.rollbacks.retry("a", "desk", "")


async def test_old_spec_that_fails_too_changes_nothing_more(world):
    """Where what ran before crashes as well, herdsman stops changing the bot and says so."""
    async with world.life() as controller:
        await fail_update(world)
        applied = len(world.scheduler.applied)
        await crash_loop(world, "a", "ConnectionError: refused")
        await world.clock.advance(120, step=10)
        assert len(world.scheduler.applied) == applied
        status = controller.status("a")
        assert status.reason is Reason.CRASH_LOOP
        assert "what ran before it fails as well" in status.message


async def test_first_deployment_stays_a_crash_loop(world):
    """A new bot has nothing to go back to."""
    async with world.life():
        await world.push([BAD], 1)
        await crash_loop(world, "a")
        await world.clock.advance(60, step=10)
        assert len(world.scheduler.applied) == 1
        assert reason(world, "a") is Reason.CRASH_LOOP


async def test_update_of_a_failing_bot_is_not_taken_back(world):
    """Only a bot that was healthy before is taken back to what it was."""
    async with world.life():
        await world.push([GOOD], 1)
        await crash_loop(world, "a")
        await world.push([BAD], 2)
        await crash_loop(world, "a")
        await world.clock.advance(60, step=10)
        assert runs(world, "a") == BAD


@pytest.mark.parametrize("where", ["manifest", "suspended"])
async def test_guard_keeps_out(world, where):
    """`rollback: false` opts out, and a suspended bot is left as it is."""
    bad = replace(BAD, rollback=False) if where == "manifest" else BAD
    async with world.life() as controller:
        await world.push([GOOD], 1)
        await healthy(world, "a")
        await world.push([bad], 2)
        if where == "suspended":
            await controller.suspend("a", "desk", "no")
            await world.clock.advance(700, step=10)
            assert not controller.statuses()[0].hold
            return
        await crash_loop(world, "a")
        await world.clock.advance(700, step=10)
        assert (runs(world, "a"), reason(world, "a")) == (bad, Reason.CRASH_LOOP)


async def test_update_that_never_stays_alive_is_taken_back_in_time(world):
    """An update that is not healthy within `healthy_within` counts as one that does not get healthy."""
    slow = replace(BAD, healthy_within=60.0)
    async with world.life() as controller:
        await world.push([GOOD], 1)
        await healthy(world, "a")
        await world.push([slow], 2)
        world.scheduler.crash("a")
        await world.clock.advance(58)
        assert runs(world, "a") == slow
        await world.clock.advance(4)
        assert runs(world, "a") == GOOD
        await healthy(world, "a")
        assert "not healthy within 1 min" in controller.status("a").message


async def test_lost_node_is_not_held_against_an_update(world):
    """A bot whose node is lost while its update is on trial keeps the update."""
    slow = replace(BAD, healthy_within=60.0)
    async with world.life():
        await world.push([GOOD], 1)
        await healthy(world, "a")
        await world.push([slow], 2)
        world.scheduler.lose_node("a")
        await world.clock.advance(200, step=10)
        assert runs(world, "a") == slow


async def test_drift_is_corrected_and_never_rolled_back(world):
    """A bot that crashes after its drift was corrected stays what git asks for."""
    async with world.life():
        await world.push([GOOD], 1)
        await healthy(world, "a")
        await world.push([BETTER], 2)
        await healthy(world, "a")
        world.scheduler.stop_behind_our_back("a")
        await world.clock.advance(3)
        await crash_loop(world, "a")
        await world.clock.advance(60, step=10)
        assert runs(world, "a") == BETTER


async def test_trouble_of_everybody_is_not_held_against_an_update(world):
    """Where bots that were not updated begin to fail as well, nothing is taken back, and it is said why."""
    others = [spec("b"), spec("c")]
    async with world.life() as controller:
        await world.push([GOOD, *others], 1)
        await healthy(world, "a", "b", "c")
        await world.push([BAD, *others], 2)
        world.scheduler.crash("a", "ConnectionError: exchange down")
        for name in ("b", "c"):
            await crash_loop(world, name, "ConnectionError: exchange down")
        await crash_loop(world, "a", "ConnectionError: exchange down")
        await world.clock.advance(60, step=10)
        assert runs(world, "a") == BAD
        assert "probably not the update" in controller.status("a").message


async def test_scheduled_bot_is_judged_by_its_first_run(world):
    """A scheduled bot whose last run succeeded goes back once the first run of an update has failed."""
    good = spec("a", kind=BotType.SCHEDULED)
    bad = spec("a", kind=BotType.SCHEDULED, parameters={"fast": 99})
    async with world.life() as controller:

        async def run(outcome: Outcome, number: int) -> None:
            labels = replace(world.scheduler.labels("a"), allocation=f"run-{number}")
            t = world.clock.time()
            started = LauncherReport(t, ReportKind.STARTED, run=f"r{number}", attempt=1, started_at=t)
            ended = LauncherReport(
                t + 1, ReportKind.EXITED, run=f"r{number}", attempt=1, outcome=outcome, message="no data"
            )
            await controller.record([(labels, started), (labels, ended)])
            await world.clock.advance(2)

        await world.push([good], 1)
        await run(Outcome.SUCCESS, 1)
        await world.push([bad], 2)
        await world.clock.advance(2)
        assert runs(world, "a") == bad
        await run(Outcome.CRASHED, 2)
        assert runs(world, "a") == good
        assert "its first run crashed" in controller.status("a").hold.reason


async def test_opted_in_again_by_another_spec(world):
    """What was taken back is remembered by digest alone: a push of another spec goes on trial anew."""
    async with world.life():
        await fail_update(world)
        await healthy(world, "a")
        worse = spec("a", parameters={"fast": 98})
        await world.push([worse], 3)
        await crash_loop(world, "a")
        assert runs(world, "a") == GOOD
        await healthy(world, "a")
        assert world.health("a") is Health.HEALTHY


@pytest.mark.parametrize("moment", ["before the apply", "on trial", "when taken back", "while it goes back"])
async def test_guard_survives_a_restart(world, moment):
    """A stop of herdsman at any step loses nothing of a trial: the update is taken back, and only once."""
    async with world.life():
        await world.push([GOOD], 1)
        await healthy(world, "a")
        if moment == "before the apply":
            world.scheduler.refused["a"] = "not now"
        await world.push([BAD], 2)
        if moment != "before the apply":
            await world.clock.advance(1)
        if moment == "when taken back":
            world.source.error = None
            world.scheduler.refused["a"] = "not now"
            await crash_loop(world, "a")
        if moment == "while it goes back":
            await crash_loop(world, "a")
    world.scheduler.refused.clear()
    async with world.life() as controller:
        await world.clock.advance(5)
        if moment in ("before the apply", "on trial"):
            assert runs(world, "a") == BAD
            await crash_loop(world, "a")
        await world.until(lambda: runs(world, "a") == GOOD)
        await world.clock.advance(120, step=10)
        assert runs(world, "a") == GOOD
        assert controller.status("a").reason is Reason.ROLLED_BACK
        audit = [one for one in await controller.audit() if one.action == "rollback"]
        assert len(audit) == 1
