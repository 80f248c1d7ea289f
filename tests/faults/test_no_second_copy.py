"""A Nomad client is cut off, killed or frozen, with updates in the middle: never two copies of a bot at once.

What counts is the bots' own record, on the one clock that all nodes of the test's cluster share.
"""

import asyncio
import time
from collections.abc import Callable

import psutil
import pytest

from controller.schedulers.protocol import Phase
from schemas.bot import Lease
from schemas.errors import SchedulerUnavailable
from tests.engines.cluster import Cluster, Machine, nomad_cluster
from tests.engines.launching import lives
from tests.faults.conftest import FLEET, published, staged
from tests.faults.stage import Actor, Stage, until

pytestmark = [pytest.mark.nomad, pytest.mark.timeout(240)]


def cut(cluster: Cluster, machine: Machine) -> Callable[[], None]:
    cluster.cut(machine)
    return lambda: cluster.plug(machine)


def kill(cluster: Cluster, machine: Machine) -> Callable[[], None]:
    cluster.kill(machine)
    return lambda: cluster.start(machine)


def freeze(cluster: Cluster, machine: Machine) -> Callable[[], None]:
    cluster.freeze(machine)
    return lambda: cluster.thaw(machine)


async def refused(bot: Actor, token: str) -> None:
    """Assert that a bot on a node that does not answer is not changed."""
    scheduler = bot.stage.scheduler
    for change in (
        bot.apply("refused", token),
        scheduler.stop(bot.name, token, "impatience"),
        scheduler.restart(bot.name, "impatience"),
    ):
        with pytest.raises(SchedulerUnavailable, match="does not answer"):
            await change


def updated_by_a_stranger(cluster: Cluster, bot: Actor) -> None:
    """Register the job anew with other meta, as anybody with Nomad's own tools could."""
    job = cluster.get(f"job/{FLEET}.{bot.name}")
    job["Meta"]["stranger"] = "was here"
    cluster.send("POST", "jobs", {"Job": job})


@pytest.mark.parametrize("fault", [cut, kill, freeze])
async def test_update_while_the_node_is_gone_never_makes_two_copies(stage: Stage, fault, report) -> None:
    """One bot is updated before Nomad notices the fault, one later by a stranger; both move, once."""
    cluster, early, late = stage.cluster, stage.actor("early"), stage.actor("late")
    first, second = cluster.clients
    cluster.only(first)
    tokens: dict[str, str] = {}
    for bot in stage.actors:
        tokens[bot.name] = await bot.apply("one", None)
        await bot.living("one", 40)
        await bot.phase(Phase.RUNNING, 10)  # else Nomad replaces what it only knows as pending
    cluster.only(None)

    mend = fault(cluster, first)
    broken_at = time.monotonic()
    await early.apply("two", tokens["early"])  # Nomad does not know of the fault yet
    await late.phase(Phase.LOST, 40)
    await refused(late, tokens["late"])
    updated_by_a_stranger(cluster, late)

    await early.living("two", 60)
    await until(lambda: moved(late, second), 60, "late on the other node")
    for bot in stage.actors:
        assert lives(bot.record)[0].last > broken_at  # it outlived its agent, until its launcher ended it
        found = await bot.phase(Phase.RUNNING, 20)
        assert found.node == second.name
        await bot.apply("three", found.token)  # the new copy's node answers
        await bot.living("three", 60)

    mend()
    await until(lambda: all_ready(cluster), 40, "all nodes ready again")
    await asyncio.sleep(3)  # time in which a second copy would show itself
    for bot in stage.actors:
        await bot.living("three", 20)
        report(bot.check())


async def moved(bot: Actor, machine: Machine) -> bool:
    found = await bot.seen()
    return found.node == machine.name and bot.alive() and len(lives(bot.record)) > 1


async def all_ready(cluster: Cluster) -> bool:
    return all(node["Status"] == "ready" for node in cluster.get("nodes"))


async def test_leaders_death_ends_no_bot(tmp_path, report) -> None:
    """With the default lease a bot rides out the election of a new leader, and is never doubled."""
    with nomad_cluster(servers=3, clients=1, meta=published()) as cluster:
        async with staged(cluster, tmp_path) as stage:
            stage.lease = Lease()
            bot = stage.actor("rider")
            await bot.apply("one", None)
            await bot.living("one", 40)
            leader = cluster.get("status/leader").split(":")[0]
            machine = next(one for one in cluster.servers if one.address == leader)
            cluster.kill(machine)
            await asyncio.sleep(stage.lease.kill_after + 3)
            assert bot.alive()
            assert len(lives(bot.record)) == 1
            report(bot.check())


async def test_frozen_launcher_does_not_keep_its_bot_alive(stage: Stage, report) -> None:
    """Only the launcher stands still, its node is cut off: its bot is dead before another may live."""
    cluster, bot = stage.cluster, stage.actor("orphaned")
    first, second = cluster.clients
    cluster.only(first)
    await bot.apply("one", None)
    await bot.living("one", 40)
    await bot.phase(Phase.RUNNING, 10)
    cluster.only(None)
    launcher = launcher_of(bot)
    launcher.suspend()
    try:
        cluster.cut(first)
        await bot.phase(Phase.LOST, 40)
        updated_by_a_stranger(cluster, bot)
        await until(lambda: moved(bot, second), 60, "the bot on the other node")
        await asyncio.sleep(3)
        report(bot.check())
    finally:
        launcher.resume()
        cluster.plug(first)


def launcher_of(bot: Actor) -> psutil.Process:
    """Return the process that holds the lease of a bot's only life."""
    (record,) = bot.record.iterdir()
    launcher = psutil.Process(int(record.name.partition("-")[0])).parent()
    assert launcher is not None
    return launcher
