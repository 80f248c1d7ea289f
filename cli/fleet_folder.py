"""Which folder is meant as the fleet's."""

from pathlib import Path

from schemas.errors import UsageError

ROOT_MARKS = ("herdsman.yaml", ".git", "bots")
"""What the folder of a fleet holds: one of them is enough."""


def fleet_around(folder: Path) -> Path | None:
    """Return the nearest folder from here upward that is a fleet's."""
    start = folder.resolve()
    for candidate in (start, *start.parents):
        if any((candidate / mark).exists() for mark in ROOT_MARKS):
            return candidate
    return None


def fleet_root(path: Path) -> Path:
    """Return the fleet's folder that a file lies in. Raises UsageError."""
    found = fleet_around(path.resolve().parent)
    if found is None:
        raise UsageError(f"{path} lies in no fleet: no folder above it holds herdsman.yaml, bots/ or .git")
    return found
