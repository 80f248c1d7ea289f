"""Bots that keep a state, and the agents of a cluster's nodes that save it until they are cut off."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from controller.schedulers.protocol import Scheduler
from controller.state.folder import FolderStore
from controller.state.guarding import GuardedStates
from controller.state.saved import SavedStates
from schemas.errors import StoreUnavailable
from schemas.state import SaveAnswer, StateClaim, StateSave, StateVersion
from telemetry.agent.agent import Agent
from telemetry.agent.states.caretaker import Caretaker
from tests.engines.cluster import Cluster, Machine
from tests.faults.conftest import FLEET

KEEPING_BOT = b'''
"""A bot that counts in its state folder, in two files that belong together, and records its life."""
import json, os, signal, time
from pathlib import Path

config = json.loads(os.environ["BOT_CONFIG"])
state = Path(os.environ["STATE_DIR"])
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
counter = state / "counter.json"
count = json.loads(counter.read_text()) if counter.exists() else 0
ballast = json.loads((state / "ballast.json").read_text())["of"] if counter.exists() else 0
with open(f"{config['record']}/begins", "a", buffering=1) as begins:
    begins.write(f"{count} {ballast}\\n")
name = f"{config['record']}/{os.getpid()}-{time.monotonic_ns()}.log"
with open(name, "w", buffering=1) as record:
    record.write(f"start {time.monotonic()} {config.get('spec', '')}\\n")
    while not stopping:
        count += 1
        for path, value in ((state / "ballast.json", {"of": count, "x": "x" * 9000}), (counter, count)):
            path.with_suffix(".part").write_text(json.dumps(value))
            path.with_suffix(".part").replace(path)
        record.write(f"alive {time.monotonic()}\\n")
        time.sleep(0.05)
    record.write(f"end {time.monotonic()}\\n")
Path(config["record"], "ended").write_text(str(count))
'''


def begins(record: Path) -> list[int]:
    """Return where a bot began to count, start by start; its two files were of nearly one moment."""
    path = record / "begins"
    pairs = [tuple(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []
    assert all(abs(ballast - count) <= 1 for count, ballast in pairs), pairs
    return [count for count, _ in pairs]


class AllTaken:
    """A sink that acknowledges everything: output is not what these tests are about."""

    async def send(self, batch: bytes) -> None:
        """Take it."""
        del batch


@dataclass
class NodesDesk:
    """What one node's agent reaches of the service: `cut` while its cable is out.

    `before_upload` is called at each upload, and may cut the node off in the middle of a save.
    """

    saved: GuardedStates
    cut: bool = False
    before_upload: Callable[[], None] = lambda: None
    refusals: int = 0

    async def prove(self, claim: StateClaim, bot: str) -> None:
        self._reach()
        await self.saved.prove(claim, bot)

    async def offer(self, claim: StateClaim, bot: str, save: StateSave) -> SaveAnswer:
        self._reach()
        try:
            return await self.saved.offer(claim, bot, save)
        except Exception:
            self.refusals += 1
            raise

    async def upload(self, claim: StateClaim, bot: str, sha256: str, data: bytes) -> None:
        self.before_upload()
        self._reach()
        await self.saved.upload(claim, bot, sha256, data)

    async def newest(self, claim: StateClaim, bot: str) -> StateVersion | None:
        self._reach()
        return await self.saved.newest(claim, bot)

    async def download(self, claim: StateClaim, bot: str, sha256: str) -> bytes:
        self._reach()
        return await self.saved.download(claim, bot, sha256)

    def _reach(self) -> None:
        if self.cut:
            raise StoreUnavailable("the service does not answer")


@dataclass
class Nodes:
    """The agents of a cluster's clients, each with its own way to the one service."""

    saved: SavedStates
    guarded: GuardedStates
    desks: dict[str, NodesDesk] = field(default_factory=dict)
    tasks: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def start(self, cluster: Cluster, machine: Machine, folder: Path) -> None:
        """Run the agent of one client."""
        desk = self.desks[machine.name] = NodesDesk(self.guarded)
        root = cluster.root / f"{machine.name}-state"
        states = Caretaker(desk, root, folder / f"{machine.name}-spool", gap=0.5, look_every=0.2)
        checkpoint = folder / f"{machine.name}-checkpoint"
        agent = Agent(machine.data / "alloc", AllTaken(), checkpoint, fleet=FLEET, states=states)
        self.tasks[machine.name] = asyncio.create_task(agent.run())

    async def stop(self, machine: Machine) -> None:
        """End the agent of one client."""
        task = self.tasks.pop(machine.name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def agents(cluster: Cluster, folder: Path, scheduler: Scheduler) -> AsyncIterator[Nodes]:
    """Run an agent for each client."""
    saved = SavedStates(FolderStore(folder / "states"), FLEET)
    nodes = Nodes(saved, GuardedStates(saved, scheduler, FLEET))
    for machine in cluster.clients:
        nodes.start(cluster, machine, folder)
    try:
        yield nodes
    finally:
        for task in nodes.tasks.values():
            task.cancel()
        await asyncio.gather(*nodes.tasks.values(), return_exceptions=True)
