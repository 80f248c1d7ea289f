"""Taking launcher reports in: runs go to the database at once, the process state into the bot's status."""

import asyncio
import logging
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

_LOG = logging.getLogger(__name__)
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
        killed: Callable[[RunRecord], None],
    ) -> None:
        self._fleet = fleet
        self._database = database
        self._clock = clock
        self._settings = settings
        self._listener = listener
        self._touch = touch
        self._killed = killed
        self._told: set[str] = set()
        self._turn = asyncio.Lock()

    async def record(self, reports: Sequence[Reported]) -> None:
        """Take reports of this fleet in and return once they are kept: one delivery after the other."""
        ours = self._honest([one for one in reports if one[0].fleet == self._fleet.id])
        for begin in range(0, len(ours), _AT_ONCE):
            async with self._turn:
                await self._record(ours[begin : begin + _AT_ONCE])

    def _honest(self, ours: list[Reported]) -> list[Reported]:
        """Leave out reports under another bot's name than that of whose allocation the scheduler shows.

        The labels lie in a folder that the bot may write to: it must not speak for another.
        """
        seen = self._fleet.observed
        placed = {labels.bot: bot.allocation for labels, _ in ours if (bot := seen.get(labels.bot))}
        if all(placed.get(labels.bot) == labels.allocation for labels, _ in ours):
            return ours
        owners = {bot.allocation: name for name, bot in seen.items() if bot.allocation}
        honest = [one for one in ours if owners.get(one[0].allocation, one[0].bot) == one[0].bot]
        for labels in {labels.allocation: labels for labels, _ in ours}.values():
            owner = owners.get(labels.allocation, labels.bot)
            if owner != labels.bot and labels.allocation not in self._told:
                self._told.add(labels.allocation)
                _LOG.warning("%s reports as %s: that is refused", owner, labels.bot)
        return honest

    async def _record(self, ours: Sequence[Reported]) -> None:
        """Keep reports in the database, and only then believe them: those that failed come again.

        Meanwhile a bot may be removed, or its crash loop end: so they are folded once more, onto what holds.
        """
        now = self._clock.time()
        folded = self._folded(ours, now)

        def write(connection: Connection) -> list[RunRecord]:
            save_processes(connection, folded, now)
            runs = [run for one in ours if (run := record_report(connection, *one)) is not None]
            for bot in {labels.bot for labels, report in ours if report.kind is ReportKind.EXITED}:
                trim_runs(connection, bot, self._settings.runs_kept)
            return runs

        runs = await self._database.run(write)
        changed = self._folded(ours, now)
        self._fleet.processes.update(changed)
        for bot in changed:
            self._touch(bot)
        for run in runs:
            self._killed(run)
            self._listener.run_changed(run.bot, run)

    def _folded(self, ours: Sequence[Reported], now: float) -> dict[str, ProcessState]:
        """Return the process states that reports change, as they are after them."""
        changed: dict[str, ProcessState] = {}
        for labels, report in ours:
            bot = labels.bot
            entry = self._fleet.inventory.get(bot)
            if entry is None and bot not in self._fleet.observed:
                continue
            before = changed.get(bot) or self._fleet.processes.get(bot, ProcessState())
            seen = self._fleet.observed.get(bot)
            placed = seen.allocation if seen else ""
            after = fold(before, labels, report, now, crash_policy(entry.spec if entry else None), placed)
            if after != before:
                changed[bot] = after
        return changed
