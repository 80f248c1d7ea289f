"""What a soak runs on: real service, agent and VictoriaMetrics, each to be killed, on disks of their own."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.service import CHECKOUT, COMMAND, Service, wait_for
from tests.engines.processes import ServerProcess, launch
from tests.engines.victoriametrics import VictoriaMetrics, victoriametrics

_PATIENCE = 600.0


@contextmanager
def disk(folder: Path, size: str) -> Iterator[None]:
    """Give a folder a small disk of its own for the time of the block; only root can."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave no byte on a folder's disk for the time of the block; nothing happens where it has none."""
    file = folder / "filler"
    if folder.is_mount():
        with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(1 << 16))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@dataclass
class Printer:
    """The process that prints for all bots."""

    process: "subprocess.Popen[str]"
    at: int = 0
    """Lines printed so far."""
    printed: dict[str, int] = field(default_factory=dict)
    _done: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _reading: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for said in self.process.stdout:
            if said.startswith("at "):
                self.at = int(said[3:])
            elif said.startswith("done"):
                self._done.release()
            else:
                self.printed = json.loads(said)

    def go(self, lines: int, rate: float) -> None:
        """Begin to print more."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"go {lines} {rate}\n")
        self.process.stdin.flush()

    def until(self, at: int) -> None:
        """Return once so many lines are printed."""
        wait_for(lambda: self.at >= at or self.process.poll() is not None, "lines", _PATIENCE, 0.02)

    def wait(self) -> None:
        """Return once what was asked for is printed."""
        assert self._done.acquire(timeout=_PATIENCE), "the printer does not get on"

    def end(self) -> None:
        """Let it end, and learn what it has printed."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(_PATIENCE)
        self._reading.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass
class Machine:
    """One machine with everything; `series` is None where the series are embedded."""

    root: Path
    service: Service
    series: VictoriaMetrics | None
    agent: ServerProcess | None = None
    token: str = ""

    @property
    def node(self) -> Path:
        """The disk with the bots' log files."""
        return self.root / "node"

    @property
    def store(self) -> Path:
        """The disk with the service's data folder."""
        return self.service.data

    @property
    def notes(self) -> Path:
        """The disk with the agent's checkpoint."""
        return self.root / "notes"

    @property
    def database(self) -> Path:
        return self.service.data / "telemetry.db"

    def start_agent(self) -> None:
        """Start the agent, also again."""
        folders = [f"--{name}={self.notes / name}" for name in ("state-root", "cache-root", "checkpoint")]
        command = [COMMAND, "agent", "--url", self.service.url, "--alloc-root", str(self.node / "alloc")]
        token = {"HERDSMAN_TOKEN": self.token}
        self.agent = launch([*command, *folders], self.root / "agent.log", token)

    def kill_agent(self) -> None:
        """End the agent as a crash does."""
        assert self.agent is not None
        self.agent.process.kill()
        self.agent.process.wait()

    def print_for(self, bots: int, started: int) -> Printer:
        """Start the process that prints."""
        fleet = self.service.get("/api/v1/fleet")["fleet"]
        arguments = [str(self.node / "alloc"), fleet, str(bots), str(started)]
        return Printer(
            subprocess.Popen(
                [sys.executable, "-m", "tests.soak.printing", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=CHECKOUT,
            )
        )

    def exported(self, name: str) -> list[tuple[str, list[int], list[float]]]:
        """Return bot, times (ms) and values of a series, as VictoriaMetrics itself tells them."""
        assert self.series is not None
        self.series.flush()
        query = urllib.parse.urlencode({"match[]": name})
        found = []
        with urllib.request.urlopen(f"{self.series.address}/api/v1/export?{query}", timeout=120) as answer:
            for text in answer:
                one = json.loads(text)
                found.append((one["metric"]["bot"], one["timestamps"], one["values"]))
        return found

    def end(self) -> None:
        """End what still runs."""
        if self.agent is not None:
            self.agent.stop()
        self.service.end()


@contextmanager
def machine(root: Path, size: str, *, embedded: bool) -> Iterator[Machine]:
    """Start everything but the printer."""
    with ExitStack() as stack:
        home = root / "service"
        series = None if embedded else stack.enter_context(victoriametrics())
        options = ("--victoriametrics", series.address) if series else ()
        service = Service(home, (*options, "--no-sign-in-link"))
        made = Machine(root, service, series)
        for folder, room in ((made.node, size), (made.notes, "1m"), (service.data, size)):
            stack.enter_context(disk(folder, room))
        (made.node / "alloc").mkdir()
        stack.callback(made.end)
        service.start()
        made.token = service.run("token", "create", "agents", "--scope", "ingest").stdout.strip()
        made.start_agent()
        yield made
