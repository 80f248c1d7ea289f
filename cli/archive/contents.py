"""What of a data folder belongs into a backup, and in which order.

Everything does that could not be made again: what a later version keeps there is taken along by itself. It
is gathered in turns, which makes it whole while herdsman runs: the database, then a repository's refs, then
its objects (which are only ever added) and the rest, so that what is named is there.
"""

import os
from collections.abc import Iterator
from pathlib import Path

DATABASE, TELEMETRY = "herdsman.db", "telemetry.db"
TURNS = 3
_LEFT_OUT = frozenset(
    {
        "lock",
        "service.json",
        "sessions.json",
        "agent-checkpoint",
        "cache",
        "bundles/work",
        "state-spool",
        "local/lock",
        "local/jobs",
        "local/leases",
        "local/allocations",
    }
)
"""Marks of a running service, browsers' sessions, what is unpacked, and local processes with their output."""
_UNFINISHED = (".part", ".new", ".lock", "-wal", "-shm", "-journal")
_QUARANTINE = ("tmp_", "incoming-", ".part-")
"""How git names what it is still receiving, and the state store what it is still writing."""


def is_sqlite(path: Path) -> bool:
    """Tell whether a file is a database, which must be copied by SQLite itself."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def contents(data: Path, turn: int, telemetry: bool) -> tuple[list[str], list[str]]:
    """Return the paths of the files to keep at a turn (of `TURNS`), and of what is no plain file."""
    kept: list[str] = []
    strange: list[str] = []
    for path in _walk(data, ""):
        if _turn(path) != turn or (path == TELEMETRY and not telemetry):
            continue
        plain = not (data / path).is_symlink() and (data / path).is_file()
        (kept if plain else strange).append(path)
    return kept, strange


def _walk(data: Path, under: str) -> Iterator[str]:
    for entry in sorted(os.scandir(data / under), key=lambda one: one.name):
        path = f"{under}{entry.name}"
        if path in _LEFT_OUT or entry.name.endswith(_UNFINISHED) or entry.name.startswith(_QUARANTINE):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(data, f"{path}/")
        else:
            yield path


def _turn(path: str) -> int:
    if path == DATABASE:
        return 0
    return 1 if path.startswith("git/") and "/objects/" not in path else 2
