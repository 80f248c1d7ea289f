"""Jobs that are not ours and must not run beside our bots: whether their copies are dead."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from controller.schedulers.nomad.observing import may_live
from controller.schedulers.nomad.ownership import fleet_name, is_of, purged_jobs, twins
from controller.schedulers.nomad.reading import META_FLEET, JobRecord, NodeRecord, Placement, parent_of
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


async def has_ended(api: Listings, job: str) -> bool:
    """Say whether no copy of a job, or of one of its runs, can live any more: their nodes said so."""
    placements, nodes = await asyncio.gather(api.placements(job), api.nodes())
    known = {node.id: node for node in nodes}
    return not any(may_live(item, known) for item in placements if is_of(item.job, job))


class OtherInstallations:
    """The jobs of fleets with our name and another id: an installation that was lost, or one too many.

    Their leases are not ours, so nothing else keeps their bots and ours of the same names apart.
    """

    def __init__(self, api: Listings, fleet: str) -> None:
        self._api = api
        self._fleet = fleet
        self._twins: Twins = {}

    async def open(self) -> None:
        """List them for the first time, with those that were purged while nobody of us looked."""
        await self.look()
        name = fleet_name(self._fleet)
        if not name:
            return
        placements, nodes = await asyncio.gather(self._api.placements(f"{name}-"), self._api.nodes())
        known = {node.id: node for node in nodes}
        alive = {parent_of(item.job) for item in placements if may_live(item, known)}
        listed = {job.id for job in self._known()}
        self._twins = twins([*self._known(), *purged_jobs(alive - listed)], self._fleet)

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
        if bot not in self._twins:
            return
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
