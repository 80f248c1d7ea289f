"""One launcher of one bot, run as it is on a node: a process of its own, with files and signals."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from controller.launcher.archive import LAUNCHER, launcher_root
from controller.launcher.order import Content, LaunchOrder, LeaseOrder, NodePaths, Output
from controller.schedulers.protocol import Launch
from gitops.bundle import Bundle
from schemas.bot import BotSpec, BotType, Lease, Mode, ProgramVersion, RestartPolicy
from schemas.reports import LauncherReport

LONG = Lease(ttl=4000.0, renew_every=0.1, terminate_after=2000.0, kill_after=3000.0)
"""Is never lost, however long a launcher has to wait for its turn on a busy machine."""
SHORT = Lease(ttl=60.0, renew_every=0.1, terminate_after=2.0, kill_after=3.0)
"""Is lost soon where it cannot be renewed, and long before it could be somebody else's."""
SOON = RestartPolicy(first_delay=0.1, max_delay=0.4, reset_after=600)


class Station:
    """A folder for one bot, and the launchers that are started for it."""

    def __init__(self, folder: Path, code: str) -> None:
        self.folder = folder
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "main.py").write_text(code)
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def state(self) -> Path:
        return self.folder / "state" / "alpha"

    def order(
        self, *, schedule: str = "", parent: bool = False, changes: dict[str, Any] | None = None, **spec: Any
    ) -> dict[str, Any]:
        """Return the order of a bot called alpha."""
        kind = BotType.SCHEDULED if schedule else BotType.REALTIME
        program = ProgramVersion("tester", "1.0.0", kind, "python3.11", "main.py", "", "programs/tester", "t")
        settings = {"config_json": '{"a": 1}', "kill_timeout": 60.0, "lease": LONG, "restart": SOON, **spec}
        bot = BotSpec(
            "alpha",
            program,
            Mode.DRY,
            enabled=True,
            path="bots/alpha.yaml",
            digest="d",
            schedule=schedule,
            **settings,
        )
        order = LaunchOrder(
            launch=Launch(bot, "0" * 40, Bundle("k", "d", self.code, 1)),
            fleet="test-abc",
            paths=NodePaths(
                str(self.folder / "alloc"),
                str(self.folder / "work"),
                str(self.folder / "cache"),
                str(self.state),
            ),
            lease=LeaseOrder("file", {"path": str(self.lock)}),
            code=Content("d", path=str(self.code)),
            output=Output(pump=True),
            allocation="a1",
            node="here",
            parent=os.getpid() if parent else 0,
        )
        return order.document() | (changes or {})

    def start(
        self,
        order: dict[str, Any] | None = None,
        *,
        program: list[str] | None = None,
        before: Sequence[str] = (),
        **environment: str,
    ) -> subprocess.Popen[bytes]:
        """Start a launcher, or another `program`, with an order (the plain one by default).

        `before`: a command that starts it in its own way.
        """
        file = self.folder / "order.json"
        file.write_text(json.dumps(order or self.order()))
        process = subprocess.Popen(
            [*before, sys.executable, "-I", "-S", *(program or [str(launcher_root() / LAUNCHER)]), str(file)],
            env={"PATH": os.environ["PATH"], **environment},
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        """Leave no launcher behind, and so no bot."""
        for process in self.processes:
            process.kill()
            process.wait()

    def reports(self, kind: str = "", **fields: Any) -> list[LauncherReport]:
        """Return the reports so far, of one kind and with these fields."""
        found = [msgspec.convert(json.loads(line), LauncherReport) for line in self.lines("launcher")]
        return [
            report
            for report in found
            if report.kind == (kind or report.kind)
            and all(getattr(report, name) == value for name, value in fields.items())
        ]

    async def report(self, kind: str, count: int = 1, **fields: Any) -> list[LauncherReport]:
        """Wait for so many reports."""
        return await until(lambda: _enough(self.reports(kind, **fields), count))

    def lines(self, stream: str) -> list[str]:
        """Return the whole lines of a stream so far."""
        folder = self.folder / "alloc" / "logs"
        files = sorted(folder.glob(f"bot.{stream}.*"), key=lambda file: int(file.suffix[1:]))
        text = "".join(file.read_text() for file in files)
        return text[: text.rfind("\n") + 1].splitlines()

    async def line(self, stream: str, text: str) -> str:
        """Wait for a line that begins with a text, and return the rest of it."""

        def found() -> list[str]:
            return [line.removeprefix(text) for line in self.lines(stream) if line.startswith(text)]

        return str((await until(found))[0])


def _enough(found: list[Any], count: int) -> list[Any]:
    return found if len(found) >= count else []


async def until(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Wait for a condition, and return what it found."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(0.01)
    return found


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a launcher's end, and return its exit code."""
    return await asyncio.to_thread(process.wait, 90)


def alive(pid: int) -> bool:
    """Return whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
