"""The processes of this machine at one moment, and whose they are: read once for all bots of the node."""

import os
from collections.abc import Iterator, Mapping

from msgspec import Struct

from telemetry.agent.proc import read_once

_PAGE = os.sysconf("SC_PAGE_SIZE")
_ALL_EVERY = 10


class Process(Struct, frozen=True):
    """One process at one moment; `ticks` of CPU, `started` in ticks since the boot, `memory` in bytes.

    A msgspec struct, as thousands are made a second.
    """

    pid: int
    parent: int
    ticks: int
    started: int
    memory: int
    threads: int = 1


class Processes:
    """Reads them; of those that no bot owns most times only which there are."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._known: dict[int, Process] = {}
        self._owned: set[int] = set()
        self._rounds = 0
        self._children: dict[int, list[Process]] = {}

    def look(self) -> Mapping[int, Process]:
        """Return the processes by their numbers."""
        known = self._known if self._rounds % _ALL_EVERY else {}
        self._rounds += 1
        found = {}
        for name in os.listdir(self._proc):  # noqa: PTH208 - half the cost of Path.iterdir
            if not name.isdigit():
                continue
            pid = int(name)
            process = known.get(pid)
            if process is None or pid in self._owned:
                process = self._read(pid)
            if process is not None:
                found[pid] = process
        self._known, self._owned, self._children = found, set(), {}
        for process in found.values():
            self._children.setdefault(process.parent, []).append(process)
        return found

    def tree(self, root: Process) -> list[Process]:
        """Return a process and all that it started: they are read each time from now on."""
        found = list(self._below(root))
        self._owned.update(process.pid for process in found)
        return found

    def _below(self, root: Process) -> Iterator[Process]:
        yield root
        for child in self._children.get(root.pid, ()):
            yield from self._below(child)

    def _read(self, pid: int) -> Process | None:
        text = read_once(f"{self._proc}/{pid}/stat")
        if not text:
            return None
        # The command's name stands in parentheses and may hold anything, parentheses too.
        fields = text[text.rfind(b")") + 2 :].split(None, 22)
        return Process(
            pid,
            int(fields[1]),
            int(fields[11]) + int(fields[12]),
            int(fields[19]),
            int(fields[21]) * _PAGE,
            int(fields[17]),
        )


def identity(process: Process) -> tuple[int, int]:
    """Return what no other process has, also not a later one with the same number."""
    return process.pid, process.started
