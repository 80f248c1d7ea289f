"""The drift of each bot: noticed, named, and how it ended; told in its status, counted and audited."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection

from controller.clock import Clock
from controller.compare import Difference, Kind
from controller.database import Database
from controller.database.audit import add_audit
from controller.drift import drift_after, killed_text, launcher_killed
from controller.fleet import Fleet
from controller.process import Stage
from controller.records import CORRECTED, DRIFT, AuditEntry, RunRecord
from controller.settings import Settings
from controller.standing import Standing
from controller.status import Drift, DriftKind

_LOG = logging.getLogger(__name__)
_BY_ITSELF = frozenset({DriftKind.KILLED})
"""What the bot's launcher, or the scheduler, mends without us."""


class Drifts:
    """The newest drift of each bot is kept in `fleet.drifts`; `touch` is called where one was noticed.

    `found` and `corrected` count by kind since the start.
    """

    def __init__(
        self, fleet: Fleet, database: Database, clock: Clock, settings: Settings, touch: Callable[[str], None]
    ) -> None:
        self._fleet = fleet
        self._database = database
        self._clock = clock
        self._settings = settings
        self._touch = touch
        self._restarting: dict[str, str] = {}
        """The bots that we asked the scheduler to restart, and the run that ends by that."""
        self._entries: deque[AuditEntry] = deque()
        self._news = asyncio.Event()
        self.found: Counter[DriftKind] = Counter()
        self.corrected: Counter[DriftKind] = Counter()

    async def run(self) -> None:
        """Write what is to be audited, for ever; what could not be written is tried again."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write()
            except Exception as error:  # noqa: BLE001 - an audit that fails stops no bot's care
                _LOG.warning("drift could not be audited: %s", error)
                await self._clock.sleep(self._settings.backoff_first)
                self._news.set()

    def note(self, name: str, difference: Difference) -> None:
        """Take note of a difference that is drift; before git was read it may be what only observes."""
        known = self._fleet.desired is not None and not self._fleet.recovery
        if known and difference.kind is Kind.DRIFTED and difference.drift is not None:
            self._begin(name, difference.drift, difference.reason)

    def look(self, standing: Standing) -> Drift | None:
        """Take note of what is known of a bot now, and return its newest drift."""
        name, fleet = standing.name, self._fleet
        if standing.certain and standing.observed and not fleet.recovery:
            self.note(name, standing.difference)
            self._look_at_process(standing)
            self._look_for_end(standing)
        return fleet.drifts.get(name)

    def expect_restart(self, name: str) -> None:
        """Take the next end of a bot's launcher for one that we asked for."""
        process = self._fleet.processes.get(name)
        self._restarting[name] = process.run if process is not None else ""

    def killed(self, run: RunRecord) -> None:
        """Take note of a run that somebody ended."""
        if text := killed_text(run):
            self._begin(run.bot, DriftKind.KILLED, text)
            self._touch(run.bot)

    def put_right(self, name: str, how: str) -> None:
        """Take note that a bot's drift was corrected."""
        known = self._fleet.drifts.get(name)
        if known is None or not known.open:
            return
        self._end(name, known, how)
        self.corrected[known.kind] += 1

    def forget(self, name: str) -> None:
        """Forget a bot that is gone."""
        self._fleet.drifts.pop(name, None)
        self._restarting.pop(name, None)

    def _begin(self, name: str, kind: DriftKind, text: str) -> None:
        before, now = self._fleet.drifts.get(name), self._clock.time()
        drift = drift_after(before, kind, text, now, self._settings.drift_window)
        if drift == before:
            return
        self._fleet.drifts[name] = drift
        if before is not None and before.open:
            return
        self.found[kind] += 1
        self._audit(name, DRIFT, drift, text, now)

    def _end(self, name: str, known: Drift, how: str) -> None:
        now = self._clock.time()
        self._fleet.drifts[name] = Drift(known.kind, known.text, known.since, now, how, known.times)
        self._audit(name, CORRECTED, known, how, now)

    def _look_at_process(self, standing: Standing) -> None:
        """Notice a launcher that was ended, unless we asked for its restart."""
        name, process, asked = standing.name, standing.process, self._restarting.get(standing.name)
        if text := launcher_killed(standing.seen):
            if asked is None and standing.difference.kind is Kind.NONE:
                self._begin(name, DriftKind.KILLED, text)
        elif asked is not None and process.stage is Stage.STARTED and process.run != asked:
            del self._restarting[name]

    def _look_for_end(self, standing: Standing) -> None:
        """Notice a drift that ended without our applying anything."""
        known, kind = self._fleet.drifts.get(standing.name), standing.difference.kind
        if known is None or not known.open or kind is Kind.DRIFTED:
            return
        if known.kind in _BY_ITSELF:
            if standing.process.stage is Stage.STARTED and not launcher_killed(standing.seen):
                self.put_right(standing.name, "its launcher started it again")
        elif standing.suspended or kind in (Kind.STOP, Kind.REMOVE) or not standing.spec.enabled:
            self._end(standing.name, known, "it is to be stopped anyway")
        elif kind is Kind.UPDATE:
            self._end(standing.name, known, "what git asks for now takes its place")
        elif kind is Kind.NONE and not standing.difference.blocked:
            self._end(standing.name, known, "it went by itself")

    def _audit(self, name: str, action: str, drift: Drift, why: str, now: float) -> None:
        if drift.kind in _BY_ITSELF:
            return  # its runs tell of it
        since = datetime.fromtimestamp(drift.since, UTC).isoformat(timespec="milliseconds")
        details = {"kind": drift.kind.value, "what": drift.text, "since": since, "times": drift.times}
        self._entries.append(AuditEntry(now, "herdsman", action, name, why, details=details))
        self._news.set()

    async def _write(self) -> None:
        entries = list(self._entries)

        def write(connection: Connection) -> None:
            for one in entries:
                add_audit(connection, one)

        await self._database.run(write)
        for _ in entries:
            self._entries.popleft()
