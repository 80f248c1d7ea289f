"""Waves, dependencies and sync windows on a real Nomad: what may not change yet is not touched.

One fleet of eight bots goes through all of it, each of which keeps a record of its own life.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import open_browser, shoot_all, sign_in_link
from tests.e2e.cluster import start_agent
from tests.e2e.fleet import Fleet, add_program, bot_text, new_fleet
from tests.e2e.lives import assert_never_two, by_bot, read_lives, wait_lives
from tests.e2e.service import Service, wait_for
from tests.engines.nomad import NomadAgent, nomad_agent

pytestmark = [pytest.mark.e2e, pytest.mark.nomad, pytest.mark.timeout(600)]

NAMES = [f"bot-{number}" for number in range(1, 9)]
"""In the order in which waves take them: one, then three, then the rest."""
SETTINGS = "rollout: {waves: [1, 3], at_once: 2}\n"
CLOSED = """\
sync_windows:
  - {kind: deny, schedule: "* * * * *", duration: 2m, labels: {tier: live}}
"""
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


def counted(record: Path) -> dict[str, int]:
    """Return how many lives each bot has had."""
    return {name: len(lives) for name, lives in by_bot(read_lives(record)).items()}


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
    wait_for(
        lambda: service.get(f"/api/v1/revisions/{revision}")["state"] == "halted", "its record to say so"
    )
    wait_for(
        lambda: {service.bots()[name]["reason"] for name in NAMES[4:]} == {"RolloutHalted"}, "its bots' too"
    )
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
        expect(page.get_by_test_id("rollout")).to_contain_text("halted by bot-3: crashed")
        shoot_all(page, "waves-halted")
        page.goto(f"{service.url}/r/{revision}")
        expect(page.get_by_test_id("rollout")).to_contain_text("wave 2 of 3")
        shoot_all(page, "waves-revision")
    assert_never_two(record)


def test_a_restart_in_the_middle_goes_on_with_the_wave(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """The mended bot begins anew in waves; kill -9 of herdsman under way starts and stops nobody for it."""
    until_all(service, "1.1.0", [NAMES[0], NAMES[1], NAMES[3]])
    lives = counted(record)
    write_bots(fleet, record, "1.1.0")
    revision = fleet.commit("mended")
    with ThreadPoolExecutor(1) as hand:
        pushing = hand.submit(fleet.push, check=False)
        wait_for(lambda: rollout_of(service, revision).get("wave", 0) >= 1, "the first wave", PATIENCE)
        service.kill()
        pushing.result()
    service.start()
    until_all(service, "1.1.0")
    wait_for(lambda: rollout(service, revision).get("done", True), "the last wave", PATIENCE, 0.2)
    for name in NAMES[4:]:
        wait_lives(record, name, lives[name] + 1)
    now = counted(record)
    assert {name: now[name] - lives[name] for name in NAMES[4:]} == dict.fromkeys(NAMES[4:], 1)
    assert (now["bot-1"], now["bot-2"]) == (lives["bot-1"], lives["bot-2"])
    starts = {name: by_bot(read_lives(record))[name][-1].start for name in ("bot-3", *NAMES[4:])}
    assert min(starts.values()) == starts["bot-3"]
    assert starts["bot-8"] > max(starts["bot-5"], starts["bot-6"], starts["bot-7"])
    assert_never_two(record)


def rollout_of(service: Service, revision: str) -> dict[str, Any]:
    """Return the waves of a revision, {} also while it is not known yet."""
    known = {one["id"] for one in service.get("/api/v1/revisions", limit=1)}
    return rollout(service, revision) if revision in known else {}


def test_the_kill_switch_goes_before_every_wave(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """Thrown while a wave is under way, it ends all; released, the rollout goes on to its end."""
    add_program(fleet, version="1.2.0")
    write_bots(fleet, record, "1.2.0")
    revision = fleet.commit("1.2.0")
    with ThreadPoolExecutor(1) as hand:
        pushing = hand.submit(fleet.push, check=False)
        wait_for(lambda: rollout_of(service, revision).get("wave", 0) >= 1, "the first wave", PATIENCE)
        said = service.run("kill", "--all", "--reason", "a drill").stdout
        pushing.result()
    assert "dead; nothing starts them" in said
    assert all(lives[-1].ended for lives in by_bot(read_lives(record)).values())
    lived = len(read_lives(record))
    service.run("sync", "--no-waves", check=False)
    assert {bot["reason"] for bot in service.bots().values()} == {"KillSwitch"}
    assert all(job["Stop"] for job in nomad.get("jobs?meta=true") if "herdsman.bot" in (job["Meta"] or {}))
    assert len(read_lives(record)) == lived
    service.run("release", "--all", "--reason", "the drill is over")
    until_all(service, "1.2.0")
    assert_never_two(record)


def test_a_bot_waits_for_the_one_that_it_depends_on_and_for_its_window(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """It starts once the other is healthy; a closed window holds its change, until somebody says why not."""
    broken = bot_text("feed", record, "1.2.0", crash_after=0.01).replace("2s", "30s")
    trader = bot_text("trader", record, "1.2.0").replace(
        "herdsman: {", "herdsman: {depends_on: [feed], labels: {tier: live}, "
    )
    fleet.write("bots/feed.yaml", broken)
    fleet.write("bots/trader.yaml", trader)
    fleet.commit("a feed that breaks, and who needs it")
    fleet.push(check=False)

    def waits() -> str:
        bot = service.bots().get("trader", {})
        return str(bot["message"]) if bot.get("reason") == "WaitsForBot" else ""

    told = wait_for(waits, "the trader to wait", PATIENCE, 0.2)
    assert told.startswith("waits for feed, which is ")
    assert "trader" not in indices(nomad)
    fleet.write("bots/feed.yaml", bot_text("feed", record, "1.2.0"))
    fleet.commit("the feed is mended")
    fleet.push()
    until_all(service, "1.2.0", ["feed", "trader"])
    wait_lives(record, "trader", 1)
    assert by_bot(read_lives(record))["trader"][0].start > service.bots()["feed"]["since"]

    fleet.write("herdsman.yaml", SETTINGS + CLOSED)
    fleet.write("bots/trader.yaml", trader.replace("record:", "text: changed\nrecord:"))
    last = fleet.commit("a change out of hours")
    printed = fleet.push()
    assert "1 change: waits for the window at " in printed or "1 change waits" in printed, printed
    wait_for(lambda: service.bots()["trader"]["reason"] == "WaitsForWindow", "it to wait for its window")
    assert service.bots()["trader"]["health"] == "Healthy"
    assert len(by_bot(read_lives(record))["trader"]) == 1
    service.run("sync", "--override-window", "the exchange changes its keys")
    wait_for(lambda: service.bots()["trader"]["applied_revision"] == last, "the change", PATIENCE, 0.2)
    until_all(service, "1.2.0", ["trader"])
    audit = [(one["action"], one["why"]) for one in service.get("/api/v1/audit")]
    assert ("sync", "the exchange changes its keys") in audit
    assert_never_two(record)


def test_another_major_version_needs_the_manifests_consent(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """The push is refused at the line of the version, and says what lets it through."""
    before = indices(nomad)
    add_program(fleet, version="2.0.0")
    fleet.write("bots/feed.yaml", bot_text("feed", record, "2.0.0"))
    fleet.commit("2.0.0")
    printed = fleet.push_refused()
    assert "bots/feed.yaml:3" in printed
    assert "counter 1.2.0 -> 2.0.0 is another major version" in printed
    assert indices(nomad) == before
    text = bot_text("feed", record, "2.0.0").replace("herdsman: {", "herdsman: {allow_major: true, ")
    fleet.write("bots/feed.yaml", text)
    fleet.commit("2.0.0, meant")
    fleet.push()
    until_all(service, "2.0.0", ["feed"])
    assert_never_two(record)
