"""Whether the kernel killed a bot because memory ran out, by its counts for our cgroup and the machine."""

from controller.launcher.files import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

REASON = "out_of_memory"
_MIB = 1 << 20
_NO_LIMIT = 1 << 60
"""Bytes from which on a cgroup of the first version has no limit."""


class MemoryKills:
    """Counts of one moment; `found` compares them with those of now. `root` stands before every path."""

    def __init__(self, root: str = "") -> None:
        self._root = root
        self._folders = list(_folders(root))
        self._group, self._machine = self._in_group(), self._on_machine()

    def found(self) -> str:
        """Return in words that memory ran out since, "" where the kernel counted no such kill."""
        if self._in_group() > self._group:
            limit = self._number("memory.max", "memory.limit_in_bytes")
            if 0 < limit < _NO_LIMIT:
                used = self._number("memory.peak", "memory.max_usage_in_bytes") or limit
                return f"killed by the kernel for memory: used {_mib(min(used, limit))} of {_mib(limit)} MiB"
        elif self._on_machine() <= self._machine:
            return ""
        return f"killed by the kernel for memory: used {_mib(_most_used())} MiB, and there was no more"

    def _in_group(self) -> int:
        texts = (read(f"{folder}/{name}") for folder in self._folders for name in _COUNTERS)
        return sum(_count(text or "") for text in texts)

    def _on_machine(self) -> int:
        return _count(read(f"{self._root}/proc/vmstat") or "")

    def _number(self, *names: str) -> int:
        """Return the first of these files that holds a number; 0 where none does."""
        for folder in self._folders:
            for name in names:
                text = (read(f"{folder}/{name}") or "").strip()
                if text.isdecimal():
                    return int(text)
        return 0


_COUNTERS = ("memory.events", "memory.oom_control")
_PLACES = {"": ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"), "memory": ("/sys/fs/cgroup/memory",)}
"""Where the cgroups of a controller are: the first version's, and the second's, whose line names none."""


def _folders(root: str) -> "Iterator[str]":
    """Yield the folders of our own cgroups, as far as this machine may have them."""
    for line in (read(f"{root}/proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        for place in _PLACES.get(controllers, ()):
            yield f"{root}{place}{path.rstrip('/')}"


def _count(text: str) -> int:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdecimal():
            return int(value)
    return 0


def _most_used() -> int:
    """Return the most that a child of ours ever had in memory, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _mib(size: int) -> int:
    return round(size / _MIB)
