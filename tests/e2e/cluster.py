"""A node as it is in a cluster: herdsman installed from its wheel, its agent run by Nomad."""

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.service import CHECKOUT, Service, wait_for
from tests.engines.nomad import NomadAgent


def install_on_node(root: Path) -> Path:
    """Build the wheel, install it with the locked dependencies into `root` and return the command."""
    uv = [sys.executable, "-m", "uv"]
    environment = Service(root).environment() | {"HERDSMAN_SKIP_DASHBOARD": "1"}
    run = subprocess.run
    build = [*uv, "build", "-q", "--wheel", "--no-build-isolation", "--out-dir", str(root / "wheel")]
    run([*build, "--python", sys.executable, str(CHECKOUT)], check=True, env=environment)
    run([*uv, "venv", "-q", "--python", sys.executable, str(root / "node")], check=True, env=environment)
    install = [*uv, "pip", "install", "-q", "--python", str(root / "node" / "bin" / "python")]
    locked = str(CHECKOUT / "requirements" / "run.txt")
    run([*install, "--require-hashes", "-r", locked], check=True, env=environment)
    wheel = next((root / "wheel").glob("*.whl"))
    run([*install, "--no-deps", str(wheel)], check=True, env=environment)
    return root / "node" / "bin" / "herdsman"


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

    def published() -> bool:
        node = nomad.get(f"node/{nomad.get('nodes')[0]['ID']}")
        return any(key.startswith("herdsman_python") for key in node["Meta"])

    wait_for(published, "the agent to publish its node's interpreters", 60, 0.2)
