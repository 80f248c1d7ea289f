"""A Nomad cluster on one machine: every agent in a network namespace of its own, on a private test range.

A bridge in a namespace of its own joins them; this process reaches them through one virtual cable, and they
reach it at `Cluster.outside`. So a node can be cut off, killed or frozen like a real one.
"""

import contextlib
import json
import secrets
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engines.nomad import base_config, client_block
from tests.engines.ports import claim
from tests.engines.processes import ServerProcess, engine, launch, unmount_below, wait_ready


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Machine:
    """One agent with its namespace; `cable` is its end at the bridge."""

    name: str
    namespace: str
    cable: str
    address: str
    data: Path
    process: ServerProcess | None = None

    @property
    def api(self) -> str:
        return f"http://{self.address}:4646"


@dataclass
class Cluster:
    """Servers and clients; the methods break one of them and mend it."""

    root: Path
    network: str
    hub: str
    outside: str
    meta: dict[str, str]
    servers: list[Machine] = field(default_factory=list)
    clients: list[Machine] = field(default_factory=list)
    desk: Machine | None = None
    """A machine without an agent, for herdsman."""
    asked: Machine | None = None
    """Whose API the test asks; None for the first server's."""

    @property
    def address(self) -> str:
        """The API's address."""
        return (self.asked or self.servers[0]).api

    @property
    def leader(self) -> Machine:
        """The server that leads now."""
        address = self.get("status/leader").split(":")[0]
        return next(machine for machine in self.servers if machine.address == address)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.address}/v1/{path}", timeout=60) as response:
            return json.load(response)

    def send(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/v1/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")

    def only(self, machine: Machine | None) -> None:
        """Let new allocations be placed on one client only, or on all of them (None)."""
        for node in self.get("nodes"):
            eligible = machine is None or node["Name"] == machine.name
            body = {"NodeID": node["ID"], "Eligibility": "eligible" if eligible else "ineligible"}
            self.send("PUT", f"node/{node['ID']}/eligibility", body)

    def client(self, name: str) -> Machine:
        return next(machine for machine in self.clients if machine.name == name)

    def cut(self, machine: Machine) -> None:
        """Unplug a machine's cable."""
        _ip("-n", self.hub, "link", "set", machine.cable, "down")

    def plug(self, machine: Machine) -> None:
        _ip("-n", self.hub, "link", "set", machine.cable, "up")

    def freeze(self, machine: Machine) -> None:
        """Stop the agent from running, while what it started runs on."""
        assert machine.process is not None
        machine.process.signal(signal.SIGSTOP)

    def thaw(self, machine: Machine) -> None:
        assert machine.process is not None
        machine.process.signal(signal.SIGCONT)

    def kill(self, machine: Machine) -> None:
        """End the agent at once (SIGKILL); what it started runs on."""
        assert machine.process is not None
        machine.process.signal(signal.SIGKILL)
        machine.process.process.wait()

    def start(self, machine: Machine) -> None:
        """Start an agent, also again with the data that it had."""
        config = machine.data.parent / f"{machine.name}.json"
        command = self.within(machine, str(engine("nomad")), "agent", "-config", str(config))
        log = machine.data.parent / f"{machine.name}.log"
        mark = machine.process.mark if machine.process else None
        machine.process = launch(command, log, {"TMPDIR": str(self.root)}, mark)

    def _machine(self, name: str, number: int) -> Machine:
        namespace = f"{self.hub}-{name}"
        machine = Machine(name, namespace, name, f"{self.network}.{number}", self.root / name)
        machine.data.mkdir()
        _ip("netns", "add", namespace)
        _ip(
            "link",
            "add",
            machine.cable,
            "netns",
            self.hub,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            namespace,
        )
        _ip("-n", self.hub, "link", "set", machine.cable, "master", "bridge", "up")
        _ip("-n", namespace, "addr", "add", f"{machine.address}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        return machine

    def within(self, machine: Machine, *command: str) -> list[str]:
        """Return a command as it is run on a machine."""
        return ["nsenter", f"--net=/run/netns/{machine.namespace}", *command]

    def _configure(self, machine: Machine, role: dict[str, Any]) -> None:
        config = {
            **base_config(machine.data),
            "name": machine.name,
            "bind_addr": machine.address,
            **role,
        }
        (self.root / f"{machine.name}.json").write_text(json.dumps(config))

    def _build(self, servers: int, clients: int, desk: bool) -> None:
        _ip("netns", "add", self.hub)
        _ip("-n", self.hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self.hub, "link", "set", "bridge", "up")
        _ip("link", "add", self.hub, "type", "veth", "peer", "name", "outside", "netns", self.hub)
        _ip("-n", self.hub, "link", "set", "outside", "master", "bridge", "up")
        _ip("addr", "add", f"{self.outside}/24", "dev", self.hub)
        _ip("link", "set", self.hub, "up")
        self.servers = [self._machine(f"server{n}", 10 + n) for n in range(servers)]
        self.clients = [self._machine(f"client{n}", 20 + n) for n in range(clients)]
        self.desk = self._machine("desk", 40) if desk else None
        addresses = [machine.address for machine in self.servers]
        for machine in self.servers:
            self._configure(machine, {"server": _server_block(servers, addresses)})
        for machine in self.clients:
            meta = {**self.meta, "herdsman_state_root": str(self.root / f"{machine.name}-state")}
            meta["herdsman_cache_root"] = str(self.root / f"{machine.name}-cache")
            block = client_block(machine.data, meta) | {"servers": addresses, "network_interface": "eth0"}
            self._configure(machine, {"client": block})

    def _ready(self) -> bool:
        try:
            nodes = self.get("nodes")
        except OSError:
            return False
        return sum(node["Status"] == "ready" for node in nodes) == len(self.clients)

    def _led(self) -> bool:
        """Whether the servers can sign: before that they refuse clients, who then wait for 20 s."""
        try:
            with urllib.request.urlopen(f"{self.address}/.well-known/jwks.json", timeout=2) as response:
                return bool(json.load(response)["keys"])
        except OSError:
            return False

    def _stop(self) -> None:
        for machine in [*self.clients, *self.servers]:
            if machine.process is not None:
                machine.process.signal(signal.SIGCONT)
                machine.process.stop(grace=1)
        for machine in [*self.clients, *self.servers, *([self.desk] if self.desk else [])]:
            subprocess.run(["ip", "netns", "del", machine.namespace], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self.hub], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self.hub], check=False, capture_output=True)
        unmount_below(self.root)
        shutil.rmtree(self.root, ignore_errors=True)


def _server_block(count: int, addresses: list[str]) -> dict[str, Any]:
    return {
        "enabled": True,
        "bootstrap_expect": count,
        "raft_multiplier": 1,
        "heartbeat_grace": "2s",
        "min_heartbeat_ttl": "5s",
        "failover_heartbeat_ttl": "15s",
        "server_join": {"retry_join": addresses, "retry_interval": "1s"},
    }


def _random_network() -> int:
    return secrets.randbelow(50 * 250)


@contextlib.contextmanager
def nomad_cluster(
    *, servers: int = 1, clients: int = 2, desk: bool = False, meta: dict[str, str] | None = None
) -> Iterator[Cluster]:
    """Run a cluster and yield it once all its clients are ready. Needs root. Raises EngineMissing."""
    number = next(one for one in iter(_random_network, None) if claim(f"network-{one}"))
    suffix = f"{number:04x}"
    root = Path(tempfile.mkdtemp(prefix=f"herdsman-cluster-{suffix}-"))
    root.chmod(0o755)
    network = f"10.{200 + number // 250}.{number % 250}"
    cluster = Cluster(root, network, f"hm{suffix}", f"{network}.254", meta or {})
    try:
        cluster._build(servers, clients, desk)
        for machine in cluster.servers:
            cluster.start(machine)
        first = cluster.servers[0].process
        assert first is not None
        wait_ready(first, cluster._led, "the Nomad servers")
        for machine in cluster.clients:
            cluster.start(machine)
        wait_ready(first, cluster._ready, "the Nomad cluster")
        yield cluster
    finally:
        cluster._stop()
