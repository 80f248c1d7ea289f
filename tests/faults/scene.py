"""One fault on a cluster: its bots, each with an operation of its own, and what became of them."""

import contextlib
import os
import re
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from controller.launcher.archive import LAUNCHER
from tests.engines.cluster import Cluster, Machine
from tests.faults import living
from tests.faults.house import LIVING, MANIFEST, RUNNING, SHORT, Herdsman, patiently, wait

SETTLED = 3.0
"""Seconds in which a second copy would show itself once all is well again."""


@dataclass
class Bot:
    """One bot of a scene: `ends` is the spec it must run with in the end, "" for none."""

    name: str
    record: Path
    herdsman: Herdsman
    ends: str = "one"
    lease: str = SHORT
    kind: str = LIVING
    commit: str = ""
    """A commit that changed this bot alone."""

    @property
    def path(self) -> str:
        return f"bots/{self.name}.yaml"

    def write(self, spec: str, *, enabled: bool = True) -> None:
        """Write its manifest."""
        switched = str(enabled).lower()
        text = MANIFEST.format(
            name=self.name, kind=self.kind, record=self.record, spec=spec, enabled=switched, lease=self.lease
        )
        self.herdsman.write(self.path, text)

    def remove(self) -> None:
        """Take its manifest out of the fleet."""
        (self.herdsman.tree / self.path).unlink(missing_ok=True)

    def living(self) -> str:
        """Return the spec of the copy that lives now, "" for none."""
        return living.living(self.record)


@dataclass
class Scene:
    """A cluster with herdsman: two nodes that a fault is about (`struck`), one that it is not."""

    cluster: Cluster
    herdsman: Herdsman
    folder: Path
    bots: dict[str, Bot] = field(default_factory=dict)
    fleet: str = ""

    @property
    def struck(self) -> list[Machine]:
        return self.cluster.clients[:2]

    def add(self, name: str, ends: str, lease: str, kind: str) -> Bot:
        """Make a bot with an empty record."""
        identity = f"{re.sub('[^a-z0-9]+', '-', name)}-{secrets.token_hex(2)}"
        record = self.folder / identity
        record.mkdir()
        self.bots[name] = Bot(identity, record, self.herdsman, ends, lease, kind)
        return self.bots[name]

    def place(self, bots: list[Bot], machine: Machine) -> None:
        """Start bots on one machine."""
        patiently(lambda: self.cluster.only(machine))
        for bot in bots:
            bot.write("one")
        self.herdsman.push(f"bots for {machine.name}")
        wait(lambda: all(bot.living() == "one" for bot in bots), 120, f"all bots of {machine.name} living")
        # What Nomad only knows as pending it replaces at once when their node is silent.
        placed = [bot.name for bot in bots if bot.kind != RUNNING]

        def run() -> bool:
            try:
                return all(map(self.running, placed))
            except OSError:
                return False

        wait(run, 60, f"all bots of {machine.name} running")
        patiently(lambda: self.cluster.only(None))

    def running(self, name: str) -> list[str]:
        """Return the nodes on which Nomad has a bot running, or asked to run."""
        job = self.job(name)
        found = self.cluster.get(f"job/{job}/allocations")
        return [
            one["NodeName"]
            for one in found
            if one["ClientStatus"] == "running" and one["DesiredStatus"] == "run"
        ]

    def job(self, name: str) -> str:
        """Return the id of a bot's job."""
        self.fleet = self.fleet or self.herdsman.ask("GET", "fleet")["fleet"]
        return f"{self.fleet}.{name}"

    def silent(self) -> bool:
        """Whether Nomad holds no struck node for ready; it cannot tell while it has no leader."""
        try:
            nodes = {node["Name"]: node["Status"] for node in self.cluster.get("nodes")}
        except OSError:
            return False
        return not any(nodes[machine.name] == "ready" for machine in self.struck)

    def as_wanted(self) -> bool:
        """Whether every bot is what it must be in the end: by its own record, by Nomad and by herdsman."""
        told = self.herdsman.bots()
        return bool(told) and all(not self.amiss(bot, told) for bot in self.bots.values())

    def amiss(self, bot: Bot, told: dict[str, dict[str, str]]) -> str:
        """Return what is not as it must be with a bot, "" where all is; a scheduled one runs now and then."""
        if bot.kind != RUNNING and bot.living() != bot.ends:
            return f"{bot.name} lives as {bot.living()!r}, not as {bot.ends!r}"
        seen = told.get(bot.name)
        if seen is not None and seen["sync"] != "Synced":
            return f"{bot.name} is {seen['sync']}: {seen['reason']}, {seen['message']}"
        if bot.kind == RUNNING:
            return ""
        try:
            running = self.running(bot.name)
        except OSError:  # its job is gone, or Nomad has no leader just now
            running = []
        if len(running) != bool(bot.ends):
            return f"{bot.name} runs on {running} by Nomad"
        return ""

    def report(self) -> str:
        """Return everything that is amiss."""
        told = self.herdsman.bots()
        return "\n".join(text for bot in self.bots.values() if (text := self.amiss(bot, told)))


def inside(machine: Machine) -> Iterator[int]:
    """Yield every process of a machine, by its network namespace."""
    wanted = Path(f"/run/netns/{machine.namespace}").stat().st_ino
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "ns" / "net").stat().st_ino == wanted:
                yield int(entry.name)


def watching(machine: Machine) -> dict[int, int]:
    """Return the launchers of a machine and their guards, which are forked from them, with their parents."""
    found = {}
    for pid in inside(machine):
        with contextlib.suppress(OSError):
            if LAUNCHER.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                stat = Path(f"/proc/{pid}/stat").read_text()
                found[pid] = int(stat.rpartition(")")[2].split()[1])
    return found


def launchers(machine: Machine) -> list[int]:
    """Return the launchers of a machine without their guards."""
    found = watching(machine)
    return [pid for pid, parent in found.items() if parent not in found]


def send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes that may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
