"""Bots that take the place of jobs which herdsman did not start: one by one, and never side by side.

Such a job holds no lease, so nothing keeps it and a bot of ours apart but the order: the job is ended, every
copy of it is known to be dead, and only then the bot starts. Until git has the bot the job runs on.
"""

import asyncio
from collections import defaultdict
from dataclasses import replace

from sqlalchemy import Connection

from controller.clock import Clock
from controller.database import Database
from controller.database.adoptions import drop_adoption, save_adoption
from controller.database.audit import add_audit
from controller.fleet import Fleet
from controller.records import STOPPED, Adoptable, Adoption, AuditEntry, OtherJob
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
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By bot: nobody takes back or changes what is being carried out."""

    async def adoptable(self) -> Adoptable:
        """Return the jobs that are not this fleet's, and the adoptions that wait."""
        waiting = sorted(self._fleet.adoptions.values(), key=lambda one: one.bot)
        return Adoptable(tuple(await self._scheduler.others()), tuple(waiting))

    async def adopt(self, name: str, job: str, seen: str, by: str, reason: str, *, token: str = "") -> None:
        """Have a bot take a job's place once git has it. `seen` is the job's token as it was looked at.

        Raises NotFound, UsageError, Conflict where the job has changed since, where the bot runs already, or
        where it is to take another job's place.
        """
        async with self._turns[name]:
            self._must_be_free(name, job)
            await self._look_at(job, seen)
            self._must_be_free(name, job)
            await self._begin(Adoption(name, job, seen, by, reason, self._clock.time()), token)

    async def _look_at(self, job: str, seen: str) -> None:
        jobs = {one.id: one for one in await self._scheduler.others()}
        if job not in jobs:
            near = nearest(job, jobs)
            raise NotFound(f"there is no job {job} to adopt" + (f"; did you mean {near}?" if near else ""))
        check_adoptable(jobs[job])
        if jobs[job].token != seen:
            raise Conflict(f"the job {job} was changed since it was looked at: look at it again")

    async def _begin(self, one: Adoption, token: str) -> None:
        entry = AuditEntry(
            one.at, one.by, ADOPT, one.bot, one.reason, token, {"job": one.job, "token": one.token}
        )
        before = self._fleet.adoptions.get(one.bot)

        def write(connection: Connection) -> None:
            save_adoption(connection, one)
            add_audit(connection, entry)

        self._fleet.adoptions[one.bot] = one  # first: a bot that git has by now waits for us from here on
        try:
            await self._database.run(write)
        except BaseException:
            del self._fleet.adoptions[one.bot]
            if before is not None:
                self._fleet.adoptions[one.bot] = before
            raise

    async def cancel(self, name: str, by: str, reason: str, *, beside: bool = False, token: str = "") -> None:
        """Take an adoption back that has not been carried out: the job runs on, and nobody ends it.

        A job holds no lease, so the bot waits until it has ended, unless both may live (`beside`), which can
        be said later as well. Raises NotFound, SchedulerUnavailable, Conflict: while the bot would start
        beside the job, while a copy of that is still ending, or where there is nothing left to take back.
        """
        async with self._turns[name]:
            one = self._fleet.adoptions.get(name)
            if one is None:
                raise NotFound(f"{name} is not to take the place of any job")
            if not one.apart:
                self._must_not_start(one)
            lives = not beside and await self._lives(one)
            if not one.apart:
                self._must_not_start(one)
            elif lives:
                raise Conflict(f"that was taken back already: {_waits(one)}")
            now = self._clock.time()
            entry = AuditEntry(now, by, CANCEL, name, reason, token, {"job": one.job, "kept_apart": lives})
            if lives:
                await self._keep_apart(replace(one, token="", by=by, at=now), entry)
            else:
                await self._end(one, entry)

    async def _keep_apart(self, one: Adoption, entry: AuditEntry) -> None:
        def write(connection: Connection) -> None:
            save_adoption(connection, one)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.adoptions[one.bot] = one

    async def make_room(self, name: str) -> bool:
        """End the job whose place a bot takes; say whether no copy of it can live any more.

        Raises Conflict where it was changed since it was looked at, or where it lives and is only kept apart
        from the bot; SchedulerUnavailable.
        """
        if name not in self._fleet.adoptions:
            return True
        async with self._turns[name]:
            one = self._fleet.adoptions.get(name)
            if one is None:
                return True
            if one.apart and not await self._was_ended(one):
                raise Conflict(_waits(one))
            if not await self._scheduler.end_other(one.job, one.token):
                return False
            now, details = self._clock.time(), {"job": one.job, "asked_by": one.by}
            await self._end(one, AuditEntry(now, "herdsman", ADOPTED, name, one.reason, "", details))
            return True

    async def _end(self, one: Adoption, entry: AuditEntry) -> None:
        def write(connection: Connection) -> None:
            drop_adoption(connection, one.bot)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.adoptions.pop(one.bot, None)

    def _must_not_start(self, one: Adoption) -> None:
        """Raise where a bot would start, beside its job, as soon as it does not wait for that any more."""
        wanted, entry = self._fleet.wanted, self._fleet.inventory.get(one.bot)
        if entry is not None and entry.token and one.bot in self._fleet.observed:
            return  # it runs already: nothing is started by this
        if wanted is None or wanted.unread:
            raise Conflict(
                f"whether git has {one.bot} is not known yet, and it would start beside the job {one.job}: "
                "try again once git has been read"
            )
        spec = wanted.bots.get(one.bot)
        if spec is not None and spec.enabled and not self._fleet.suspended(one.bot):
            raise Conflict(
                f"git has {one.bot}, so it would start at once, beside the job {one.job}: two copies would "
                f"trade. Take {one.bot} from git or suspend it first. Where the job was changed since it was "
                f"looked at, look at it again: herdsman adopt {one.bot} --job {one.job}"
            )

    async def _lives(self, one: Adoption) -> bool:
        """Say whether the job runs on. Raises Conflict while it was asked to end and a copy may still live.

        The end of a copy is a matter of its node, which may be silent.
        """
        if not await self._was_ended(one):
            return True
        if not await self._scheduler.end_other(one.job, one.token):
            raise Conflict(
                f"the job {one.job} was asked to end, and a copy of it may still live: {one.bot} waits until "
                "its node has told of its end. Try again then"
            )
        return False

    async def _was_ended(self, one: Adoption) -> bool:
        """Say whether the job was asked to end, or is gone."""
        jobs = {job.id: job for job in await self._scheduler.others()}
        return one.job not in jobs or jobs[one.job].status == STOPPED

    def _must_be_free(self, name: str, job: str) -> None:
        if self._fleet.recovery:
            raise UsageError(self._fleet.recovery)
        waiting = self._fleet.adoptions.get(name)
        if waiting is not None and waiting.job != job:
            raise Conflict(
                _waits(waiting)
                if waiting.apart
                else f"{name} is to take the place of the job {waiting.job} already: take that back first "
                f"with herdsman adopt {name} --cancel"
            )
        entry = self._fleet.inventory.get(name)
        if name in self._fleet.observed or (entry is not None and entry.token):
            raise Conflict(
                f"{name} is a bot of this fleet already, so it can take nobody's place: end the other job "
                "where it comes from, or declare a bot of another name"
            )


def _waits(one: Adoption) -> str:
    return (
        f"{one.bot} was to take the place of the job {one.job}, which {one.by} took back: that job runs on "
        f"and holds no lease, so {one.bot} waits until it has ended. End it where it comes from, "
        f"or, if both may live, say herdsman adopt {one.bot} --cancel --beside"
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
