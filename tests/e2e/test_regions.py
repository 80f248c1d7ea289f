"""Two federated Nomad regions, one repository: a service for each, both behind one region's agent."""

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.schedulers.nomad.node import publish_interpreters
from tests.e2e.fleet import Fleet, add_program, bot_text
from tests.e2e.lives import assert_never_two, by_bot, read_lives
from tests.e2e.service import Service, wait_for
from tests.engines.launching import this_python
from tests.engines.nomad import NomadAgent, nomad_regions

pytestmark = [pytest.mark.e2e, pytest.mark.nomad, pytest.mark.timeout(600)]

NAMES = ("eu", "us")
PLACES = """\
environments:
  eu: {region: eu}
  us: {region: us}
"""


@dataclass
class Regions:
    """Both regions' agents and services, by name, and the one repository."""

    agents: dict[str, NomadAgent]
    services: dict[str, Service]
    fleet: Fleet
    record: Path

    def jobs(self, region: str) -> dict[str, dict[str, Any]]:
        """Return the jobs that a region itself has, by bot; asked of that region's own agent."""
        listed = self.agents[region].get("jobs?meta=true")
        return {one["Meta"]["herdsman.bot"]: one for one in listed if (one["Meta"] or {}).get("herdsman.bot")}

    def index(self, region: str) -> int:
        """Return the modify index of a region's one bot."""
        found: int = self.jobs(region)[f"maker-{region}"]["JobModifyIndex"]
        return found

    def write(self, region: str, text: str) -> None:
        """Write the manifest of a region's bot, whose lease rides out servers which stand still."""
        self.fleet.write(f"bots/{region}/maker.yaml", bot_text(f"maker-{region}", self.record, text=text))

    def push(self, message: str) -> str:
        """Commit all, push it to where both services look, and return the commit."""
        revision = self.fleet.commit(message)
        self.fleet.push()
        return revision

    def applied(self, region: str, revision: str) -> None:
        """Wait until a region's service has applied a revision to its bot, which runs."""

        def done() -> bool:
            bot = self.services[region].bots().get(f"maker-{region}")
            return bool(bot and bot["applied_revision"] == revision) and self.alive(region)

        wait_for(done, f"{region} to run {revision[:7]}", 180, 0.3)

    def alive(self, region: str) -> bool:
        """Say whether the newest life of a region's bot has begun and not ended."""
        lives = by_bot(read_lives(self.record)).get(f"maker-{region}", [])
        return bool(lives) and not lives[-1].ended


@pytest.fixture(scope="module")
def regions() -> Iterator[Regions]:
    """Run both regions, a service for each behind the agent of eu, and one bot in each."""
    with ExitStack() as ends:
        root = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="herdsman-regions-")))
        root.chmod(0o755)
        agents = ends.enter_context(nomad_regions(*NAMES))
        version, path = this_python()
        services = {}
        for name, agent in agents.items():
            folders = {kind: str(root / name / kind) for kind in ("state_root", "cache_root")}
            asyncio.run(publish_interpreters(agent.address, {version: path}, **folders))
            options = ("--scheduler", "nomad", "--nomad-address", agents["eu"].address, "--fleet", name)
            options += ("--environment", name, "--source", str(root / "desk.git"), "--poll-interval", "0.5")
            services[name] = Service(root / f"service-{name}", options, variables={"NOMAD_REGION": name})
        fleet = Fleet(root / "desk", services["eu"])
        fleet.folder.mkdir()
        fleet.git("init", "-q", "-b", "main")
        fleet.git("init", "-q", "--bare", "-b", "main", str(root / "desk.git"))
        fleet.git("remote", "add", "herdsman", str(root / "desk.git"))
        add_program(fleet)
        fleet.write("herdsman.yaml", PLACES)
        found = Regions(agents, services, fleet, root / "lives")
        for name in NAMES:
            found.write(name, "first")
        revision = found.push("a bot in each region")
        for one in services.values():
            ends.callback(one.start().stop)
        for name in NAMES:
            found.applied(name, revision)
        yield found


def test_each_environments_bots_run_in_its_own_region(regions: Regions) -> None:
    """Each region has the one job, in the region that its environment names, and no other service sees it."""
    for name in NAMES:
        (job,) = regions.jobs(name).values()
        assert regions.agents[name].get(f"job/{job['ID']}")["Region"] == name
        assert set(regions.services[name].bots()) == {f"maker-{name}"}
        nodes = {node["Name"] for node in regions.agents[name].get("nodes")}
        assert len(nodes) == 1
    assert len({regions.jobs(name)[f"maker-{name}"]["Meta"]["herdsman.fleet"] for name in NAMES}) == 2


@pytest.mark.parametrize(("drifted", "other"), [("us", "eu"), ("eu", "us")])
def test_drift_is_heard_and_put_right_in_its_region_alone(regions: Regions, drifted: str, other: str) -> None:
    """A job that is stopped behind our back runs again there; the other region's job is as it was."""
    before, lives = regions.index(other), len(by_bot(read_lives(regions.record))[f"maker-{drifted}"])
    job = regions.jobs(drifted)[f"maker-{drifted}"]
    regions.agents[drifted].send("DELETE", f"job/{job['ID']}")
    wait_for(
        lambda: len(by_bot(read_lives(regions.record))[f"maker-{drifted}"]) > lives, "it to run again", 120
    )
    service = regions.services[drifted]
    drift = wait_for(
        lambda: (found := service.bots()[f"maker-{drifted}"]["drift"]) and found["corrected_at"] and found,
        "the drift to be told as put right",
        90,
    )
    assert drift["kind"] == "Stopped"
    assert regions.index(other) == before
    assert not regions.services[other].bots()[f"maker-{other}"]["drift"] or drifted == "eu"
    assert_never_two(regions.record)


def test_a_region_that_does_not_answer_keeps_nothing_from_the_other(regions: Regions) -> None:
    """While us stands still eu takes a push; us says so, its bot trades on, and follows once it is back."""
    agent, us, eu = regions.agents["us"], regions.services["us"], regions.services["eu"]
    before = regions.index("us")
    agent.process.signal(signal.SIGSTOP)
    try:
        for name in NAMES:
            regions.write(name, "while us stands still")
        revision = regions.push("to both")
        regions.applied("eu", revision)
        wait_for(lambda: us.get("/api/v1/fleet")["problems"], "us to say that it cannot be reached", 120, 0.3)
        wait_for(lambda: not eu.get("/api/v1/fleet")["problems"], "eu to be well")
        assert us.bots()["maker-us"]["applied_revision"] != revision
        assert regions.alive("us"), "its bot trades on"
    finally:
        agent.process.signal(signal.SIGCONT)
    regions.applied("us", revision)
    assert regions.index("us") > before
    wait_for(lambda: not us.get("/api/v1/fleet")["problems"], "us to be well again", 120, 0.3)
    assert_never_two(regions.record)


def test_a_bot_is_removed_from_its_region_alone(regions: Regions) -> None:
    """Removed from git in us, it ends there and its job is stopped; that of eu was not touched."""
    before = regions.index("eu")
    regions.fleet.remove("bots/us/maker.yaml")
    regions.push("without us")
    us = regions.services["us"]
    (code,) = wait_for(lambda: us.get("/api/v1/plan")["prune"], "us to hold the removal of its last bot", 120)
    us.run("sync", "--confirm-prune", code)

    def ended() -> bool:
        return all(job["Stop"] for job in regions.jobs("us").values()) and not regions.alive("us")

    wait_for(ended, "its job to be stopped and its bot to have ended", 120, 0.3)
    assert regions.index("eu") == before
    assert regions.alive("eu")
    assert_never_two(regions.record)
