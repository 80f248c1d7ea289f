"""A Nomad client is cut off, killed or frozen, with updates in the middle: never two copies of a bot at once.

What counts is the bots' own record, on the one clock that all nodes of the test's cluster share.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.schedulers.nomad.scheduler import NomadScheduler
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import Launch, Phase
from schemas.bot import Lease
from schemas.errors import Conflict, SchedulerUnavailable
from tests.engines.cluster import Cluster, Machine
from tests.engines.launching import (
    RECORDING_BOT,
    BundleServer,
    launcher_bundle,
    lives,
    make_bundle,
    make_spec,
    overlaps,
    this_python,
)

pytestmark = [pytest.mark.nomad, pytest.mark.timeout(180)]

LEASE = Lease(ttl=10, renew_every=1, terminate_after=4, kill_after=8)
FLEET = "faults-abc234"


@dataclass
class Stage:
    """One bot on a cluster, with its record."""

    cluster: Cluster
    scheduler: NomadScheduler
    record: Path
    launch: Callable[[str], Launch]

    async def running(self) -> Machine:
        """Wait until a copy lives, and return its machine."""
        await until(lambda: _is(self._alive()), 40)
        bot = await self.scheduler.observe_bot("recorder")
        assert bot is not None
        return self.cluster.client(bot.node)

    def _alive(self) -> bool:
        known = lives(self.record)
        return bool(known) and time.monotonic() - known[-1].last < 0.5

    def gap(self) -> float:
        """Return the seconds that no copy lived, between the first and the last life."""
        known = lives(self.record)
        return sum(max(later.first - earlier.last, 0) for earlier, later in itertools.pairwise(known))


async def _is(value: bool) -> bool:
    return value


async def until(condition: Callable[[], Awaitable[Any]], seconds: float) -> None:
    """Return once the condition holds; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is awaited lies in other processes
            await asyncio.sleep(0.1)


@pytest.fixture
async def stage(cluster: Cluster, bundles: BundleServer, tmp_path: Path):
    record = tmp_path / "record"
    record.mkdir()
    code = make_bundle(bundles.folder, "recorder", {"main.py": RECORDING_BOT})
    settings = NomadSettings(FLEET, address=cluster.address, timeout=5, stop_margin=2)
    scheduler = NomadScheduler(settings, launcher_bundle(bundles.folder), bundles.url_of)
    await scheduler.open()

    def launch(digest: str) -> Launch:
        spec = make_spec("recorder", digest, {"record": str(record), "grace": 5}, lease=LEASE, kill_timeout=6)
        return Launch(spec, "revision-1", code, python=this_python()[0])

    yield Stage(cluster, scheduler, record, launch)
    await scheduler.close()


def cut(cluster: Cluster, machine: Machine) -> Callable[[], None]:
    cluster.cut(machine)
    return lambda: cluster.plug(machine)


def kill(cluster: Cluster, machine: Machine) -> Callable[[], None]:
    cluster.kill(machine)
    return lambda: cluster.start(machine)


def freeze(cluster: Cluster, machine: Machine) -> Callable[[], None]:
    cluster.freeze(machine)
    return lambda: cluster.thaw(machine)


@pytest.mark.parametrize("fault", [cut, kill, freeze])
async def test_update_while_the_node_is_gone_never_makes_two_copies(stage: Stage, fault, report) -> None:
    """One update right after the fault, one refused, one by a stranger: copies only follow one another."""
    scheduler, name = stage.scheduler, "recorder"
    token = await scheduler.apply(stage.launch("digest-1"), None)
    machine = await stage.running()

    mend = fault(stage.cluster, machine)
    broken_at = time.monotonic()
    token = await scheduler.apply(stage.launch("digest-2"), token)  # Nomad does not know of the fault yet

    async def seen_lost() -> bool:
        bot = await scheduler.observe_bot(name)
        return bot is not None and bot.phase is Phase.LOST

    await until(seen_lost, 40)
    with pytest.raises(SchedulerUnavailable, match="does not answer"):
        await scheduler.apply(stage.launch("digest-3"), token)
    with pytest.raises((SchedulerUnavailable, Conflict)):
        await scheduler.restart(name, "impatience")
    job = stage.cluster.get(f"job/{FLEET}.{name}")
    job["Meta"]["stranger"] = "was here"
    stage.cluster.send("POST", "jobs", {"Job": job})

    await until(lambda: _is(stage._alive() and len(lives(stage.record)) > 1), 60)
    gap = stage.gap()
    mend()
    nodes_ready = lambda: _is(all(node["Status"] == "ready" for node in stage.cluster.get("nodes")))  # noqa: E731
    await until(nodes_ready, 40)
    await until(lambda: _is(stage._alive()), 40)
    await asyncio.sleep(3)  # time in which a second copy would show itself
    assert overlaps(stage.record) == []
    assert stage._alive()
    first, *_ = lives(stage.record)
    assert first.last > broken_at  # the bot outlived its agent, until its launcher ended it
    report(f"{fault.__name__}: no overlap over {len(lives(stage.record))} lives, gap {gap:.1f} s")
