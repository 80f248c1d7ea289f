"""A bot's whole status: three axes, and a reason that names the trouble."""

from dataclasses import replace

import pytest

from controller.compare import Difference, Kind
from controller.delays import Delay
from controller.doing import Operation
from controller.process import ProcessState, fold
from controller.records import Suspension
from controller.schedulers.protocol import Phase
from controller.settings import Settings
from controller.standing import Standing, tell
from controller.status import Health, OperationState, Reason, Sync
from schemas.bot import BotType, Resources, RestartPolicy
from tests.unit.controller.examples import NOW, entry, labels, revision, seen, spec, started

BOT = spec()
NEW = spec(parameters={"fast": 12}, version="2.0.0")
ALIVE = fold(ProcessState(), labels(BOT), started(t=NOW - 60), NOW - 60, RestartPolicy())
WELL = Standing(BOT.name, BOT, Difference(BOT.name, Kind.NONE), seen(BOT), entry(BOT), ALIVE)
UPDATE = Difference(BOT.name, Kind.UPDATE, "fast 10 -> 12", spec=NEW)
BUSY = Operation(revision(2).id, busy=True)
FAILED = Operation(revision(2).id, Reason.APPLY_FAILED, "no room")


def told(standing, before=None):
    return tell(standing, NOW, Settings(), before)[0]


@pytest.mark.parametrize(
    ("standing", "sync", "health", "reason"),
    [
        (WELL, Sync.SYNCED, Health.HEALTHY, Reason.RUNNING),
        (replace(WELL, difference=UPDATE), Sync.OUT_OF_SYNC, Health.HEALTHY, Reason.RUNNING),
        (
            replace(WELL, difference=UPDATE, operation=BUSY),
            Sync.OUT_OF_SYNC,
            Health.PROGRESSING,
            Reason.UPDATING,
        ),
        (
            replace(WELL, difference=UPDATE, operation=FAILED),
            Sync.OUT_OF_SYNC,
            Health.HEALTHY,
            Reason.APPLY_FAILED,
        ),
        (
            Standing("a", BOT, Difference("a", Kind.CREATE, "realtime"), operation=FAILED),
            Sync.OUT_OF_SYNC,
            Health.DEGRADED,
            Reason.APPLY_FAILED,
        ),
        (
            Standing("a", BOT, Difference("a", Kind.CREATE, "realtime"), operation=BUSY),
            Sync.OUT_OF_SYNC,
            Health.PROGRESSING,
            Reason.STARTING,
        ),
        (
            Standing("a", BOT, Difference("a", Kind.CREATE, "realtime"), held="4 of 10 bots"),
            Sync.OUT_OF_SYNC,
            Health.MISSING,
            Reason.PRUNE_HELD,
        ),
        (
            replace(WELL, difference=Difference("a", Kind.REMOVE), held="4 of 10 bots"),
            Sync.OUT_OF_SYNC,
            Health.HEALTHY,
            Reason.PRUNE_HELD,
        ),
        (
            replace(WELL, difference=Difference("a", Kind.REMOVE)),
            Sync.OUT_OF_SYNC,
            Health.PROGRESSING,
            Reason.STOPPING,
        ),
        (
            replace(WELL, difference=Difference("a", Kind.DRIFTED, reason="it was stopped behind our back")),
            Sync.OUT_OF_SYNC,
            Health.HEALTHY,
            Reason.DRIFTED,
        ),
        (
            replace(WELL, difference=Difference("a", Kind.PROTECTED, reason="bots/a.yaml did not load")),
            Sync.UNKNOWN,
            Health.HEALTHY,
            Reason.INVALID_MANIFEST,
        ),
        (
            replace(WELL, trouble=Reason.SCHEDULER_UNAVAILABLE, trouble_text="down"),
            Sync.UNKNOWN,
            Health.HEALTHY,
            Reason.SCHEDULER_UNAVAILABLE,
        ),
        (
            replace(WELL, seen=None, trouble=Reason.SCHEDULER_UNAVAILABLE, trouble_text="down"),
            Sync.UNKNOWN,
            Health.UNKNOWN,
            Reason.SCHEDULER_UNAVAILABLE,
        ),
        (replace(WELL, certain=False), Sync.UNKNOWN, Health.HEALTHY, Reason.RUNNING),
        (
            replace(WELL, seen=seen(BOT, Phase.LOST), difference=Difference("a", Kind.NONE, blocked="lost")),
            Sync.UNKNOWN,
            Health.UNKNOWN,
            Reason.NODE_LOST,
        ),
        (
            replace(WELL, suspended=(Suspension("a", "ops", "why", NOW),), seen=seen(BOT, Phase.STOPPED)),
            Sync.SYNCED,
            Health.SUSPENDED,
            Reason.SUSPENDED,
        ),
        (
            replace(WELL, spec=replace(BOT, enabled=False), seen=seen(BOT, Phase.STOPPED)),
            Sync.SYNCED,
            Health.SUSPENDED,
            Reason.DISABLED,
        ),
    ],
)
def test_axes_and_reason(standing, sync, health, reason):
    """Each standing has one sync, one health, and the reason that a person must know first."""
    status = told(standing)
    assert (status.sync, status.health, status.reason) == (sync, health, reason)


def test_failed_update_shows_both_revisions():
    """While a newer revision fails, the status tells what runs and what was tried."""
    status = told(replace(WELL, spec=NEW, difference=UPDATE, operation=FAILED))
    assert (status.version, status.applied_revision, status.attempted_revision) == (
        "1.0.0",
        revision(1).id,
        revision(2).id,
    )
    assert status.message == "no room"


def test_since_moves_with_health_and_reason_only():
    """`since` is when health or reason changed, not when a detail did."""
    before = replace(told(WELL), since=NOW - 500)
    same = told(replace(WELL, seen=seen(BOT, node="node-2")), before)
    assert same.since == NOW - 500
    assert same.node == "node-2"
    assert told(replace(WELL, difference=UPDATE, operation=BUSY), before).since == NOW


def test_a_healthy_bot_stays_so_while_its_next_version_does_not_build():
    """What is said of a healthy bot ends no health; the reason of one that is not well counts anew."""
    before = replace(told(WELL), since=NOW - 500)
    failed = replace(WELL, operation=Operation("rev", Reason.BUILD_FAILED, "no main"), difference=UPDATE)
    status = told(failed, before)
    assert (status.health, status.reason, status.since) == (Health.HEALTHY, Reason.BUILD_FAILED, NOW - 500)
    lost = replace(before, health=Health.DEGRADED, reason=Reason.CRASH_LOOP)
    stuck = replace(failed, seen=None)
    assert (told(stuck, lost).health, told(stuck, lost).since) == (Health.DEGRADED, NOW)


def test_unchanged_status_is_the_same_value():
    """Telling again what was told gives an equal status, so that nobody hears of it."""
    before = told(WELL)
    assert told(WELL, before) == before


def test_crash_shows_no_start_time():
    """A bot whose process is gone has no start time."""
    assert told(WELL).started_at == NOW - 60
    assert told(replace(WELL, process=replace(ALIVE, alive_since=None))).started_at is None


def test_schedule_and_limits_are_told():
    """A scheduled bot's status has its schedule, its next run and its limits."""
    job = spec(kind=BotType.SCHEDULED, resources=Resources(memory_limit=1, cpu_limit=2))
    observed = seen(job, Phase.IDLE, next_run=NOW + 60, scheduled=True)
    status = told(Standing(job.name, job, Difference(job.name, Kind.NONE), observed, entry(job)))
    assert (status.schedule, status.next_run, status.memory_limit, status.cpu_limit) == (
        "0 * * * *",
        NOW + 60,
        1,
        2,
    )


def test_suspension_with_an_end_says_when():
    """The end of a suspension is in the message, in UTC."""
    suspension = Suspension("a", "desk-ops", "exchange maintenance", NOW, NOW + 3600)
    status = told(replace(WELL, suspended=(suspension,), seen=seen(BOT, Phase.STOPPED)))
    assert status.message == 'by desk-ops: "exchange maintenance", until 2027-01-15 09:00 UTC'


@pytest.mark.parametrize(
    ("standing", "operation", "message"),
    [
        (WELL, OperationState.IDLE, ""),
        (
            replace(WELL, difference=UPDATE, operation=BUSY),
            OperationState.RUNNING,
            "updating it (fast 10 -> 12)",
        ),
        (
            replace(WELL, difference=UPDATE, operation=FAILED),
            OperationState.FAILED,
            "no room; it is tried again by itself",
        ),
        (
            replace(WELL, difference=UPDATE, delay=Delay(Reason.WAITS_FOR_WAVE, "wave 2 of 3 has not begun")),
            OperationState.WAITING,
            "updating it (fast 10 -> 12) waits: wave 2 of 3 has not begun",
        ),
        (
            replace(WELL, difference=replace(UPDATE, blocked="its last copy is still stopping")),
            OperationState.WAITING,
            "updating it (fast 10 -> 12) waits: its last copy is still stopping",
        ),
        (
            replace(WELL, difference=UPDATE, operation=replace(BUSY, building="building: 3 s")),
            OperationState.RUNNING,
            "building: 3 s",
        ),
        (replace(WELL, seen=seen(BOT, Phase.STOPPING)), OperationState.RUNNING, "waiting for its end"),
        (
            replace(
                WELL,
                suspended=(Suspension("", "ops", "why", NOW, scope="all", kill=True),),
                difference=Difference(BOT.name, Kind.STOP, "kill switch"),
            ),
            OperationState.RUNNING,
            "stopping it (kill switch)",
        ),
    ],
)
def test_operation_is_an_axis_of_its_own(standing, operation, message):
    """What is being done, what it waits for, or how it failed, whatever sync and health are."""
    status = told(standing)
    assert (status.operation, status.operation_message) == (operation, message)


def test_generations_count_what_is_asked_and_what_was_tried():
    """Each new wish is one more; the status speaks of it once it was tried, and not while it waits."""
    first = told(WELL)
    assert (first.generation, first.observed_generation) == (1, 1)
    wanted = replace(WELL, spec=NEW, difference=UPDATE)
    waits = told(replace(wanted, delay=Delay(Reason.WAITS_FOR_WAVE, "wave 2")), first)
    assert (waits.generation, waits.observed_generation) == (2, 1)
    failed = told(replace(wanted, operation=FAILED), waits)
    assert (failed.generation, failed.observed_generation) == (2, 2)
    done = told(replace(WELL, spec=NEW, owned=entry(NEW), seen=seen(NEW)), failed)
    assert (done.generation, done.observed_generation) == (2, 2)
    back = told(WELL, done)
    assert (back.generation, back.observed_generation) == (3, 3)


def test_a_suspension_is_asked_for_and_an_unread_source_asks_for_nothing():
    """A suspension and its end are two wishes; what cannot be read, or is not read yet, changes none."""
    first = told(WELL)
    stop = Difference(BOT.name, Kind.STOP, "suspended")
    asked = told(replace(WELL, suspended=(Suspension("a", "ops", "why", NOW),), difference=stop), first)
    assert (asked.generation, asked.observed_generation) == (2, 1)
    protected = replace(WELL, difference=Difference(BOT.name, Kind.PROTECTED, reason="it did not load"))
    assert told(protected, first).generation == 1
    assert told(replace(WELL, certain=False, spec=NEW), first).generation == 1


def test_what_was_said_holds_until_the_scheduler_was_looked_at():
    """A start of herdsman is no news of any bot: health, its reason, since and place are those of before."""
    before = replace(told(WELL), since=NOW - 500)
    unseen = replace(
        WELL, seen=None, certain=False, observed=False, difference=Difference("a", Kind.PROTECTED)
    )
    status = told(unseen, before)
    assert (status.health, status.reason, status.since) == (Health.HEALTHY, Reason.RUNNING, NOW - 500)
    assert (status.node, status.started_at) == (before.node, before.started_at)
    assert status.sync is Sync.UNKNOWN
    away = replace(unseen, trouble=Reason.SCHEDULER_UNAVAILABLE, trouble_text="down")
    told_away = told(away, before)
    assert (told_away.reason, told_away.since) == (Reason.SCHEDULER_UNAVAILABLE, NOW - 500)
