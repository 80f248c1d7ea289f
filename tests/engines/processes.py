"""Server processes of tests: start, wait until ready, stop, and leave nothing behind."""

import contextlib
import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 120.0
"""Seconds that a server may take to get ready: a machine may be many times slower than another."""
MARK = "HERDSMAN_TEST_ENGINE"
"""An environment variable that everything a test server starts inherits; strays are found by its value."""

CHECKOUT = Path(__file__).resolve().parents[2]


class EngineMissing(Exception):
    """A real server is not built or does not start."""


def engine(name: str) -> Path:
    """Return the path of a built server, from `HERDSMAN_ENGINES` or the checkout's `.engines/bin`."""
    folder = Path(os.environ.get("HERDSMAN_ENGINES") or CHECKOUT / ".engines" / "bin")
    path = folder / name
    if not os.access(path, os.X_OK):
        raise EngineMissing(f"{path} is missing: run `make engines` to build it (or set HERDSMAN_ENGINES)")
    return path


@dataclass(frozen=True)
class ServerProcess:
    """A running server with its log file and the mark that its descendants carry."""

    process: "subprocess.Popen[bytes]"
    log: Path
    mark: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, grace: float = 20.0) -> None:
        """End the server (SIGTERM, after `grace` SIGKILL) and then whatever still carries its mark."""
        if self.alive():
            self.process.terminate()
            self.process.send_signal(signal.SIGCONT)
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        end_marked(self.mark)


def launch(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    mark: str | None = None,
    user: str | None = None,
) -> ServerProcess:
    """Start a server in its own session, its output in `log`; `mark` is that of an earlier life of it.

    `user` is whom it runs as, None for whoever runs the tests.
    """
    mark = mark or secrets.token_hex(8)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(env or {}), MARK: mark},
            cwd="/",
            start_new_session=True,
            user=user,
        )
    return ServerProcess(process, log, mark)


def wait_ready(
    server: ServerProcess, ready: Callable[[], bool], what: str, seconds: float = PATIENCE
) -> None:
    """Return once `ready()` is true; raise with the end of the log where the server ends or time is up."""
    deadline = time.monotonic() + max(seconds, PATIENCE)
    while not ready():
        if not server.alive() or time.monotonic() > deadline:
            server.stop()
            raise EngineMissing(f"{what} did not get ready; the end of its log:\n{server.tail()}")
        time.sleep(0.05)


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether a GET of `url` is answered with a success."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return 200 <= response.status < 300
    except (urllib.error.URLError, OSError):
        return False


def marked(mark: str) -> Iterator[int]:
    """Yield the ids of living processes whose environment carries the mark."""
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def end_marked(mark: str, grace: float = 3.0) -> None:
    """End every process that carries the mark: SIGTERM, then after `grace` SIGKILL."""
    deadline = time.monotonic() + grace
    number = signal.SIGTERM
    while pids := list(marked(mark)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        time.sleep(0.05)


def unmount_below(folder: Path) -> None:
    """Detach every mount below a folder, the deepest first."""
    prefix = f"{folder.resolve()}/"
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((point for point in points if point.startswith(prefix)), key=len, reverse=True):
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)
