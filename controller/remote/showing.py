"""The leader shows what the web needs: each bot, the fleet, the newest revision, its changes, runs.

Written a moment after it changed, so that what changes together is one transaction; the web hears of it by a
notice. A new leader begins with what its predecessor showed, and writes only what differs.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from sqlalchemy import Connection

from controller.clock import Clock
from controller.database import Database
from controller.database.drains import drop_drains
from controller.database.requests import trim_requests
from controller.database.views import View, last_view, load_views, save_views, trim_views
from controller.records import Change, KillProgress, RevisionRecord, RunRecord, Suspension
from controller.remote.bell import rung
from controller.remote.documents import BotView, ChangeView, FleetView, RulesView, ViewKind, encode
from controller.remote.rollbacks import Rolling
from controller.status import BotStatus
from schemas.bot import BotSpec
from schemas.errors import HerdsmanError
from schemas.fleet import Watching
from schemas.log_rules import LogRule

_LOG = logging.getLogger(__name__)
_TOGETHER = 0.03
"""Seconds that are waited for what else changes."""
_FLEET_EVERY = 2.0
_AT_ONCE = 500
_TRIM_EVERY = 3600.0
_REQUESTS_KEPT = 86400.0
_Key = tuple[str, str]
_GONE = hash("")


class Shown(Protocol):
    """What is shown of a controller."""

    @property
    def fleet_id(self) -> str:
        """Return the fleet's id."""
        ...

    @property
    def environments(self) -> tuple[str, ...]:
        """Return the environments that this service runs the bots of; none where it runs all."""
        ...

    @property
    def synced_at(self) -> float | None:
        """Return when the source was last seen, in Unix seconds."""
        ...

    def statuses(self) -> list[BotStatus]:
        """Return every bot's status."""
        ...

    def suspended(self, name: str) -> tuple[Suspension, ...]:
        """Return everything that keeps a bot from running."""
        ...

    def kills(self) -> list[KillProgress]:
        """Return how far each kill switch that is on has come."""
        ...

    def suspensions(self) -> list[Suspension]:
        """Return everything that keeps bots from running, kill switches first."""
        ...

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be."""
        ...

    @property
    def log_rules(self) -> tuple[LogRule, ...] | None:
        """Return the log rules that hold now, None before the first revision was read."""
        ...

    def problems(self) -> list[str]:
        """Return what keeps the controller from doing its work."""
        ...

    def scheduler_problem(self) -> str:
        """Return why the scheduler cannot be used now."""
        ...

    def revision(self) -> RevisionRecord | None:
        """Return the newest revision's record."""
        ...

    def watching(self) -> Watching | None:
        """Return what the fleet looks out for."""
        ...

    @property
    def rollbacks(self) -> Rolling:
        """Return what holds bots at other revisions than git's newest."""
        ...


class Showing:
    """A `ControllerListener` that writes what it hears; `run` once the controller knows its fleet."""

    def __init__(self, controller: Shown, database: Database, clock: Clock) -> None:
        self._controller = controller
        self._database = database
        self._clock = clock
        self._news = asyncio.Event()
        self._bots: dict[str, BotStatus | None] = {}
        self._runs: dict[str, RunRecord] = {}
        self._revision: RevisionRecord | None = None
        self._shown: dict[_Key, int] = {}
        """The hash of each document that is in the table."""
        self._changes: dict[str, Change] = {}
        self._changes_of = ""
        self._number = 0
        self._trim_at = 0.0

    def status_changed(self, status: BotStatus) -> None:
        """Show a bot."""
        self._bots[status.name] = status
        self._news.set()

    def bot_removed(self, name: str) -> None:
        """Show a bot no more."""
        self._bots[name] = None
        self._news.set()

    def revision_changed(self, record: RevisionRecord) -> None:
        """Show the newest revision and those of its changes that moved."""
        self._revision = record
        self._news.set()

    def run_changed(self, bot: str, run: RunRecord) -> None:
        """Show a bot's newest run."""
        self._runs[bot] = run
        self._news.set()

    async def run(self) -> None:
        """Write for ever; what could not be written is written with the next change."""
        await self._begin()
        while True:
            try:
                await self._write()
            except HerdsmanError as error:
                _LOG.warning("what the web shows could not be written: %s", error)
                await self._clock.sleep(1.0)
            await rung(self._news, _FLEET_EVERY)
            self._news.clear()
            await self._clock.sleep(_TOGETHER)

    async def _begin(self) -> None:
        def load(connection: Connection) -> tuple[list[View], int]:
            return load_views(connection), last_view(connection)

        found, self._number = await self._database.run(load)
        self._shown = {(view.kind, view.name): hash(view.document) for view in found if view.document}
        here = {status.name: status for status in self._controller.statuses()}
        gone = {name: None for kind, name in self._shown if kind == ViewKind.BOT and name not in here}
        self._bots = {**gone, **here, **self._bots}
        self._revision = self._revision or self._controller.revision()

    async def _write(self) -> None:
        documents = self._documents()
        items = list(documents.items())
        for begin in range(0, len(items), _AT_ONCE):
            try:
                await self._save(dict(items[begin : begin + _AT_ONCE]))
            except Exception:
                self._again(key for key, _ in items[begin:])
                raise
        now = self._clock.time()
        if now >= self._trim_at:
            self._trim_at = now + _TRIM_EVERY
            await self._database.run(lambda connection: _trim(connection, now))

    async def _save(self, documents: dict[_Key, str]) -> None:
        first, now = self._number + 1, self._clock.time()
        self._number = await self._database.run(
            lambda connection: save_views(connection, documents, first, now)
        )
        self._shown |= {key: hash(text) for key, text in documents.items()}

    def _again(self, documents: Iterable[_Key]) -> None:
        """Look anew at what could not be written, unless it was heard of since."""
        here = {status.name: status for status in self._controller.statuses()}
        for kind, name in documents:
            if kind == ViewKind.BOT:
                self._bots.setdefault(name, here.get(name))
        self._changes = {}
        self._revision = self._revision or self._controller.revision()
        self._news.set()

    def _documents(self) -> dict[_Key, str]:
        """Return everything that differs from what is shown."""
        bots, self._bots = self._bots, {}
        runs, self._runs = self._runs, {}
        found = {(ViewKind.BOT.value, name): self._bot(name, status) for name, status in bots.items()}
        found |= {(ViewKind.RUN.value, bot): encode(run) for bot, run in runs.items()}
        found |= self._moved()
        found[ViewKind.FLEET.value, ""] = encode(self._fleet())
        rules = self._controller.log_rules
        if rules is not None:
            found[ViewKind.RULES.value, ""] = encode(RulesView(rules))
        return {key: text for key, text in found.items() if self._shown.get(key, _GONE) != hash(text)}

    def _bot(self, name: str, status: BotStatus | None) -> str:
        if status is None:
            return ""
        return encode(BotView(status, self._controller.suspended(name), self._controller.spec(name)))

    def _moved(self) -> dict[_Key, str]:
        record, self._revision = self._revision, None
        if record is None:
            return {}
        revision = record.revision.key
        before = self._changes if self._changes_of == revision else {}
        self._changes, self._changes_of = {change.bot: change for change in record.changes}, revision
        moved = {
            (ViewKind.CHANGE.value, change.bot): encode(ChangeView(revision, change))
            for change in record.changes
            if before.get(change.bot) != change
        }
        return {(ViewKind.REVISION.value, ""): encode(replace(record, changes=())), **moved}

    def _fleet(self) -> FleetView:
        controller = self._controller
        return FleetView(
            controller.fleet_id,
            controller.synced_at,
            tuple(controller.problems()),
            controller.scheduler_problem(),
            tuple(controller.rollbacks.fleet_holds()),
            tuple(controller.kills()),
            tuple(controller.suspensions()),
            controller.environments,
            controller.watching(),
        )


def _trim(connection: Connection, now: float) -> None:
    trim_views(connection, now - _TRIM_EVERY)
    trim_requests(connection, now - _REQUESTS_KEPT)
    drop_drains(connection, now - _TRIM_EVERY)
