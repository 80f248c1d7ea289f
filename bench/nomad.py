"""Push to running and drift to corrected on a real Nomad, beside a bare client's own time."""

import statistics
import tempfile
import time
import urllib.parse
from functools import partial
from pathlib import Path

from bench.figures import Figure, quantile, spread, thinned
from bench.local import bare_push, push_to_running
from tests.e2e.cluster import install_on_node, start_agent
from tests.e2e.fleet import Fleet, bot_text, new_fleet
from tests.e2e.lives import read_lives
from tests.e2e.service import Service, wait_for
from tests.engines.nomad import NomadAgent, nomad_agent

ROUNDS = 12
DRIFTS = 10


def measure() -> list[Figure]:
    """Measure on a fleet of one bot, warm."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder, nomad_agent() as nomad:
        root = Path(folder)
        root.chmod(0o755)
        command = install_on_node(root)
        options = ("--scheduler", "nomad", "--nomad-address", nomad.address)
        service = Service(root / "home", options).start()
        try:
            start_agent(service, nomad, command, root)
            floor = statistics.median(bare_updates(nomad, ROUNDS)) + bare_push(root)
            fleet = new_fleet(root / "fleet", service)
            pushes = push_to_running(fleet, root / "lives", ROUNDS)
            drifts = drift_to_corrected(nomad, fleet, root, DRIFTS)
        finally:
            service.stop()
    name = "update by a bare client + bare push"
    return [
        Figure(
            "push to running, Nomad, p50",
            statistics.median(pushes),
            "ms",
            floor,
            name,
            "1000 ms",
            spread(pushes),
            thinned(pushes),
        ),
        Figure("push to running, Nomad, p95", quantile(pushes, 0.95), "ms", floor, name, "2000 ms"),
        Figure(
            "drift: old copy ended to running, p95",
            quantile(drifts, 0.95),
            "ms",
            target="2000 ms",
            detail=spread(drifts),
            samples=thinned(drifts),
        ),
    ]


def bare_updates(nomad: NomadAgent, rounds: int) -> list[float]:
    """Return the times (ms) from registering a changed raw_exec job to its new task running."""
    times = []
    for number in range(rounds + 1):
        started = time.monotonic()
        nomad.send("PUT", "jobs", bare_job(number))
        wait_for(partial(is_running, nomad, number), "the bare job", 30, 0.005)
        times.append((time.monotonic() - started) * 1000)
    nomad.send("DELETE", "job/bare?purge=true")
    return times[1:]


def is_running(nomad: NomadAgent, version: int) -> bool:
    """Tell whether the bare job runs at this version."""
    found = nomad.get("job/bare/allocations")
    return any(one["JobVersion"] == version and one["ClientStatus"] == "running" for one in found)


def bare_job(number: int) -> dict[str, object]:
    """Return a job of one sleeping process that a new number replaces."""
    config = {"command": "/bin/sleep", "args": ["1000"]}
    task = {"Name": "sleep", "Driver": "raw_exec", "Config": config, "Env": {"NUMBER": str(number)}}
    task["KillSignal"] = "SIGTERM"
    task["Resources"] = {"CPU": 50, "MemoryMB": 32}
    group = {"Name": "sleep", "Count": 1, "Tasks": [task]}
    return {"Job": {"ID": "bare", "Type": "service", "Datacenters": ["*"], "TaskGroups": [group]}}


def drift_to_corrected(nomad: NomadAgent, fleet: Fleet, records: Path, rounds: int) -> list[float]:
    """Stop jobs behind herdsman's back; from each old copy's last line to its new one's first, in ms.

    Each time another bot: corrections of one bot that follow each other wait longer and longer.
    """
    names = [f"drift-{number}" for number in range(rounds)]
    for name in names:
        fleet.write(f"bots/{name}.yaml", bot_text(name, records / name, stop_takes=0))
    fleet.commit("bots to be stopped")
    fleet.push("-o", "wait=healthy")
    metas = {job["ID"]: job.get("Meta") or {} for job in nomad.get("jobs?meta=true")}
    jobs = {meta.get("herdsman.bot", ""): job for job, meta in metas.items()}
    times = []
    for name in names:
        record = records / name
        nomad.send("DELETE", f"job/{urllib.parse.quote(jobs[name], safe='')}")
        wait_for(partial(has_more, record, 1), name, 60, 0.01)
        old, new = read_lives(record)
        times.append((new.start - old.last) * 1000)
    return times


def has_more(record: Path, lives: int) -> bool:
    """Tell whether another life began."""
    return len(read_lives(record)) > lives
