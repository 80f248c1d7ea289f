"""Bots and the fleet held at a revision by an operator, until unpinned."""

import pytest

from controller.consent import TO_WHAT_IS_HELD
from controller.records import ChangeState, RevisionState
from controller.rollback.records import FLEET
from controller.status import HeldBy, Reason, Sync
from schemas.errors import ManifestError, NotFound, UsageError
from tests.unit.controller.examples import revision, spec
from tests.unit.controller.harness import unreachable
from tests.unit.controller.rollback.crashes import BAD, BETTER, GOOD, crash_loop, healthy, reason, runs

OTHER = spec("b")


async def two_revisions(world):
    """Have a bot that ran two specs, both healthy."""
    await world.push([GOOD, OTHER], 1)
    await healthy(world, "a", "b")
    await world.push([BETTER, OTHER], 2)
    await healthy(world, "a", "b")


async def test_bot_goes_back_to_its_last_healthy_spec(world):
    """Without a revision, a bot goes back to what it ran before and was healthy; all is recorded."""
    async with world.life() as controller:
        await two_revisions(world)
        went = await controller.rollbacks.roll_back("a", "", "desk", "loses money", token="desk-token")
        assert went.revision == revision(1).id
        await healthy(world, "a", "b")
        assert (runs(world, "a"), runs(world, "b")) == (GOOD, OTHER)
        status = controller.status("a")
        assert (status.reason, status.sync) == (Reason.PINNED, Sync.OUT_OF_SYNC)
        assert status.hold.by is HeldBy.BOT
        assert status.applied_revision == revision(1).id
        assert status.message.startswith(f"pinned to {revision(1).short} by desk since")
        assert status.message.endswith(f'"loses money"; git is at {revision(2).short}')
        assert reason(world, "b") is Reason.RUNNING
        (change,) = (await controller.find_revision(revision(2).id)).changes
        assert change.state is ChangeState.ROLLED_BACK
        entry = (await controller.audit())[0]
        assert (entry.who, entry.action, entry.subject, entry.why) == ("desk", "rollback", "a", "loses money")
        assert entry.token == "desk-token"


async def test_later_pushes_do_not_change_a_pinned_bot(world):
    """A push is recorded, changes every other bot, and reaches the pinned one when that is unpinned."""
    async with world.life() as controller:
        await two_revisions(world)
        await controller.rollbacks.roll_back("a", "", "desk", "why")
        await healthy(world, "a")
        await world.push([spec("a", parameters={"fast": 13}), spec("b", parameters={"fast": 13})], 3)
        await healthy(world, "a", "b")
        assert (runs(world, "a"), runs(world, "b")) == (GOOD, spec("b", parameters={"fast": 13}))
        changes = {one.bot: one for one in (await controller.find_revision(revision(3).id)).changes}
        assert (changes["a"].state, changes["b"].state) == (ChangeState.UNCHANGED, ChangeState.HEALTHY)
        assert changes["a"].message.startswith(f"pinned to {revision(1).short} by desk")
        assert f"git is at {revision(3).short}" in controller.status("a").message
        await controller.rollbacks.unpin("a", "desk", "fixed")
        await healthy(world, "a")
        assert runs(world, "a") == spec("a", parameters={"fast": 13})
        assert (reason(world, "a"), controller.status("a").sync) == (Reason.RUNNING, Sync.SYNCED)
        with pytest.raises(UsageError, match="a is not pinned"):
            await controller.rollbacks.unpin("a", "desk", "")


async def test_pin_survives_a_restart_and_ends_at_its_time(world):
    """A pin is kept in the database, and ends by itself where it was given a time."""
    async with world.life() as controller:
        await two_revisions(world)
        await controller.rollbacks.roll_back("a", "", "desk", "why", world.clock.time() + 100)
        await healthy(world, "a")
    async with world.life() as controller:
        await healthy(world, "a")
        assert reason(world, "a") is Reason.PINNED
        await world.clock.advance(100, step=10)
        assert runs(world, "a") == BETTER
        assert [one.action for one in await controller.audit()] == ["unpin", "rollback"]


async def test_rollback_needs_nothing_of_an_unreachable_source(world):
    """While the source cannot be reached, a bot goes back all the same, and so does the fleet."""
    async with world.life() as controller:
        await two_revisions(world)
        world.source.error = unreachable()
        fetches = world.source.fetches
        await controller.rollbacks.roll_back("a", "", "desk", "why")
        await world.until(lambda: runs(world, "a") == GOOD)
        assert world.source.fetches == fetches
        await controller.rollbacks.unpin("a", "desk", "")
        await world.until(lambda: runs(world, "a") == BETTER)
        await controller.rollbacks.roll_back_all(revision(1).id, "desk", "why")
        await world.until(lambda: runs(world, "a") == GOOD)


async def test_rollback_needs_no_source_right_after_a_restart_either(world):
    """In a life that has not read the source yet, it is known what git asked for in the one before."""
    async with world.life():
        await two_revisions(world)
    world.source.error = unreachable()
    async with world.life() as controller:
        await world.until(lambda: any("cannot be reached" in text for text in controller.problems()))
        await controller.rollbacks.roll_back("a", "", "desk", "why")
        await world.until(lambda: runs(world, "a") == GOOD)
        assert runs(world, "b") == OTHER
    async with world.life() as controller:
        await controller.rollbacks.unpin("a", "desk", "")
        await world.until(lambda: runs(world, "a") == BETTER)


async def test_bot_goes_back_to_a_named_revision_that_did_not_touch_it(world):
    """A revision is named by its first digits; what the bot was at it comes from git where need be."""
    async with world.life() as controller:
        await two_revisions(world)
        await world.push([BETTER, spec("b", parameters={"fast": 12})], 3)
        await world.push([spec("a", parameters={"fast": 13}), OTHER], 4)
        went = await controller.rollbacks.roll_back("a", revision(3).id, "desk", "why")
        await world.until(lambda: runs(world, "a") == BETTER)
        assert went.revision == revision(3).id
        assert world.scheduler.jobs["a"].seen.revision == revision(3).id


async def test_rollback_that_cannot_be_is_refused_in_words(world):
    """Nothing to go back to, an unknown or refused revision, an unknown bot, another major version."""
    async with world.life() as controller:
        await world.push([GOOD], 1)
        await healthy(world, "a")
        with pytest.raises(UsageError, match="nothing is known that a ran before"):
            await controller.rollbacks.roll_back("a", "", "desk", "why")
        with pytest.raises(NotFound, match="has never been seen"):
            await controller.rollbacks.roll_back("a", "ffff", "desk", "why")
        with pytest.raises(NotFound, match="no bot nobody"):
            await controller.rollbacks.roll_back("nobody", "", "desk", "why")
        await controller.record_refusal(revision(9), (ManifestError("x", 1, 1, "", "no"),))
        with pytest.raises(UsageError, match="was refused"):
            await controller.rollbacks.roll_back("a", revision(9).id, "desk", "why")
        await world.push([spec("a", version="2.0.0")], 2)
        await healthy(world, "a")
        with pytest.raises(UsageError, match="another major version"):
            await controller.rollbacks.roll_back("a", "", "desk", "why")
        with pytest.raises(UsageError, match="in the future"):
            await controller.rollbacks.roll_back("a", "", "desk", "why", world.clock.time())
        await controller.rollbacks.roll_back("a", "", "desk", "why", allow_major=True)
        await world.until(lambda: runs(world, "a") == GOOD)


async def test_a_held_bot_counts_as_what_git_asked_for_last(world):
    """Held at another major version, it makes no later push of its unchanged manifest an error."""
    async with world.life() as controller:
        await world.push([GOOD], 1)
        await healthy(world, "a")
        await world.push([spec("a", version="2.0.0")], 2)
        await healthy(world, "a")
        assert controller.versions_applied() == {"a": ("sma", "2.0.0")}
        await controller.rollbacks.roll_back("a", "", "desk", "why", allow_major=True)
        await world.until(lambda: runs(world, "a") == GOOD)
        assert controller.versions_applied() == {"a": ("sma", "2.0.0")}
        assert controller.versions_applied("elsewhere") == {}


async def test_suspended_bot_stays_stopped_when_rolled_back(world):
    """A suspension wins over a pin; resumed, the bot is what it is pinned to."""
    async with world.life() as controller:
        await two_revisions(world)
        await controller.suspend("a", "desk", "no")
        await world.clock.advance(2)
        applied = len(world.scheduler.applied)
        await controller.rollbacks.roll_back("a", "", "desk", "why")
        await world.clock.advance(30)
        assert len(world.scheduler.applied) == applied
        await controller.resume("a", "desk")
        await world.until(lambda: runs(world, "a") == GOOD)


async def test_pin_to_what_the_guard_took_back_has_the_last_word(world):
    """An operator may hold a bot at a spec that did not get healthy: a pin wins over the guard."""
    async with world.life() as controller:
        await world.push([GOOD], 1)
        await healthy(world, "a")
        await world.push([BAD], 2)
        await crash_loop(world, "a")
        await world.until(lambda: runs(world, "a") == GOOD)
        await controller.rollbacks.roll_back("a", revision(2).id, "desk", "look at it")
        await world.until(lambda: runs(world, "a") == BAD)
        await crash_loop(world, "a")
        await world.clock.advance(60, step=10)
        assert runs(world, "a") == BAD


async def test_fleet_goes_back_as_a_whole(world):
    """What runs equals the revision: a bot added since goes, one removed since comes back; new ones wait."""
    async with world.life() as controller:
        await world.push([GOOD, OTHER, spec("c"), spec("d")], 1)
        await healthy(world, "a", "b", "c", "d")
        await world.push([BETTER, OTHER, spec("c"), spec("added")], 2)
        await healthy(world, "a", "b", "c", "added")
        await world.until(lambda: set(world.scheduler.jobs) == {"a", "b", "c", "added"})
        await controller.rollbacks.roll_back_all(revision(1).id, "desk", "bad day")
        await healthy(world, "a", "b", "c", "d")
        assert set(world.scheduler.jobs) == {"a", "b", "c", "d"}
        assert runs(world, "a") == GOOD
        assert {one.hold.by for one in controller.statuses()} == {HeldBy.FLEET}
        await world.push([BETTER, spec("more")], 3)
        record = await controller.find_revision(revision(3).id)
        assert record.state is RevisionState.PENDING
        assert f"all bots are pinned to {revision(1).short} by desk" in record.held
        assert not record.changes
        assert set(world.scheduler.jobs) == {"a", "b", "c", "d"}
        await controller.rollbacks.unpin(FLEET, "desk", "fixed", confirm_prune=True)
        await healthy(world, "a", "more")
        await world.until(lambda: set(world.scheduler.jobs) == {"a", "more"})


async def test_fleet_pin_that_prunes_much_is_held_until_confirmed(world):
    """A rollback that would remove many bots removes none, and starts none, until it is confirmed."""
    many = [spec(f"bot-{number}") for number in range(8)]
    async with world.life() as controller:
        await world.push([GOOD], 1)
        await healthy(world, "a")
        await world.push(many, 2, settings=world.source.state.settings)
        await controller.request_pass("operator", consent=TO_WHAT_IS_HELD).wait()
        await healthy(world, *(one.name for one in many))
        went = await controller.rollbacks.roll_back_all(revision(1).id, "desk", "why")
        assert (went.changing, "8 of 8 bots would be removed" in went.held) == (0, True)
        await world.clock.advance(30)
        assert set(world.scheduler.jobs) == {one.name for one in many}
        assert any("would be removed" in text for text in controller.problems())
        await controller.request_pass("operator", consent=TO_WHAT_IS_HELD).wait()
        await world.until(lambda: set(world.scheduler.jobs) == {"a"})


async def test_drift_of_a_pinned_bot_is_corrected(world):
    """A pinned bot that is stopped behind our back runs again, as it is pinned."""
    async with world.life() as controller:
        await two_revisions(world)
        await controller.rollbacks.roll_back("a", "", "desk", "why")
        await healthy(world, "a")
        world.scheduler.stop_behind_our_back("a")
        await world.clock.advance(5)
        assert runs(world, "a") == GOOD
        assert world.scheduler.jobs["a"].seen.phase == "running"


async def test_plan_of_a_push_knows_of_pins(world):
    """What a push would change leaves out what is pinned."""
    async with world.life() as controller:
        await two_revisions(world)
        await controller.rollbacks.roll_back("a", "", "desk", "why")
        await healthy(world, "a")
        state = world.source.push([spec("a", parameters={"fast": 13}), OTHER], 3)
        preview = controller.preview_of(state)
        assert not preview.plan.actions
        assert preview.kept["a"].startswith(f"pinned to {revision(1).short}")
        assert controller.desired().bots["a"] == BETTER
        assert controller.spec("a") == GOOD


async def test_bundles_of_the_history_are_kept(world):
    """What a bot may be rolled back to is among the bundles that must be kept."""
    async with world.life() as controller:
        await world.push([GOOD], 1)
        await world.push([spec("a", version="1.1.0")], 2)
        assert {"tree-1.0.0", "tree-1.1.0"} <= await controller.bundle_keys()


async def test_history_of_a_bot_names_what_ran(world):
    """Each spec that was applied is listed once, the newest first, with whether it ever got healthy."""
    async with world.life() as controller:
        await two_revisions(world)
        await world.push([BAD, OTHER], 3)
        found = await controller.rollbacks.deployments("a")
        assert [one.spec for one in found] == [BAD, BETTER, GOOD]
        assert [one.healthy_at is not None for one in found] == [False, True, True]
