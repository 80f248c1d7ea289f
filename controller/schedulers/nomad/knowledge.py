"""What is known of a fleet's placements between two listings: folded from events, pure.

Of ended allocations only the newest of each bot is kept, so that the size follows the fleet and not time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.schedulers.nomad.events import NomadEvent
from controller.schedulers.nomad.reading import (
    Blockage,
    JobRecord,
    NodeRecord,
    Placement,
    blockage,
    job_record,
    node_record,
    parent_of,
    placement,
)


@dataclass(slots=True)
class Knowledge:
    """Jobs by id, placements by bot job and allocation, nodes by id, and why bots are not placed.

    `jobs` may lack any job (then it is to be asked for), has no runs of scheduled bots, and tells nothing of
    what only a listing counts (`active`, `queued`).
    `complete` is true while the event stream has carried on without a gap since the last `fill`.
    """

    prefix: str
    complete: bool = False
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    placements: dict[str, dict[str, Placement]] = field(default_factory=dict)
    nodes: dict[str, NodeRecord] = field(default_factory=dict)
    blockages: dict[str, Blockage] = field(default_factory=dict)
    floor: int = 0

    def fill(
        self, placements: Iterable[Placement], nodes: Iterable[NodeRecord], blockages: Iterable[Blockage]
    ) -> None:
        """Replace everything by fresh listings."""
        self.placements = {}
        for item in placements:
            self._keep(item)
        self.nodes = {item.id: item for item in nodes}
        self.blockages = {parent_of(item.job): item for item in blockages if item.reason}
        self.floor = max(
            (item.modify_index for of in self.placements.values() for item in of.values()), default=0
        )

    def fold(self, event: NomadEvent) -> tuple[tuple[str, str], ...]:
        """Take in one event; return the (bot job, allocation) pairs that moved."""
        if event.topic == "Node":
            return self._node(event)
        job = event.payload.get("ID" if event.topic == "Job" else "JobID") or event.key
        if not job.startswith(self.prefix):
            return ()
        if event.topic == "Allocation":
            if event.index > self.floor or event.payload["ID"] in self.placements.get(parent_of(job), {}):
                self._keep(placement(event.payload))
            return ((parent_of(job), event.payload["ID"]),)
        if event.topic == "Evaluation":
            return self._evaluation(event)
        self._job(job, event)
        return ((parent_of(job), ""),)

    def take(self, job: JobRecord) -> None:
        """Keep what a job is now, unless something newer is known."""
        held = self.jobs.get(job.id)
        if not job.parent and (held is None or held.modify_index <= job.modify_index):
            self.jobs[job.id] = job

    def of(self, job: str) -> list[Placement]:
        """Return what is known of a bot's placements, the newest first."""
        known = self.placements.get(job, {}).values()
        return sorted(known, key=lambda item: item.created_index, reverse=True)

    def forget(self, living: Iterable[str]) -> None:
        """Drop what is known of jobs that are gone, unless something of theirs may still run."""
        known = frozenset(living)
        for job in set(self.placements) - known:
            if all(item.ended for item in self.placements[job].values()):
                del self.placements[job]
        for job in set(self.blockages) - known:
            del self.blockages[job]
        for job in set(self.jobs) - known:
            del self.jobs[job]

    def check(self, listed: Iterable[JobRecord]) -> None:
        """Drop what is known of a job that a listing shows to have changed since: it is asked for then.

        The answer to a change of ours may come after the events of a later one, and be taken for the newest.
        """
        for job in listed:
            held = self.jobs.get(job.id)
            if held is not None and held.modify_index < job.modify_index:
                del self.jobs[job.id]

    def _job(self, job: str, event: NomadEvent) -> None:
        if event.type.endswith("Deregistered"):  # stopped or purged: the event does not tell which
            self.jobs.pop(job, None)
        elif "JobModifyIndex" in event.payload:
            self.take(job_record(event.payload))

    def _keep(self, item: Placement) -> None:
        known = self.placements.setdefault(parent_of(item.job), {})
        held = known.get(item.id)
        if held is not None and held.modify_index > item.modify_index:
            return
        known[item.id] = item
        ended = sorted((one for one in known.values() if one.ended), key=lambda one: one.created_index)
        for one in ended[:-1]:
            del known[one.id]

    def _node(self, event: NomadEvent) -> tuple[tuple[str, str], ...]:
        node = node_record(event.payload)
        before = self.nodes.get(node.id)
        if event.type == "NodeDeregistration":
            self.nodes.pop(node.id, None)
        else:
            self.nodes[node.id] = node
        if before is not None and before.status == node.status and node.id in self.nodes:
            return ()
        return tuple(
            (job, item.id)
            for job, known in self.placements.items()
            for item in known.values()
            if item.node == node.id and not item.ended
        )

    def _evaluation(self, event: NomadEvent) -> tuple[tuple[str, str], ...]:
        if event.payload.get("Status") not in {"complete", "blocked"}:
            return ()
        found = blockage(event.payload)
        job = parent_of(found.job)
        if found.reason:
            self.blockages[job] = found
            return ((job, ""),)
        if event.payload.get("Status") == "complete":
            self.blockages.pop(job, None)
        return ()
