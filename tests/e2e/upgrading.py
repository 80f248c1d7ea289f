"""An upgrade of herdsman while many bots run on Nomad: whom it touches."""

import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.cluster import start_agent
from tests.e2e.fleet import Fleet, add_program, bot_text, new_fleet
from tests.e2e.installation import NEWER
from tests.e2e.lives import assert_never_two, by_bot, read_lives
from tests.e2e.service import Service, wait_for
from tests.engines.nomad import NomadAgent

PATIENCE = 600.0
QUIET = '''\
import os, signal, time

def main(bot_id, config):
    """Note start and end, and do nothing in between: many of these run on a small machine."""
    stopping = []

    def note(what):
        with open(config["record"], "a") as file:
            file.write(f"{bot_id} {os.getpid()} {what} {time.time():.6f}\\n")

    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    note("start")
    while not stopping:
        time.sleep(1)
    note("end")
'''
SMALL = "defaults: {memory_limit: 24Mi, cpu_request: 10m}\n"


@dataclass(frozen=True)
class Touched:
    """What an upgrade did: bots whose jobs, allocations or processes are others than before.

    `started`: seconds until all were healthy at first; `known`: until the newer herdsman, from its start,
    told that all are healthy.
    """

    bots: int
    changed: tuple[str, ...]
    started: float
    known: float


def upgrade_many(root: Path, nomad: NomadAgent, older: Path, newer: Path, bots: int) -> Touched:
    """Run so many bots under one installation, go on with a newer one, and see whom that touched."""
    record = root / "lives"
    options = ("--scheduler", "nomad", "--nomad-address", nomad.address)
    service = Service(root / "home", options, command=str(older), patience=180).start()
    try:
        start_agent(service, nomad, older, root)
        began = time.monotonic()
        fleet = many(root / "fleet", service, record, bots)
        fleet.push(check=False)
        until_healthy(service, bots)
        started = time.monotonic() - began
        before, lives = allocations(nomad), by_bot(read_lives(record))
        assert len(before) == len(lives) == bots
        assert service.stop() == 0

        service.command = str(newer)
        began = time.monotonic()
        service.start()
        assert service.get("/api/v1/fleet")["version"] == NEWER
        until_healthy(service, bots)
        known = time.monotonic() - began
        service.run("sync")
        after, now = allocations(nomad), by_bot(read_lives(record))
        changed = {name for name in before if after.get(name) != before[name] or now[name] != lives[name]}
        assert_never_two(record)
        return Touched(bots, tuple(sorted(changed)), started, known)
    finally:
        service.stop()


def many(folder: Path, service: Service, record: Path, bots: int) -> Fleet:
    """Commit a fleet of so many quiet bots."""
    fleet = new_fleet(folder, service)
    add_program(fleet)
    fleet.write("programs/counter/main.py", QUIET)
    fleet.write("herdsman.yaml", SMALL)
    for number in range(bots):
        name = f"bot-{number:03}"
        fleet.write(f"bots/{name}.yaml", bot_text(name, record))
    fleet.commit(f"{bots} bots")
    return fleet


def until_healthy(service: Service, bots: int) -> None:
    """Wait until so many bots are healthy."""

    def healthy() -> bool:
        try:
            found = [bot["health"] for bot in service.bots().values()]
        except httpx.HTTPError:
            return False
        return found == ["Healthy"] * bots

    wait_for(healthy, f"{bots} bots to be healthy", PATIENCE, 0.5)


def allocations(nomad: NomadAgent) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return each bot's JobModifyIndex and the allocations that it has had."""
    had: dict[str, list[str]] = {}
    for one in nomad.get("allocations"):
        had.setdefault(one["JobID"], []).append(f"{one['ID']} {one['ClientStatus']}")
    return {
        job["Meta"]["herdsman.bot"]: (job["JobModifyIndex"], tuple(sorted(had.get(job["ID"], []))))
        for job in nomad.get("jobs?meta=true")
        if (job.get("Meta") or {}).get("herdsman.bot")
    }
