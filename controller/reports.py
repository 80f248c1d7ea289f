"""Taking launcher reports in: runs go to the database at once, the process state into the bot's status."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from controller.clock import Clock
from controller.database import Database
from controller.database.runs import record_report, trim_runs
from controller.database.statuses import save_processes
from controller.fleet import Fleet
from controller.health import crash_policy
from controller.ports import ControllerListener
from controller.process import ProcessState, fold
from controller.records import RunRecord
from controller.settings import Settings
from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport, ReportKind

_AT_ONCE = 500
"""Reports written in one transaction: a long backlog does not keep everything else from the database."""
Reported = tuple[AllocationLabels, LauncherReport]


class Reports:
    """Records reports; the same one twice changes nothing."""

    def __init__(
        self,
        fleet: Fleet,
        database: Database,
        clock: Clock,
        settings: Settings,
        listener: ControllerListener,
        touch: Callable[[str], None],
    ) -> None:
        self._fleet = fleet
        self._database = database
        self._clock = clock
        self._settings = settings
        self._listener = listener
        self._touch = touch

    async def record(self, reports: Sequence[Reported]) -> None:
        """Take reports of this fleet in and return once they are kept."""
        ours = [(labels, report) for labels, report in reports if labels.fleet == self._fleet.id]
        for begin in range(0, len(ours), _AT_ONCE):
            await self._record(ours[begin : begin + _AT_ONCE])

    async def _record(self, ours: Sequence[Reported]) -> None:
        changed = self._fold(ours)
        now = self._clock.time()

        def write(connection: Connection) -> list[RunRecord]:
            save_processes(connection, changed, now)
            runs = [run for one in ours if (run := record_report(connection, *one)) is not None]
            for bot in {labels.bot for labels, report in ours if report.kind is ReportKind.EXITED}:
                trim_runs(connection, bot, self._settings.runs_kept)
            return runs

        for run in await self._database.run(write):
            self._listener.run_changed(run.bot, run)

    def _fold(self, ours: Sequence[Reported]) -> dict[str, ProcessState]:
        """Fold reports into the process states and return those that changed."""
        now, changed = self._clock.time(), {}
        for labels, report in ours:
            bot = labels.bot
            entry = self._fleet.inventory.get(bot)
            if entry is None and bot not in self._fleet.observed:
                continue
            before = self._fleet.processes.get(bot, ProcessState())
            seen = self._fleet.observed.get(bot)
            placed = seen.allocation if seen else ""
            after = fold(before, labels, report, now, crash_policy(entry.spec if entry else None), placed)
            if after != before:
                self._fleet.processes[bot] = changed[bot] = after
                self._touch(bot)
        return changed
