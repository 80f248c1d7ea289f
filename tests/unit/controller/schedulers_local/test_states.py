"""What this machine's lock files remember of bots' states."""

from pathlib import Path

import pytest

from controller.schedulers.local.scheduler import LocalScheduler
from schemas.errors import BotRuns
from schemas.state import IN_STORE, StatePlace


@pytest.fixture
def scheduler(tmp_path: Path) -> LocalScheduler:
    made = LocalScheduler(tmp_path / "local", "desk-abc123", cache=tmp_path / "cache")
    made._folders.make()
    return made


def lock(tmp_path: Path) -> Path:
    return tmp_path / "local" / "leases" / "desk-abc123.maker"


async def test_a_place_is_recalled_once(scheduler: LocalScheduler, tmp_path: Path) -> None:
    """Where a lock file says something already, that stays."""
    await scheduler.recall_state("maker", StatePlace("another-machine", 5))
    assert lock(tmp_path).read_text() == "another-machine 5"
    await scheduler.recall_state("maker", StatePlace("yet-another", 9))
    assert lock(tmp_path).read_text() == "another-machine 5"


async def test_a_folder_that_came_with_the_data_is_the_newest(
    scheduler: LocalScheduler, tmp_path: Path
) -> None:
    """As after a backup was restored on another machine."""
    folder = tmp_path / "local" / "state" / "desk-abc123" / "maker"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("1")
    await scheduler.recall_state("maker", StatePlace("the-old-machine", 5))
    assert lock(tmp_path).read_text() == f"{scheduler.node} 5"


async def test_a_lease_is_held_for_a_change_and_by_one_alone(
    scheduler: LocalScheduler, tmp_path: Path
) -> None:
    """What is recorded meanwhile is what the next holder reads."""
    async with scheduler.hold_state("maker") as hold:
        assert hold.place == StatePlace()
        with pytest.raises(BotRuns, match="maker runs"):
            async with scheduler.hold_state("maker"):
                pass
        await hold.record(StatePlace(IN_STORE, 7))
    assert lock(tmp_path).read_text() == f"{IN_STORE} 7"
    async with scheduler.hold_state("maker") as hold:
        assert hold.place == StatePlace(IN_STORE, 7)
