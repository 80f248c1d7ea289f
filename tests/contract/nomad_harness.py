"""The Nomad scheduler under the contract suite, on a real development agent."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from controller.launcher.archive import launcher_digest, launcher_files
from controller.schedulers.nomad.node import publish_interpreters
from controller.schedulers.nomad.scheduler import NomadScheduler
from controller.schedulers.nomad.settings import NomadSettings
from gitops.bundle import Bundle
from gitops.platforms import glibc
from gitops.runtimes import Node, nodes
from tests.engines.launching import BundleServer, bundle_server, make_bundle, this_python
from tests.engines.nomad import NomadAgent


class NomadHarness:
    """A fleet of its own on a shared agent."""

    def __init__(
        self, agent: NomadAgent, folder: Path, server: BundleServer, token: str = "", fleet: str = ""
    ) -> None:
        self.agent = agent
        self.fleet = fleet or f"test-{os.urandom(4).hex()}"
        self.work = folder / "work"
        self.work.mkdir()
        self._server = server
        launcher = make_bundle(server.folder, launcher_digest(), launcher_files())
        settings = NomadSettings(self.fleet, address=agent.address, token=token, stop_margin=3)
        self.bundles = launcher, server.url_of
        self.scheduler = NomadScheduler(settings, *self.bundles)

    async def publish(self, found: Mapping[int, Node] | None, libc: str = "") -> None:
        """Publish what the agent's node offers to bots: these Node.js, and its C library (or another)."""
        version, path = this_python()
        await publish_interpreters(
            self.agent.address,
            {version: path},
            nodes={major: str(one.path) for major, one in (found or {}).items()},
            glibc=libc or glibc(),
            token=self.agent.token,
            state_root=str(state_root(self.agent)),
            cache_root=str(self.agent.data / "cache"),
        )

    async def offers(self, key: str, value: str) -> None:
        """Wait until Nomad's servers know what the node published: its client tells them after a while."""
        async with asyncio.timeout(60):
            while any(node["Meta"].get(key, "") != value for node in await self._nodes()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def _nodes(self) -> list[Any]:
        listed = await asyncio.to_thread(self.agent.get, "nodes")
        return [await asyncio.to_thread(self.agent.get, f"node/{node['ID']}") for node in listed]

    async def store(self, content: Bundle) -> None:
        shutil.copy(content.path, self._server.folder)

    def logs(self, allocation: str) -> Path:
        return self.agent.alloc_root / allocation / "alloc"

    def state(self, name: str) -> Path:
        return state_root(self.agent) / self.fleet / name

    async def kill_launcher(self, name: str) -> None:
        bot = await self.scheduler.observe_bot(name)
        assert bot is not None
        lines = (self.logs(bot.allocation) / "logs" / "bot.launcher.0").read_text().splitlines()
        os.kill(json.loads(lines[-1])["launcher_pid"], signal.SIGKILL)

    async def add_foreign(self, name: str) -> Callable[[], Awaitable[bool]]:
        identity = f"{self.fleet}.{name}"
        task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "sleep", "args": ["600"]}}
        job = {"ID": identity, "Type": "service", "Datacenters": ["*"]}
        job["TaskGroups"] = [{"Name": "g", "Count": 1, "Tasks": [task]}]
        index = (await self._send("POST", "jobs", {"Job": job}))["JobModifyIndex"]

        async def untouched() -> bool:
            now = await asyncio.to_thread(self.agent.get, f"job/{identity}")
            return bool(now["JobModifyIndex"] == index and not now["Stop"])

        return untouched

    async def clear(self) -> None:
        """Purge every job of this fleet and wait until none of its allocations lives."""
        for job in await asyncio.to_thread(self.agent.get, f"jobs?prefix={self.fleet}"):
            await self._send("DELETE", f"job/{quote(job['ID'], safe='')}?purge=true")
        async with asyncio.timeout(60):
            while await self._living():  # noqa: ASYNC110 - what is awaited lies in another process
                await asyncio.sleep(0.1)

    async def _living(self) -> list[str]:
        allocations = await asyncio.to_thread(self.agent.get, "allocations")
        return [
            item["ID"]
            for item in allocations
            if item["JobID"].startswith(self.fleet) and item["ClientStatus"] in {"pending", "running"}
        ]

    async def _send(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(self.agent.send, method, path, body)


def state_root(agent: NomadAgent) -> Path:
    """Return where bots of a test agent keep their state."""
    return agent.data / "bots"


@asynccontextmanager
async def nomad_harness(
    folder: Path, agent: NomadAgent, token: str = "", fleet: str = ""
) -> AsyncIterator[NomadHarness]:
    """Open the Nomad scheduler (with a token of its own), and leave no job behind."""
    bundles = folder / "bundles"
    bundles.mkdir()
    with bundle_server(bundles) as server:
        harness = NomadHarness(agent, folder, server, token, fleet)
        await harness.publish(nodes())
        await harness.scheduler.open()
        try:
            yield harness
        finally:
            await harness.clear()
            await harness.scheduler.close()
