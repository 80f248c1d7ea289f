"""Lives and deaths of the controller itself: what a restart keeps, and what it must not do."""

import pytest

from controller.database import Database
from controller.database.audit import add_audit
from controller.records import RESTORE, AuditEntry, RevisionState
from controller.schedulers.protocol import Phase
from controller.status import Health, Reason, Sync
from schemas.errors import UsageError
from schemas.reports import LauncherReport, ReportKind
from tests.unit.controller.examples import FLEET, revision, spec
from tests.unit.controller.harness import World, unreachable


async def test_restart_touches_no_running_bot(world):
    """After a restart every job has the token that it had before."""
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(12)
    calls, tokens = world.scheduler.calls.copy(), {n: j.seen.token for n, j in world.scheduler.jobs.items()}
    async with world.life() as controller:
        await controller.request_pass("operator").wait()
        await world.clock.advance(120)
        assert {n: j.seen.token for n, j in world.scheduler.jobs.items()} == tokens
        assert world.scheduler.calls["apply"] == calls["apply"]


async def test_status_survives_a_restart(world):
    """What was known of a bot is there before anything was observed again."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
        before = controller.status("a")
    world.source.error = unreachable()
    world.scheduler.down = True
    async with world.life() as controller:
        after = controller.status("a")
        assert after.health is Health.HEALTHY
        assert (after.since, after.started_at) == (before.since, before.started_at)


async def test_a_start_is_no_news_of_a_bot_whatever_is_heard_first(world):
    """Since when a bot is well outlasts a take-over at which the scheduler is away and reports come first."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.clock.advance(500)
        before = controller.status("a")
        assert before.health is Health.HEALTHY
        report = LauncherReport(world.clock.time(), ReportKind.LEASE_ACQUIRED)
        reports = [(world.scheduler.labels("a"), report)]
    world.scheduler.down = True
    world.heard.statuses.clear()
    async with world.life() as controller:
        await controller.record(reports)
        await world.clock.advance(3)
        away = controller.status("a")
        assert (away.health, away.since, away.sync) == (Health.HEALTHY, before.since, Sync.UNKNOWN)
        assert away.reason is Reason.SCHEDULER_UNAVAILABLE
        world.scheduler.down = False
        await world.clock.advance(60)
        after = controller.status("a")
        assert (after.health, after.since, after.sync) == (Health.HEALTHY, before.since, Sync.SYNCED)
        assert after.generation == after.observed_generation == before.generation
    assert {one.health for one in world.heard.statuses} == {Health.HEALTHY}


async def test_what_is_in_force_is_known_once_the_scheduler_was_asked(world):
    """Rules beside the jobs may be newer than the database: before that, none that is missing has ended."""
    world.scheduler.down = True
    async with world.life() as controller:
        assert controller.behind() is None
        world.scheduler.down = False
        await world.clock.advance(60)
        assert controller.behind() == 0.0


async def test_crash_loop_survives_a_restart(world):
    """A restart of herdsman does not make a crashing bot look well."""
    async with world.life():
        await world.push([spec("a")], 1)
        for _ in range(5):
            await world.clock.advance(2)
            world.scheduler.crash("a")
            await world.clock.advance(1)
            world.scheduler.start_process("a")
        await world.until(lambda: world.health("a") is Health.DEGRADED)
        await world.clock.advance(1)
    async with world.life() as controller:
        await controller.request_pass("operator").wait()
        await world.clock.advance(15)
        assert controller.status("a").reason is Reason.CRASH_LOOP


async def test_history_goes_on_after_a_restart(world):
    """A revision that was applied before stays one entry, with who pushed it and what it changed."""
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        await controller.request_pass("push", by="ada").wait()
        await world.clock.advance(12)
    async with world.life() as controller:
        await controller.request_pass("operator").wait()
        await world.clock.advance(1)
        records = await controller.revisions()
        assert [(one.state, one.by, len(one.changes)) for one in records] == [
            (RevisionState.APPLIED, "ada", 1)
        ]


async def test_apply_cut_off_by_a_crash_is_taken_over(world):
    """A job that was accepted just before herdsman died is known by the intent, and not applied again."""
    async with world.life():
        await world.push([spec("a")], 1)
        world.source.push([spec("a", parameters={"fast": 12})], 2)
        true_apply = world.scheduler.apply

        async def dies(launch, expected):
            await true_apply(launch, expected)
            raise RuntimeError("the answer was lost")

        world.scheduler.apply = dies
        world.controller.request_pass("push")
        await world.until(lambda: world.scheduler.calls["apply"] == 2)
    world.scheduler.apply = true_apply
    async with world.life() as controller:
        await world.until(lambda: controller.synced_at is not None)
        await controller.request_pass("operator").wait()
        await world.clock.advance(30)
        assert world.scheduler.calls["apply"] == 2
        assert controller.status("a").sync is Sync.SYNCED
        assert controller.status("a").applied_revision == revision(2).id


async def test_drift_during_the_absence_is_corrected(world):
    """What was stopped while herdsman was away runs again after its start."""
    async with world.life():
        await world.push([spec("a")], 1)
    world.scheduler.stop_behind_our_back("a")
    async with world.life():
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase is Phase.RUNNING)


async def test_missing_database_only_observes(world, tmp_path):
    """Where jobs of ours run that the database has never held, nothing is touched until a recovery."""
    async with world.life():
        await world.push([spec("a"), spec("gone")], 1)
    world.path.unlink()
    for extra in ("-wal", "-shm"):
        world.path.with_name(world.path.name + extra).unlink(missing_ok=True)
    world.source.push([spec("a", parameters={"fast": 12}), spec("new")], 2)
    before = world.scheduler.calls.copy()
    async with world.life() as controller:
        await world.until(lambda: bool(controller.problems()))
        await world.clock.advance(120)
        spent = world.scheduler.calls - before
        assert not spent.keys() & {"apply", "stop", "remove"}
        assert "herdsman recover" in controller.problems()[0]
        assert controller.status("a").reason is Reason.RECOVERY_NEEDED
        assert (await controller.revisions())[0].state is RevisionState.PENDING
        with pytest.raises(UsageError):
            await controller.suspend("a", "ops", "why")

        assert sorted(await controller.recover("ops", "the disk died")) == ["a", "gone"]
        await world.until(lambda: set(world.scheduler.jobs) == {"a", "new"})
        assert world.scheduler.jobs["a"].seen.spec == spec("a", parameters={"fast": 12}).digest
        assert controller.problems() == []
        assert [one.action for one in await controller.audit()][-1] == "recover"


async def test_recovery_brings_suspensions_back(world):
    """Suspensions that the scheduler remembers are in force again after a recovery."""
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
    world.scheduler.show(
        "a", phase=Phase.STOPPED, suspended={"by": "ops", "reason": "incident", "since": "5", "until": "x"}
    )
    world.path.unlink()
    async with world.life() as controller:
        await world.until(lambda: bool(controller.problems()))
        await controller.recover("ops")
        assert controller.suspended("a")[0].reason == "incident"
        await world.clock.advance(60)
        assert world.scheduler.jobs["a"].seen.phase is Phase.STOPPED


async def test_database_older_than_the_jobs_only_observes(world, tmp_path):
    """A restored backup that has not seen the jobs' revisions changes nothing either."""
    backup = tmp_path / "backup.db"
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(1)
    backup.write_bytes(world.path.read_bytes())
    async with world.life():
        await world.push([spec("a", parameters={"fast": 12})], 2)
    world.path.write_bytes(backup.read_bytes())
    world.source.push([spec("a")], 1)
    before = world.scheduler.calls["apply"]
    async with world.life() as controller:
        await world.until(lambda: bool(controller.problems()))
        await world.clock.advance(120)
        assert world.scheduler.calls["apply"] == before
        assert "older than they are" in controller.problems()[0]
        await controller.recover("ops")
        await world.until(lambda: world.scheduler.calls["apply"] == before + 1)


async def test_database_older_than_a_suspension_only_observes(world):
    """A restored backup starts no bot that an operator has stopped since, also after a recovery."""
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(12)
    world.scheduler.show("a", phase=Phase.STOPPED, copies=0, token="later", suspended={"reason": "incident"})
    async with world.life() as controller:
        await world.until(lambda: bool(controller.problems()))
        await world.clock.advance(60)
        assert world.scheduler.jobs["a"].seen.phase is Phase.STOPPED
        assert "a: incident" in controller.problems()[0]
        await controller.recover("ops")
        await world.clock.advance(60)
        assert world.scheduler.jobs["a"].seen.phase is Phase.STOPPED
        await controller.resume("a", "ops")
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase is Phase.RUNNING)


async def mark_restored(world):
    """Write into the database what `herdsman restore` writes."""
    database = await Database.open(str(world.path))
    entry = AuditEntry(1000.0, "ops", RESTORE, "fleet", details={"taken_at": 900.0})
    await database.run(lambda connection: add_audit(connection, entry))
    await database.close()


async def test_restored_database_takes_what_happened_since_for_no_drift(world):
    """A job restarted, a bot resumed and a bot removed since the backup are neither corrected nor started."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b"), spec("c"), spec("d")], 1)
        await controller.suspend("b", "ops", "incident")
        await world.until(lambda: world.scheduler.jobs["b"].seen.phase is Phase.STOPPED)
        await world.clock.advance(12)
    world.scheduler.show("a", token="restarted")
    world.scheduler.show("b", phase=Phase.RUNNING, copies=1, token="resumed", suspended=None)
    del world.scheduler.jobs["c"]
    await mark_restored(world)
    before = world.scheduler.calls.copy()
    async with world.life() as controller:
        await world.until(lambda: bool(controller.problems()))
        await world.clock.advance(120)
        assert not (world.scheduler.calls - before).keys() & {"apply", "stop", "remove"}
        assert "restored from a backup of 1970-01-01 00:15 UTC, and 3 bots" in controller.problems()[0]
        planned = await controller.plan()
        assert {one.bot for one in planned.actions} == {"c"}
        assert sorted(await controller.recover("ops")) == ["a", "b"]
        await world.until(lambda: "c" in world.scheduler.jobs)
        spent = world.scheduler.calls - before
        assert (spent["apply"], spent["stop"]) == (1, 0)
        assert controller.suspended("b") == ()
        assert world.scheduler.jobs["b"].seen.phase is Phase.RUNNING


async def test_restored_database_that_nothing_went_beyond_needs_no_recovery(world):
    """Where every bot is as it was, herdsman goes on by itself, and later drift is drift again."""
    async with world.life():
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
    await mark_restored(world)
    before = world.scheduler.calls["apply"]
    async with world.life() as controller:
        await world.until(lambda: controller.status("a").health is Health.HEALTHY)
        assert controller.problems() == []
        assert world.scheduler.calls["apply"] == before
    world.scheduler.stop_behind_our_back("a")
    async with world.life() as controller:
        await world.until(lambda: world.scheduler.jobs["a"].seen.phase is Phase.RUNNING)
        assert controller.problems() == []


async def test_nothing_to_recover_is_said(world):
    """Recovering a fleet that needs none is refused in words."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        with pytest.raises(UsageError, match="nothing to recover"):
            await controller.recover("ops")


async def test_job_that_the_inventory_never_held_is_left_alone(world):
    """A single marked job that we do not know is shown by nobody's mistake as ours to prune."""
    async with world.life():
        await world.push([spec("a"), spec("b")], 1)
        known = world.scheduler.jobs["a"].seen
    world.scheduler.add_foreign("stray", FLEET)
    world.scheduler.jobs["stray"].seen = world.scheduler.jobs["stray"].seen.__class__(
        "stray", FLEET, "x", known.revision, "5", Phase.RUNNING
    )
    async with world.life():
        await world.clock.advance(120)
        assert world.scheduler.jobs["stray"].seen.phase is Phase.RUNNING
        assert world.scheduler.calls["stop"] == 0


async def test_two_fleets_do_not_prune_each_other(tmp_path):
    """Two herdsmen with their own fleets on one scheduler leave each other's jobs alone."""
    (tmp_path / "two").mkdir()
    one, two = World(tmp_path), World(tmp_path / "two")
    async with one.life():
        await one.push([spec("a")], 1)
        two.scheduler.jobs = one.scheduler.jobs
        for job in one.scheduler.jobs.values():
            job.seen = job.seen.__class__(**{**_fields(job.seen), "fleet": "other-zzzzzz"})
        async with two.life():
            await two.push([spec("b")], 1)
            await two.push([], 2)
            await two.clock.advance(120)
            assert "a" in two.scheduler.jobs


def _fields(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


async def test_refused_push_does_not_hide_the_running_revision(world):
    """After a restart, the history goes on from the revision that runs, not from a refused one after it."""
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        await controller.request_pass("push", by="ada").wait()
        await world.clock.advance(2)
        await controller.record_refusal(revision(2), (), "bob")
    async with world.life() as controller:
        await controller.request_pass("operator").wait()
        assert controller.revision().by == "ada"
