"""Bots that take the place of jobs which herdsman did not start: one by one, and never side by side.

Such a job holds no lease, so nothing keeps it and a bot of ours apart but the order: the job is ended, every
copy of it is known to be dead, and only then the bot starts. Until git has the bot the job runs on.
"""

from sqlalchemy import Connection

from controller.clock import Clock
from controller.database import Database
from controller.database.adoptions import drop_adoption, save_adoption
from controller.database.audit import add_audit
from controller.fleet import Fleet
from controller.records import Adoptable, Adoption, AuditEntry, OtherJob
from controller.schedulers.protocol import Scheduler
from schemas.errors import Conflict, NotFound, UsageError
from schemas.suggestions import nearest

ADOPT, ADOPTED, CANCEL = "adopt", "adopted", "adopt-cancel"
"""Actions of the audit: a bot is to take a job's place; it has; it is not to any more."""


class Adopting:
    """Keeps the word on which bot takes the place of which job, and carries it out at the bot's start."""

    def __init__(self, fleet: Fleet, scheduler: Scheduler, database: Database, clock: Clock) -> None:
        self._fleet = fleet
        self._scheduler = scheduler
        self._database = database
        self._clock = clock

    async def adoptable(self) -> Adoptable:
        """Return the jobs that are not this fleet's, and the adoptions that wait."""
        waiting = sorted(self._fleet.adoptions.values(), key=lambda one: one.bot)
        return Adoptable(tuple(await self._scheduler.others()), tuple(waiting))

    async def adopt(self, name: str, job: str, seen: str, by: str, reason: str, *, token: str = "") -> None:
        """Have a bot take a job's place once git has it. `seen` is the job's token as it was looked at.

        Raises NotFound, UsageError, Conflict where the job has changed since.
        """
        self._must_be_free(name)
        jobs = {one.id: one for one in await self._scheduler.others()}
        if job not in jobs:
            near = nearest(job, jobs)
            raise NotFound(f"there is no job {job} to adopt" + (f"; did you mean {near}?" if near else ""))
        check_adoptable(jobs[job])
        if jobs[job].token != seen:
            raise Conflict(f"the job {job} was changed since it was looked at: look at it again")
        now = self._clock.time()
        one = Adoption(name, job, seen, by, reason, now)
        entry = AuditEntry(now, by, ADOPT, name, reason, token, {"job": job, "token": seen})

        def write(connection: Connection) -> None:
            save_adoption(connection, one)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.adoptions[name] = one

    async def cancel(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Take an adoption back that has not been carried out. Raises NotFound."""
        one = self._fleet.adoptions.get(name)
        if one is None:
            raise NotFound(f"{name} is not to take the place of any job")
        await self._end(
            one, AuditEntry(self._clock.time(), by, CANCEL, name, reason, token, {"job": one.job})
        )

    async def make_room(self, name: str) -> bool:
        """End the job whose place a bot takes; say whether no copy of it can live any more.

        Raises Conflict where it was changed since it was looked at, SchedulerUnavailable.
        """
        one = self._fleet.adoptions.get(name)
        if one is None:
            return True
        if not await self._scheduler.end_other(one.job, one.token):
            return False
        details = {"job": one.job, "asked_by": one.by}
        await self._end(
            one, AuditEntry(self._clock.time(), "herdsman", ADOPTED, name, one.reason, "", details)
        )
        return True

    async def _end(self, one: Adoption, entry: AuditEntry) -> None:
        def write(connection: Connection) -> None:
            drop_adoption(connection, one.bot)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.adoptions.pop(one.bot, None)

    def _must_be_free(self, name: str) -> None:
        if self._fleet.recovery:
            raise UsageError(self._fleet.recovery)
        entry = self._fleet.inventory.get(name)
        if name in self._fleet.observed or (entry is not None and entry.token):
            raise Conflict(
                f"{name} is a bot of this fleet already, so it can take nobody's place: end the other job "
                "where it comes from, or declare a bot of another name"
            )


def check_adoptable(job: OtherJob) -> None:
    """Raise UsageError for a job that another herdsman answers for, or that is herdsman's own."""
    if job.component:
        raise UsageError(f"{job.id} is a part of herdsman ({job.component}), and no bot can take its place")
    if job.fleet:
        raise UsageError(
            f"{job.id} belongs to the fleet {job.fleet}, whose herdsman would start it again. If that is an "
            "earlier installation of this fleet, take it over whole, without a restart of any bot: start "
            f"herdsman on an empty data folder with --adopt-fleet {job.fleet}, then `herdsman recover`. If "
            "it lives, remove the bot from its git first"
        )
