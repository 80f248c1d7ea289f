"""Resource use of bots from /proc: one pass over all processes serves all bots of the node."""

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from telemetry.agent.cgroups import Cgroups
from telemetry.agent.proc import free_bytes, link, most_files, open_files, read

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PSS_EVERY = 5
_STATE_EVERY = 30
_LIMITS_EVERY = 30
_FILES_EVERY = 5
_MOST_FILES = 20_000
_log = logging.getLogger("herdsman.agent")


@dataclass(frozen=True, slots=True)
class Target:
    """A bot to measure: its launcher's process and when that said so first (Unix seconds); its limits."""

    allocation: str
    launcher_pid: int
    seen_at: float
    memory_limit: int = 0
    cpu_limit: int = 0


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one moment; `ticks` of CPU, `started` in ticks since the boot, `memory` in bytes."""

    pid: int
    parent: int
    ticks: int
    started: int
    memory: int
    threads: int = 1


@dataclass(slots=True)
class _Memory:
    """What was measured of one bot before, to make rates of counters."""

    at: float = 0.0
    rounds: int = 0
    ticks: dict[tuple[int, int], int] = field(default_factory=dict)
    disk: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    network: tuple[int, int] | None = None
    state: str | None = None
    cgroups: Cgroups | None = None
    of: int = 0
    """The process that the cgroups are of."""
    throttled: float | None = None


class ResourceSampler:
    """Measures bots; keeps the counters of the last round."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = str(proc)
        self._memory: dict[str, _Memory] = {}
        self._booted = _boot_time(self._proc)
        self._own_network = link(f"{self._proc}/self/ns/net")
        self._failed = False

    def sample(self, targets: Iterable[Target], now: float | None = None) -> dict[str, dict[str, float]]:
        """Return allocation -> series name -> value, for those whose launcher lives. Blocks: for a thread."""
        now = time.monotonic() if now is None else now
        processes = {process.pid: process for process in self._processes()}
        children: dict[int, list[Process]] = {}
        for process in processes.values():
            children.setdefault(process.parent, []).append(process)
        found = {}
        for target in targets:
            try:
                root = processes.get(target.launcher_pid)
                if root is None or not self._is_it(root, target):
                    root = self._by_environment(target, processes.values())
                if root is not None:
                    found[target.allocation] = self._measure(target, list(_tree(root, children)), now)
            except Exception:  # noqa: BLE001 - one bot's files must not cost the others of the node their figures
                self._note_failure(target.allocation)
        self._memory = {name: memory for name, memory in self._memory.items() if name in found}
        return found

    def _note_failure(self, allocation: str) -> None:
        if not self._failed:
            _log.exception("the use of allocation %s cannot be measured; said once", allocation)
        self._failed = True

    def _processes(self) -> Iterator[Process]:
        for name in os.listdir(self._proc):  # noqa: PTH208 - half the cost of Path.iterdir
            if name.isdigit():
                process = self._process(int(name))
                if process is not None:
                    yield process

    def _process(self, pid: int) -> Process | None:
        text = read(f"{self._proc}/{pid}/stat")
        if not text:
            return None
        # The command's name stands in parentheses and may hold anything, parentheses too.
        fields = text[text.rfind(b")") + 2 :].split()
        return Process(
            pid,
            int(fields[1]),
            int(fields[11]) + int(fields[12]),
            int(fields[19]),
            int(fields[21]) * _PAGE,
            int(fields[17]),
        )

    def _is_it(self, process: Process, target: Target) -> bool:
        """Tell whether the process is the launcher and no later one with the same number."""
        return self._booted + process.started / _TICKS <= target.seen_at + 1.0

    def _by_environment(self, target: Target, processes: Iterable[Process]) -> Process | None:
        """Find the launcher where its own number for itself is another one (a process namespace)."""
        mark = f"NOMAD_ALLOC_ID={target.allocation}\0".encode()
        own = [one for one in processes if mark in read(f"{self._proc}/{one.pid}/environ")]
        return min(own, key=lambda process: process.started, default=None)

    def _measure(self, target: Target, tree: list[Process], now: float) -> dict[str, float]:
        memory = self._memory.setdefault(target.allocation, _Memory())
        seconds = now - memory.at if memory.rounds else 0.0
        values = {
            "bot_up": 1.0,
            "bot_memory_bytes": float(sum(process.memory for process in tree)),
            "bot_processes": float(len(tree)),
            "bot_threads": float(sum(process.threads for process in tree)),
        }
        self._add_cpu(values, memory, tree, seconds)
        self._add_disk(values, memory, tree, seconds)
        self._add_network(values, memory, tree[-1].pid, seconds)
        self._add_throttling(values, memory, tree[-1].pid, seconds)
        if memory.rounds % _FILES_EVERY == 0:
            self._add_files(values, tree)
        if memory.rounds % _PSS_EVERY == 0:
            values["bot_memory_pss_bytes"] = float(sum(self._pss(process.pid) for process in tree))
        if memory.rounds % _STATE_EVERY == 0:
            self._add_state(values, memory, tree)
        if memory.rounds % _LIMITS_EVERY == 0:
            _add_limits(values, target, memory.cgroups)
        memory.at = now
        memory.rounds += 1
        return values

    def _add_cpu(
        self, values: dict[str, float], memory: _Memory, tree: list[Process], seconds: float
    ) -> None:
        ticks = {(process.pid, process.started): process.ticks for process in tree}
        if seconds > 0:
            grown = sum(count - memory.ticks.get(key, 0) for key, count in ticks.items())
            values["bot_cpu_percent"] = 100.0 * max(grown, 0) / _TICKS / seconds
        memory.ticks = ticks

    def _add_disk(
        self, values: dict[str, float], memory: _Memory, tree: list[Process], seconds: float
    ) -> None:
        disk = {(process.pid, process.started): self._disk(process.pid) for process in tree}
        if seconds > 0:
            before = memory.disk
            read = sum(count[0] - before.get(key, (0, 0))[0] for key, count in disk.items())
            written = sum(count[1] - before.get(key, (0, 0))[1] for key, count in disk.items())
            values["bot_disk_read_bytes_per_second"] = max(read, 0) / seconds
            values["bot_disk_write_bytes_per_second"] = max(written, 0) / seconds
        memory.disk = disk

    def _add_network(self, values: dict[str, float], memory: _Memory, pid: int, seconds: float) -> None:
        """Network can be told apart only where the bot has a network namespace of its own."""
        if not self._own_network or link(f"{self._proc}/{pid}/ns/net") in {"", self._own_network}:
            return
        counts = _network_counts(read(f"{self._proc}/{pid}/net/dev"))
        if memory.network is not None and seconds > 0:
            received, sent = (
                max(now - before, 0) for now, before in zip(counts, memory.network, strict=True)
            )
            values["bot_network_receive_bytes_per_second"] = received / seconds
            values["bot_network_transmit_bytes_per_second"] = sent / seconds
        memory.network = counts

    def _add_throttling(self, values: dict[str, float], memory: _Memory, pid: int, seconds: float) -> None:
        """Throttling can be told only where the bot has a cgroup of its own, as on Nomad."""
        if memory.of != pid:
            memory.cgroups, memory.of, memory.throttled = Cgroups(pid, self._proc), pid, None
        found = memory.cgroups.throttling() if memory.cgroups else None
        if found is None:
            return
        if memory.throttled is not None and seconds > 0:
            share = max(found.seconds - memory.throttled, 0.0) / seconds
            values["bot_cpu_throttled_percent"] = min(100.0 * share, 100.0)
        memory.throttled = found.seconds

    def _add_files(self, values: dict[str, float], tree: list[Process]) -> None:
        """Tell of the process that is nearest to its limit: each has its own."""
        counted = [(open_files(f"{self._proc}/{process.pid}"), process.pid) for process in tree]
        held, pid = max(counted, default=(0, 0))
        if held:
            values["bot_open_files"] = float(held)
            if most := most_files(f"{self._proc}/{pid}"):
                values["bot_open_files_limit"] = float(most)

    def _add_state(self, values: dict[str, float], memory: _Memory, tree: list[Process]) -> None:
        if not memory.state:
            memory.state = next(filter(None, (self._state_folder(process.pid) for process in tree)), "")
        if memory.state:
            values["bot_state_bytes"] = float(_folder_size(memory.state))
            free = free_bytes(memory.state)
            if free is not None:
                values["bot_disk_free_bytes"] = float(free)

    def _state_folder(self, pid: int) -> str:
        for part in read(f"{self._proc}/{pid}/environ").split(b"\0"):
            if part.startswith(b"STATE_DIR="):
                # Through the process's own root: a task may live in a changed one.
                return f"{self._proc}/{pid}/root{os.fsdecode(part[10:])}"
        return ""

    def _disk(self, pid: int) -> tuple[int, int]:
        counts = dict(
            line.split(b": ", 1) for line in read(f"{self._proc}/{pid}/io").splitlines() if b": " in line
        )
        return int(counts.get(b"read_bytes", 0)), int(counts.get(b"write_bytes", 0))

    def _pss(self, pid: int) -> int:
        for line in read(f"{self._proc}/{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
        return 0


def is_alive(pid: int) -> bool:
    """Tell whether there is a process of that number."""
    return pid > 0 and Path(f"/proc/{pid}").exists()


def _tree(root: Process, children: dict[int, list[Process]]) -> Iterator[Process]:
    yield root
    for child in children.get(root.pid, ()):
        yield from _tree(child, children)


def _add_limits(values: dict[str, float], target: Target, cgroups: Cgroups | None) -> None:
    kept = cgroups.memory_limit() if cgroups else 0
    if limit := min(filter(None, (target.memory_limit, kept)), default=0):
        values["bot_memory_limit_bytes"] = float(limit)
    if target.cpu_limit:
        values["bot_cpu_limit_percent"] = target.cpu_limit / 10


def _network_counts(text: bytes) -> tuple[int, int]:
    received = sent = 0
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(b":")
        if name.strip() != b"lo":
            fields = numbers.split()
            received += int(fields[0])
            sent += int(fields[8])
    return received, sent


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


def _boot_time(proc: str) -> float:
    for line in read(f"{proc}/stat").splitlines():
        if line.startswith(b"btime "):
            return float(line.split()[1])
    return 0.0
