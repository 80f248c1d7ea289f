"""Waves on a real Nomad: what may not change yet is not touched."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import open_browser, shoot_all, sign_in_link
from tests.e2e.cluster import start_agent
from tests.e2e.fleet import Fleet, add_program, bot_text, new_fleet
from tests.e2e.lives import assert_never_two
from tests.e2e.service import Service, wait_for
from tests.engines.nomad import NomadAgent, nomad_agent

pytestmark = [pytest.mark.e2e, pytest.mark.nomad, pytest.mark.timeout(600)]

NAMES = [f"bot-{number}" for number in range(1, 9)]
"""In the order in which waves take them: one, then three, then the rest."""
SETTINGS = "rollout: {waves: [1, 3], at_once: 2}\n"
PATIENCE = 180.0


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Hold everything of this module in one folder that Nomad's tasks may enter."""
    with tempfile.TemporaryDirectory(prefix="herdsman-waves-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def nomad() -> Iterator[NomadAgent]:
    """Run Nomad."""
    with nomad_agent() as agent:
        yield agent


@pytest.fixture(scope="module")
def service(root: Path, nomad: NomadAgent, installed: Path) -> Iterator[Service]:
    """Run herdsman on it, and its agent as a job on the node."""
    options = ("--scheduler", "nomad", "--nomad-address", nomad.address)
    running = Service(root / "home", options, patience=PATIENCE).start()
    try:
        start_agent(running, nomad, installed, root)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def record(root: Path) -> Path:
    """Name the file of the bots' lives."""
    return root / "lives"


@pytest.fixture(scope="module")
def fleet(root: Path, service: Service, record: Path) -> Fleet:
    """Push eight bots, and wait until all are healthy."""
    made = new_fleet(root / "fleet", service)
    made.write("herdsman.yaml", SETTINGS)
    write_bots(made, record)
    made.commit("eight bots")
    made.push()
    until_all(service, "1.0.0")
    return made


def write_bots(fleet: Fleet, record: Path, version: str = "1.0.0", broken: str = "") -> None:
    """Write all bots at a version; the broken one crashes as soon as it starts."""
    for name in NAMES:
        text = bot_text(name, record, version, **({"crash_after": 0.01} if name == broken else {}))
        # Longer than an interpreter takes to start on a busy machine: it must not pass for healthy meanwhile.
        fleet.write(f"bots/{name}.yaml", text.replace("2s", "30s") if name == broken else text)


def until_all(service: Service, version: str, names: list[str] = NAMES) -> None:
    """Wait until bots are healthy at a version."""

    def there() -> bool:
        bots = service.bots()
        return all(
            bots.get(name, {}).get("health") == "Healthy" and bots[name]["version"] == version
            for name in names
        )

    try:
        wait_for(there, f"{names} to be healthy at {version}", PATIENCE, 0.2)
    except AssertionError as error:
        told = {name: (one["version"], one["health"], one["message"]) for name, one in service.bots().items()}
        raise AssertionError(f"{error}; they are {told}") from None


def rollout(service: Service, revision: str) -> dict[str, Any]:
    """Return the waves of a revision, {} where it has none."""
    found: dict[str, Any] = service.get(f"/api/v1/revisions/{revision}")["rollout"] or {}
    return found


def indices(nomad: NomadAgent) -> dict[str, int]:
    """Return each bot's JobModifyIndex."""
    return {
        job["Meta"]["herdsman.bot"]: job["JobModifyIndex"]
        for job in nomad.get("jobs?meta=true")
        if (job.get("Meta") or {}).get("herdsman.bot")
    }


def test_a_wave_that_breaks_stops_the_rest_where_they_are(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """The push names the waves, the bot that crashed and the way on; who was not reached is not touched."""
    before = indices(nomad)
    add_program(fleet, version="1.1.0")
    write_bots(fleet, record, "1.1.0", broken="bot-3")
    revision = fleet.commit("1.1.0, of which one is broken")
    printed = fleet.push()
    assert "in waves of 1, 3 and 4 bots, each once the last is healthy" in printed
    halted = wait_for(lambda: rollout(service, revision)["halted"], "the rollout to stop", PATIENCE, 0.2)
    assert halted.startswith("bot-3: crashed: RuntimeError: the feed is gone")
    assert (rollout(service, revision)["wave"], rollout(service, revision)["failed"]) == (2, "bot-3")
    assert service.get(f"/api/v1/revisions/{revision}")["state"] == "halted"
    bots = service.bots()
    assert bots["bot-1"]["version"] == "1.1.0"
    for name in NAMES[4:]:
        assert (bots[name]["version"], bots[name]["health"]) == ("1.0.0", "Healthy")
        assert bots[name]["reason"] == "RolloutHalted"
    assert {name: indices(nomad)[name] for name in NAMES[4:]} == {name: before[name] for name in NAMES[4:]}
    said = service.run("status", check=False).stdout
    assert "rollout: wave 2 of 3: " in said
    assert "halted by bot-3: crashed: RuntimeError: the feed is gone" in said
    assert "herdsman sync --continue" in said
    with open_browser() as page:
        page.goto(sign_in_link(service))
        expect(page.get_by_test_id("rollout")).to_contain_text("halted by bot-3: crashed", timeout=60_000)
        shoot_all(page, "waves-halted")
        page.goto(f"{service.url}/r/{revision}")
        expect(page.get_by_test_id("rollout")).to_contain_text("wave 2 of 3", timeout=60_000)
        shoot_all(page, "waves-revision")
    assert_never_two(record)
