"""Jobs that are not ours and must not run beside our bots: whether their copies are dead."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from controller.schedulers.nomad.job import lease_path, leases_of
from controller.schedulers.nomad.observing import may_live
from controller.schedulers.nomad.ownership import fleet_name, is_of, others_leases, twins
from controller.schedulers.nomad.reading import META_FLEET, JobRecord, NodeRecord, Placement, Variable
from schemas.errors import Conflict, SchedulerRefused

Twins = Mapping[str, tuple[JobRecord, ...]]


class Listings(Protocol):
    """What is read of Nomad here; `NomadApi` says more of each."""

    async def jobs(self, prefix: str) -> list[JobRecord]:
        """List jobs by the beginning of their id."""
        ...

    async def placements(self, prefix: str) -> list[Placement]:
        """List the allocations of all jobs whose id begins so."""
        ...

    async def nodes(self) -> list[NodeRecord]:
        """List the cluster's nodes."""
        ...

    async def variable_paths(self, prefix: str) -> list[str]:
        """List the paths of variables that begin so."""
        ...

    async def variable(self, path: str) -> Variable:
        """Return a variable, an empty one where there is none."""
        ...


async def has_ended(api: Listings, job: str) -> bool:
    """Say whether no copy of a job, or of one of its runs, can live any more: their nodes said so."""
    placements, nodes = await asyncio.gather(api.placements(job), api.nodes())
    known = {node.id: node for node in nodes}
    return not any(may_live(item, known) for item in placements if is_of(item.job, job))


def forgotten(job: str) -> Conflict:
    """Return what is raised for a job that is gone: Nomad forgot its copies with it, and nobody else knows.

    That this life of herdsman never saw one alive says nothing: another may have asked them to end.
    """
    return Conflict(
        f"the job {job} was purged before the end of its copies was seen, and Nomad has forgotten "
        "them: look at their node yourself. Once nothing of it lives, suspend the bot that takes "
        "its place, take that back with herdsman adopt BOT --cancel --beside, and resume it"
    )


class OtherInstallations:
    """The jobs of fleets with our name and another id: an installation that was lost, or one too many.

    Their leases are not ours, so nothing else keeps their bots and ours of the same names apart.
    """

    def __init__(self, api: Listings, fleet: str) -> None:
        self._api = api
        self._fleet = fleet
        self._twins: Twins = {}
        self._leases: Mapping[str, tuple[str, ...]] = {}
        """Their leases, by the last part of the path. Of a purged job Nomad knows nothing else."""

    async def open(self) -> None:
        """List them, and the leases of other installations, whose jobs somebody may have purged."""
        await self.look()
        name = fleet_name(self._fleet)
        if name:
            self._leases = others_leases(await self._api.variable_paths(leases_of(f"{name}-")), self._fleet)

    async def look(self) -> None:
        """List them anew. One that was purged meanwhile counts as stopped: a copy of it may live still."""
        name = fleet_name(self._fleet)
        if not name:
            return
        jobs = await self._api.jobs(f"{name}-")
        listed = {job.id for job in jobs}
        purged = [replace(job, stopped=True) for job in self._known() if job.id not in listed]
        self._twins = twins([*jobs, *purged], self._fleet)

    def _known(self) -> list[JobRecord]:
        return [job for known in self._twins.values() for job in known]

    async def refuse_a_second(self, bot: str) -> None:
        """Raise where one of them may run this bot: SchedulerRefused, or Conflict while its copy ends."""
        if bot in self._twins:
            await self._refuse_beside_jobs(bot)
        for lease in self._leases_of(bot):
            if (await self._api.variable(lease)).locked:
                raise Conflict(
                    f"{bot}: a copy of it holds the lease {lease}, of an earlier installation of this fleet, "
                    f"and two would trade: {bot} starts once that lease is free"
                )

    def _leases_of(self, bot: str) -> list[str]:
        """Return where copies of the others hold their leases: of some as we began, of some by their jobs."""
        found = {lease_path(twin.meta[META_FLEET], bot) for twin in self._twins.get(bot, ())}
        return sorted(found.union(self._leases.get(lease_path(self._fleet, bot).rpartition("/")[2], ())))

    async def _refuse_beside_jobs(self, bot: str) -> None:
        await self.look()
        found: Sequence[JobRecord] = self._twins.get(bot, ())
        for twin in sorted(found, key=lambda job: job.stopped):
            if not twin.stopped:
                raise SchedulerRefused(_runs_already(bot, twin))
            if not await has_ended(self._api, twin.id):
                raise Conflict(
                    f"{bot}: the job {twin.id} of the fleet {twin.meta[META_FLEET]} was stopped, but a copy "
                    f"of it may still live, and two would trade: {bot} starts once its node told of its end"
                )


def _runs_already(bot: str, twin: JobRecord) -> str:
    other = twin.meta[META_FLEET]
    return (
        f"{bot} runs already, as the job {twin.id} of the fleet {other}, whose name is that of this "
        "one: two copies would trade. If that is an earlier installation of this fleet, start this one "
        f"with --adopt-fleet {other}, which takes all its jobs over as they run. If it is another fleet, "
        "give this one a name of its own (--fleet, with an empty data folder), or the bot"
    )
