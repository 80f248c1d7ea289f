"""herdsman hosted as docs/install.md says: its own jobs of deploy/ on a Nomad with access control."""

import fcntl
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from tests.e2e.service import CHECKOUT, wait_for
from tests.engines.nomad import NomadAgent
from tests.engines.processes import engine

DEPLOY = CHECKOUT / "deploy" / "nomad"


@dataclass
class Hosting:
    """A Nomad, and what an operator does with its command line; `root` holds everything."""

    nomad: NomadAgent
    root: Path

    def run(self, *arguments: str) -> str:
        """Run Nomad's command line with the management token and return what it prints."""
        environment = {"NOMAD_ADDR": self.nomad.address, "NOMAD_TOKEN": self.nomad.token, "NO_COLOR": "1"}
        done = subprocess.run(
            [str(engine("nomad")), *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def allow(self) -> None:
        """Apply the policies, each by the commands in its own first lines."""
        for path in sorted((DEPLOY / "policies").glob("*.hcl")):
            commands = [line for line in path.read_text().splitlines() if line.startswith("# nomad ")]
            assert commands, path
            for command in commands:
                words = command.removeprefix("# nomad ").split()
                self.run(*(str(DEPLOY / word) if word.startswith("policies/") else word for word in words))

    def allow_secrets(self, path: str, folder: Path) -> None:
        """Let herdsman read variables of the desk's, by the rule that docs/secrets.md has for it."""
        rule = f'path "{path}" {{ capabilities = ["read"] }}'
        assert rule in (CHECKOUT / "docs" / "secrets.md").read_text()
        rules = (DEPLOY / "policies" / "controller.hcl").read_text()
        file = folder / "controller.hcl"
        file.write_text(rules.replace("variables {", f"variables {{\n    {rule}", 1))
        for job in ("herdsman", "herdsman-controller"):
            self.run("acl", "policy", "apply", "-namespace", "default", "-job", job, job, str(file))

    def token_of(self, allocation: str) -> str:
        """Return the token that Nomad gave to an allocation's task, out of its launcher's environment."""
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                given = dict(
                    one.decode(errors="replace").split("=", 1)
                    for one in entry.read_bytes().split(b"\0")
                    if b"=" in one
                )
            except OSError:
                continue
            if given.get("NOMAD_ALLOC_ID") == allocation and given.get("NOMAD_TOKEN"):
                return given["NOMAD_TOKEN"]
        raise AssertionError(f"no process of {allocation} has a token")

    def everything_told(self, *but: str) -> dict[str, str]:
        """Return all that Nomad itself shows of jobs, allocations, evaluations and variables but some."""
        found = {path: json.dumps(self.nomad.get(path)) for path in ("allocations", "evaluations")}
        for job in self.nomad.get("jobs"):
            found[job["ID"]] = json.dumps(self.nomad.get(f"job/{quote(job['ID'], safe='')}/versions"))
        for one in self.nomad.get("allocations"):
            found[one["ID"]] = json.dumps(self.nomad.get(f"allocation/{one['ID']}"))
        for one in self.nomad.get("vars"):
            if one["Path"] not in but:
                found[one["Path"]] = json.dumps(self.nomad.get(f"var/{one['Path']}"))
        return found

    def allow_in(self, namespace: str, folder: Path) -> str:
        """Grant the policies in a further namespace as docs/environments.md says; return a token."""
        self.run("namespace", "apply", namespace)
        for name in ("controller", "bots"):
            rules = (DEPLOY / "policies" / f"{name}.hcl").read_text()
            file = folder / f"{name}.hcl"
            file.write_text(rules.replace('namespace "default"', f'namespace "{namespace}"'))
        policy = ("acl", "policy", "apply")
        self.run(*policy, "-namespace", namespace, f"herdsman-bots-{namespace}", str(folder / "bots.hcl"))
        self.run(*policy, f"herdsman-{namespace}", str(folder / "controller.hcl"))
        return self.nomad.make_token(namespace, [f"herdsman-{namespace}"])

    def placed(self, namespace: str, fleet: str) -> dict[str, tuple[str, str, int]]:
        """Return the node pool, the node and the index of each bot of a fleet that runs in a namespace."""
        found = {}
        for job in self.nomad.get(f"jobs?meta=true&namespace={namespace}&prefix={fleet}"):
            allocations = self.nomad.get(f"job/{job['ID']}/allocations?namespace={namespace}")
            nodes = [one["NodeID"] for one in allocations if one["ClientStatus"] == "running"]
            if nodes:
                found[job["Meta"]["herdsman.bot"]] = (job["NodePool"], nodes[0], job["JobModifyIndex"])
        return found

    def start(self, job: str, **variables: object) -> None:
        """Run a job of deploy/ with these variables."""
        given = [f"-var={name}={value}" for name, value in variables.items()]
        self.run("job", "run", "-detach", *given, str(DEPLOY / f"{job}.nomad.hcl"))

    def index(self, job: str) -> int:
        """Return the JobModifyIndex of a job."""
        found: int = self.nomad.get(f"job/{job}")["JobModifyIndex"]
        return found

    def stop(self, job: str, data: Path) -> None:
        """Stop a job and wait until nobody holds its data folder any more."""
        self.run("job", "stop", "-detach", job)

        def free() -> bool:
            with (data / "lock").open("a") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return False
            return True

        wait_for(free, f"{job} to have ended", 60, 0.2)

    def healthy(self, service: str, port: int = 0) -> str:
        """Wait until Nomad's own discovery has a service with all checks well, and return its address."""

        def look() -> str:
            for found in self.nomad.get(f"service/{service}"):
                try:
                    checks = self.nomad.get(f"client/allocation/{found['AllocID']}/checks")
                except HTTPError:  # it is gone, or its node does not know it yet
                    continue
                if (
                    port in (0, found["Port"])
                    and checks
                    and all(one["Status"] == "success" for one in checks.values())
                ):
                    return f"http://{found['Address']}:{found['Port']}"
            return ""

        try:
            return wait_for(look, f"the service {service} to be well", 90, 0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said(service)}") from None

    def said(self, job: str) -> str:
        """Return what the newest allocation of a job printed, and its events."""
        newest = max(self.nomad.get(f"job/{job}/allocations"), key=lambda one: one["CreateIndex"])
        return self.printed(job) + json.dumps(newest["TaskStates"])

    def printed(self, job: str) -> str:
        """Return what all allocations of a job printed."""
        logs = [
            self.nomad.alloc_root / one["ID"] / "alloc" / "logs"
            for one in self.nomad.get(f"job/{job}/allocations")
        ]
        return "\n".join(path.read_text() for folder in logs for path in sorted(folder.glob("*.std*.0")))

    def bots(self) -> dict[str, dict[str, Any]]:
        """Return the bots' jobs by bot, each with its index, its meta and its allocations."""
        found = {}
        for job in self.nomad.get("jobs?meta=true"):
            if bot := (job.get("Meta") or {}).get("herdsman.bot"):
                allocations = self.nomad.get(f"job/{job['ID']}/allocations")
                found[bot] = {
                    "index": job["JobModifyIndex"],
                    "meta": job["Meta"],
                    "allocations": {one["ID"]: one["ClientStatus"] for one in allocations},
                }
        return found
