"""What must hold after every run: each check says in words what it found."""

from typing import Any

from tests.e2e.service import wait_for
from tests.faults.runs.records import of_run
from tests.faults.runs.world import PATIENCE, World

FINAL = {"healthy", "degraded", "failed", "removed", "rolled_back", "unchanged"}
"""The states in which a change has come to its end."""
ENDED = {"applied", "failed", "refused", "superseded"}
"""The same of a revision."""


def judge(world: World) -> None:
    """Assert everything that must hold while herdsman runs and all is mended."""
    assert world.trouble() == ""
    for name in world.ever():
        record = world.record(name)
        assert record.overlaps() == [], f"{name} lived twice at once: {record.overlaps()}"
        lives = len(record.lives())
        assert lives <= world.allowed[name], (
            f"{name} was started {lives} times, and only {world.allowed[name]} had a reason"
        )
    judge_told(world)


def judge_told(world: World) -> None:
    """Assert that every revision that was taken is on record, and each of its changes with its outcome."""
    told = {one["id"]: one for one in world.service.get("/api/v1/revisions", limit=200)}
    lost = [revision for revision in world.pushed if revision not in told]
    assert lost == [], f"no record of {lost}"
    for revision in told:  # what was seen of a bot is on record a moment later
        try:
            wait_for(lambda one=revision: not _open(world, one), "every change to have an outcome", PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}, in {revision}: {_open(world, revision)}") from None


def _open(world: World, revision: str) -> list[Any]:
    """Return what of a revision has no outcome: changes, or the revision itself."""
    whole = world.service.get(f"/api/v1/revisions/{revision}")
    left = [one for one in whole["changes"] if one["state"] not in FINAL]
    return left if whole["state"] in ENDED else [whole["state"], *left]


def judge_ended(world: World) -> None:
    """Assert that a stopped herdsman has left no process (a git client that was cut off ends by itself)."""
    try:
        wait_for(lambda: not of_run(world.home), "every process to end", 60)
    except AssertionError as error:
        raise AssertionError(f"{error}; left behind: {of_run(world.home)}") from None
