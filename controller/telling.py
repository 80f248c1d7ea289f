"""Telling what has become of each bot: statuses and changes worked out anew for the bots that were touched.

The listener hears of transitions at once; the database gets what changed within a moment in one write.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from sqlalchemy import Connection

from controller.agenda import Agenda
from controller.clock import Clock
from controller.database import Database
from controller.database.revisions import finish_revision, save_changes
from controller.database.statuses import save_statuses
from controller.fleet import Fleet
from controller.follow import Followed
from controller.health import crash_policy
from controller.leftovers import Leftovers
from controller.ports import ControllerListener
from controller.process import ProcessState, settle
from controller.records import RevisionRecord, RevisionState
from controller.settings import Settings
from controller.standing import Standing, tell
from controller.status import Drift

_LOG = logging.getLogger(__name__)
_SAVED_AGAIN = 2.0
"""Seconds until what could not be saved is tried again."""
_AT_ONCE = 500
"""Bots told of before other tasks get their turn."""


class Telling:
    """`touch` a bot whenever something about it may have changed.

    `judged` hears of each bot once it was told of, and returns in how many seconds to look again; `drift`
    says what its newest drift is.
    """

    def __init__(
        self,
        fleet: Fleet,
        followed: Followed,
        database: Database,
        clock: Clock,
        settings: Settings,
        listener: ControllerListener,
        judged: Callable[[str], float | None],
        drift: Callable[[Standing], Drift | None],
    ) -> None:
        self._fleet = fleet
        self._followed = followed
        self._database = database
        self._clock = clock
        self._settings = settings
        self._listener = listener
        self._judged = judged
        self._drift = drift
        self._agenda = Agenda(clock, self.touch)
        self._leftovers = Leftovers(clock)
        self._touched: dict[str, None] = {}
        self._news = asyncio.Event()
        self._unsaved: set[str] = set()
        self._unsaved_news = asyncio.Event()
        self._told: dict[str, RevisionRecord] = {}
        self._saved: dict[str, RevisionState] = {}
        self.told: Callable[[Iterable[str]], None] = lambda _names: None
        """Called with the bots that were just told of."""

    def touch(self, name: str) -> None:
        """Look at a bot soon."""
        self._touched[name] = None
        self._news.set()

    def touch_all(self, names: Iterable[str]) -> None:
        """Look at many bots soon."""
        self._touched.update(dict.fromkeys(names))
        self._news.set()

    async def run(self) -> None:
        """Tell and save for ever; whatever is unsaved is saved when it is cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._agenda.run())
                group.create_task(self._tell_touched())
                group.create_task(self._save_now_and_then())
        finally:
            await self._save()

    def touch_changes(self) -> None:
        """Have the changes and the record of the newest revision saved soon."""
        self._unsaved_news.set()

    async def _tell_touched(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            names, self._touched = self._touched, {}
            for count, name in enumerate(names, 1):
                self._try_to_tell(name)
                if count % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            self.told(names)
            self._unsaved_news.set()
            await asyncio.sleep(0)

    def _try_to_tell(self, name: str) -> None:
        try:
            self._tell(name)
        except Exception:  # noqa: BLE001 - one bot's trouble keeps no other from being told of
            _LOG.exception("bot %s: its status could not be told", name)

    def _tell(self, name: str) -> None:
        now = self._clock.time()
        recheck = self._tell_status(name, now)
        looks = (recheck, self._followed.advance(name), self._judged(name))
        waits = [seconds for seconds in looks if seconds is not None]
        self._agenda.at(name, min(waits) if waits else None)

    def _tell_status(self, name: str, now: float) -> float | None:
        """Work out a bot's status, tell of a transition, return the seconds to when time may change it."""
        fleet = self._fleet
        self._end_loop(name, now)
        standing, before = fleet.standing(name), fleet.statuses.get(name)
        if standing is None:
            self._forget(name)
            return None
        standing = replace(standing, drift=self._drift(standing))
        status, recheck_at = tell(standing, now, self._settings, before)
        if status != before:
            fleet.statuses[name] = status
            self._unsaved.add(name)
            self._listener.status_changed(status)
        return None if recheck_at is None else max(0.0, recheck_at - now)

    def _end_loop(self, name: str, now: float) -> None:
        process = self._fleet.processes.get(name)
        if process is not None and process.looping:
            entry = self._fleet.inventory.get(name)
            policy = crash_policy(entry.spec if entry else None)
            self._fleet.processes[name] = settle(process, now, policy)

    def _forget(self, name: str) -> None:
        self._fleet.processes.pop(name, None)
        self._fleet.drifts.pop(name, None)
        self._unsaved.discard(name)
        if self._fleet.statuses.pop(name, None) is not None:
            self._listener.bot_removed(name)

    async def _save_now_and_then(self) -> None:
        while True:
            await self._unsaved_news.wait()
            self._unsaved_news.clear()
            try:
                self._tell_revision()
                await self._clock.sleep(self._settings.status_interval)
                written = await self._save()
                await self._leftovers.clear(written, lambda: self._followed.waiting > 0)
            except Exception as error:  # noqa: BLE001 - it is tried again
                _LOG.error("statuses could not be saved: %s", error)
                self._unsaved_news.set()
                await self._clock.sleep(_SAVED_AGAIN)

    async def _save(self) -> int:
        """Write every status and change that is not in the database yet, in one transaction.

        Returns how many statuses those are.
        """
        self._tell_revision()
        fleet, names, self._unsaved = self._fleet, self._unsaved, set[str]()
        pairs = [
            (fleet.statuses[name], fleet.processes.get(name, ProcessState()))
            for name in names
            if name in fleet.statuses
        ]
        moved, now = self._followed.take_moved(), self._clock.time()
        records = self._followed.every()
        unsaved = [one for one in records if self._saved.get(one.revision.key) is not one.state]

        def write(connection: Connection) -> None:
            save_statuses(connection, pairs, now)
            for revision, changes in moved.items():
                save_changes(connection, revision, changes)
            for record in unsaved:
                finish_revision(
                    connection, record.revision.key, record.state, record.finished_at, record.held
                )

        if not (pairs or moved or unsaved):
            return 0
        try:
            await self._database.run(write)
        except Exception:
            self._unsaved |= names
            self._followed.put_back(moved)
            raise
        self._saved = {one.revision.key: one.state for one in records}
        return len(pairs)

    def _tell_revision(self) -> None:
        """Tell of each source's newest revision where it or one of its changes has moved."""
        self._followed.settle_record()
        for record in self._followed.every():
            source = record.revision.origin
            if record != self._told.get(source):
                self._told[source] = record
                self._listener.revision_changed(record)
