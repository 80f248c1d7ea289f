"""Saved states for agents: what an allocation may save and see is what the scheduler says that it is."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from controller.schedulers.protocol import Placed
from controller.state.folder import FolderStore
from controller.state.guarding import GuardedStates
from controller.state.saved import SavedStates
from schemas.errors import SchedulerUnavailable, StateRefused
from schemas.state import StateClaim, StateFile, StateSave
from tests.fakes.scheduler import FakeScheduler

FLEET = "desk-abc123"
CONTENT = b"41"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SAVE = StateSave(4, "n1", True, (StateFile("a.json", SHA256, 2, 1.7e9),), allocation="a1")
MINE = StateClaim(FLEET, "a1")


@pytest.fixture
def saved(tmp_path: Path) -> SavedStates:
    return SavedStates(FolderStore(tmp_path), FLEET)


@pytest.fixture
def scheduler() -> FakeScheduler:
    """One that knows of two bots, of which one had another name before, and of somebody else's job."""
    fake = FakeScheduler(FLEET, lambda: 0.0)
    fake.placements = {"a1": Placed("maker", "old"), "a2": Placed("taker"), "a3": Placed()}
    return fake


@pytest.fixture
def desk(saved: SavedStates, scheduler: FakeScheduler) -> GuardedStates:
    return GuardedStates(saved, scheduler, FLEET)


async def hand_in(desk: GuardedStates, save: StateSave = SAVE, claim: StateClaim = MINE) -> int:
    """Save a state as the agent of its node does."""
    await desk.offer(claim, "maker", save)
    await desk.upload(claim, "maker", SHA256, CONTENT)
    return (await desk.offer(claim, "maker", save)).version


async def test_an_allocation_saves_and_sees_its_own_bots_state(
    desk: GuardedStates, saved: SavedStates, scheduler: FakeScheduler
) -> None:
    """And that of the bot's former name; the scheduler is asked once for each allocation."""
    assert await hand_in(desk) == 1
    assert await desk.download(MINE, "maker", SHA256) == CONTENT
    assert (await desk.newest(MINE, "maker")) == await saved.newest("maker")
    assert await desk.newest(MINE, "old") is None
    assert scheduler.calls["placed"] == 1


@pytest.mark.parametrize(
    ("claim", "bot"),
    [
        (StateClaim(FLEET, "a2"), "maker"),
        (StateClaim(FLEET, "a3"), "maker"),
        (StateClaim(FLEET, "a3"), ""),
        (StateClaim(FLEET, "unheard-of"), "maker"),
        (StateClaim(FLEET, "../a1"), "maker"),
        (StateClaim("other-abc123", "a1"), "maker"),
    ],
    ids=["anothers", "no bot's", "no bot's, no name", "unknown", "no allocation", "another fleet's"],
)
async def test_nobody_else_does(desk: GuardedStates, claim: StateClaim, bot: str) -> None:
    """Not to look, not to read a content, not to save, not to leave contents behind."""
    await hand_in(desk)
    for call in (
        desk.prove(claim, bot),
        desk.newest(claim, bot),
        desk.download(claim, bot, SHA256),
        desk.upload(claim, bot, SHA256, CONTENT),
        desk.offer(claim, bot, replace(SAVE, token=10**15, allocation=claim.allocation)),
    ):
        with pytest.raises(StateRefused):
            await call


async def test_a_former_name_is_the_one_that_was_registered(desk: GuardedStates, saved: SavedStates) -> None:
    """It is looked at, never saved to; and none but it is left with an empty state."""
    await desk.newest(MINE, "old")
    with pytest.raises(StateRefused):
        await desk.prove(MINE, "old")
    with pytest.raises(StateRefused):
        await desk.offer(MINE, "old", SAVE)
    with pytest.raises(StateRefused):
        await desk.offer(MINE, "maker", replace(SAVE, former="taker", former_token=10**15))
    with pytest.raises(StateRefused):
        await desk.offer(MINE, "maker", replace(SAVE, allocation="a2"))
    assert await saved.bots() == []


async def test_what_the_scheduler_forgot_is_known_by_what_it_saved(
    desk: GuardedStates, saved: SavedStates, scheduler: FakeScheduler
) -> None:
    """A node that comes back after its allocation was collected saves what was left, also to a new leader."""
    await hand_in(desk, replace(SAVE, final=False))
    scheduler.placements.clear()
    assert await hand_in(desk) == 2
    later = GuardedStates(saved, scheduler, FLEET)
    assert await hand_in(later, replace(SAVE, token=5)) == 3
    with pytest.raises(StateRefused, match="start the bot on that node"):
        await later.prove(StateClaim(FLEET, "a2"), "maker")
    with pytest.raises(StateRefused):
        await later.prove(MINE, "taker")


async def test_a_scheduler_that_does_not_answer_refuses_nobody_for_good(
    desk: GuardedStates, scheduler: FakeScheduler
) -> None:
    """The agent hears that it is to try again; what was known before is known on."""
    scheduler.down = True
    with pytest.raises(SchedulerUnavailable):
        await desk.prove(MINE, "maker")
    scheduler.down = False
    await desk.prove(MINE, "maker")
    scheduler.down = True
    await desk.prove(MINE, "maker")
