"""A bot's state on a cluster: it follows the bot, whole and the newest, or the bot waits and says so."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.schedulers.nomad.job import lease_path, state_path
from controller.schedulers.protocol import Phase
from controller.state.changing import StateChange, change_state
from controller.state.recalling import recall
from schemas.errors import Conflict
from schemas.state import StateVersion
from tests.engines.cluster import Cluster, Machine, nomad_cluster
from tests.engines.launching import make_bundle
from tests.faults.conftest import FLEET, published, staged
from tests.faults.keeping import KEEPING_BOT, Nodes, agents, begins
from tests.faults.stage import LONG_LEASE, SHORT_LEASE, Actor, Stage, until

pytestmark = [pytest.mark.nomad, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One server and two clients for all of these tests: each mends what it broke."""
    with nomad_cluster(servers=1, clients=2, meta=published()) as running:
        yield running


@pytest.fixture
async def stage(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(cluster, tmp_path) as set_up:
        set_up.lease = LONG_LEASE
        set_up.code = make_bundle(tmp_path / "bundles", "keeper", {"main.py": KEEPING_BOT})
        yield set_up
        for bot in set_up.actors:
            await set_up.scheduler.stop(bot.name, None, "the test is over")
        cluster.only(None)


@pytest.fixture
async def nodes(cluster: Cluster, stage: Stage, tmp_path: Path) -> AsyncIterator[Nodes]:
    async with agents(cluster, tmp_path, stage.scheduler) as running:
        yield running


async def newest(nodes: Nodes, bot: Actor) -> StateVersion:
    """Wait until anything is saved of a bot, and return it."""

    async def saved() -> StateVersion | None:
        return await nodes.saved.newest(bot.name)

    found = await until(saved, 20, f"a version of {bot.name}")
    assert isinstance(found, StateVersion)
    return found


async def began(bot: Actor, count: int, seconds: float = 60) -> int:
    """Wait until a bot has begun so often, and return where."""

    async def enough() -> list[int]:
        return begins(bot.record)[count - 1 :]

    return int((await until(enough, seconds, f"start {count} of {bot.name}"))[0])


def ended(bot: Actor) -> int:
    """Return what a bot counted to by its own word."""
    return int((bot.record / "ended").read_text())


def shared_folders(machine: Machine, bot: Actor) -> list[Path]:
    """Return the shared folder of each of a bot's allocations on a node."""
    labels = (machine.data / "alloc").glob("*/alloc/herdsman.json")
    return [path.parent for path in labels if json.loads(path.read_text())["bot"] == bot.name]


def waiting(cluster: Cluster, bot: Actor) -> str:
    """Return what the bot's launchers said of waiting, on every node."""
    own = [folder for machine in cluster.clients for folder in shared_folders(machine, bot)]
    logs = [path for folder in own for path in folder.glob("logs/bot.launcher.*")]
    lines = [line for path in logs for line in path.read_text().splitlines()]
    return "\n".join(line for line in lines if "state_elsewhere" in line)


def said(cluster: Cluster, bot: Actor) -> Callable[[], Awaitable[str]]:
    """Return how to look whether anything was said of waiting."""

    async def look() -> str:
        return waiting(cluster, bot)

    return look


async def test_a_bot_that_moves_comes_up_with_its_state(stage: Stage, nodes: Nodes, report) -> None:
    """There, and back to a node that has an older copy of its own; each time the very newest."""
    cluster, bot = stage.cluster, stage.actor("mover")
    first, second = cluster.clients
    cluster.only(first)
    await bot.apply("one", None)
    await bot.living("one", 40)
    await newest(nodes, bot)
    for count, (spec, machine) in enumerate((("two", second), ("three", first)), 2):
        cluster.only(machine)
        await bot.apply(spec, (await bot.seen()).token)
        await bot.living(spec, 60)
        assert await began(bot, count) == ended(bot) > 0
        assert (await bot.phase(Phase.RUNNING, 20)).node == machine.name
    await stage.scheduler.stop(bot.name, (await bot.seen()).token, "a test")
    await bot.phase(Phase.STOPPED, 30)
    report(f"{bot.check()}; began at {begins(bot.record)}")


async def test_a_renamed_bot_brings_its_state_from_another_node(stage: Stage, nodes: Nodes) -> None:
    """The state that lies on the former name's node is looked for there, and found in the store."""
    cluster, old = stage.cluster, stage.actor("old-name")
    first, second = cluster.clients
    cluster.only(first)
    token = await old.apply("one", None)
    await old.living("one", 40)
    await newest(nodes, old)
    await stage.scheduler.stop(old.name, token, "renamed")
    await old.phase(Phase.STOPPED, 30)
    cluster.only(second)
    new = stage.actor("new-name")
    launch = new.launch("one")
    launch = replace(launch, spec=replace(launch.spec, renamed_from="old-name"))
    await stage.scheduler.apply(launch, None)
    assert await began(new, 1) == ended(old) > 0

    async def buried() -> bool:
        return (await newest(nodes, old)).reason == "renamed to new-name"

    await until(buried, 20, "the old name's state to be empty")


async def test_a_node_lost_in_the_middle_of_a_save(stage: Stage, nodes: Nodes, report) -> None:
    """The previous whole version stays; nothing older is taken silently, nothing later of the fenced copy."""
    stage.lease = SHORT_LEASE
    cluster, bot = stage.cluster, stage.actor("unlucky")
    first, second = cluster.clients
    desk = nodes.desks[first.name]
    cluster.only(first)
    token = await bot.apply("one", None)
    await bot.living("one", 40)
    await bot.phase(Phase.RUNNING, 10)
    await newest(nodes, bot)
    cluster.only(None)

    uploads = []

    def lose_the_node() -> None:
        """Cut the cable after one of a save's contents has arrived."""
        uploads.append(1)
        if len(uploads) == 2:
            cluster.cut(first)
            desk.cut = True

    desk.before_upload = lose_the_node

    async def lost() -> bool:
        return desk.cut

    await until(lost, 30, "a save with two contents")
    whole = await newest(nodes, bot)
    await bot.apply("two", token)  # Nomad does not know of the fault yet
    words = await until(said(cluster, bot), 90, "the new copy waiting for its state")
    assert "was not saved to its end" in words
    assert len(begins(bot.record)) == 1  # neither empty nor with an older state
    assert await nodes.saved.newest(bot.name) == whole
    contents = [await nodes.saved.download(bot.name, file.sha256) for file in whole.files]
    assert [len(content) for content in contents] == [file.size for file in whole.files]

    with pytest.raises(Conflict, match="accept-loss"):
        await change_state(nodes.saved, stage.scheduler, bot.name, StateChange(base=0), "ada", "a test")
    accepted = StateChange(base=whole.number, accept_loss=True)
    await change_state(nodes.saved, stage.scheduler, bot.name, accepted, "ada", "the node is lost")
    resumed = await began(bot, 2)
    counter = next(
        data for file, data in zip(whole.files, contents, strict=True) if file.path == "counter.json"
    )
    assert resumed == int(counter)
    await bot.living("two", 60)

    known = {node["ID"]: node["Name"] for node in cluster.get("nodes")}

    async def saved_by_the_new_copy() -> bool:
        return known.get((await newest(nodes, bot)).node) == second.name

    await until(saved_by_the_new_copy, 30, "a version of the new copy")
    cluster.plug(first)
    desk.cut = False

    async def refused() -> bool:
        return desk.refusals > 0

    await until(refused, 60, "the fenced copy's save to be refused")
    history = await nodes.saved.history(bot.name)
    assert all(known.get(version.node) != first.name for version in history if version.number > whole.number)
    report(f"{bot.check()}; began at {begins(bot.record)}, refused {desk.refusals}")


async def test_a_bot_that_forges_its_files_is_taken_for_no_other(
    stage: Stage, nodes: Nodes, tmp_path: Path
) -> None:
    """Another's name, and a holder after every other: an agent that starts anew asks whose they are."""
    cluster, bot, thief = stage.cluster, stage.actor("owner"), stage.actor("thief")
    first, second = cluster.clients
    cluster.only(first)
    token = await bot.apply("one", None)
    await thief.apply("one", None)
    for one in (bot, thief):
        await one.living("one", 40)
    before = await newest(nodes, bot)
    await nodes.stop(first)
    (forged,) = shared_folders(first, thief)
    labels = json.loads((forged / "herdsman.json").read_text())
    (forged / "herdsman.json").write_text(json.dumps(labels | {"bot": bot.name}))
    held = {"token": 10**15, "phase": "ended", "place": {"node": labels["node"], "token": 10**15}}
    (forged / "herdsman-state.json").write_text(json.dumps(held))
    nodes.start(cluster, first, tmp_path)

    async def saved_again() -> bool:
        return (await newest(nodes, bot)).number > before.number

    await until(saved_again, 30, "a save of the agent that began anew")
    cluster.only(second)
    await bot.apply("two", token)
    assert await began(bot, 2) == ended(bot) > 0
    history = await nodes.saved.history(bot.name)
    assert forged.parent.name not in {version.allocation for version in history}
    assert max(version.token for version in history) < 10**15


async def test_a_dead_agent_keeps_no_bot_from_its_own_nodes_state(stage: Stage, nodes: Nodes) -> None:
    """Where the newest state lies on the node, a start needs neither agent nor service."""
    cluster, bot = stage.cluster, stage.actor("steady")
    cluster.only(cluster.clients[0])
    token = await bot.apply("one", None)
    await bot.living("one", 40)
    for task in nodes.tasks.values():
        task.cancel()
    for desk in nodes.desks.values():
        desk.cut = True
    await bot.apply("two", token)
    await bot.living("two", 60)
    assert await began(bot, 2) == ended(bot) > 0


async def test_a_lease_that_forgot_everything_starts_no_bot_empty(stage: Stage, nodes: Nodes) -> None:
    """After Nomad's own record is lost, the store says where the newest state is."""
    cluster, bot = stage.cluster, stage.actor("forgotten")
    first, second = cluster.clients
    cluster.only(first)
    token = await bot.apply("one", None)
    await bot.living("one", 40)
    await newest(nodes, bot)
    await stage.scheduler.stop(bot.name, token, "a test")
    await bot.phase(Phase.STOPPED, 30)

    async def complete() -> bool:
        return (await newest(nodes, bot)).final

    await until(complete, 20, "its last save")
    for path in (lease_path(FLEET, bot.name), state_path(FLEET, bot.name)):
        cluster.send("DELETE", f"var/{path}")
    cluster.only(second)
    launch = bot.launch("two")
    await recall(nodes.saved, stage.scheduler, launch.spec, placed=False)
    await stage.scheduler.apply(launch, (await bot.seen()).token)
    assert await began(bot, 2) == ended(bot) > 0
    assert (await newest(nodes, bot)).token > 0
