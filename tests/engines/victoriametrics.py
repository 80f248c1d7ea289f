"""A real VictoriaMetrics for tests: a free loopback port, its own data folder, nothing left behind."""

import contextlib
import shutil
import signal
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.engines.ports import free_ports
from tests.engines.processes import ServerProcess, answers, engine, launch, wait_ready

VERSIONS = ("1.79.5", "1.140.0")
"""Debian's, and a current one."""

SETTINGS = (
    "-search.latencyOffset=0s",
    "-dedup.minScrapeInterval=1ms",
    "-memory.allowedBytes=128MiB",
    "-retentionPeriod=12",
    "-loggerTimezone=UTC",
)


@dataclass
class VictoriaMetrics:
    """A running server; it can be killed and started again on the same port and data."""

    version: str
    address: str
    data: Path
    port: int
    log: Path
    process: ServerProcess = field(init=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [
            str(engine(f"victoria-metrics-{self.version}")),
            f"-storageDataPath={self.data}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            *SETTINGS,
        ]
        self.process = launch(command, self.log)
        wait_ready(self.process, lambda: answers(f"{self.address}/health"), f"VictoriaMetrics {self.version}")

    def kill(self) -> None:
        """End it as a crash does: no flush, no goodbye."""
        self.process.signal(signal.SIGKILL)
        self.process.process.wait()

    def flush(self) -> None:
        """Make everything that it was given visible to searches."""
        with urllib.request.urlopen(f"{self.address}/internal/force_flush", timeout=60):
            return

    def stop(self) -> None:
        """End it."""
        self.process.stop()


@contextlib.contextmanager
def victoriametrics(version: str = VERSIONS[-1]) -> Iterator[VictoriaMetrics]:
    """Run one for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix=f"vm-{version}-"))
    (port,) = free_ports(1)
    server = VictoriaMetrics(
        version, f"http://127.0.0.1:{port}", folder / "data", port, folder / "server.log"
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
