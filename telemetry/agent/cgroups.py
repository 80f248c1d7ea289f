"""What a process's cgroups say of its CPU and memory, where it has some of its own."""

from dataclasses import dataclass
from pathlib import Path

from telemetry.agent.proc import read

_NO_LIMIT = 1 << 60
"""Bytes from which on a cgroup of the first version has no limit."""
_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


@dataclass(frozen=True, slots=True)
class Throttling:
    """How long a cgroup's processes were kept from the CPU so far, in seconds."""

    seconds: float


class Cgroups:
    """The cgroups of one process that are not the agent's own; those that it shares say nothing of it.

    `proc` and `system` are the folders of the kernel's files.
    """

    __slots__ = ("_cpu", "_memory")

    def __init__(self, pid: int, proc: str = "/proc", system: str = "") -> None:
        own, theirs = _paths(f"{proc}/self/cgroup"), _paths(f"{proc}/{pid}/cgroup")
        self._cpu = _folders(theirs, own, "cpu", system)
        self._memory = _folders(theirs, own, "memory", system)

    def throttling(self) -> Throttling | None:
        """Return how long it was throttled, None where no limit is kept by a cgroup of its own."""
        for folder in self._cpu:
            for line in read(f"{folder}/cpu.stat").splitlines():
                name, _, value = line.partition(b" ")
                if name == b"throttled_usec":
                    return Throttling(int(value) / 1e6)
                if name == b"throttled_time":
                    return Throttling(int(value) / 1e9)
        return None

    def memory_limit(self) -> int:
        """Return the bytes that the kernel allows it, 0 where it sets no limit."""
        for folder in self._memory:
            for name in ("memory.max", "memory.limit_in_bytes"):
                text = read(f"{folder}/{name}").strip()
                if text.isdigit() and int(text) < _NO_LIMIT:
                    return int(text)
        return 0


def _paths(file: str) -> dict[str, str]:
    """Return controller -> path; "" for the second version, which has one for all."""
    found = {}
    for line in read(file).decode(errors="replace").splitlines():
        _, names, path = (*line.split(":", 2), "", "")[:3]
        for name in names.split(",") if path else ():
            found[name] = path
    return found


def _folders(theirs: dict[str, str], own: dict[str, str], controller: str, system: str) -> list[str]:
    found = []
    for name, mounts in ((controller, (f"/sys/fs/cgroup/{controller}",)), ("", _MOUNTS)):
        path = theirs.get(name)
        if path is not None and path != own.get(name) and path != "/":
            found += [f"{system}{mount}{path}" for mount in mounts]
    return [folder for folder in found if Path(folder).is_dir()]
