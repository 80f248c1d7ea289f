"""1,000 changed bots registered on a real Nomad, beside a bare client that registers the same jobs.

Tasks run on Nomad's `mock_driver` without log collectors: the jobs are ours to the last byte otherwise, but
their tasks are no processes, since 1,000 launchers and bots would measure the machine. What is measured is
ours: reading the revision, comparing, rendering, compare-and-set, the database.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from bench.desks import FLEET, Desk
from bench.figures import Figure
from controller.launcher.archive import launcher_digest, launcher_files
from controller.records import Wishes
from controller.schedulers.nomad import scheduler as nomad_scheduler
from controller.schedulers.nomad.scheduler import NomadScheduler
from controller.schedulers.nomad.settings import NomadSettings
from controller.settings import Settings
from gitops.bundle import Bundle
from gitops.bundles import BundleStore
from tests.e2e.service import wait_for
from tests.engines.nomad import NomadAgent, nomad_agent

BOTS = 1000
CONCURRENCY = Settings().concurrency
SETTLE = 300.0
Job = dict[str, Any]


def measure() -> list[Figure]:
    """Measure new bots, changed bots, and the bare client."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder, nomad_agent() as nomad:
        with mocked() as rendered:
            new, changed = asyncio.run(ours(Path(folder), nomad))
        jobs = list(rendered.values())
        assert len(jobs) == BOTS
        bare = min(bare_client(nomad, jobs, text) for text in ("again", "and again"))
    rate = f"{BOTS / changed:.0f} a second, bare {BOTS / bare:.0f} a second, {CONCURRENCY} at once"
    name = f"bare client, {CONCURRENCY} at once"
    return [
        Figure(f"{BOTS:,} changed bots registered on Nomad", changed, "s", bare, name, "1.2x floor", rate),
        Figure(f"{BOTS:,} new bots registered on Nomad", new, "s", bare, name),
    ]


@contextmanager
def mocked() -> Iterator[dict[str, Job]]:
    """Let jobs be rendered for the mock driver; yields the last job of each bot."""
    render: Callable[..., Job] = nomad_scheduler.render
    rendered: dict[str, Job] = {}

    def render_mocked(*given: Any) -> Job:
        job = render(*given)
        rendered[job["ID"]] = mock(job)
        return rendered[job["ID"]]

    nomad_scheduler.render = render_mocked  # type: ignore[assignment]
    try:
        yield rendered
    finally:
        nomad_scheduler.render = render


def mock(job: Job) -> Job:
    """Return the job with a task that is no process, placed on any node."""
    (group,) = job["TaskGroups"]
    (task,) = group["Tasks"]
    task = {
        **task,
        "Driver": "mock_driver",
        "Config": {"run_for": "1h"},
        "Artifacts": [],
        "Resources": {"CPU": 1, "MemoryMB": 10},
        "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1, "Disabled": True},
    }
    group = {**group, "Tasks": [task], "EphemeralDisk": {"SizeMB": 10}}
    return {**job, "Constraints": [], "TaskGroups": [group]}


async def ours(root: Path, nomad: NomadAgent) -> tuple[float, float]:
    """Return the seconds from asking for a pass to the last bot's registration: all new, then all changed."""
    desk = Desk(root, BOTS)
    scheduler = await make_scheduler(root, nomad)
    desk.push_all()
    async with desk.running(scheduler):
        new = await registered(desk, nomad)
        desk.push(dict(desk.manifest(number, size=2) for number in range(BOTS)))
        changed = await registered(desk, nomad)
    return new, changed


async def make_scheduler(root: Path, nomad: NomadAgent) -> NomadScheduler:
    """Return the real scheduler over the agent."""
    bundles = BundleStore(root / "launcher")
    launcher = await bundles.files(f"launcher-{launcher_digest()}", launcher_files())

    def url_of(bundle: Bundle) -> str:
        return f"http://127.0.0.1:9/bundles/{bundle.digest}"

    return NomadScheduler(NomadSettings(FLEET, nomad.address), launcher, url_of)


async def registered(desk: Desk, nomad: NomadAgent) -> float:
    """Run a pass, and return when the last of all jobs had a new index; then let Nomad settle."""
    before = await asyncio.to_thread(indexes, nomad)
    started = time.monotonic()
    desk.controller.request_pass("push", wishes=Wishes(no_waves=True))
    while True:
        now = await asyncio.to_thread(indexes, nomad)
        if sum(index != before.get(job) for job, index in now.items()) == BOTS:
            break
        assert time.monotonic() - started < SETTLE, "not all bots were registered"
        await asyncio.sleep(0.25)
    taken = time.monotonic() - started
    await asyncio.to_thread(wait_for, lambda: settled(nomad), "Nomad to settle", SETTLE, 1.0)
    return taken


def indexes(nomad: NomadAgent) -> Mapping[str, int]:
    """Return each job's modify index."""
    return {job["ID"]: job["JobModifyIndex"] for job in nomad.get("jobs")}


def settled(nomad: NomadAgent) -> bool:
    """Tell whether Nomad has nothing to place or to stop any more."""
    waiting = nomad.get("evaluations?filter=" + requests.utils.quote('Status == "pending"'))
    allocations = nomad.get("allocations?task_states=false")
    running = [one for one in allocations if one["ClientStatus"] == "running"]
    return not waiting and len(running) == BOTS and all(one["DesiredStatus"] == "run" for one in running)


def bare_client(nomad: NomadAgent, jobs: list[Job], text: str) -> float:
    """Register changed versions of all the jobs from as many threads, and return the seconds."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=CONCURRENCY, pool_block=True))

    def register(job: Job) -> None:
        body = {"Job": {**job, "Meta": {**job["Meta"], "round": text}}}
        session.put(f"{nomad.address}/v1/jobs", json=body, timeout=60).raise_for_status()

    started = time.monotonic()
    with ThreadPoolExecutor(CONCURRENCY) as threads, session:
        list(threads.map(register, jobs))
    taken = time.monotonic() - started
    wait_for(lambda: settled(nomad), "Nomad to settle", SETTLE, 1.0)
    return taken
