"""Waves, sync windows and dependencies in the loop: what is changed when, and what is told of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from controller.compare import Known, compare
from controller.passes import Pass
from controller.plan import ActionKind, make_plan
from controller.records import ChangeState, RevisionState, Wishes
from controller.schedulers.protocol import Phase
from controller.status import Health, Reason
from schemas.fleet import FleetSettings
from schemas.rollout import Rollout, RolloutPolicy, SyncWindow
from tests.unit.controller.examples import desired, spec
from tests.unit.controller.harness import unreachable

CLOSED = FleetSettings(sync_windows=(SyncWindow("allow", "0 22 * * *", 3600.0, "Europe/Berlin"),))
"""The clock of these tests begins at 09:00 there."""


def fleet(count, version="1.0.0", **fields):
    return [spec(f"bot-{number:02}", version=version, **fields) for number in range(count)]


def versions(world):
    """Return how many bots run each version."""
    running = [job.launch.spec.program.version for job in world.scheduler.jobs.values()]
    return {version: running.count(version) for version in sorted(set(running))}


async def healthy(world, specs):
    """Push a first revision and wait until its bots are healthy."""
    await begin(world, specs, 1)
    await world.clock.advance(24 if any(one.depends_on for one in specs) else 12, step=2)


async def begin(world, specs, number=2, wishes=None, **fields) -> Pass:
    """Push a revision and wait until it is planned."""
    world.source.push(specs, number, **fields)
    asked = world.controller.request_pass("push", by="ada", wishes=wishes or Wishes())
    await asyncio.wait_for(asked.planned(), 90)
    await world.clock.advance(0.5)
    return asked


async def test_change_of_many_goes_in_waves(world):
    """A new version goes to one bot, then to a tenth, then to the rest, each after the last is healthy."""
    async with world.life() as controller:
        await healthy(world, fleet(20))
        asked = await begin(world, fleet(20, "1.1.0"))
        assert asked.plan.waves == (1, 2, 17)
        assert versions(world) == {"1.0.0": 19, "1.1.0": 1}
        assert controller.revision().rollout.text() == "wave 1 of 3: 0 of 1 healthy"
        waiting = controller.status("bot-19")
        assert (waiting.health, waiting.reason, waiting.message) == (
            Health.HEALTHY,
            Reason.WAITS_FOR_WAVE,
            "wave 3 of 3",
        )
        await world.clock.advance(11, step=2)
        assert versions(world) == {"1.0.0": 17, "1.1.0": 3}
        await world.clock.advance(11, step=2)
        assert versions(world) == {"1.1.0": 20}
        await world.clock.advance(11, step=2)
        record = controller.revision()
        assert (record.state, record.rollout.done) == (RevisionState.APPLIED, True)


async def test_canary_that_crashes_leaves_all_others_unchanged(world):
    """The rest stay on their version; the revision is halted in words that name the bot and its error."""
    async with world.life() as controller:
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        world.scheduler.crash("bot-00", "KeyError: price")
        await world.clock.advance(60, step=2)
        assert versions(world) == {"1.0.0": 19, "1.1.0": 1}
        record = controller.revision()
        assert record.state is RevisionState.HALTED
        assert record.rollout.halted == "bot-00: crashed: KeyError: price"
        held = {one.bot: one for one in record.changes}["bot-19"]
        assert held.state is ChangeState.HELD
        assert "halted by bot-00: crashed: KeyError: price" in held.message
        assert controller.status("bot-19").reason is Reason.ROLLOUT_HALTED
        assert world.health("bot-19") is Health.HEALTHY


async def test_program_that_cannot_be_fetched_at_once_halts_nothing(world):
    """The scheduler tries again by itself, as where herdsman was away; time alone runs out on it."""
    async with world.life() as controller:
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        world.scheduler.show("bot-00", phase=Phase.PENDING, reason="artifact", message="failed to download")
        await world.clock.advance(60, step=2)
        assert versions(world) == {"1.0.0": 19, "1.1.0": 1}
        assert controller.revision().rollout.halted == ""
        world.scheduler.show("bot-00", phase=Phase.RUNNING, reason="", message="")
        await world.clock.advance(30, step=2)
        assert versions(world) == {"1.1.0": 20}
        await begin(world, fleet(20, "1.2.0"), 3)
        world.scheduler.show("bot-00", phase=Phase.PENDING, reason="artifact", message="failed to download")
        await world.clock.advance(620, step=10)
        assert controller.revision().rollout.halted == "bot-00: failed to download"


async def test_operator_goes_on_with_a_halted_rollout(world):
    """Asked to go on, the rollout continues without the bot that halted it."""
    async with world.life() as controller:
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        world.scheduler.crash("bot-00", "KeyError: price")
        await world.clock.advance(2)
        await controller.request_pass("operator", by="ops", wishes=Wishes(go_on=True)).planned()
        await world.clock.advance(30, step=2)
        assert versions(world) == {"1.1.0": 20}
        assert [entry.details["continue"] for entry in await controller.audit() if entry.who == "ops"] == [
            True
        ]


async def test_mended_revision_overtakes_a_halted_one(world):
    """A push that mends the version goes on in waves of its own."""
    async with world.life():
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        world.scheduler.crash("bot-00", "KeyError: price")
        await world.clock.advance(2)
        await begin(world, fleet(20, "1.2.0"), 3)
        assert versions(world) == {"1.0.0": 19, "1.2.0": 1}
        await world.clock.advance(30, step=2)
        assert versions(world) == {"1.2.0": 20}


async def test_kill_switch_in_the_middle_of_a_wave_proves_nothing(world):
    """While it is on no wave passes, and after the release the rollout goes on from where it was."""
    async with world.life() as controller:
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        await controller.kill("all", "ops", "runaway orders")
        await world.clock.advance(60, step=2)
        assert controller.revision().rollout.text() == "wave 1 of 3: 0 of 1 healthy"
        await controller.release("all", "ops", "mended")
        await world.clock.advance(1)
        assert versions(world) == {"1.0.0": 19, "1.1.0": 1}
        await world.clock.advance(60, step=2)
        assert versions(world) == {"1.1.0": 20}


async def test_urgent_push_goes_without_waves(world):
    """With no-waves every bot is changed at once."""
    async with world.life():
        await healthy(world, fleet(20))
        asked = await begin(world, fleet(20, "1.1.0"), wishes=Wishes(no_waves=True))
        assert asked.plan.waves == ()
        await asyncio.wait_for(asked.wait(), 90)
        assert versions(world) == {"1.1.0": 20}


async def test_restart_in_the_middle_of_a_wave(world):
    """Another life of herdsman goes on with the wave that was under way, and keeps to it."""
    async with world.life():
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        await world.clock.advance(11, step=2)
        assert versions(world) == {"1.0.0": 17, "1.1.0": 3}
    async with world.life() as controller:
        await world.until(lambda: controller.revision() is not None)
        await world.clock.advance(1)
        assert versions(world) == {"1.0.0": 17, "1.1.0": 3}
        assert [wave.bots for wave in controller.revision().rollout.waves] == [1, 2, 17]
        await world.clock.advance(11, step=2)
        assert versions(world) == {"1.1.0": 20}


async def test_wave_that_could_not_be_saved_is_saved_later_and_ends_nothing(world):
    """Whatever a database answers, such as one that became read-only, the waves go on."""
    async with world.life() as controller:
        await healthy(world, fleet(20))
        database = controller._database
        true_run, failed = database.run, []

        async def broken(function):
            if function.__qualname__.startswith("Usher._save") and not failed:
                failed.append(function)
                raise RuntimeError("cannot execute INSERT in a read-only transaction")
            return await true_run(function)

        database.run = broken
        await begin(world, fleet(20, "1.1.0"))
        await world.clock.advance(36, step=2)
        assert len(failed) == 1
        assert versions(world) == {"1.1.0": 20}


class Bots(dict):
    """The bots of a desired state; knows how often somebody went through all of them."""

    walks = 0

    def values(self):
        self.walks += 1
        return super().values()


async def test_first_deploy_goes_through_the_fleet_as_often_however_many_bots_are_new(world):
    """What each bot leans on is found once for all: else ten thousand new bots hold the loop for seconds."""
    walks = {}
    async with world.life() as controller:
        turns = controller._loop.usher.turns
        for count in (3, 60):
            state = desired(fleet(count), count)
            bots = Bots(state.bots)
            state = replace(state, bots=bots)
            plan = make_plan(state, compare(state, Known("desk")), {})
            bots.walks = 0
            turns.preview(state, state, plan)
            walks[count] = bots.walks
    assert walks[60] == walks[3]


async def test_waves_of_an_earlier_life_stand_still_until_git_is_read(world):
    """Started again without its repository, herdsman passes no wave, however long that lasts."""
    async with world.life():
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        assert versions(world) == {"1.0.0": 19, "1.1.0": 1}
    world.source.error = unreachable()
    async with world.life() as controller:
        await world.clock.advance(60, step=2)
        world.source.error = None
        await begin(world, fleet(20, "1.1.0"))
        assert controller.revision().rollout.at == 1
        assert versions(world) == {"1.0.0": 17, "1.1.0": 3}
        await world.clock.advance(11, step=2)
        assert versions(world) == {"1.1.0": 20}


async def test_halt_outlives_a_restart(world):
    """A halted rollout is still halted in another life, whatever has become of the bot."""
    async with world.life():
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        world.scheduler.crash("bot-00", "KeyError: price")
        await world.clock.advance(30, step=2)
    async with world.life() as controller:
        await world.until(lambda: controller.revision() is not None)
        await world.clock.advance(30, step=2)
        assert controller.revision().state is RevisionState.HALTED
        assert versions(world) == {"1.0.0": 19, "1.1.0": 1}


async def test_drift_of_a_bot_that_waits_is_repaired_with_its_old_version(world):
    """A bot that waits for its wave and is stopped behind our back runs again as it was."""
    async with world.life():
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        world.scheduler.stop_behind_our_back("bot-19")
        await world.clock.advance(3)
        job = world.scheduler.jobs["bot-19"]
        assert (job.seen.phase, job.launch.spec.program.version) == (Phase.RUNNING, "1.0.0")
        assert job.launch.revision == world.controller.status("bot-19").applied_revision


async def test_wave_takes_no_bot_that_an_operator_has_stopped(world):
    """A suspended canary is no reason to wait: the rollout goes on without it."""
    async with world.life() as controller:
        await healthy(world, fleet(20))
        await begin(world, fleet(20, "1.1.0"))
        await controller.suspend("bot-00", "ops", "maintenance")
        await world.clock.advance(13, step=2)
        assert versions(world)["1.1.0"] == 20


async def test_starts_of_one_account_are_staggered(world):
    """Bots of one account start so many a second, those of others beside them."""
    limited = FleetSettings(rollout=Rollout(starts_per_second=2))
    bots = [spec(f"a-{n}", account="main") for n in range(6)] + [
        spec(f"b-{n}", account="sub") for n in range(2)
    ]
    async with world.life():
        world.source.push(bots, 1, settings=limited)
        await world.controller.request_pass("push").planned()
        await world.until(lambda: len(world.scheduler.jobs) >= 4)
        assert sum(name.startswith("a") for name in world.scheduler.jobs) == 2
        assert sum(name.startswith("b") for name in world.scheduler.jobs) == 2
        await world.clock.advance(1)
        assert len(world.scheduler.jobs) == 6
        await world.clock.advance(1)
        assert len(world.scheduler.jobs) == 8


async def test_change_waits_for_its_window(world):
    """Outside the window nothing is changed, and everything says until when; it goes by itself then."""
    async with world.life() as controller:
        await healthy(world, fleet(2))
        world.source.push(fleet(2, "1.1.0"), 2, settings=CLOSED)
        asked = controller.request_pass("push")
        changes = await asyncio.wait_for(asked.wait(), 90)
        assert {change.state for change in changes} == {ChangeState.HELD}
        assert "waits for the window at 22:00 Europe/Berlin, in " in changes[0].message
        assert "waits for the window" in asked.plan.actions[0].waits
        assert controller.status("bot-00").reason is Reason.WAITS_FOR_WINDOW
        assert controller.revision().state is RevisionState.PENDING
        opens = datetime.fromtimestamp(world.clock.time(), UTC).replace(hour=21, minute=0, second=0)
        await world.clock.advance(opens.timestamp() - world.clock.time() - 60, step=600)
        assert versions(world) == {"1.0.0": 2}
        await world.clock.advance(120, step=10)
        assert versions(world) == {"1.1.0": 2}


async def test_suspension_and_drift_wait_for_no_window(world):
    """An operator's stop and the repair of what was changed behind our back go through at any time."""
    async with world.life() as controller:
        await begin(world, fleet(2), 1, Wishes(override_window="first start"), settings=CLOSED)
        await world.until(lambda: len(world.scheduler.jobs) == 2)
        world.scheduler.stop_behind_our_back("bot-00")
        await controller.suspend("bot-01", "ops", "maintenance")
        await world.clock.advance(3)
        assert world.scheduler.jobs["bot-00"].seen.phase is Phase.RUNNING
        assert world.scheduler.jobs["bot-01"].seen.phase is Phase.STOPPED


async def test_window_is_overridden_for_one_revision_and_recorded(world):
    """With a reason a revision goes through a closed window; who did it and why is in the audit."""
    async with world.life() as controller:
        await healthy(world, fleet(2))
        await begin(world, fleet(2, "1.1.0"), 2, settings=CLOSED)
        assert versions(world) == {"1.0.0": 2}
        wishes = Wishes(override_window="the exchange changes its keys")
        await controller.request_pass("operator", by="ops", wishes=wishes).planned()
        await world.clock.advance(1)
        assert versions(world) == {"1.1.0": 2}
        entry = next(entry for entry in await controller.audit() if entry.who == "ops")
        assert (entry.why, entry.details["override_window"]) == ("the exchange changes its keys", True)
        await begin(world, fleet(2, "1.2.0"), 3, settings=CLOSED)
        assert versions(world) == {"1.1.0": 2}


async def test_removal_waits_for_the_window_too(world):
    """A bot that is gone from git runs on until the window opens."""
    async with world.life() as controller:
        await healthy(world, fleet(2))
        await begin(world, fleet(1), 2, settings=CLOSED)
        assert world.scheduler.jobs["bot-01"].seen.phase is Phase.RUNNING
        assert controller.status("bot-01").reason is Reason.WAITS_FOR_WINDOW
        assert world.health("bot-01") is Health.HEALTHY


async def test_plan_says_what_waits(world):
    """A plan shows each change's wave and what it waits for, and changes nothing."""
    async with world.life() as controller:
        await healthy(world, fleet(10))
        policy = Rollout(RolloutPolicy(at_once=1))
        world.source.push(fleet(10, "1.1.0"), 2, settings=FleetSettings(rollout=policy))
        plan = controller.preview_of(world.source.state).plan
        assert plan.waves == (1, 1, 8)
        assert [(action.wave, action.waits) for action in plan.actions[:3]] == [
            (1, ""),
            (2, "wave 2 of 3"),
            (3, "wave 3 of 3"),
        ]
        assert versions(world) == {"1.0.0": 10}


async def test_bot_starts_once_what_it_depends_on_is_healthy(world):
    """A feed starts first; who depends on it follows when it is healthy, and says what it waits for."""
    async with world.life() as controller:
        world.source.push([spec("trader", depends_on=("feed",)), spec("feed")], 1)
        await controller.request_pass("push").planned()
        await world.clock.advance(1)
        assert set(world.scheduler.jobs) == {"feed"}
        status = controller.status("trader")
        assert (status.reason, status.message) == (
            Reason.WAITS_FOR_BOT,
            "waits for feed, which is Progressing",
        )
        await world.clock.advance(11, step=2)
        assert set(world.scheduler.jobs) == {"feed", "trader"}


async def test_bot_that_others_depend_on_is_changed_first(world):
    """Where both change, the one that depends waits until the other is healthy in its new version."""
    async with world.life():
        await healthy(world, [spec("feed"), spec("trader", depends_on=("feed",))])
        await begin(
            world, [spec("feed", version="1.1.0"), spec("trader", version="1.1.0", depends_on=("feed",))]
        )
        await world.clock.advance(5)
        assert versions(world) == {"1.0.0": 1, "1.1.0": 1}
        await world.clock.advance(8)
        assert versions(world) == {"1.1.0": 2}


async def test_unhealthy_dependency_stops_nobody(world):
    """A bot runs on when one that it depends on fails, and says so; it is calm again once that is well."""
    async with world.life() as controller:
        await healthy(world, [spec("feed"), spec("trader", depends_on=("feed",))])
        world.scheduler.crash("feed", "OSError: cut off", restart_in=30.0)
        await world.clock.advance(1)
        status = controller.status("trader")
        assert (status.health, status.reason) == (Health.HEALTHY, Reason.DEPENDENCY_UNHEALTHY)
        assert status.message.startswith("runs on; feed, which it depends on, is ")
        assert world.scheduler.jobs["trader"].seen.phase is Phase.RUNNING
        world.scheduler.start_process("feed")
        await world.clock.advance(12, step=2)
        assert controller.status("trader").reason is Reason.RUNNING


async def test_removal_ends_those_that_depend_first(world):
    """Where both are removed, the bot that others depend on ends last."""
    async with world.life() as controller:
        await healthy(world, [spec("feed"), spec("trader", depends_on=("feed",)), spec("other")])
        world.scheduler.slow_stops = True
        world.source.push([spec("other")], 2)
        plan = await controller.request_pass("push").planned()
        after = {action.bot: action.after for action in plan.actions if action.kind is ActionKind.REMOVE}
        assert after == {"feed": ("trader",), "trader": ()}
        await world.clock.advance(1)
        assert world.scheduler.jobs["trader"].seen.phase is Phase.STOPPING
        assert world.scheduler.jobs["feed"].seen.phase is Phase.RUNNING
        world.scheduler.finish_stop("trader")
        await world.clock.advance(6)
        assert world.scheduler.jobs["feed"].seen.phase is Phase.STOPPING


async def test_new_feed_of_a_program_in_waves_does_not_wait_for_those_that_wait_for_it(world):
    """A bot that others depend on is in no wave, or it and they would wait for each other for ever."""
    async with world.life():
        await healthy(world, fleet(10))
        changed = [replace(one, depends_on=("feed",)) for one in fleet(10, "1.1.0")]
        await begin(world, [*changed, spec("feed", version="1.1.0")])
        assert "feed" in world.scheduler.jobs
        await world.clock.advance(60, step=2)
        assert versions(world) == {"1.1.0": 11}
