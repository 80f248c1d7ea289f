"""The same runs where bots run on a real Nomad, with a proxy of ours between herdsman and it."""

import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.cluster import start_agent
from tests.e2e.service import COMMAND
from tests.engines.nomad import NomadAgent
from tests.faults.runs.drawing import Run, draw
from tests.faults.runs.judging import judge
from tests.faults.runs.proxy import proxy
from tests.faults.runs.records import end_all
from tests.faults.runs.running import Outcome
from tests.faults.runs.steps import play
from tests.faults.runs.world import World, new_world

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


def make_nomad_run(seed: int, nomad: NomadAgent, most_bots: int = 10) -> Outcome:
    """Make the run of a seed on this Nomad, and leave it as it was."""
    run, began = draw(seed, most_bots, on_nomad=True), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"herdsman-faults-nomad-{seed}-"))
    folder.chmod(0o755)
    target = urlsplit(nomad.address)
    lives, failure = 0, ""
    with proxy((target.hostname or "", target.port or 0)) as between:
        world = new_world(folder / "home", run.bots, between)
        try:
            failure = _played(run, world, nomad, folder)
            lives = sum(len(world.record(name).lives()) for name in world.ever())
        finally:
            world.service.stop()
            _clear(nomad)
            end_all(folder)
    if not failure:
        shutil.rmtree(folder)
    names = tuple(step.kind.value for step in run.steps)
    return Outcome(seed, run.bots, names, lives, round(time.monotonic() - began, 1), failure, on_nomad=True)


def _played(run: Run, world: World, nomad: NomadAgent, folder: Path) -> str:
    at = "the first push"
    try:
        start_agent(world.service, nomad, Path(COMMAND), folder)
        nomad.send("PUT", "jobs", {"Job": STRANGER})
        before = _stranger(nomad)
        world.settle()
        for number, step in enumerate(run.steps, 1):
            at = f"step {number}, {step.kind}: {step}"
            play(world, step)
        at = "the judgement"
        judge(world)
        assert _stranger(nomad) == before, "a job that is not ours was changed"
        jobs = {(job.get("Meta") or {}).get("herdsman.bot") for job in nomad.get("jobs?meta=true")} - {None}
        assert jobs == set(world.wanted), f"Nomad has jobs of {jobs}"
    except Exception as error:  # noqa: BLE001 - any failure is the outcome
        return f"at {at}\n{type(error).__name__}: {error}\nkept: {folder}"
    return ""


def _stranger(nomad: NomadAgent) -> Any:
    job = nomad.get("job/stranger")
    return job["JobModifyIndex"], job["Stop"]


def _clear(nomad: NomadAgent) -> None:
    """Leave nothing of a run on Nomad."""
    for job in nomad.get("jobs"):
        with contextlib.suppress(OSError):
            nomad.send("DELETE", f"job/{job['ID']}?purge=true")
