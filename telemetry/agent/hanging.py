"""What may hang while it is read: a process's memory and environment, and its state folder's disk."""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telemetry.agent.proc import free_bytes, read

_MOST_ENTRIES = 20_000
"""Files and folders of a state folder that are looked at."""
_LONGEST = 2.0
"""Seconds for which they are: far less than the silence of a disk that does not answer."""
_ALLOCATION = b"NOMAD_ALLOC_ID="
_STATE = b"STATE_DIR="


@dataclass(frozen=True, slots=True)
class Environment:
    """What a process's environment tells: whose it is, and where its state folder lies ("": not said)."""

    allocation: str = ""
    state: str = ""
    disk: str = ""
    """The mount that the state folder is on."""


def environment_of(folder: str) -> Environment:
    """Return what the environment of a process tells, by its folder in /proc."""
    found = {_ALLOCATION: "", _STATE: ""}
    for part in read(f"{folder}/environ").split(b"\0"):
        for name in found:
            if part.startswith(name):
                found[name] = os.fsdecode(part[len(name) :])
    state = found[_STATE]
    disk = mount_of(os.fsdecode(read(f"{folder}/mountinfo")), state) if state else ""
    # Through the process's own root: a task may live in a changed one.
    return Environment(found[_ALLOCATION], f"{folder}/root{state}" if state else "", disk)


def mount_of(mounts: str, path: str) -> str:
    """Return device and place of the mount that a path is on, by a text like /proc/self/mountinfo.

    The disk itself is not asked: it may be the one that does not answer.
    """
    best = ("", "")
    for line in mounts.splitlines():
        fields = line.split(" ", 5)
        if len(fields) > 5:
            place = fields[4].replace("\\040", " ")
            inside = path == place or path.startswith(place.rstrip("/") + "/")
            if inside and len(place) >= len(best[1]):
                best = (fields[2], place)
    return " ".join(best).strip()


def shared_memory(folders: Sequence[str]) -> dict[str, float]:
    """Return the memory of processes, by their folders in /proc; pages that others have as well in shares."""
    return {"bot_memory_pss_bytes": float(sum(map(_pss, folders)))}


def folder_size(
    folder: str, most: int = _MOST_ENTRIES, clock: Callable[[], float] = time.monotonic
) -> int | None:
    """Return the bytes of the files below a folder, None where it takes too long to look.

    At most so many files and folders are looked at.
    """
    total = count = 0
    until, folders = clock() + _LONGEST, [folder]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > most:
                    return total
                if clock() >= until:
                    return None
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
    return total


def state_of(
    folder: str,
    free: Callable[[str], int | None] = free_bytes,
    size: Callable[[str], int | None] = folder_size,
) -> dict[str, float]:
    """Return the size of a state folder (`size` tells), and what is left on its disk (`free`), where told."""
    values = {}
    if (found := size(folder)) is not None:
        values["bot_state_bytes"] = float(found)
    if (left := free(folder)) is not None:
        values["bot_disk_free_bytes"] = float(left)
    return values


def _pss(folder: str) -> int:
    for line in read(f"{folder}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return 0
