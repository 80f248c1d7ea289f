"""A node as it is in a cluster: herdsman's agent on it is run by Nomad."""

import json
from pathlib import Path

from tests.e2e.installation import build_wheel, install
from tests.e2e.service import CHECKOUT, Service, wait_for
from tests.engines.nomad import NomadAgent


def install_on_node(root: Path) -> Path:
    """Build the wheel, install it with the locked dependencies into `root` and return the command."""
    return install(build_wheel(CHECKOUT, root / "wheel"), root / "node")


def start_agent(service: Service, nomad: NomadAgent, command: Path, root: Path) -> None:
    """Register the agent's job as an operator does, with its token in a Nomad variable."""
    token = service.run("token", "create", "agents", "--scope", "ingest").stdout.strip()
    folders = [f"--{name}={root / 'node-data' / name}" for name in ("state-root", "cache-root", "checkpoint")]
    printed = service.run(
        *("agent", "--print-job", "--command", str(command), "--nomad-address", nomad.address, *folders)
    )
    job = json.loads(printed.stdout)
    assert token not in printed.stdout
    path = f"nomad/jobs/{job['Job']['ID']}"
    nomad.send("PUT", f"var/{path}", {"Path": path, "Items": {"token": token}})
    nomad.send("PUT", "jobs", job)
    wait_published(nomad)


def agent_said(nomad: NomadAgent, about: str) -> str:
    """Return the last lines of the agent's own log that speak of something."""
    (job,) = [one["ID"] for one in nomad.get("jobs") if one["Type"] == "system"]
    lines: list[str] = []
    for allocation in nomad.get(f"job/{job}/allocations"):
        for task in allocation["TaskStates"]:
            logs = nomad.text(
                f"client/fs/logs/{allocation['ID']}?task={task}&type=stderr&plain=true&origin=start&offset=0"
            )
            lines += [line for line in logs.splitlines() if about in line]
    return "\n".join(lines[-8:])


def wait_published(nomad: NomadAgent) -> None:
    """Wait until an agent has said what its node offers: before that, no bot can be placed."""

    def published() -> bool:
        node = nomad.get(f"node/{nomad.get('nodes')[0]['ID']}")
        return any(key.startswith("herdsman_python") for key in node["Meta"])

    wait_for(published, "the agent to publish its node's interpreters", 60, 0.2)
