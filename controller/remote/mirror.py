"""What the leader shows, kept in the web's memory: read at the start, then whatever has changed."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from controller.database import Database
from controller.database.fleets import fleet_id
from controller.database.leadership import Leader, find_leader
from controller.database.notices import Channel
from controller.database.views import View, last_view, load_views
from controller.ports import ControllerListener, NoListener
from controller.records import Change, RevisionRecord, RunRecord
from controller.remote.bell import Bell, rung
from controller.remote.documents import BotView, ChangeView, FleetView, RulesView, ViewKind, decode
from schemas.errors import HerdsmanError
from schemas.log_rules import LogRule

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_LOOK_EVERY = 1.0
_SURE_FOR = 1800.0
"""Seconds without a reading after which all is read anew: what is gone is shown as gone for an hour."""
_NOBODY = "no controller leads: bots run on as they are, and nothing is changed until one does"


@dataclass(frozen=True, slots=True)
class _Reading:
    views: list[View]
    last: int
    leader: Leader | None


class Mirror:
    """The fleet as the leader last showed it. Tells `listener` of every change, as the controller would."""

    def __init__(
        self, database: Database, bell: Bell, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._bell = bell
        self._monotonic = monotonic
        self.listener: ControllerListener = NoListener()
        self.bots: dict[str, BotView] = {}
        self.fleet = FleetView()
        self.rules: tuple[LogRule, ...] | None = None
        """The log rules, None before the leader showed any."""
        self.leader: Leader | None = None
        self.problem = ""
        """Why the database cannot be read now, "" where it can."""
        self._revision: RevisionRecord | None = None
        self._changes: dict[str, Change] = {}
        self._number = 0
        self._read_at = -_SURE_FOR

    def revision(self) -> RevisionRecord | None:
        """Return the newest revision with its changes."""
        if self._revision is None:
            return None
        return replace(self._revision, changes=tuple(self._changes.values()))

    def problems(self) -> list[str]:
        """Return what keeps the fleet from being looked after, in words."""
        if self.problem:
            return [self.problem]
        return [*([] if self.leader else [_NOBODY]), *self.fleet.problems]

    async def load(self) -> str:
        """Read everything; return the fleet's id, "" where no controller was ever here."""
        await self._read()
        return await self._database.run(fleet_id) or ""

    async def run(self) -> None:
        """Follow for ever; while the database is away what was known stays."""
        while True:
            ring = self._bell.next(Channel.VIEWS)
            try:
                await self._read()
                self.problem = ""
            except HerdsmanError as error:
                if not self.problem:
                    _LOG.warning("the fleet cannot be read: %s", error)
                self.problem = str(error)
            await rung(ring, _LOOK_EVERY)

    async def _read(self) -> None:
        sure = self._monotonic() - self._read_at < _SURE_FOR
        after = self._number if sure else 0
        reading = await self._database.run(lambda connection: _load(connection, after))
        if reading.last < self._number:  # another database, or an older one
            sure, reading = False, await self._database.run(lambda connection: _load(connection, 0))
        self._read_at = self._monotonic()
        self.leader = reading.leader
        # Not `last`: what was written between the two looks has not been read yet.
        self._number = max((view.number for view in reading.views), default=self._number if sure else 0)
        if not sure:
            self._forget_all_but({view.name for view in reading.views if view.kind == ViewKind.BOT})
        for view in reading.views:
            self._take(view)
        if any(view.kind in (ViewKind.REVISION, ViewKind.CHANGE) for view in reading.views):
            record = self.revision()
            if record is not None:
                self.listener.revision_changed(record)

    def _forget_all_but(self, names: set[str]) -> None:
        for name in self.bots.keys() - names:
            self._forget(name)

    def _forget(self, name: str) -> None:
        if self.bots.pop(name, None) is not None:
            self.listener.bot_removed(name)

    def _take(self, view: View) -> None:
        try:
            self._read_view(view)
        except msgspec.MsgspecError as error:
            _LOG.error("%s %s is shown in a form that is not known here: %s", view.kind, view.name, error)

    def _read_view(self, view: View) -> None:
        if view.kind == ViewKind.BOT:
            self._take_bot(view)
        elif view.kind == ViewKind.FLEET:
            self.fleet = decode(view.document, FleetView)
        elif view.kind == ViewKind.RULES:
            self.rules = decode(view.document, RulesView).rules
        elif view.kind == ViewKind.REVISION:
            self._take_revision(decode(view.document, RevisionRecord))
        elif view.kind == ViewKind.CHANGE:
            one = decode(view.document, ChangeView)
            if self._revision is not None and one.revision == self._revision.revision.key:
                self._changes[one.change.bot] = one.change
        elif view.kind == ViewKind.RUN:
            self.listener.run_changed(view.name, decode(view.document, RunRecord))

    def _take_bot(self, view: View) -> None:
        if not view.document:
            self._forget(view.name)
            return
        self.bots[view.name] = one = decode(view.document, BotView)
        self.listener.status_changed(one.status)

    def _take_revision(self, record: RevisionRecord) -> None:
        if self._revision is None or self._revision.revision.key != record.revision.key:
            self._changes = {}
        self._revision = record


def _load(connection: Connection, after: int) -> _Reading:
    last = last_view(connection)
    return _Reading(load_views(connection, after), last, find_leader(connection))
