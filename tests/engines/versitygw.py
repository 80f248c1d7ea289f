"""A real S3-compatible server for tests: a free loopback port, its own folder and credentials."""

import contextlib
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.engines.ports import free_ports
from tests.engines.processes import ServerProcess, answers, engine, launch, wait_ready

BUCKET = "states"


@dataclass
class ObjectServer:
    """A running server with one bucket; it can be killed and started again on the same port and data."""

    address: str
    health: str
    folder: Path
    environment: dict[str, str]
    process: ServerProcess = field(init=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        host = self.address.removeprefix("http://")
        command = [
            *(str(engine("versitygw")), "--port", host, "--health", self.health, "--quiet"),
            *("posix", "--sidecar", str(self.folder / "attributes"), str(self.folder / "data")),
        ]
        keys = {
            "ROOT_ACCESS_KEY": self.environment["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_KEY": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        self.process = launch(command, self.folder / "server.log", keys)
        wait_ready(self.process, lambda: answers(f"{self.address}{self.health}"), "versitygw")

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.signal(signal.SIGKILL)
        self.process.process.wait()

    def stop(self) -> None:
        """End it."""
        self.process.stop()

    @property
    def url(self) -> str:
        """The bucket as herdsman is told of it."""
        return f"s3://{BUCKET}/some/where"


@contextlib.contextmanager
def object_server() -> Iterator[ObjectServer]:
    """Run one for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="versitygw-"))
    (folder / "data" / BUCKET).mkdir(parents=True)
    (folder / "attributes").mkdir()
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }
    server = ObjectServer(address, "/health", folder, environment)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
