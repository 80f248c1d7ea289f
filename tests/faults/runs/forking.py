"""herdsman's processes, forked from one that has imported all of it: for a start that is most of the work.

Each is a process like any other, with an id, environment, folder and log of its own; it is killed, stopped
and waited for as ever, and runs the same command line.
"""

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tests.e2e.service import CHECKOUT, Service
from tests.faults.runs import dying

PARTS = (
    *("cli.entry", "cli.up", "cli.controller", "cli.web", "cli.init", "cli.token", "cli.agent", "cli.backup"),
    "cli.restore",
    *("cli.service.life", "cli.service.controller_life", "cli.service.web_life", "uvicorn"),
)
_DIE_WITH_PARENT = 1
_LAST_DESCRIPTOR = 1024


class Forked:
    """A process as `subprocess.Popen` shows one, where it was forked elsewhere."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = connection.makefile("r")
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        if self._look(timeout) is None:
            raise subprocess.TimeoutExpired("herdsman", timeout or 0)
        return cast("int", self.returncode)

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], seconds)[0]:
            self.returncode = int(self._answers.readline() or -signal.SIGKILL)
            self._answers.close()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, where it is known to run."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


@dataclass(frozen=True)
class Nursery:
    """Where one process waits, with everything imported, to be forked."""

    address: str

    def begin(
        self, arguments: list[str], environment: dict[str, str], folder: Path, output: Path, errors: Path
    ) -> Forked:
        """Fork it, as one that runs this command line of herdsman; what it prints is added to two files."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.address)
        places = {"folder": str(folder), "output": str(output), "errors": str(errors)}
        asked = {"arguments": arguments, "environment": environment, **places}
        connection.sendall(json.dumps(asked).encode() + b"\n")
        return Forked(connection)


@dataclass
class ForkedService(Service):
    """A service whose processes are forked."""

    nursery: Nursery | None = None

    def begin(self) -> None:
        """Start it."""
        assert self.nursery is not None
        self.home.mkdir(parents=True, exist_ok=True)
        places = self.home, self.log, self.log
        forked = self.nursery.begin([self.command, *self.arguments()], self.environment(), *places)
        self.process = cast("subprocess.Popen[bytes]", forked)

    def run(
        self, *arguments: str, check: bool = True, cwd: Path | None = None, **extra: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run another command as the same person."""
        assert self.nursery is not None
        with tempfile.TemporaryDirectory(prefix="herdsman-command-") as folder:
            files = Path(folder, "output"), Path(folder, "errors")
            environment, home = self.environment() | extra, cwd or self.home
            forked = self.nursery.begin([self.command, *arguments], environment, home, *files)
            code = forked.wait(max(90.0, self.patience))
            output, errors = (file.read_text() for file in files)
        assert not check or code == 0, output + errors
        return subprocess.CompletedProcess([*arguments], code, output, errors)


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Run the process that is forked for the time of the block; those that were forked end with it."""
    with tempfile.TemporaryDirectory(prefix="herdsman-nursery-") as folder:
        address, kept = f"{folder}/socket", {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        command = [sys.executable, "-m", "tests.faults.runs.forking", address]
        process = subprocess.Popen(command, env=kept, stdout=subprocess.PIPE, start_new_session=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield Nursery(address)
        finally:
            process.kill()
            process.wait()
            cast("Any", process.stdout).close()


def serve(address: str) -> dict[str, Any]:
    """Fork for every request, and tell of each end; return in a forked process alone, with its request."""
    for name in PARTS:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a lock that another thread holds stays held in what is forked"
    listening, ends = socket.socket(socket.AF_UNIX), os.pipe()
    listening.bind(address)
    listening.listen()
    for descriptor in ends:
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(ends[1], warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    print("ready", flush=True)
    children: dict[int, socket.socket] = {}
    while True:
        ready = select.select([listening, ends[0]], [], [])[0]
        if listening in ready:
            connection = listening.accept()[0]
            asked: dict[str, Any] = json.loads(connection.makefile().readline())
            child = os.fork()
            if not child:
                return asked
            connection.sendall(f"{child}\n".encode())
            children[child] = connection
        if ends[0] in ready:
            os.read(ends[0], 4096)
            _tell_of_ended(children)


def _tell_of_ended(children: dict[int, socket.socket]) -> None:
    while children:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if not ended:
            return
        with contextlib.suppress(OSError), children.pop(ended) as connection:  # who asked may be gone
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def become(asked: dict[str, Any]) -> None:
    """Be what was asked for: nothing of the process that was forked is left but what it imported."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.closerange(3, _LAST_DESCRIPTOR)
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    adding = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    opened = [
        os.open(os.devnull, os.O_RDONLY),
        *(os.open(asked[key], adding) for key in ("output", "errors")),
    ]
    for target, descriptor in enumerate(opened):
        os.dup2(descriptor, target)
    os.closerange(3, _LAST_DESCRIPTOR)
    sys.argv = asked["arguments"]


if __name__ == "__main__":
    become(serve(sys.argv[1]))
    dying.main()
