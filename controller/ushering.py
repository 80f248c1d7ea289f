"""Letting bots go when their turn comes: after what is told of others, and as time passes."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from controller.agenda import sleep_or
from controller.clock import Clock
from controller.database import Database
from controller.database.rollouts import KeptRollout, save_rollout
from controller.fleet import Fleet
from controller.passes import Pass
from controller.plan import Plan
from controller.rollout import Rollout
from controller.status import Health, Reason
from controller.telling import Telling
from controller.turns import Turns
from gitops.desired import DesiredState

_LOG = logging.getLogger(__name__)


class Usher:
    """Keeps `turns` up to date. `attend` wakes a bot's task; `want_markets` has calendars read."""

    def __init__(
        self,
        fleet: Fleet,
        turns: Turns,
        database: Database,
        clock: Clock,
        attend: Callable[[str], None],
        telling: Telling,
    ) -> None:
        self.turns = turns
        self.want_markets: Callable[[frozenset[str]], None] = lambda _names: None
        self._fleet = fleet
        self._database = database
        self._clock = clock
        self._attend = attend
        self._telling = telling
        self._news = asyncio.Event()
        self._moved = False
        self._saved: dict[str, KeptRollout] = {}
        self._before: tuple[dict[str, Rollout], dict[str, str]] = ({}, {})
        self._leaning: dict[str, list[str]] = {}
        self._leaning_of: DesiredState | None = None
        self._unwell: set[str] = set()

    def take(self, git: DesiredState, wanted: DesiredState, plan: Plan, asked: Pass) -> Plan:
        """Arrange a plan in waves, and return it with what each change waits for."""
        self._before = self.turns.rollouts, self.turns.keys
        parts = git.parts.values() if git.several else (git,)
        windows = [window for part in parts for window in part.settings.sync_windows]
        self.want_markets(frozenset(window.calendar for window in windows if window.calendar))
        self._know_leaning(wanted)
        self._news.set()
        return self.turns.take(git, wanted, plan, asked.wishes, asked.by)

    def take_back(self) -> None:
        """Forget the arrangement of a plan that could not be kept."""
        self.turns.rollouts, self.turns.keys = self._before

    def told(self, names: Iterable[str]) -> None:
        """Take in what was just told of some bots."""
        names = [*names]
        again, moved = self.turns.review(names)
        self._note_move(moved=moved)
        self._stir(again | self._waiting_for(names))
        self._touch_leaning(names)

    def look_again(self) -> None:
        """Look again at all that wait, such as once a market's calendar is known."""
        self._stir(set(self.turns.waiting))
        self._news.set()

    async def run(self) -> None:
        """Let go what only waited for the time, for ever."""
        while True:
            self._news.clear()
            await self._save()
            wait = self.turns.next_look()
            if wait is None:
                await self._news.wait()
                continue
            await sleep_or(self._clock, max(wait, 0.05), self._news)
            if not self._news.is_set():
                again, moved = self.turns.tick()
                self._note_move(moved=moved)
                self._stir(again)

    def unsaved(self) -> list[KeptRollout]:
        """Return the rollouts that differ from what the database has."""
        kept = [
            KeptRollout(self.turns.keys[source], rollout.view(), rollout.record())
            for source, rollout in self.turns.rollouts.items()
            if rollout.waves or rollout.override or rollout.free or self.turns.keys[source] in self._saved
        ]
        return [one for one in kept if self._saved.get(one.revision) != one]

    def saved(self, kept: Iterable[KeptRollout]) -> None:
        """Take note of what the database has now."""
        keys = set(self.turns.keys.values())
        self._saved = {key: one for key, one in self._saved.items() if key in keys}
        self._saved.update({one.revision: one for one in kept})

    async def _save(self) -> None:
        if not self._moved:
            return
        self._moved = False
        kept = self.unsaved()

        def write(connection: Connection) -> None:
            for one in kept:
                save_rollout(connection, one)

        try:
            await self._database.run(write)
        except Exception as error:  # noqa: BLE001 - it is tried again, or worked out anew from its bots
            _LOG.warning("a rollout could not be saved: %s", error)
            self._moved = True
            await self._clock.sleep(1.0)
        else:
            self.saved(kept)

    def _note_move(self, *, moved: bool) -> None:
        if moved:
            self._moved = True
            self._telling.touch_changes()
            self._news.set()

    def _stir(self, names: Iterable[str]) -> None:
        """Have bots that waited go where they may, and told of where what they wait for has changed."""
        for name in names:
            before = self.turns.waiting.get(name)
            self._attend(name)
            self._fleet.delay(name)
            if self.turns.waiting.get(name) != before:
                self._telling.touch(name)

    def _waiting_for(self, names: Iterable[str]) -> set[str]:
        """Return the bots that wait for one of these."""
        waiting = self.turns.waiting
        return {
            leaning
            for name in names
            for leaning in self._leaning.get(name, ())
            if leaning in waiting and waiting[leaning].reason is Reason.WAITS_FOR_BOT
        }

    def _know_leaning(self, desired: DesiredState) -> None:
        if desired is self._leaning_of:
            return
        leaning = defaultdict[str, list[str]](list)
        for spec in desired.bots.values():
            for other in spec.depends_on:
                leaning[other].append(spec.name)
        self._leaning, self._leaning_of = dict(leaning), desired

    def _touch_leaning(self, names: Iterable[str]) -> None:
        """Have the bots told of that depend on one which has just become well, or unwell."""
        for name in names:
            if name not in self._leaning:
                continue
            status = self._fleet.statuses.get(name)
            well = status is not None and status.health is Health.HEALTHY
            if well == (name in self._unwell):
                (self._unwell.discard if well else self._unwell.add)(name)
                self._telling.touch_all(self._leaning[name])
