"""Jobs of another installation of this fleet: no bot of ours starts while a copy of theirs may live."""

from dataclasses import replace

import pytest

from controller.schedulers.nomad.job import lease_path
from controller.schedulers.nomad.others import OtherInstallations
from controller.schedulers.nomad.ownership import twins
from controller.schedulers.nomad.reading import (
    META_BOT,
    META_FLEET,
    JobRecord,
    NodeRecord,
    Placement,
    Variable,
)
from schemas.errors import Conflict, SchedulerRefused

OURS, THEIRS = "desk-aaaaaa", "desk-bbbbbb"
NODE = NodeRecord("n", "n", "down", 1)
ALIVE = Placement("p", f"{THEIRS}.a", "n", "n", "running", "stop", "running", 1.0, 1.0, 1, 1)


def job(fleet=THEIRS, bot="a", **fields):
    values = {"parent": "", "modify_index": 1, "stopped": False, "status": "running", "periodic": False}
    meta = {META_FLEET: fleet, META_BOT: bot}
    return JobRecord(**{"id": f"{fleet}.{bot}", "meta": meta, "active": 0, "queued": 0, **values, **fields})


class FakeListings:
    """A cluster's listings, as they are set."""

    def __init__(self, *found):
        self.found = list(found)
        self.alive = [ALIVE]
        self.leases = {}

    async def jobs(self, prefix):
        return [one for one in self.found if one.id.startswith(prefix)]

    async def placements(self, prefix):
        return [one for one in self.alive if one.job.startswith(prefix)]

    async def nodes(self):
        return [NODE]

    async def variable_paths(self, prefix):
        return [path for path in self.leases if path.startswith(prefix)]

    async def variable(self, path):
        return Variable({}, 1, self.leases.get(path, False))


def test_a_stopped_or_dead_job_of_another_installation_is_still_a_twin():
    """Only its placements tell whether a copy of it lives; ours, other fleets' and runs are none."""
    stopped, dead = job(stopped=True, status="dead"), job("desk-cccccc", status="dead")
    others = [job(OURS), job("desk2-bbbbbb"), job(bot="b", parent=f"{THEIRS}.b")]
    assert twins([stopped, dead, *others], OURS) == {"a": (stopped, dead)}


@pytest.mark.parametrize("purged", [False, True])
async def test_a_bot_waits_until_the_stopped_twin_is_dead(purged):
    """`nomad job stop` lets the bot start only once the node has told of the last copy's end."""
    cluster = FakeListings(job())
    others = OtherInstallations(cluster, OURS)
    await others.look()
    with pytest.raises(SchedulerRefused, match=f"--adopt-fleet {THEIRS}"):
        await others.refuse_a_second("a")
    cluster.found = [] if purged else [job(stopped=True, status="dead")]
    for _ in range(2):
        with pytest.raises(Conflict, match="a copy of it may still live"):
            await others.refuse_a_second("a")
    cluster.alive = [replace(ALIVE, client_status="lost")]
    with pytest.raises(Conflict, match="a copy of it may still live"):
        await others.refuse_a_second("a")
    cluster.alive = [replace(ALIVE, client_status="complete")]
    await others.refuse_a_second("a")


async def test_a_twin_that_was_purged_while_nobody_looked_is_seen_by_its_lease():
    """Nomad forgets the copies of a purged job at once, and frees a copy's lease once it is dead."""
    cluster, lease = FakeListings(), lease_path(THEIRS, "a.b")
    cluster.leases = {lease: True, lease_path(OURS, "c"): True, lease_path("desk2-bbbbbb", "c"): True}
    others = OtherInstallations(cluster, OURS)
    await others.open()
    await others.refuse_a_second("c")
    with pytest.raises(Conflict, match="holds the lease herdsman/leases/desk-bbbbbb/a~2eb"):
        await others.refuse_a_second("a.b")
    cluster.leases[lease] = False
    await others.refuse_a_second("a.b")


async def test_a_twin_that_came_and_was_purged_later_is_seen_by_its_lease():
    """One that began after us is known by its job alone, of which Nomad forgets all but the lease."""
    cluster, lease = FakeListings(), lease_path(THEIRS, "a")
    others = OtherInstallations(cluster, OURS)
    await others.open()
    cluster.found, cluster.leases = [job()], {lease: True}
    await others.look()
    cluster.found, cluster.alive = [], []
    with pytest.raises(Conflict, match="holds the lease herdsman/leases/desk-bbbbbb/a"):
        await others.refuse_a_second("a")
    cluster.leases[lease] = False
    await others.refuse_a_second("a")


async def test_a_stopped_twin_does_not_hide_one_that_runs():
    """Of several installations each is looked at, in whatever order they are listed."""
    cluster = FakeListings(job(), job("desk-cccccc", stopped=True, status="dead"))
    others = OtherInstallations(cluster, OURS)
    await others.look()
    with pytest.raises(SchedulerRefused, match="runs already"):
        await others.refuse_a_second("a")
    await others.refuse_a_second("b")
