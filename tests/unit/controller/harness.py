"""A controller on a fake scheduler and a fake clock, with a real database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from controller.controller import Controller
from controller.database import Database
from controller.loop import Loop
from controller.records import RevisionRecord, RunRecord
from controller.secrets.handing import Handing
from controller.settings import Settings
from controller.status import BotStatus, Health
from gitops.bundle import Bundle
from gitops.desired import DesiredState
from gitops.revision import Revision
from gitops.sources import OneSource
from schemas.bot import BotSpec, ProgramVersion
from schemas.errors import BuildFailed, HerdsmanError, RuntimeMissing, SourceUnavailable
from tests.fakes.clock import FakeClock, settle
from tests.fakes.scheduler import FakeScheduler, Reported
from tests.unit.controller.examples import FLEET, desired

T = TypeVar("T")
SETTINGS = Settings(python="3.11", backoff_jitter=0.0, poll_jitter=0.0)


class FakeSource(OneSource):
    """A source and its desired states in one: `push` makes a revision."""

    repository = Path("/nowhere")

    def __init__(self) -> None:
        self.state = desired([], 0)
        self.pushed: dict[str, DesiredState] = {}
        """Every state there was, by revision."""
        self.error: HerdsmanError | None = None
        self.fetches = 0
        self.builds = 0

    def push(self, specs: Iterable[BotSpec], number: int, **fields: object) -> DesiredState:
        self.state = desired(specs, number, **fields)
        self.pushed[self.state.revision.id] = self.state
        return self.state

    async def fetch(self) -> Revision:
        self.fetches += 1
        if self.error is not None:
            raise self.error
        return self.state.revision

    async def build(self, revision: Revision, previous: DesiredState | None) -> DesiredState:
        self.builds += 1
        return self.state

    async def rebuild(self, revision: Revision, current: DesiredState | None) -> DesiredState:
        return self.pushed[revision.id]


class FakeBundles:
    """Hands out bundles; `broken` are versions of programs that cannot be built."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.without_runtime = ""
        self.gate: asyncio.Event | None = None
        self.compiling = asyncio.Event()
        """Set once the compiled programs are built."""
        self.built: list[str] = []

    async def code(self, repository: Path, program: ProgramVersion) -> Bundle:
        self.built.append(program.version)
        if self.gate is not None:
            await self.gate.wait()
        if program.version == self.without_runtime:
            raise RuntimeMissing("there is no Node.js here")
        if program.version in self.broken and not program.compiled:
            raise BuildFailed(f"program {program.name} {program.version} cannot be built", "the log")
        return Bundle(program.tree, f"digest-{program.tree}", Path("/nowhere"), 1)

    async def dependencies(
        self, repository: Path, program: ProgramVersion, python: str, progress: Callable[[str], None]
    ) -> Bundle | None:
        if not program.compiled:
            return None
        progress("compiling maker")
        await self.compiling.wait()
        if program.version in self.broken:
            raise BuildFailed("The build failed: no such price (main.cpp:2:10)", "main.cpp:2:10: error")
        return Bundle(f"built-{program.tree}", f"digest-built-{program.tree}", Path("/nowhere"), 1)


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.statuses: list[BotStatus] = []
        self.removed: list[str] = []
        self.revisions: list[RevisionRecord] = []
        self.runs: list[RunRecord] = []

    def status_changed(self, status: BotStatus) -> None:
        self.statuses.append(status)

    def bot_removed(self, name: str) -> None:
        self.removed.append(name)

    def revision_changed(self, record: RevisionRecord) -> None:
        self.revisions.append(record)

    def run_changed(self, bot: str, run: RunRecord) -> None:
        self.runs.append(run)

    def healths(self, name: str) -> list[Health]:
        return [status.health for status in self.statuses if status.name == name]


class CountedDatabase(Database):
    """A database that knows how many of its callers wait."""

    waiting = 0

    async def run(self, function: Callable[[Connection], T]) -> T:
        self.waiting += 1
        try:
            return await super().run(function)
        finally:
            self.waiting -= 1


class World:
    """Everything around one controller; it may be stopped and started again with `life`."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS) -> None:
        self.path = folder / "herdsman.db"
        self.settings = settings
        self.clock = FakeClock()
        self.source = FakeSource()
        self.bundles = FakeBundles()
        self.scheduler = FakeScheduler(FLEET, self.clock.time)
        self.heard = Heard()
        self.acknowledged: Callable[[str], bool] = lambda _name: True
        self.secrets: Handing | None = None
        self.controller: Controller
        self._reports: asyncio.Queue[list[Reported]] = asyncio.Queue()
        self.scheduler.report = self._reports.put_nowait

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Controller]:
        """Run a controller, and cancel it as a stop of the service does."""
        database = await CountedDatabase.open(str(self.path))
        assert isinstance(database, CountedDatabase)
        self.clock.busy = lambda: database.waiting > 0
        await database.run(lambda connection: _name_fleet(connection))

        async def acknowledged(name: str) -> bool:
            return self.acknowledged(name)

        self.controller = Controller(
            Loop(
                self.scheduler,
                self.source,
                self.source,
                self.bundles,
                database,
                self.clock,
                self.settings,
                self.heard,
                name="desk",
                logs_acknowledged=acknowledged,
                secrets=self.secrets,
            )
        )
        tasks = [asyncio.create_task(self.controller.run()), asyncio.create_task(self._deliver())]
        try:
            await self.controller.ready()
            yield self.controller
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await database.close()

    async def push(self, specs: Iterable[BotSpec], number: int, **fields: object) -> None:
        """Push a revision and wait until its pass has ended."""
        self.source.push(specs, number, **fields)
        await asyncio.wait_for(self.controller.request_pass("push").wait(), 90)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; time stands still meanwhile."""
        async with asyncio.timeout(90):
            while not condition() or self.clock.busy():
                await settle()

    def health(self, name: str) -> Health | None:
        status = next((one for one in self.controller.statuses() if one.name == name), None)
        return status.health if status else None

    async def _deliver(self) -> None:
        while True:
            reports = await self._reports.get()
            while not self._reports.empty():
                reports = reports + self._reports.get_nowait()
            await self.controller.record(reports)


def _name_fleet(connection: object) -> None:
    from controller.database.fleets import ensure_fleet

    ensure_fleet(connection, "desk", 0.0, known=FLEET)  # type: ignore[arg-type]


def unreachable() -> SourceUnavailable:
    return SourceUnavailable("the repository cannot be reached")
