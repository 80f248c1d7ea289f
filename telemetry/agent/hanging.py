"""What may hang while it is read: a process's memory and environment, and its state folder's disk."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telemetry.agent.proc import free_bytes, read

_MOST_FILES = 20_000
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


def state_of(folder: str, free: Callable[[str], int | None] = free_bytes) -> dict[str, float]:
    """Return the size of a state folder, and what is left on its disk (`free` tells)."""
    values = {"bot_state_bytes": float(_folder_size(folder))}
    if (left := free(folder)) is not None:
        values["bot_disk_free_bytes"] = float(left)
    return values


def _pss(folder: str) -> int:
    for line in read(f"{folder}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _folder_size(folder: str) -> int:
    """Return the bytes of the files below a folder; at most a bounded number of them is looked at."""
    total = count = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(f"{place}/{name}").st_size
            count += 1
            if count >= _MOST_FILES:
                return total
    return total
