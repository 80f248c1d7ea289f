"""Drift: what somebody did behind our back is put right, once it is safe, and without a fight."""

import asyncio
from dataclasses import replace

import pytest

from controller.consent import consent_to
from controller.records import Halt
from controller.schedulers.protocol import Phase
from controller.status import DriftKind, Health, OperationState, Reason, Sync
from tests.fakes.clock import settle
from tests.unit.controller.examples import FLEET, revision, spec


@pytest.fixture
async def running(world):
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(12)
        yield world


async def test_stopped_bot_is_started_again_at_once(running):
    """A job that was stopped behind our back runs again by its event alone, without a pass."""
    observed = running.scheduler.calls["observe"]
    running.scheduler.stop_behind_our_back("a")
    await running.until(lambda: running.scheduler.calls["apply"] == 3)
    assert running.scheduler.jobs["a"].seen.phase is Phase.RUNNING
    assert running.scheduler.calls["observe"] == observed


async def test_stopping_bot_is_started_again_only_when_it_is_dead(running):
    """While the old copy has not ended, nothing is registered over it."""
    running.scheduler.show("a", phase=Phase.STOPPING, token="77")
    await running.clock.advance(20)
    assert running.scheduler.calls["apply"] == 2
    assert running.controller.status("a").sync is Sync.OUT_OF_SYNC
    running.scheduler.show("a", phase=Phase.STOPPED)
    await running.until(lambda: running.scheduler.calls["apply"] == 3)


async def test_stopping_bot_is_looked_at_though_no_event_comes(running):
    """The end of a stopping bot is seen within seconds also when its event was lost."""
    running.scheduler.show("a", phase=Phase.STOPPING, token="77")
    await settle()
    running.scheduler.show("a", phase=Phase.STOPPED, quietly=True)
    await running.clock.advance(6)
    assert running.scheduler.calls["apply"] == 3


async def test_changed_job_is_corrected(running):
    """A job that was changed behind our back is registered again by its current token."""
    running.scheduler.change_behind_our_back("a")
    await running.until(lambda: running.scheduler.calls["apply"] == 3)
    assert running.scheduler.applied[-1] == ("a", spec("a").digest)


async def test_purged_job_is_registered_anew(running):
    """A job that was purged behind our back comes back."""
    running.scheduler.purge_behind_our_back("a")
    await running.until(lambda: "a" in running.scheduler.jobs)


async def test_lost_mark_is_restored(running):
    """A job that lost our mark is known by the inventory, and gets its mark back."""
    running.scheduler.show("a", fleet="", spec="", token="88")
    await running.until(lambda: running.scheduler.jobs["a"].seen.fleet == FLEET)


async def test_job_on_a_lost_node_is_waited_for(running):
    """A bot whose node does not answer is not registered again, and its health is Unknown."""
    running.scheduler.lose_node("a")
    await running.until(lambda: running.health("a") is Health.UNKNOWN)
    assert running.controller.status("a").reason is Reason.NODE_LOST
    await running.clock.advance(120)
    assert running.scheduler.calls["apply"] == 2
    running.scheduler.show("a", phase=Phase.RUNNING)
    await running.until(lambda: running.health("a") is Health.HEALTHY)


async def test_update_of_a_bot_on_a_lost_node_waits(running):
    """A newer spec is not applied while the old copy may still run somewhere, and is once it cannot."""
    running.scheduler.lose_node("a")
    await running.until(lambda: running.health("a") is Health.UNKNOWN)
    running.source.push([spec("a", parameters={"fast": 12}), spec("b")], 2)
    asked = running.controller.request_pass("push")
    await asked.planned()
    await running.clock.advance(60)
    assert running.scheduler.calls["apply"] == 2
    assert "does not answer" in asked.changes[0].message
    running.scheduler.show("a", phase=Phase.STOPPED)
    await asyncio.wait_for(asked.wait(), 90)


async def test_drift_while_events_were_lost_is_found_by_the_resync(running):
    """Where an event never came, the next complete observation finds the drift."""
    running.scheduler.jobs["a"].seen = running.scheduler.jobs["b"].seen
    running.scheduler.purge_behind_our_back("b")
    running.scheduler.jobs.pop("a")
    await running.clock.advance(95)
    assert set(running.scheduler.jobs) == {"a", "b"}


async def test_nobody_is_fought_for_ever(running):
    """Drift that comes back each time is corrected later and later."""
    scheduler = running.scheduler
    for _ in range(240):
        if scheduler.jobs["a"].seen.phase is Phase.RUNNING:
            scheduler.stop_behind_our_back("a")
        await running.clock.advance(1)
    corrections = scheduler.calls["apply"] - 2
    assert 5 <= corrections <= 9
    await running.until(lambda: running.controller.status("a").sync is Sync.OUT_OF_SYNC)


async def test_reading_from_before_a_change_is_not_drift(world):
    """An observation that began before an apply and ends after it does not undo or repeat the apply."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        begun, go_on = asyncio.Event(), asyncio.Event()
        true_observe = world.scheduler.observe

        async def slow_observe():
            old = await true_observe()
            begun.set()
            await go_on.wait()
            return old

        world.scheduler.observe = slow_observe
        world.scheduler.send_gap()
        await begun.wait()
        await world.push([spec("a", parameters={"fast": 12})], 2)
        world.scheduler.observe = true_observe
        go_on.set()
        await world.clock.advance(15)
        assert world.scheduler.calls["apply"] == 2
        assert controller.status("a").sync is Sync.SYNCED


async def test_foreign_jobs_are_never_touched(world):
    """Jobs of another fleet are neither stopped nor replaced, also where their name is one of ours."""
    world.scheduler.add_foreign("theirs", "other-zzzzzz")
    world.scheduler.add_foreign("a", "other-zzzzzz")
    async with world.life():
        await world.push([spec("b")], 1)
        world.source.push([], 2)
        await world.controller.request_pass("push", consent=consent_to(revision(2).id)).wait()
        await world.clock.advance(120)
        world.source.push([spec("a")], 3)
        await world.controller.request_pass("push").planned()
        await world.clock.advance(5)
        assert {name: job.seen.token for name, job in world.scheduler.jobs.items()} == {
            "theirs": "1",
            "a": "2",
        }
        assert all(name == "b" for _, name in world.scheduler.log)


async def test_many_moves_at_once_are_one_observation(world):
    """A storm of events is answered with one observation, not with one call for each."""
    async with world.life():
        await world.push([spec(f"bot-{n:03}") for n in range(300)], 1)
        await world.clock.advance(12)
        before = world.scheduler.calls.copy()
        for name in list(world.scheduler.jobs):
            world.scheduler.show(name, message="moved")
        await settle()
        spent = world.scheduler.calls - before
        assert spent["observe"] + spent["observe_bot"] <= 3


async def test_events_that_break_off_are_taken_up_again_with_a_pause(world):
    """A dropped event stream is connected again, not in a hot loop, and all is observed anew."""
    tries = 0
    true_events = world.scheduler.events

    async def breaking():
        nonlocal tries
        tries += 1
        if tries < 4:
            return
        async for event in true_events():
            yield event

    world.scheduler.events = breaking
    async with world.life():
        await world.push([spec("a")], 1)
        await settle()
        assert tries == 1
        await world.clock.advance(10)
        assert tries == 4
        world.scheduler.stop_behind_our_back("a")
        await world.until(lambda: world.scheduler.calls["apply"] == 2)


async def test_disabled_bot_is_stopped_and_started_again(running):
    """`enabled: false` stops a bot as Disabled; enabling it starts it, and neither is drift."""
    disabled = replace(spec("a"), enabled=False)
    await running.push([disabled, spec("b")], 2)
    await running.until(lambda: running.controller.status("a").reason is Reason.DISABLED)
    assert running.health("a") is Health.SUSPENDED
    assert running.scheduler.jobs["a"].seen.phase is Phase.STOPPED
    await running.clock.advance(120)
    assert running.scheduler.calls["apply"] == 2
    await running.push([spec("a"), spec("b")], 3)
    assert running.scheduler.jobs["a"].seen.phase is Phase.RUNNING
    inventory = running.controller._fleet.inventory
    assert inventory["a"].halted is Halt.NONE


async def test_bot_on_a_silent_node_moves_though_no_event_tells_when(running):
    """What only time makes true is looked for every few seconds."""
    running.scheduler.show("a", phase=Phase.LOST)
    await running.clock.advance(20)
    assert running.scheduler.calls["apply"] == 2
    running.scheduler.show("a", phase=Phase.LOST, replaceable=True, quietly=True)
    await running.clock.advance(6)
    assert running.scheduler.calls["apply"] == 3
    assert running.scheduler.applied[-1] == ("a", spec("a").digest)


DONE = {
    DriftKind.STOPPED: lambda scheduler: scheduler.stop_behind_our_back("a"),
    DriftKind.PURGED: lambda scheduler: scheduler.purge_behind_our_back("a"),
    DriftKind.CHANGED: lambda scheduler: scheduler.change_behind_our_back("a"),
    DriftKind.SCALED: lambda scheduler: scheduler.show("a", count=2, token="99"),
    DriftKind.MARK_LOST: lambda scheduler: scheduler.show("a", fleet="", spec="", token="99"),
    DriftKind.NODE_SILENT: lambda scheduler: scheduler.show("a", phase=Phase.LOST, replaceable=True),
}


@pytest.mark.parametrize("kind", list(DONE))
async def test_drift_is_named_until_it_is_put_right_and_after(running, kind):
    """What was done, since when, how it was put right and when: in the status, counted, and in the audit."""
    scheduler, gate = running.scheduler, asyncio.Event()
    scheduler.gate = gate
    began = running.clock.time()
    DONE[kind](scheduler)
    await running.until(lambda: scheduler.calls["apply"] == 3)
    drift = running.controller.status("a").drift
    assert (drift.kind, drift.since, drift.open, drift.times) == (kind, began, True, 1)
    assert running.controller.status("a").operation is OperationState.RUNNING
    await running.clock.advance(3)
    scheduler.gate = None
    gate.set()
    await running.until(lambda: not running.controller.status("a").drift.open)
    drift = running.controller.status("a").drift
    assert drift.corrected_at == running.clock.time()
    assert "herdsman registered it again" in drift.correction
    assert running.controller.drifts.found == running.controller.drifts.corrected == {kind: 1}
    await running.clock.advance(1)
    audited = [one for one in await running.controller.audit() if one.who == "herdsman"]
    assert [(one.action, one.subject, one.details["kind"]) for one in audited] == [
        ("drift-corrected", "a", kind.value),
        ("drift", "a", kind.value),
    ]


async def test_what_was_changed_of_a_job_is_named(running):
    """The scheduler tells what an apply would change, before it is applied; it stays in the drift."""
    running.scheduler.older.add("a")
    running.scheduler.change_behind_our_back("a")
    await running.until(lambda: running.scheduler.calls["apply"] == 3)
    await running.clock.advance(2)
    drift = running.controller.status("a").drift
    assert drift.text == "its job was changed behind our back: Priority 70 (ours: 50)"
    assert not drift.open


async def test_drift_of_one_bot_changes_no_other(running):
    """Nothing is corrected that did not drift."""
    running.scheduler.purge_behind_our_back("a")
    await running.until(lambda: running.scheduler.calls["apply"] == 3)
    assert [name for name, _ in running.scheduler.applied] == ["a", "b", "a"]
    assert running.controller.status("b").drift is None


async def test_drift_that_comes_back_is_counted(running):
    """The third time within minutes says so: somebody, or something, insists."""
    for _ in range(3):
        before = running.scheduler.calls["apply"]
        running.scheduler.change_behind_our_back("a")
        while running.scheduler.calls["apply"] == before:
            await running.clock.advance(1)
    await running.until(lambda: not running.controller.status("a").drift.open)
    assert running.controller.status("a").drift.times == 3


async def test_drift_is_remembered_over_a_restart(world):
    """What was done to a bot, and when, is not forgotten with the process that saw it."""
    async with world.life():
        await world.push([spec("a")], 1)
        world.scheduler.change_behind_our_back("a")
        await world.until(lambda: world.scheduler.calls["apply"] == 2)
        await world.clock.advance(1)
        before = world.controller.status("a").drift
    async with world.life() as controller:
        assert controller.status("a").drift == before
        await world.clock.advance(2)
        assert controller.status("a").drift == before


async def test_drift_that_could_not_be_audited_is_audited_later_and_ends_nothing(running):
    """Whatever a database answers, such as one that became read-only, the controller goes on."""
    database = running.controller._database
    true_run, failed = database.run, []

    async def broken(function):
        if function.__qualname__.startswith("Drifts._write") and not failed:
            failed.append(function)
            raise RuntimeError("cannot execute INSERT in a read-only transaction")
        return await true_run(function)

    database.run = broken
    running.scheduler.purge_behind_our_back("a")
    await running.until(lambda: bool(failed) and running.scheduler.calls["apply"] == 3)
    await running.clock.advance(15)
    assert running.health("a") is Health.HEALTHY
    told = [one.action for one in await running.controller.audit() if one.who == "herdsman"]
    assert told == ["drift-corrected", "drift"]


async def test_drift_that_may_not_be_corrected_says_what_it_waits_for(running):
    """While the old copy has not ended, the drift stays open, and the operation says why it waits."""
    running.scheduler.show("a", phase=Phase.STOPPING, token="77")
    await running.until(lambda: running.controller.status("a").drift is not None)
    status = running.controller.status("a")
    assert status.drift.open
    assert status.operation is OperationState.WAITING
    assert "its last copy is still stopping" in status.operation_message


async def test_drift_of_a_bot_that_is_to_be_stopped_is_not_corrected(running):
    """Who suspends a drifted bot gets no correction, and the drift says how it ended."""
    running.scheduler.show("a", phase=Phase.STOPPING, token="77")
    await running.until(lambda: running.controller.status("a").drift is not None)
    await running.controller.suspend("a", "ops", "enough")
    await running.until(lambda: not running.controller.status("a").drift.open)
    assert running.controller.status("a").drift.correction == "it is to be stopped anyway"
    assert running.scheduler.calls["apply"] == 2


async def test_killed_process_is_drift_that_its_launcher_mends(running):
    """A process that somebody ended by a signal is told apart from a crash, and from a restart of ours."""
    running.scheduler.kill("a")
    await running.until(lambda: running.controller.status("a").drift is not None)
    drift = running.controller.status("a").drift
    assert (drift.kind, drift.open) == (DriftKind.KILLED, True)
    assert "SIGKILL" in drift.text
    running.scheduler.start_process("a")
    await running.until(lambda: not running.controller.status("a").drift.open)
    assert running.controller.status("a").drift.correction == "its launcher started it again"
    running.scheduler.crash("b")
    await running.clock.advance(1)
    await running.controller.restart("b", "ops", "because")
    await running.clock.advance(1)
    assert running.controller.status("b").drift is None
    assert running.scheduler.calls["apply"] == 2


async def test_killed_launcher_is_drift_and_a_restart_is_none(running):
    """A launcher that ended unasked is told; one that an operator's restart ended is not."""
    running.scheduler.show("a", phase=Phase.PENDING, reason="launcher_died", message="Exit Code: 137")
    await running.until(lambda: running.controller.status("a").drift is not None)
    assert running.controller.status("a").drift.kind is DriftKind.KILLED
    running.scheduler.silent = True
    await running.controller.restart("b", "ops", "because")
    token = running.scheduler.jobs["b"].seen.token
    running.scheduler.show("b", phase=Phase.PENDING, reason="launcher_died", token=token)
    await running.clock.advance(1)
    assert running.controller.status("b").drift is None


async def test_nothing_is_called_drift_while_only_observing(world):
    """A database that is older than the jobs calls what happened since no drift."""
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
    world.scheduler.show("a", revision="f" * 40, token="55")
    async with world.life() as controller:
        await world.clock.advance(5)
        assert controller.status("a").reason is Reason.RECOVERY_NEEDED
        assert controller.status("a").drift is None
