"""A real Nomad development agent for tests: free loopback ports, its own data folder, nothing left behind."""

import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.engines.ports import free_ports
from tests.engines.processes import ServerProcess, engine, launch, unmount_below, wait_ready

CLIENT_OPTIONS = {
    "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean,consul,vault",
    "user.denylist": "",
}


@dataclass
class NomadAgent:
    """A running agent: where its API answers, and where its allocations lie on this machine."""

    address: str
    data: Path
    process: ServerProcess
    command: Sequence[str] = ()
    token: str = ""
    """The management token, where access control is on."""

    @property
    def alloc_root(self) -> Path:
        """The folder that holds `<allocation>/alloc/` of every allocation on this node."""
        return self.data / "alloc"

    def get(self, path: str) -> Any:
        """Return the JSON of `GET <address>/v1/<path>`."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: object = None) -> Any:
        """Send JSON to `<address>/v1/<path>` and return the answer's."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/v1/{path}", data=data, method=method)
        if self.token:
            request.add_header("X-Nomad-Token", self.token)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")

    def text(self, path: str) -> str:
        """Return what `GET <address>/v1/<path>` answers as text."""
        request = urllib.request.Request(f"{self.address}/v1/{path}")
        if self.token:
            request.add_header("X-Nomad-Token", self.token)
        with urllib.request.urlopen(request, timeout=60) as response:
            content: bytes = response.read()
            return content.decode("utf-8", "replace")

    def kill(self) -> None:
        """End it at once (SIGKILL); what it started runs on. Only one that is `lasting` knows of it later."""
        self.process.signal(signal.SIGKILL)
        self.process.process.wait()

    def start(self) -> None:
        """Start it again, and wait until its node is ready."""
        root, mark = self.data.parent, self.process.mark
        self.process = launch(self.command, root / "agent.log", {"TMPDIR": str(root)}, mark)
        wait_ready(self.process, lambda: _node_ready(self), "the Nomad agent", 180)

    def make_token(self, name: str, policies: Sequence[str]) -> str:
        """Make a token and return its secret, once Nomad knows it.

        On a busy machine a new one is refused for a moment: https://github.com/hashicorp/nomad/issues/17834.
        """
        body = {"Name": name, "Type": "client", "Policies": list(policies)}
        secret: str = self.send("POST", "acl/token", body)["SecretID"]
        holder = replace(self, token=secret)
        for left in reversed(range(60)):
            try:
                holder.get("acl/token/self")
            except urllib.error.HTTPError:
                if not left:
                    raise
                time.sleep(0.5)
            else:
                break
        return secret

    def scale(self, job: str, group: str, count: int) -> None:
        """Set a group's count as an autoscaler does; Nomad refuses that while a deployment is under way."""
        path = f"job/{urllib.parse.quote(job, safe='')}"
        body = {"Count": count, "Target": {"Group": group}, "Message": "an autoscaler's"}
        for left in reversed(range(60)):
            deployment = self.get(f"{path}/deployment")
            try:
                if deployment and deployment["Status"] in ("initializing", "pending", "running"):
                    self.send("PUT", f"deployment/fail/{deployment['ID']}")
                self.send("POST", f"{path}/scale", body)
            except urllib.error.HTTPError:  # a deployment has begun, or ended, since it was looked for
                if not left:
                    raise
                time.sleep(0.5)
            else:
                return


def client_block(data: Path, meta: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the `client` configuration that every test node has."""
    return {
        "enabled": True,
        "options": CLIENT_OPTIONS,
        "alloc_dir": str(data / "alloc"),
        "alloc_mounts_dir": str(data / "mounts"),
        "state_dir": str(data / "client"),
        "max_kill_timeout": "10m",
        "meta": meta or {},
        "gc_interval": "1h",
    }


def base_config(data: Path) -> dict[str, Any]:
    """Return what every test agent's configuration has."""
    return {
        "data_dir": str(data),
        "disable_update_check": True,
        "log_level": "DEBUG",
        "leave_on_terminate": False,
        "leave_on_interrupt": False,
        "telemetry": {"publish_allocation_metrics": True},
        "plugin": [{"raw_exec": [{"config": [{"enabled": True}]}]}],
    }


def _config(
    data: Path,
    ports: Sequence[int],
    acl: bool,
    volumes: Mapping[str, Path],
    connections: int,
    region: str,
) -> dict[str, Any]:
    http, rpc, serf = ports
    offered = {name: {"path": str(path), "read_only": False} for name, path in volumes.items()}
    return {
        **base_config(data),
        "bind_addr": "127.0.0.1",
        "ports": {"http": http, "rpc": rpc, "serf": serf},
        "client": client_block(data) | ({"host_volume": offered} if offered else {}),
        "acl": {"enabled": acl},
        "limits": {"http_max_conns_per_client": connections},
        "region": region,
    }


def _lasting(config: dict[str, Any], ports: Sequence[int]) -> dict[str, Any]:
    """Return the configuration of the same agent as one that keeps what it knows on its disk."""
    advertised = {
        kind: f"127.0.0.1:{port}" for kind, port in zip(("http", "rpc", "serf"), ports, strict=True)
    }
    return {
        **config,
        "advertise": advertised,
        "server": {"enabled": True, "bootstrap_expect": 1, "raft_multiplier": 1},
        "client": config["client"] | {"network_interface": "lo"},
    }


def _hidden(command: list[str], hide: Sequence[Path]) -> list[str]:
    """Wrap a command so that it runs in a mount namespace where the folders in `hide` are empty."""
    mounts = [f"mount -t tmpfs none {shlex.quote(str(folder))}" for folder in hide]
    script = " && ".join([*mounts, f"exec {shlex.join(command)}"])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]


def own_copy(binary: Path, folder: Path) -> Path:
    """Link or copy a server's binary into `folder`, for an agent that must not see the checkout."""
    target = folder / binary.name
    try:
        os.link(binary, target)
    except OSError:
        shutil.copy2(binary, target)
    return target


@contextlib.contextmanager
def nomad_agent(
    *,
    hide: Sequence[Path] = (),
    acl: bool = False,
    volumes: Mapping[str, Path] | None = None,
    connections: int = 100,
    lasting: bool = False,
    region: str = "global",
) -> Iterator[NomadAgent]:
    """Run a development agent (server and client in one) and yield it once its node is ready.

    `hide` names folders that the agent and everything it starts see as empty (a mount namespace): then
    allocations, which lie under /tmp, are still readable from outside. `volumes` are the host volumes that it
    offers, by name; `connections` is how many HTTP connections it takes of one address (0: any number).
    One that is `lasting` can be killed and started again with all that it knew. Raises EngineMissing.
    """
    binary = engine("nomad")
    root = Path(tempfile.mkdtemp(prefix=f"herdsman-nomad-{secrets.token_hex(3)}-"))
    root.chmod(0o755)
    data = root / "data"
    data.mkdir()
    ports = free_ports(3)
    config = root / "agent.json"
    settings = _config(data, ports, acl, volumes or {}, connections, region)
    config.write_text(json.dumps(_lasting(settings, ports) if lasting else settings))
    kind = [] if lasting else ["-dev"]
    command = [str(own_copy(binary, root) if hide else binary), "agent", *kind, "-config", str(config)]
    command = _hidden(command, hide) if hide else command
    process = launch(command, root / "agent.log", {"TMPDIR": str(root)})
    agent = NomadAgent(f"http://127.0.0.1:{ports[0]}", data, process, command)
    try:
        if acl:
            agent = _with_token(agent)
        wait_ready(process, lambda: _node_ready(agent), "the Nomad agent", 120 if lasting else 30)
        yield agent
    finally:
        agent.process.stop()
        unmount_below(root)
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def nomad_regions(*names: str) -> Iterator[dict[str, NomadAgent]]:
    """Run a development agent for each region, federated: each answers for all of them."""
    with contextlib.ExitStack() as ends:
        agents = {name: ends.enter_context(nomad_agent(region=name)) for name in names}
        first = agents[names[0]]
        member = first.get("agent/members")["Members"][0]
        for agent in agents.values():
            if agent is not first:
                agent.send("PUT", f"agent/join?address={member['Addr']}:{member['Port']}")
        for agent in agents.values():
            wait_ready(agent.process, lambda a=agent: set(a.get("regions")) == set(names), "the regions", 90)
        yield agents


@contextlib.contextmanager
def nomad_client(agent: NomadAgent, pool: str) -> Iterator[tuple[str, str]]:
    """Join a further node, in a node pool of its own; yield its id and its API's address once it is ready."""
    root = Path(tempfile.mkdtemp(prefix=f"herdsman-nomad-{secrets.token_hex(3)}-"))
    root.chmod(0o755)
    data, name = root / "data", f"{pool}-{secrets.token_hex(3)}"
    data.mkdir()
    server = agent.get("agent/members")["Members"][0]
    joined = {
        "servers": [f"127.0.0.1:{server['Tags']['port']}"],
        "network_interface": "lo",
        "node_pool": pool,
    }
    ports = dict(zip(("http", "rpc", "serf"), free_ports(3), strict=True))
    config = {
        **base_config(data),
        "name": name,
        "bind_addr": "127.0.0.1",
        "ports": ports,
        "advertise": {kind: f"127.0.0.1:{port}" for kind, port in ports.items()},
        "client": client_block(data) | joined,
        "acl": {"enabled": bool(agent.token)},
    }
    (root / "client.json").write_text(json.dumps(config))
    command = [str(engine("nomad")), "agent", "-config", str(root / "client.json")]
    process = launch(command, root / "agent.log", {"TMPDIR": str(root)})

    def ready() -> list[str]:
        nodes = agent.get("nodes")
        return [one["ID"] for one in nodes if (one["Name"], one["Status"]) == (name, "ready")]

    try:
        wait_ready(process, lambda: bool(ready()), "the further Nomad client", 90)
        yield ready()[0], f"http://127.0.0.1:{ports['http']}"
    finally:
        process.stop()
        unmount_below(root)
        shutil.rmtree(root, ignore_errors=True)


def _with_token(agent: NomadAgent) -> NomadAgent:
    """Bootstrap access control, and return the agent with its first token."""
    tokens: list[str] = []

    def bootstrapped() -> bool:
        with contextlib.suppress(OSError):
            tokens.append(agent.send("POST", "acl/bootstrap")["SecretID"])
        return bool(tokens)

    wait_ready(agent.process, bootstrapped, "Nomad's access control")
    return replace(agent, token=tokens[0])


def _node_ready(agent: NomadAgent) -> bool:
    try:
        nodes = agent.get("nodes")
    except OSError:
        return False
    return any(
        node["Status"] == "ready" and node["Drivers"].get("raw_exec", {}).get("Healthy") for node in nodes
    )
