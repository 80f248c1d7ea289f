"""What a test needs to launch real bots: bundles, a server of them, specs, and the bots' own record."""

import functools
import hashlib
import http.server
import io
import json
import sys
import sysconfig
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.launcher.archive import launcher_digest, launcher_files
from gitops.bundle import Bundle
from schemas.bot import BotSpec, BotType, Mode, ProgramVersion

RECORDING_BOT = b'''
"""A bot that records its life: start, alive every 50 ms, and, once asked to stop, 5 s more and end."""
import json, os, signal, time

config = json.loads(os.environ["BOT_CONFIG"])
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(time.monotonic()))
grace = config.get("grace", 5)
name = f"{config['record']}/{os.getpid()}-{time.monotonic_ns()}.log"
with open(name, "w", buffering=1) as record:
    record.write(f"start {time.monotonic()} {config.get('spec', '')}\\n")
    print("started", flush=True)
    while not stopping or time.monotonic() - stopping[0] < grace:
        record.write(f"alive {time.monotonic()}\\n")
        time.sleep(0.05)
    record.write(f"end {time.monotonic()}\\n")
'''


def this_python() -> tuple[str, str]:
    """Return the minor version of this interpreter and its path outside any virtual environment."""
    version = sysconfig.get_python_version()
    return version, str(Path(sys.base_prefix) / "bin" / f"python{version}")


def make_bundle(folder: Path, key: str, files: Mapping[str, bytes]) -> Bundle:
    """Write files as a `.tar.gz` into `folder`, named by its digest."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{digest}.tar.gz"
    path.write_bytes(content)
    return Bundle(key, digest, path, len(content))


def launcher_bundle(folder: Path) -> Bundle:
    """Return the real launcher's archive."""
    return make_bundle(folder, launcher_digest(), launcher_files())


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class BundleServer:
    """Serves a folder of bundles over HTTP."""

    folder: Path
    address: str

    def url_of(self, bundle: Bundle) -> str:
        return f"{self.address}/{bundle.path.name}"


@contextmanager
def bundle_server(folder: Path, host: str = "127.0.0.1") -> Iterator[BundleServer]:
    """Serve `folder` for the time of the block."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield BundleServer(folder, f"http://{host}:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


def make_spec(
    name: str, digest: str = "digest-1", config: Mapping[str, Any] | None = None, **fields: Any
) -> BotSpec:
    """Return a bot of a small program; `fields` replace those of the spec."""
    kind = BotType.SCHEDULED if fields.get("schedule") else BotType.REALTIME
    program = ProgramVersion(
        name="recorder",
        version="1.0.0",
        type=kind,
        runtime="python3.11",
        entrypoint="main.py",
        query_entrypoint="",
        path="programs/recorder",
        tree="tree-1",
    )
    return BotSpec(
        name=name,
        program=program,
        mode=Mode.DRY,
        enabled=True,
        config_json=json.dumps({"name": name, "spec": digest, **(config or {})}),
        path=f"bots/{name}.yaml",
        digest=digest,
        **fields,
    )


@dataclass(frozen=True)
class Life:
    """One process of a bot: when it was first and last seen alive, on the machine's monotonic clock."""

    first: float
    last: float
    spec: str
    ended: bool


def lives(record: Path) -> list[Life]:
    """Read the record of every process that ran, in the order of their starts."""
    found = []
    for path in record.glob("*.log"):
        # The last line may be half written.
        lines = [line.split() for line in path.read_text().split("\n")[:-1]]
        if lines:
            times = [float(line[1]) for line in lines]
            spec = lines[0][2] if len(lines[0]) > 2 else ""
            found.append(Life(times[0], times[-1], spec, lines[-1][0] == "end"))
    return sorted(found, key=lambda life: life.first)


def overlaps(record: Path) -> list[tuple[Life, Life]]:
    """Return every pair of processes that lived at the same time."""
    known = lives(record)
    return [
        (one, other) for at, one in enumerate(known) for other in known[at + 1 :] if other.first <= one.last
    ]
