"""Changing a fleet's rules: in memory first, then beside the jobs, then in the database.

In memory at once, so that nothing more is started by us; beside the jobs next, since there a kill switch
takes effect by itself; the database last, which may be lost or away. What could not be kept is tried again.
"""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy import Connection

from controller.database import Database
from controller.database.audit import add_audit
from controller.database.rules import save_rules
from controller.fleet import Fleet
from controller.records import AuditEntry, Rules, Suspension
from controller.rules import newer
from controller.schedulers.protocol import Scheduler
from schemas.errors import HerdsmanError

_LOG = logging.getLogger(__name__)


class Rulebook:
    """The one writer of `fleet.rules`."""

    def __init__(
        self, fleet: Fleet, scheduler: Scheduler, database: Database, changed: Callable[[], None]
    ) -> None:
        self._fleet = fleet
        self._scheduler = scheduler
        self._database = database
        self._changed = changed
        self._turn = asyncio.Lock()
        self._beside_jobs = -1
        """The number of the rules that are beside the jobs, -1 where that is not known."""
        self._in_database = fleet.rules.number
        self._unwritten: list[AuditEntry] = []
        self.opened = False
        """Whether all rules in force are known: those in the database, and those beside the jobs."""
        self.problem = ""
        """Why the rules in force are not kept everywhere yet, "" where they are."""

    @property
    def kept_beside_jobs(self) -> bool:
        """Say whether the rules in force are where they take effect by themselves."""
        return self._beside_jobs == self._fleet.rules.number

    @property
    def kept(self) -> bool:
        """Say whether the rules in force are kept everywhere."""
        number = self._fleet.rules.number
        return self._beside_jobs == self._in_database == number and not self._unwritten

    async def open(self) -> None:
        """Take up what is beside the jobs, where that is newer than the database. Raises HerdsmanError."""
        async with self._turn:
            beside = await self._scheduler.rules()
            here = self._fleet.rules
            self._in_database = here.number
            self._beside_jobs = -1 if beside is None else beside.number
            self._fleet.rules = newer(here, beside)
            self.opened = True
        self._changed()
        if not self.kept:
            await self.keep()

    async def put(self, rule: Suspension, entry: AuditEntry) -> None:
        """Have a rule in force from now on.

        Raises HerdsmanError where it could not be kept anywhere: it is in force while herdsman runs, and
        kept as soon as can be.
        """
        await self._change(self._fleet.rules.including(rule), entry)

    async def lift(self, key: str, entry: AuditEntry) -> None:
        """End a rule."""
        await self._change(self._fleet.rules.without(key), entry)

    async def _change(self, rules: Rules, entry: AuditEntry) -> None:
        self._fleet.rules = rules
        self._unwritten.append(entry)
        self._changed()
        await self.keep()
        if rules.number > max(self._beside_jobs, self._in_database):
            raise HerdsmanError(f"it is in force, and not kept yet, which is tried again: {self.problem}")

    async def keep(self) -> None:
        """Keep the rules in force everywhere; what fails is told by `problem`."""
        async with self._turn:
            problems = [await self._keep_beside_jobs(), await self._keep_in_database()]
        self.problem = "; ".join(one for one in problems if one)

    async def _keep_beside_jobs(self) -> str:
        rules = self._fleet.rules
        if self._beside_jobs == rules.number:
            return ""
        try:
            await self._scheduler.keep_rules(rules)
        except Exception as error:  # noqa: BLE001 - the database must still hear of it
            _LOG.error("the fleet's rules could not be kept beside the jobs: %s", error)
            return str(error)
        self._beside_jobs = rules.number
        return ""

    async def _keep_in_database(self) -> str:
        rules, audits = self._fleet.rules, self._unwritten
        if self._in_database == rules.number and not audits:
            return ""
        self._unwritten = []

        def write(connection: Connection) -> None:
            save_rules(connection, rules)
            for one in audits:
                add_audit(connection, one)

        try:
            await self._database.run(write)
        except Exception as error:  # noqa: BLE001 - beside the jobs they are in force all the same
            self._unwritten = [*audits, *self._unwritten]
            _LOG.error("the fleet's rules could not be written to the database: %s", error)
            return str(error)
        self._in_database = rules.number
        return ""
