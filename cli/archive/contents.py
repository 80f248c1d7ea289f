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
        "agent-checkpoint.old",
        "cache",
        "bundles/work",
        "state-spool",
        "local/lock",
        "local/jobs",
        "local/leases",
        "local/secrets",
        "local/allocations",
    }
)
"""Marks of a running service, browsers' sessions, what is unpacked, and local processes with their output."""
_DAMAGED = f"{TELEMETRY}.damaged-"
"""A file that was set aside: no database that could be copied."""
_STATES = "local/state/"
"""Below it lie the bots' own files: their names mean nothing to us."""
_UNFINISHED = (".part", ".new", ".lock")
_LOGS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database: its copy holds all of it."""
_QUARANTINE = ("tmp_", "incoming-")
"""How git names the objects that it is still receiving."""
_SAVING = ".part-"
"""How the state store names what it is still writing."""


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


def is_a_bots(path: str) -> bool:
    """Tell whether a file is one that a bot keeps as its state."""
    return path.startswith(_STATES)


def logs_of(path: Path) -> Iterator[Path]:
    """Yield the files that SQLite keeps beside a database, where they may be."""
    yield from (path.with_name(f"{path.name}{end}") for end in _LOGS)


def _walk(data: Path, under: str) -> Iterator[str]:
    for entry in sorted(os.scandir(data / under), key=lambda one: one.name):
        path = f"{under}{entry.name}"
        if path in _LEFT_OUT or path.startswith(_DAMAGED) or _is_passing(data, path):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(data, f"{path}/")
        else:
            yield path


def _is_passing(data: Path, path: str) -> bool:
    """Tell whether something is only there while a file beside it is written, or SQLite's log of it."""
    name = path.rpartition("/")[2]
    if end := next((end for end in _LOGS if name.endswith(end)), ""):
        beside = data / path.removesuffix(end)
        return not is_a_bots(path) or (beside.is_file() and is_sqlite(beside))
    if is_a_bots(path):
        return False
    if path.startswith("git/") and "/refs/" in path:
        return name.endswith(".lock")
    return name.endswith(_UNFINISHED) or name.startswith((*_QUARANTINE, _SAVING))


def _turn(path: str) -> int:
    if path == DATABASE:
        return 0
    return 1 if path.startswith("git/") and "/objects/" not in path else 2
