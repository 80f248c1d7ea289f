"""What must hold after every run: each check says in words what it found."""

from tests.faults.runs.records import of_run
from tests.faults.runs.world import World

FINAL = {"healthy", "degraded", "failed", "removed", "rolled_back", "unchanged"}
"""The states in which a change has come to its end."""


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
    for revision in told:
        whole = world.service.get(f"/api/v1/revisions/{revision}")
        open_changes = [one for one in whole["changes"] if one["state"] not in FINAL]
        assert open_changes == [], f"{revision} has changes without an outcome: {open_changes}"


def judge_ended(world: World) -> None:
    """Assert that a stopped herdsman has left no process."""
    left = of_run(world.home)
    assert left == [], f"left behind: {left}"
