"""The same runs where bots run on a real Nomad, with a proxy of ours between herdsman and it."""

import contextlib
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.cluster import start_agent
from tests.e2e.service import COMMAND, wait_for
from tests.engines.nomad import NomadAgent
from tests.engines.postgresql import PostgreSQL
from tests.faults.runs.drawing import Run, draw
from tests.faults.runs.forking import Nursery
from tests.faults.runs.judging import judge
from tests.faults.runs.proxy import proxy
from tests.faults.runs.records import end_all
from tests.faults.runs.running import Outcome, count_lives, load
from tests.faults.runs.steps import play
from tests.faults.runs.world import PATIENCE, World, new_world

STRANGER = {
    "ID": "stranger",
    "Datacenters": ["*"],
    "TaskGroups": [
        {
            "Name": "g",
            "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "sleep", "args": ["3600"]}}],
        }
    ],
}


def make_nomad_run(
    seed: int, nursery: Nursery, nomad: NomadAgent, server: PostgreSQL, most_bots: int, most_steps: int
) -> Outcome:
    """Make the run of a seed on this Nomad and PostgreSQL, and leave them as they were."""
    run, began = draw(seed, most_bots, most_steps, on_nomad=True), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"herdsman-faults-nomad-{seed}-"))
    folder.chmod(0o755)
    lives, failure = _between(run, nursery, nomad, server.new_database() if run.several else "", folder)
    if not failure:
        shutil.rmtree(folder)
    names = tuple(step.kind.value for step in run.steps)
    seconds = round(time.monotonic() - began, 1)
    made = Outcome(seed, most_bots, run.bots, names, lives, seconds, load(), failure)
    return replace(made, on_nomad=True, several=run.several)


def _between(run: Run, nursery: Nursery, nomad: NomadAgent, database: str, folder: Path) -> tuple[int, str]:
    """Play a run with a proxy between herdsman and Nomad; return the bots' lives and what failed."""
    target, world, at = urlsplit(nomad.address), None, ["the first push"]
    with proxy((target.hostname or "", target.port or 0)) as between:
        try:
            world = new_world(folder / "home", run.bots, nursery, between, nomad, database)
            _play(run, world, nomad, folder, at)
        except Exception as error:  # noqa: BLE001 - any failure is the outcome
            return count_lives(world), f"at {at[-1]}\n{type(error).__name__}: {error}\nkept: {folder}"
        finally:
            if world is not None:
                world.end()
            _clear(nomad)
            end_all(folder)
    return count_lives(world), ""


def _play(run: Run, world: World, nomad: NomadAgent, folder: Path, at: list[str]) -> None:
    start_agent(world.service, nomad, Path(COMMAND), folder)
    nomad.send("PUT", "jobs", {"Job": STRANGER})
    before = _stranger(nomad)
    world.settle()
    for number, step in enumerate(run.steps, 1):
        at.append(f"step {number}, {step.kind}: {step}")
        play(world, step)
    at.append("the judgement")
    judge(world)
    assert _stranger(nomad) == before, "a job that is not ours was changed"
    jobs = {(job.get("Meta") or {}).get("herdsman.bot") for job in nomad.get("jobs?meta=true")} - {None}
    assert jobs == set(world.wanted), f"Nomad has jobs of {jobs}"


def _stranger(nomad: NomadAgent) -> Any:
    job = nomad.get("job/stranger")
    return job["JobModifyIndex"], job["Stop"]


def _clear(nomad: NomadAgent) -> None:
    """Leave nothing of a run on Nomad, nor anything that it would start again."""
    for job in nomad.get("jobs"):
        with contextlib.suppress(OSError):
            nomad.send("DELETE", f"job/{job['ID']}?purge=true")
    wait_for(lambda: not _running(nomad), "what Nomad runs to end", PATIENCE, 0.2)


def _running(nomad: NomadAgent) -> list[Any]:
    return [one for one in nomad.get("allocations") if one["ClientStatus"] in ("pending", "running")]
