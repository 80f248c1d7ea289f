"""A controller of any number of bots: a real git repository and database, an in-memory scheduler."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from controller.clock import SystemClock
from controller.controller import Controller
from controller.database import Database
from controller.database.fleets import ensure_fleet
from controller.loop import Loop
from controller.schedulers.protocol import Scheduler
from controller.settings import Settings
from controller.status import Health
from gitops.bundles import BundleStore
from gitops.hosted import HostedRepository
from gitops.sources import HostedSource
from gitops.states import FleetStates
from tests.fakes.scheduler import FakeScheduler, Reported
from tests.unit.gitops.fleets import Clone, bot_file, program_files

FLEET = "bench-abc123"
PROGRAMS = 10


class SkippingClock(SystemClock):
    """The machine's clock, which can be told that time has passed."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return super().monotonic() + self._skipped

    def time(self) -> float:
        """Return Unix seconds: time that has passed is on every clock."""
        return super().time() + self._skipped

    def skip(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._skipped += seconds


class Desk:
    """A fleet's clone, the repository that it is pushed to, and what runs it."""

    def __init__(self, root: Path, bots: int) -> None:
        self.root, self.bots = root, bots
        self.clone = Clone(root / "clone")
        self.hosted = HostedRepository(root / "fleet.git")
        self.hosted.create()
        self.clock = SkippingClock()
        self.scheduler = FakeScheduler(FLEET, self.clock.time)
        self.controller: Controller

    def push(self, files: dict[str, str | bytes | None]) -> str:
        """Commit these files, bring them into the hosted repository, and return the commit."""
        commit = self.clone.commit(files)
        bare = str(self.hosted.path)
        self.clone.git("--git-dir", bare, "fetch", "-q", str(self.clone.path), "+main:main")
        return commit

    def push_all(self) -> str:
        """Push every bot of the fleet."""
        files: dict[str, str | bytes | None] = {}
        for number in range(PROGRAMS):
            files |= program_files(f"maker-{number}")
        return self.push(files | dict(self.manifest(number) for number in range(self.bots)))

    def manifest(self, number: int, size: int = 1) -> tuple[str, str]:
        """Return one bot's path and text."""
        name, program = f"bot-{number:05}", f"maker-{number % PROGRAMS}"
        return f"bots/desk-{number % 50:02}/{name}.yaml", bot_file(name, program, size=size)

    @asynccontextmanager
    async def running(self, scheduler: Scheduler | None = None) -> AsyncIterator[Controller]:
        """Run a controller on the in-memory scheduler, or on this one."""
        database = await Database.open(str(self.root / "herdsman.db"))
        await database.run(lambda connection: ensure_fleet(connection, "bench", 0.0, known=FLEET))
        source = HostedSource(self.hosted.path)
        self.controller = Controller(
            Loop(
                scheduler or self.scheduler,
                source,
                FleetStates(source),
                BundleStore(self.root / "bundles"),
                database,
                self.clock,
                Settings(python="3.11", poll_interval=1e6, resync_interval=3600),
                name="bench",
            )
        )
        reports: asyncio.Queue[list[Reported]] = asyncio.Queue()
        self.scheduler.report = reports.put_nowait
        tasks = [asyncio.create_task(self.controller.run()), asyncio.create_task(self._deliver(reports))]
        try:
            await self.controller.ready()
            yield self.controller
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await database.close()

    async def settle_running(self) -> None:
        """Bring all that was pushed to running."""
        await self.controller.request_pass("push").wait()

    async def settle(self) -> None:
        """Wait until all bots are healthy and everything is written."""
        while any(status.health is not Health.HEALTHY for status in self.controller.statuses()):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        await asyncio.sleep(1)  # the statuses are written to the database in the background

    async def _deliver(self, reports: "asyncio.Queue[list[Reported]]") -> None:
        while True:
            batch = await reports.get()
            while not reports.empty():
                batch = batch + reports.get_nowait()
            await self.controller.record(batch)

    def list_remote(self) -> None:
        """Ask git where the branch is, as every look at a source must."""
        subprocess.run(["git", "ls-remote", str(self.hosted.path), "main"], check=True, capture_output=True)

    def list_changes(self) -> None:
        """Ask git what the newest commit changed."""
        command = ["git", "-C", str(self.hosted.path), "diff-tree", "-r", "-z", "main~1", "main"]
        subprocess.run(command, check=True, capture_output=True)
