"""The whole product on a cluster: herdsman as a process that can be killed, fed by a git repository."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.service import COMMAND, Service
from tests.engines.cluster import Cluster, Machine
from tests.engines.processes import ServerProcess, launch
from tests.faults.living import LIVING_BOT

PORT = 8420
MANIFEST = """\
name: {name}
{kind}
version: 1.0.0
enabled: {enabled}
record: {record}
spec: {spec}
herdsman:
  healthy_after: 1s
  kill_timeout: 6s
  lease: {lease}
"""
SHORT = "{ttl: 10s, renew_every: 1s, terminate_after: 4s, kill_after: 8s}"
"""The shortest that Nomad has; the bot takes five seconds to end, of the four that it is given."""
USUAL = "{ttl: 30s}"
LIVING = "type: realtime/living"
KEEPING = "type: realtime/living\nkeeps: true"
"""It counts in its state folder."""
RUNNING = "type: scheduled/running\nschedule: '* * * * *'\nlasts: 40\nkeeps: true"
"""A run for most of each minute, which counts on from the one before."""
PROGRAM = """\
name: {name}
version: 1.0.0
type: {type}
runtime: python3.11
entrypoints: {{bot: main.py}}
schema: {{bot: bot-schema.json}}
readme: README.md
"""
SCHEMA = """\
{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["record", "spec"],
 "properties": {"record": {"type": "string"}, "spec": {"type": "string"},
                "grace": {"type": "number", "default": 5}, "lasts": {"type": "number", "default": 0},
                "keeps": {"type": "boolean", "default": false}}}
"""
README = "# living\n\nA test bot that keeps a record of its own life, for the tests of one copy.\n"

Look = Callable[[], Any]
ELECTED = 120.0
"""Seconds within which Nomad has a leader again."""
PATIENCE = 240.0
"""Seconds that anything may take which is really awaited: a machine may be many times slower than another."""


def wait(look: Look, seconds: float, what: str) -> Any:
    """Return what is seen once it is true; a busy machine is waited for."""
    seconds = max(seconds, PATIENCE)
    until = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < until, f"after {seconds:g} s still not: {what}"
        time.sleep(0.1)
    return seen


def patiently(act: Callable[[], None]) -> None:
    """Do something until Nomad takes it: between two leaders it takes nothing."""
    until = time.monotonic() + ELECTED
    while True:
        try:
            return act()
        except OSError:
            assert time.monotonic() < until, f"Nomad does not answer for {ELECTED:g} s"
            time.sleep(0.2)


@dataclass
class Herdsman:
    """`herdsman up` on the cluster's desk, following a bare repository beside it."""

    cluster: Cluster
    folder: Path
    process: ServerProcess | None = None
    agents: dict[str, ServerProcess] = field(default_factory=dict)
    """Herdsman's own, by node."""
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.service = Service(self.folder / "home")
        self.service.home.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", "main", str(self.repository), where=self.folder)
        self.git("init", "-q", "-b", "main", str(self.tree), where=self.folder)
        self.git("remote", "add", "origin", str(self.repository))
        files = {"bot-schema.json": SCHEMA, "README.md": README, "main.py": LIVING_BOT}
        for program, kind in (("living", "realtime"), ("running", "scheduled")):
            described = {"bot-config.yaml": PROGRAM.format(name=program, type=kind)}
            for name, text in (files | described).items():
                self.write(f"programs/{program}/{name}", text)
        self.write("herdsman.yaml", "prune: {share: 1, least: 1000}\n")
        self.push("a program")

    @property
    def repository(self) -> Path:
        return self.folder / "fleet.git"

    @property
    def tree(self) -> Path:
        return self.folder / "fleet"

    @property
    def machine(self) -> Machine:
        assert self.cluster.desk is not None
        return self.cluster.desk

    @property
    def url(self) -> str:
        return f"http://{self.machine.address}:{PORT}"

    def git(self, *arguments: str, where: Path | None = None) -> str:
        """Run git in the fleet's work tree, and return what it prints."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=where or self.tree,
            env=self.service.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file of the fleet."""
        target = self.tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def push(self, message: str) -> str:
        """Commit and push what was written, if anything was; return the commit."""
        self.git("add", "-A")
        if self.git("status", "--porcelain"):
            self.git("commit", "-q", "-m", message)
        self.git("push", "-q", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def start(self) -> None:
        """Start it, also again with what it kept."""
        asked = self.cluster.asked or self.cluster.servers[0]
        command = [COMMAND, "up", "--data", str(self.service.data), "--insecure", "--no-sign-in-link"]
        command += ["--listen", f"{self.machine.address}:{PORT}", "--advertise-url", self.url]
        command += ["--source", f"file://{self.repository}", "--poll-interval", "0.5"]
        command += ["--scheduler", "nomad", "--nomad-address", asked.api, "--fleet", "one-copy"]
        mark = self.process.mark if self.process else None
        environment = self.service.environment()
        hidden = {name: "" for name in os.environ if name.startswith(("XDG_", "HERDSMAN_", "GIT_"))}
        inside = self.cluster.within(self.machine, *command)
        self.process = launch(inside, self.folder / "herdsman.log", hidden | environment, mark)

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        self.process.signal(signal.SIGKILL)
        self.process.process.wait()

    def start_agent(self, machine: Machine) -> None:
        """Start herdsman's agent on a node, also again with what it kept."""
        token = self.folder / "agents-token"
        if not token.exists():
            made = self.ask("POST", "tokens", {"name": "agents", "scope": "ingest"})
            token.write_text(made["token"])
            token.chmod(0o600)
        command = [COMMAND, "agent", "--url", self.url, "--token-file", str(token)]
        command += ["--alloc-root", str(machine.data / "alloc")]
        command += ["--checkpoint", str(self.folder / machine.name / "checkpoint")]
        for kind in ("state", "cache"):
            command += [f"--{kind}-root", str(self.cluster.root / f"{machine.name}-{kind}")]
        earlier = self.agents.get(machine.name)
        inside = self.cluster.within(machine, *command)
        log = self.folder / f"agent-{machine.name}.log"
        self.agents[machine.name] = launch(inside, log, mark=earlier.mark if earlier else None)

    def kill_agent(self, machine: Machine) -> None:
        """End it at once."""
        self.agents[machine.name].signal(signal.SIGKILL)
        self.agents[machine.name].process.wait()

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return what the API answers."""
        headers = {"Authorization": f"Bearer {self.service.token}"}
        answer = httpx.request(method, f"{self.url}/api/v1/{path}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def bots(self) -> dict[str, dict[str, Any]]:
        """Return the fleet by name; empty while herdsman does not answer."""
        try:
            return {bot["name"]: bot for bot in self.ask("GET", "bots")}
        except httpx.HTTPError:
            return {}


@contextmanager
def herdsman(cluster: Cluster, folder: Path) -> Iterator[Herdsman]:
    """Run herdsman for the time of the block."""
    running = Herdsman(cluster, folder)
    running.start()
    try:
        wait(running.ready, 120, "herdsman ready")
        for machine in cluster.clients:
            running.start_agent(machine)
        yield running
    finally:
        for agent in running.agents.values():
            agent.stop(grace=10)
        assert running.process is not None
        running.process.stop(grace=10)
        shutil.rmtree(running.service.home, ignore_errors=True)
