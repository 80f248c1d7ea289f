"""Resource use of bots from /proc: one pass over all processes serves all bots of the node.

What changes by the second is read in each round; what costs more (shares of memory, open files, the state
folder) in some, not of all bots in the same, and what may hang is read aside.
"""

import functools
import logging
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from telemetry.agent.aside import Aside
from telemetry.agent.cgroups import Cgroups
from telemetry.agent.hanging import Environment, environment_of, shared_memory, state_of
from telemetry.agent.proc import link, most_files, open_files, read, read_once
from telemetry.agent.processes import Process, Processes, identity

_TICKS = os.sysconf("SC_CLK_TCK")
_NETWORK_EVERY = 10
"""Rounds after which it is looked at again whether a bot has a network of its own."""
_FILES_EVERY = 5
_SHARES_EVERY = 30
_STATE_EVERY = 60
_NO_STATE_EVERY = 30
"""Rounds after which the environment of a process is read again that told of no state folder."""
_STATE = "state"
_LIMITS_EVERY = 30
_PATIENCE = 5.0
_log = logging.getLogger("herdsman.agent")


@dataclass(frozen=True, slots=True)
class Target:
    """A bot to measure: its launcher's process and when that said so first (Unix seconds); its limits."""

    allocation: str
    launcher_pid: int
    seen_at: float
    memory_limit: int = 0
    cpu_limit: int = 0


@dataclass(slots=True)
class _Memory:
    """What was measured of one bot before, to make rates of counters."""

    phase: int
    """By how many rounds it is ahead of others in what is not read in each."""
    at: float = 0.0
    rounds: int = 0
    root: tuple[int, int] | None = None
    ticks: dict[tuple[int, int], int] = field(default_factory=dict)
    disk: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    network: tuple[int, int] | None = None
    own_network: bool = False
    state: Environment | None = None
    state_of: tuple[int, int] = (0, 0)
    """The process by which the state folder is reached."""
    unanswered: bool = False
    """Whether its state folder was due to be measured, and is not yet."""
    stalled: bool = False
    cgroups: Cgroups | None = None
    of: int = 0
    """The process that the cgroups and the network are of."""
    throttled: float | None = None

    def is_due(self, every: int) -> bool:
        """Say whether it is the round for what is read in every so many."""
        return not self.rounds or (self.rounds + self.phase) % every == 0


class ResourceSampler:
    """Measures bots; keeps the counters of the last round.

    `state` measures a state folder; it hangs where that takes longer than `patience` seconds.
    """

    def __init__(
        self,
        proc: Path = Path("/proc"),
        *,
        state: Callable[[str], dict[str, float]] = state_of,
        patience: float = _PATIENCE,
    ) -> None:
        self._proc = str(proc)
        self._measure_state = state
        self._processes = Processes(self._proc)
        self._alive: Mapping[int, Process] = {}
        self._marked: dict[str, Process] | None = None
        """Allocation -> the oldest process with its mark in the environment; None until somebody asks."""
        self._memory: dict[str, _Memory] = {}
        self._booted = _boot_time(self._proc)
        self._own_network = link(f"{self._proc}/self/ns/net")
        self._environments: dict[tuple[int, int], Environment] = {}
        self._environment_reader = Aside[tuple[int, int], Environment](patience)
        self._reader = Aside[tuple[str, str], dict[str, float]](patience)
        self._hanging: set[str] = set()
        self._failed = False
        self._rounds = 0
        self.spent = 0.0
        """Seconds of CPU time that the last round took, with what was read aside."""

    def sample(self, targets: Iterable[Target], now: float | None = None) -> dict[str, dict[str, float]]:
        """Return allocation -> series name -> value, for those whose launcher lives. Blocks: for a thread."""
        began = time.thread_time()
        now = time.monotonic() if now is None else now
        self._rounds += 1
        self._alive, self._marked = self._processes.look(), None
        self._learn_environments()
        aside: dict[str, dict[str, float]] = {}
        for (allocation, kind), values in self._reader.take():
            aside.setdefault(allocation, {}).update(values)
            if kind == _STATE:
                aside[allocation]["bot_disk_stalled_seconds"] = 0.0
        found = {}
        for target in targets:
            try:
                root = self._root(target)
                if root is not None:
                    read_aside = aside.get(target.allocation, {})
                    found[target.allocation] = self._measure(
                        target, self._processes.tree(root), now, read_aside
                    )
            except Exception:  # noqa: BLE001 - one bot's files must not cost the others of the node their figures
                self._note_failure(target.allocation)
        self._memory = {name: memory for name, memory in self._memory.items() if name in found}
        self._note_answers()
        self.spent = time.thread_time() - began + self._reader.spent() + self._environment_reader.spent()
        return found

    def close(self) -> None:
        """Let the threads end that read what may hang."""
        self._reader.close()
        self._environment_reader.close()

    def _note_failure(self, allocation: str) -> None:
        if not self._failed:
            _log.exception("the use of allocation %s cannot be measured; said once", allocation)
        self._failed = True

    def _learn_environments(self) -> None:
        """Take what was read of processes' environments, and forget those of processes that are gone."""
        self._environments.update(self._environment_reader.take())
        if len(self._environments) > 2 * len(self._alive):
            alive = {identity(process) for process in self._alive.values()}
            self._environments = {key: one for key, one in self._environments.items() if key in alive}

    def _root(self, target: Target) -> Process | None:
        process = self._alive.get(target.launcher_pid)
        if process is not None and self._is_it(process, target):
            return process
        memory = self._memory.get(target.allocation)
        if memory is not None and memory.root is not None:
            process = self._alive.get(memory.root[0])
            if process is not None and identity(process) == memory.root:
                return process
        return self._by_environment(target)

    def _is_it(self, process: Process, target: Target) -> bool:
        """Tell whether the process is the launcher and no later one with the same number."""
        return self._booted + process.started / _TICKS <= target.seen_at + 1.0

    def _by_environment(self, target: Target) -> Process | None:
        """Find the launcher where its own number for itself is another one (a process namespace)."""
        if self._marked is None:
            self._marked = {}
            for process in sorted(self._alive.values(), key=lambda process: process.started):
                known = self._environment(process)
                if known is not None and known.allocation:
                    self._marked.setdefault(known.allocation, process)
        return self._marked.get(target.allocation)

    def _environment(self, process: Process) -> Environment | None:
        """Return what a process's environment tells; None at first, while it is read.

        A launcher's child has the launcher's until its own program is loaded.
        """
        key = identity(process)
        known = self._environments.get(key)
        again = known is not None and not known.state and (self._rounds + process.pid) % _NO_STATE_EVERY == 0
        if known is None or again:
            read_it = functools.partial(environment_of, f"{self._proc}/{process.pid}")
            self._environment_reader.ask(key, f"process {process.pid}", read_it)
        return known

    def _measure(
        self, target: Target, tree: list[Process], now: float, aside: dict[str, float]
    ) -> dict[str, float]:
        name = target.allocation
        memory = self._memory.get(name)
        if memory is None:
            memory = self._memory[name] = _Memory(zlib.crc32(name.encode()) % _STATE_EVERY)
        memory.root = identity(tree[0])
        seconds = now - memory.at if memory.rounds else 0.0
        values = {
            "bot_up": 1.0,
            "bot_memory_bytes": float(sum(process.memory for process in tree)),
            "bot_processes": float(len(tree)),
            "bot_threads": float(sum(process.threads for process in tree)),
            **aside,
        }
        self._add_cpu(values, memory, tree, seconds)
        self._add_disk(values, memory, tree, seconds)
        self._add_network(values, memory, tree[-1].pid, seconds)
        self._add_throttling(values, memory, tree[-1].pid, seconds)
        memory.of = tree[-1].pid
        if memory.is_due(_FILES_EVERY):
            self._add_files(values, tree)
        if memory.is_due(_SHARES_EVERY):
            folders = [f"{self._proc}/{process.pid}" for process in tree]
            self._reader.ask((name, "shares"), f"memory {name}", functools.partial(shared_memory, folders))
        self._add_state(values, memory, name, tree)
        if memory.is_due(_LIMITS_EVERY):
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
        if memory.of != pid or memory.is_due(_NETWORK_EVERY):
            network = link(f"{self._proc}/{pid}/ns/net")
            memory.own_network = bool(self._own_network) and network not in {"", self._own_network}
        if not memory.own_network:
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
            memory.cgroups, memory.throttled = Cgroups(pid, self._proc), None
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

    def _add_state(self, values: dict[str, float], memory: _Memory, name: str, tree: list[Process]) -> None:
        """Have the state folder measured aside, and tell for how long its disk has not answered."""
        if memory.state is None or memory.state_of not in [identity(process) for process in tree]:
            memory.state = self._find_state(memory, tree)
            ask = memory.state is not None
        else:
            ask = memory.is_due(_STATE_EVERY)
        if memory.state is None:
            return
        place = memory.state.disk
        memory.unanswered = ask or (memory.unanswered and "bot_disk_stalled_seconds" not in values)
        silent = self._reader.hangs(place)
        if silent is not None:
            values["bot_disk_stalled_seconds"] = silent
            self._note_silence(place, memory.state.state, silent)
        elif ask or (memory.stalled and memory.unanswered):
            self._reader.ask(
                (name, _STATE), place, functools.partial(self._measure_state, memory.state.state)
            )
        memory.stalled = silent is not None

    def _find_state(self, memory: _Memory, tree: list[Process]) -> Environment | None:
        for process in tree:
            known = self._environment(process)
            if known is not None and known.state:
                memory.state_of = identity(process)
                return known
        return None

    def _note_silence(self, place: str, folder: str, seconds: float) -> None:
        if place not in self._hanging:
            self._hanging.add(place)
            _log.warning(
                "the disk of %s (%s) does not answer for %.0f s: the states on it are not measured until it "
                "does, everything else is",
                folder,
                place,
                seconds,
            )

    def _note_answers(self) -> None:
        for place in [place for place in self._hanging if self._reader.hangs(place) is None]:
            self._hanging.discard(place)
            _log.info("the disk %s answers again", place)

    def _disk(self, pid: int) -> tuple[int, int]:
        text = read_once(f"{self._proc}/{pid}/io")
        return _number_after(text, b"\nread_bytes: "), _number_after(text, b"\nwrite_bytes: ")


def is_alive(pid: int) -> bool:
    """Tell whether there is a process of that number."""
    return pid > 0 and Path(f"/proc/{pid}").exists()


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


def _boot_time(proc: str) -> float:
    for line in read(f"{proc}/stat").splitlines():
        if line.startswith(b"btime "):
            return float(line.split()[1])
    return 0.0


def _number_after(text: bytes, name: bytes) -> int:
    """Return the number in a line of a text of the kernel's, 0 where it has none."""
    at = text.find(name)
    if at < 0:
        return 0
    value = text[at + len(name) : at + len(name) + 21].partition(b"\n")[0].strip()
    return int(value) if value.isdigit() else 0
