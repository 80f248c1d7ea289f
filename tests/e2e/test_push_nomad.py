"""A push, from git to jobs on a real Nomad, with series in a real VictoriaMetrics and a real browser on top.

The Nomad client runs in a mount namespace that hides herdsman's data folder and the checkout: bundles come
over HTTP, output only through `herdsman agent`, which a Nomad system job runs from an installed wheel.
"""

import json
import shutil
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.browser import open_browser, shoot, shoot_all, sign_in_link
from tests.e2e.cluster import agent_said, start_agent
from tests.e2e.fleet import Fleet, add_program, bot_text, new_fleet, put_text
from tests.e2e.lives import assert_never_two, by_bot, read_lives, wait_lives
from tests.e2e.service import CHECKOUT, Service, wait_for
from tests.e2e.state import add_keeper, keeper_text, told, versions
from tests.e2e.traders import add_trader, lives_of, trader
from tests.engines.nomad import NomadAgent, nomad_agent
from tests.engines.victoriametrics import VictoriaMetrics, victoriametrics

pytestmark = [pytest.mark.e2e, pytest.mark.nomad, pytest.mark.victoriametrics, pytest.mark.timeout(300)]

TEXT = '${NOMAD_JOB_NAME} {{ env `HOME` }} ${attr.kernel.name} naïve ☃ \\\\ " end'


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Hold everything of this module in one folder that Nomad's tasks may enter."""
    with tempfile.TemporaryDirectory(prefix="herdsman-e2e-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def series() -> Iterator[VictoriaMetrics]:
    """Run a current VictoriaMetrics."""
    with victoriametrics() as server:
        yield server


@pytest.fixture(scope="module")
def nomad(root: Path) -> Iterator[NomadAgent]:
    """Run Nomad so that it and its tasks see neither herdsman's data nor the checkout."""
    (root / "home" / "data").mkdir(parents=True)
    with nomad_agent(hide=[root / "home" / "data", CHECKOUT]) as agent:
        yield agent


@pytest.fixture(scope="module")
def service(root: Path, nomad: NomadAgent, series: VictoriaMetrics, installed: Path) -> Iterator[Service]:
    """Run herdsman on both, and its agent as a job on the node."""
    options = ("--scheduler", "nomad", "--nomad-address", nomad.address, "--victoriametrics", series.address)
    running = Service(root / "home", options).start()
    try:
        start_agent(running, nomad, installed, root)
        yield running
    finally:
        running.stop()


def jobs(nomad: NomadAgent) -> dict[str, dict[str, Any]]:
    """Return the jobs of bots by bot, as Nomad lists them with their meta."""
    listed = nomad.get("jobs?meta=true")
    return {job["Meta"]["herdsman.bot"]: job for job in listed if (job.get("Meta") or {}).get("herdsman.bot")}


def in_victoriametrics(series: VictoriaMetrics, bot: str) -> float:
    """Return the newest counter of a bot as VictoriaMetrics itself has it."""
    query = urllib.parse.quote(f'last_over_time(bot_counter{{bot="{bot}"}}[5m])')
    found = httpx.get(f"{series.address}/api/v1/query?query={query}&nocache=1", timeout=60).json()
    return max((float(one["value"][1]) for one in found["data"]["result"]), default=0.0)


def newest_in_victoriametrics(series: VictoriaMetrics, bot: str) -> float:
    """Return the time of the newest counter of a bot that VictoriaMetrics shows, 0 for none."""
    query = urllib.parse.quote(f'tlast_over_time(bot_counter{{bot="{bot}"}}[5m])')
    found = httpx.get(f"{series.address}/api/v1/query?query={query}&nocache=1", timeout=60).json()
    return max((float(one["value"][1]) for one in found["data"]["result"]), default=0.0)


@pytest.fixture(scope="module")
def fleet(root: Path, service: Service) -> Fleet:
    """Clone an empty fleet."""
    return new_fleet(root / "fleet", service)


@pytest.fixture(scope="module")
def record(root: Path) -> Path:
    """Name the file of the bots' lives; every test of this module goes on with the same bots."""
    return root / "lives"


def test_a_pushed_bot_is_a_job_with_our_marks(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path, series: VictoriaMetrics
) -> None:
    """A new bot becomes a running job; its lines reach the API and its numbers VictoriaMetrics."""
    fleet.write("bots/one.yaml", bot_text("one", record, text=json.dumps(TEXT)))
    fleet.write("bots/two.yaml", bot_text("two", record))
    revision = fleet.commit("two bots")
    printed = fleet.push("-o", "wait=healthy")
    assert printed.count("  healthy ") == 2, printed
    bot = service.wait_health("one", "Healthy")
    assert bot["applied_revision"] == revision
    meta = jobs(nomad)["one"]["Meta"]
    assert meta["herdsman.revision"] == revision
    assert meta["herdsman.fleet"] == service.get("/api/v1/fleet")["fleet"]
    assert meta["herdsman.spec"]
    assert service.status()["one"]["health"] == "Healthy"
    first = wait_for(lambda: in_victoriametrics(series, "one"), "the counter in VictoriaMetrics", 30, 0.3)
    wait_for(lambda: in_victoriametrics(series, "one") > first, "the counter to move there", 30, 0.3)
    lines = service.get("/api/v1/bots/one/logs", text="starts")["events"]
    assert [line["message"] for line in lines] == [f"one starts with {TEXT}"]


def test_the_number_on_the_page_changes_by_itself(service: Service) -> None:
    """A signed-in browser shows the bot's newest value, and newer ones, without a reload."""
    with open_browser() as page:
        page.goto(sign_in_link(service))
        page.wait_for_selector("[data-testid=bot-row-one]")
        shoot(page, "nomad-fleet")
        page.goto(f"{service.url}/bots/one")
        value = page.get_by_test_id("last-value-bot_counter")
        value.wait_for()
        seen = value.inner_text()
        page.wait_for_function(
            "seen => document.querySelector('[data-testid=last-value-bot_counter]').innerText != seen",
            arg=seen,
        )
        shoot(page, "nomad-bot")
        page.set_viewport_size({"width": 390, "height": 844})
        shoot(page, "nomad-bot-narrow")


def assert_everywhere(service: Service, nomad: NomadAgent, bots: set[str], picture: str) -> None:
    """Assert that Nomad, `herdsman status` and the fleet page in a browser agree on which bots there are."""
    wait_for(lambda: set(jobs(nomad)) == bots, f"Nomad to have the jobs of {bots}", 60)
    assert set(service.status()) == bots
    with open_browser() as page:
        page.goto(sign_in_link(service))
        for bot in bots:
            expect(page.get_by_test_id(f"health-{bot}")).to_contain_text("healthy")
        expect(page.locator("[data-testid^=bot-row-]")).to_have_count(len(bots))
        shoot(page, picture)


def test_an_update_and_a_rename_never_overlap(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path, series: VictoriaMetrics
) -> None:
    """New parameters and a new program version replace the copy; a rename is an end and a beginning."""
    add_program(fleet, version="1.1.0")
    fleet.write("bots/one.yaml", bot_text("one", record, version="1.1.0", text="changed"))
    fleet.remove("bots/two.yaml")
    fleet.write(
        "bots/second.yaml",
        bot_text("second", record).replace("herdsman: {", "herdsman: {renamed_from: two, "),
    )
    last = fleet.commit("update and rename")
    fleet.push()
    service.wait_health("one", "Healthy", revision=last)
    service.wait_health("second", "Healthy", revision=last)
    wait_for(lambda: set(service.bots()) == {"one", "second"}, "two to be gone")
    assert service.bots()["one"]["version"] == "1.1.0"
    assert jobs(nomad)["one"]["Meta"]["herdsman.revision"] == last
    wait_for(lambda: in_victoriametrics(series, "second"), "the renamed bot's counter there", 30, 0.3)
    assert_everywhere(service, nomad, {"one", "second"}, "nomad-renamed")
    assert service.status()["one"]["applied_revision"] == last
    lives = by_bot(read_lives(record))
    assert lives["two"][-1].ended
    assert lives["two"][-1].last < lives["second"][0].start
    assert_never_two(record)


def test_an_update_that_crashes_is_taken_back_and_a_pin_holds(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """On Nomad as well a bot goes back once by itself, by command to where it was, and is then removed."""

    def flappy(**parameters: object) -> str:
        text = bot_text("flappy", record, version="1.1.0", **parameters)
        # Longer than an interpreter takes to start on a busy machine: it must not pass for healthy meanwhile.
        text = text.replace("healthy_after: 2s", "healthy_after: 10s")
        return text.replace("kill_timeout", "restart: {first_delay: 0.1s, degraded_crashes: 3}, kill_timeout")

    def held(by: str) -> bool:
        bot = service.bots()["flappy"]
        return bot["health"] == "Healthy" and (bot["held"] or {}).get("by") == by

    fleet.write("bots/flappy.yaml", flappy())
    good = fleet.commit("a bot that will flap")
    fleet.push()
    service.wait_health("flappy", "Healthy")
    fleet.write("bots/flappy.yaml", flappy(crash_after=0.1))
    fleet.commit("it crashes")
    fleet.push()
    wait_for(lambda: held("guard"), "the update to be taken back", 120, 0.3)
    assert service.bots()["flappy"]["reason"] == "RolledBack"
    assert jobs(nomad)["flappy"]["Meta"]["herdsman.revision"] == good
    fleet.write("bots/flappy.yaml", flappy(text="fixed"))
    fixed = fleet.commit("it is mended")
    fleet.push()
    wait_for(lambda: service.bots()["flappy"]["applied_revision"] == fixed, "the fix", 60, 0.3)
    service.wait_health("flappy", "Healthy")
    service.run("rollback", "flappy", "--to", good[:9], "--reason", "a test")
    wait_for(lambda: held("bot"), "the pinned bot", 60, 0.3)
    assert jobs(nomad)["flappy"]["Meta"]["herdsman.revision"] == good
    assert_never_two(record)
    fleet.remove("bots/flappy.yaml")
    fleet.commit("without it")
    fleet.push()
    assert "flappy" in service.bots(), "a pinned bot stays though git has it no more"
    service.run("unpin", "flappy", "--no-wait")
    wait_for(lambda: "flappy" not in jobs(nomad), "the job to be gone", 60, 0.3)


def test_a_job_stopped_behind_our_back_runs_again(service: Service, nomad: NomadAgent, record: Path) -> None:
    """Drift is corrected once the old copy has ended, and never with two copies."""
    before = len(by_bot(read_lives(record))["one"])
    job = urllib.parse.quote(jobs(nomad)["one"]["ID"], safe="")
    nomad.send("DELETE", f"job/{job}")
    wait_for(lambda: len(by_bot(read_lives(record))["one"]) > before, "the bot to run again", 60)
    drift = put_right(service, "Stopped")
    assert drift["corrected_at"] > drift["since"]
    service.wait_health("one", "Healthy")
    assert_never_two(record)


def test_drift_is_named_and_told_in_every_place(service: Service, nomad: NomadAgent, record: Path) -> None:
    """A lost mark and a count from outside are named, put right and told; what a stranger scales stays."""
    bot, mine = jobs(nomad)["one"], [one["ID"] for one in nomad.get("jobs")]
    identity = bot["ID"]
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "sleep", "args": ["600"]}}
    group = {"Name": "g", "Count": 1, "Tasks": [task]}
    stranger = {"ID": "stranger", "Type": "service", "Datacenters": ["*"], "TaskGroups": [group]}
    nomad.send("POST", "jobs", {"Job": stranger})
    nomad.scale("stranger", "g", 2)
    nomad.send("POST", "jobs", {"Job": {**nomad.get(f"job/{identity}"), "Meta": None}})
    assert put_right(service, "MarkLost")["correction"].startswith("herdsman registered it again")
    assert jobs(nomad)["one"]["Meta"] == bot["Meta"]
    nomad.send("POST", "jobs", {"Job": {**nomad.get(f"job/{identity}"), "Priority": 70}})
    assert "Priority 70 (ours: 50)" in put_right(service, "Changed")["text"]
    nomad.scale(identity, "bot", 2)
    drift = put_right(service, "Scaled")
    assert "count was set to 2" in drift["text"]
    assert nomad.get(f"job/{identity}")["TaskGroups"][0]["Count"] == 1
    service.wait_health("one", "Healthy")
    assert "drift       Scaled: its count was set to 2" in service.run("status", "one").stdout
    shown = json.loads(service.run("status", "one", "--output", "json").stdout)
    assert (shown["bot"]["drift"], shown["inventory"]["scheduler"]) == (drift, "nomad")
    audited = [(one["action"], one["subject"]) for one in service.get("/api/v1/audit")]
    assert audited.count(("drift", "one")) == audited.count(("drift-corrected", "one")) >= 2
    headers = {"Authorization": f"Bearer {service.token}"}
    figures = httpx.get(f"{service.url}/metrics", headers=headers, timeout=60).text
    assert 'herdsman_drifts_corrected_total{kind="Scaled"} 1.0' in figures
    assert 'herdsman_bot_info{bot="one",' in figures
    assert nomad.get("job/stranger")["TaskGroups"][0]["Count"] == 2
    nomad.send("DELETE", "job/stranger?purge=true")
    assert [one["ID"] for one in nomad.get("jobs")] == mine
    assert_never_two(record)


def put_right(service: Service, kind: str) -> dict[str, Any]:
    """Wait until the bot one had a drift of this kind, and has no more."""

    def look() -> dict[str, Any] | None:
        found = service.bots()["one"]["drift"]
        return found if found and found["kind"] == kind and found["corrected_at"] else None

    drift = wait_for(look, f"the drift {kind} to be put right", 90, 0.2)
    assert drift is not None
    return drift


def test_what_nomad_fills_in_is_no_difference(service: Service, fleet: Fleet, nomad: NomadAgent) -> None:
    """Passes and a restart register nothing again, purge no scheduled run, and begin no health anew."""
    add_program(fleet, kind="scheduled", name="nightly")
    text = "name: nightly\ntype: scheduled/nightly\nversion: 1.0.0\nschedule: 0 0 1 1 *\nrecord: /dev/null\n"
    fleet.write("bots/nightly.yaml", text)
    fleet.commit("a scheduled bot")
    fleet.push()
    service.wait_health("nightly", "Healthy")
    identity = jobs(nomad)["nightly"]["ID"]
    nomad.send("PUT", f"job/{identity}/periodic/force")
    wait_for(lambda: runs_of(nomad, identity), "a run of it", 60, 0.3)
    wait_for(lambda: {one["Status"] for one in runs_of(nomad, identity)} == {"dead"}, "its end", 60, 0.3)
    before = {one["ID"]: one["JobModifyIndex"] for one in nomad.get("jobs")}
    since = {name: service.wait_health(name, "Healthy")["since"] for name in ("one", "nightly")}
    for _ in range(3):
        service.run("sync")
    service.stop()
    service.start()
    for _ in range(2):
        service.run("sync")
    assert {one["ID"]: one["JobModifyIndex"] for one in nomad.get("jobs")} == before
    assert {name: service.wait_health(name, "Healthy")["since"] for name in since} == since
    assert [bot["drift"] for name, bot in service.bots().items() if name == "nightly"] == [None]
    fleet.remove("bots/nightly.yaml")
    fleet.commit("without it")
    fleet.push()
    wait_for(lambda: "nightly" not in jobs(nomad), "its job to be gone", 60, 0.3)


def runs_of(nomad: NomadAgent, identity: str) -> list[dict[str, Any]]:
    """Return the jobs that Nomad made of a scheduled bot's job."""
    return [one for one in nomad.get("jobs") if one["ParentID"] == identity]


def test_nomad_keeps_the_bots_while_herdsman_is_killed(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path, series: VictoriaMetrics
) -> None:
    """kill -9 stops no bot, loses no output, and the next start changes no job."""
    before = {name: job["JobModifyIndex"] for name, job in jobs(nomad).items()}
    lives = {name: len(found) for name, found in by_bot(read_lives(record)).items()}
    service.kill()
    service.start()
    for name in ("one", "second"):
        service.wait_health(name, "Healthy")
    # Not its value: VictoriaMetrics may still have shown an earlier life, which had counted further.
    again = time.time()
    wait_for(lambda: newest_in_victoriametrics(series, "one") > again, "the counter to go on", 90, 0.3)
    service.run("sync")
    assert {name: job["JobModifyIndex"] for name, job in jobs(nomad).items()} == before
    assert {name: len(found) for name, found in by_bot(read_lives(record)).items()} == lives
    life = by_bot(read_lives(record))["one"][-1]

    def counted() -> list[int]:
        found = service.get("/api/v1/bots/one/series", metric="bot_counter", start="-2m", step=0)["series"]
        newest = max(found, key=lambda entry: entry["points"][-1][0])["points"]
        return [int(value) for moment, value in newest if moment > life.start]

    def missing() -> list[int]:
        values = counted()
        return sorted(set(range(values[0], values[-1] + 1)) - set(values))

    # What the service that died had given to VictoriaMetrics is shown by it after some seconds.
    wait_for(lambda: not missing(), "every number to be shown", every=0.5)
    values = counted()
    assert values == sorted(set(values)), "a number came twice"


def test_the_kill_switch_goes_on_though_herdsman_is_killed_with_it(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """Thrown while a push is applied, then kill -9: bots end by themselves, and stay so until released."""
    fleet.write("bots/one.yaml", bot_text("one", record, version="1.1.0", text="in the middle"))
    fleet.commit("in the middle")
    with ThreadPoolExecutor(1) as hand:
        pushing = hand.submit(fleet.push, check=False)
        service.run("kill", "--all", "--reason", "a drill", "--no-wait")
        service.kill()
        pushing.result()

    def ended() -> bool:
        return all(lives[-1].ended for lives in by_bot(read_lives(record)).values())

    wait_for(ended, "the bots to end without herdsman", 30, 0.1)
    lived = len(read_lives(record))
    service.start()
    told = service.run("kill", "--all", "--reason", "once more").stdout
    assert "kill switch  all bots" in told
    assert 'by admin: "a drill"' in service.run("suspensions").stdout
    fleet.push(check=False)
    service.run("sync")
    refused = service.run("restart", "one", "--reason", "to see", check=False)
    assert (refused.returncode, "herdsman release --all" in refused.stderr) == (2, True)
    assert {bot["reason"] for bot in service.bots().values()} == {"KillSwitch"}
    assert all(job["Stop"] for job in jobs(nomad).values())
    assert len(read_lives(record)) == lived
    service.run("release", "--all", "--reason", "the drill is over")
    for name in ("one", "second"):
        service.wait_health(name, "Healthy")
    assert_never_two(record)


def test_programs_of_the_format_answer_queries(service: Service, fleet: Fleet, nomad: NomadAgent) -> None:
    """A realtime bot on the public SDK answers in its allocation, a scheduled one in a job of its own."""
    for name in ("portfolio", "dca"):
        shutil.copytree(CHECKOUT / "examples" / "the0" / name, fleet.folder / "programs" / name)
    common = "version: 1.0.0\nsymbol: BTC/USDT\n"
    fleet.write("bots/btc.yaml", f"name: btc\ntype: realtime/portfolio\nupdate_interval_ms: 100\n{common}")
    fleet.write("bots/buyer.yaml", f"name: buyer\ntype: scheduled/dca\nschedule: 0 0 1 1 *\n{common}")
    fleet.commit("bots of the format")
    fleet.push()
    service.wait_health("btc", "Healthy")
    asked = json.loads(service.run("query", "btc", "/status", "limit=5").stdout)
    assert asked == {"symbol": "BTC/USDT", "limit": 5, "params": {"limit": 5}}
    wait_for(
        lambda: json.loads(service.run("query", "btc", "/portfolio").stdout)["looks"] > 1,
        "looks at the market",
    )
    broken = service.run("query", "btc", "/broken", check=False)
    assert broken.returncode == 1
    assert "ZeroDivisionError: nothing to divide by" in broken.stderr
    runs = {"runs": 0, "amount": 100, "asked": None}
    assert json.loads(service.run("query", "buyer", "/runs").stdout) == runs
    assert set(jobs(nomad)) == set(service.bots())
    wait_for(lambda: not [job for job in nomad.get("jobs") if "-query." in job["ID"]], "no query job is left")
    for name in ("btc", "buyer"):
        fleet.remove(f"bots/{name}.yaml")
    fleet.commit("without them")
    fleet.push("-o", "confirm-prune")
    wait_for(lambda: set(service.bots()) == {"one", "second"}, "both to be gone", 60)


def test_a_state_is_saved_by_the_nodes_agent_and_changed_by_an_operator(
    service: Service, fleet: Fleet, nomad: NomadAgent
) -> None:
    """It comes over HTTP with the agent's own token, and goes back to the node before the next start."""
    add_keeper(fleet)
    fleet.write("bots/keeper.yaml", keeper_text("keeper"))
    fleet.commit("a bot with a state")
    fleet.push()
    service.wait_health("keeper", "Healthy")
    wait_for(lambda: versions(service, "keeper"), "the first save")
    (service.home / "value").write_text("70000")
    refused = service.run("state", "keeper", "set", "counter", "value", check=False)
    assert "suspend it first" in refused.stderr
    service.run("state", "keeper", "set", "counter", "value", "--restart")
    starts = wait_for(lambda: told(service, "keeper", "begins")[1:], "its next start", 60)
    assert starts == [70000]
    service.run("restart", "keeper", "--reason", "a test")
    again = wait_for(lambda: told(service, "keeper", "begins")[2:], "its start after that", 60)
    assert again[0] == told(service, "keeper", "ends")[-1] > 70000
    fleet.remove("bots/keeper.yaml")
    fleet.commit("without it")
    fleet.push()
    wait_for(lambda: "keeper" not in service.bots(), "keeper to be gone", 60)
    try:
        wait_for(lambda: versions(service, "keeper")[0]["final"], "its last save", 90, 0.5)
    except AssertionError:
        said = f"{versions(service, 'keeper')[:2]}\n{agent_said(nomad, 'keeper')}"
        raise AssertionError(f"it was not saved for good: {said}") from None


def test_whoever_comes_to_an_account_over_its_limit_waits(
    service: Service, fleet: Fleet, root: Path, nomad: NomadAgent
) -> None:
    """What broke it is told to end and stays down; what is pushed then starts once an operator has looked."""
    breaker, late = root / "breaker", root / "late"
    worth = 100_000
    for file in (breaker, late):
        put_text(file, str(worth))
    add_trader(fleet)
    fleet.write("herdsman.yaml", "risk: {accounts: {main: {daily_loss: 500 USDT}}}\n")
    fleet.write("bots/breaker.yaml", trader("breaker", breaker, "{drawdown: 90%}", "live"))
    fleet.commit("an account")
    fleet.push()
    service.wait_health("breaker", "Healthy")
    wait_for(lambda: service.get("/api/v1/bots/breaker/trading")["figures"], "its equity")

    def lose() -> bool:
        # Again and again: what it was worth at the first look at its account is where the loss begins.
        nonlocal worth
        worth -= 600
        put_text(breaker, str(worth))
        return "live-account=main" in scopes(service)

    wait_for(lose, "the hold of the account", every=1.0)
    assert service.wait_health("breaker", "Suspended")["reason"] == "RiskLimit"
    wait_for(lambda: lives_of(breaker) == ["start", "end"], "it to end as it was told to")
    fleet.write("bots/late.yaml", trader("late", late, "{drawdown: 90%}", "live"))
    fleet.commit("one more of the account")
    fleet.push()
    held = service.wait_health("late", "Suspended")
    assert held["reason"] == "RiskLimit"
    assert "is over the limit of 500 USDT of the account main" in held["message"]
    assert "`herdsman resume --account main --mode live`" in held["message"]
    service.run("sync")
    assert not {name for name, job in jobs(nomad).items() if not job["Stop"]} & {"breaker", "late"}
    assert (lives_of(breaker), lives_of(late)) == (["start", "end"], [])

    service.run("resume", "--account", "main", "--mode", "live", "--reason", "looked at it")
    service.wait_health("late", "Healthy")
    assert service.bots()["breaker"]["reason"] == "RiskLimit"
    put_text(breaker, "100000")  # what it lost while it was down would be another loss of the account
    service.run("resume", "breaker", "--reason", "looked at it")
    service.wait_health("breaker", "Healthy")
    assert (lives_of(breaker), lives_of(late)) == (["start", "end", "start"], ["start"])
    assert scopes(service) == []
    for path in ("bots/breaker.yaml", "bots/late.yaml", "herdsman.yaml"):
        fleet.remove(path)
    fleet.commit("without them")
    fleet.push("-o", "confirm-prune")
    wait_for(lambda: set(service.bots()) == {"one", "second"}, "both to be gone", 60)


def scopes(service: Service) -> list[str]:
    """Return what the suspensions in force are of."""
    return [one["scope"] for one in service.get("/api/v1/suspensions")]


def test_a_removed_bot_ends_and_its_job_is_gone(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """Removing a manifest ends that bot alone, with time to say goodbye."""
    fleet.remove("bots/second.yaml")
    fleet.commit("without second")
    fleet.push()
    wait_for(lambda: "second" not in service.bots(), "second to be gone", 60)
    assert_everywhere(service, nomad, {"one"}, "nomad-removed")
    lives = by_bot(read_lives(record))
    assert lives["second"][-1].ended
    assert not lives["one"][-1].ended
    assert_never_two(record)


def test_a_job_of_somebody_else_is_adopted_and_never_lives_beside_its_bot(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """It runs on until git has the bot, then ends first; all that is shown before, and recorded."""
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "sleep", "args": ["600"]}}
    job = {"ID": "momentum", "Type": "service", "Datacenters": ["*"]}
    nomad.send("PUT", "jobs", {"Job": {**job, "TaskGroups": [{"Name": "g", "Count": 1, "Tasks": [task]}]}})

    def copies(status: str) -> list[dict[str, Any]]:
        return [one for one in nomad.get("job/momentum/allocations") if one["ClientStatus"] == status]

    wait_for(lambda: copies("running"), "the other job to run", 60)
    listed = service.run("adopt").stdout
    assert "momentum" in listed
    assert "herdsman's agent" in listed
    asked = ("adopt", "adopted", "--job", "momentum", "--reason", "to herdsman")
    refused = service.run(*asked, check=False)
    assert "once every copy of it is dead, adopted starts" in refused.stderr
    assert "there is no terminal to ask on" in refused.stderr
    assert "until then that runs on" in service.run(*asked, "--yes").stdout
    assert "adopted and momentum: the job runs on" in service.run("adopt").stdout
    assert copies("running")
    with open_browser() as page:
        page.goto(sign_in_link(service))
        page.goto(f"{service.url}/system")
        waiting = page.get_by_test_id("adoption-adopted")
        expect(waiting).to_contain_text("the job runs on until git has adopted")
        expect(waiting).to_contain_text("herdsman adopt adopted --cancel")
        expect(page.get_by_test_id("other-job-momentum")).to_contain_text("service, running, 1 copy")
        waiting.scroll_into_view_if_needed()
        shoot_all(page, "adoption")
        page.set_viewport_size({"width": 390, "height": 844})
        waiting.scroll_into_view_if_needed()
        shoot(page, "adoption-narrow")
        fleet.write("bots/adopted.yaml", bot_text("adopted", record))
        fleet.commit("in the place of momentum")
        fleet.push()
        service.wait_health("adopted", "Healthy")
        expect(waiting).to_have_count(0)
    (ended,) = [*copies("complete"), *copies("failed")]
    finished = datetime.fromisoformat(ended["TaskStates"]["t"]["FinishedAt"][:19] + "+00:00").timestamp()
    assert by_bot(read_lives(record))["adopted"][0].start >= finished
    assert nomad.get("job/momentum")["Stop"]
    audit = [(one["action"], one["subject"], one["why"]) for one in service.get("/api/v1/audit")]
    assert {("adopt", "adopted", "to herdsman"), ("adopted", "adopted", "to herdsman")} <= set(audit)
    fleet.remove("bots/adopted.yaml")
    fleet.commit("without it")
    fleet.push("-o", "confirm-prune")
    wait_for(lambda: "adopted" not in service.bots(), "adopted to be gone", 60)


def test_another_rendering_restarts_nobody_until_a_refresh(
    service: Service, nomad: NomadAgent, record: Path
) -> None:
    """A herdsman that renders jobs otherwise leaves them alone, names them, and refreshes them once told."""
    before = {name: job["JobModifyIndex"] for name, job in jobs(nomad).items()}
    lives = len(by_bot(read_lives(record))["one"])
    assert "nothing to refresh" in service.run("refresh").stdout
    assert service.stop() == 0
    service.options += ("--advertise-url", f"http://localhost:{service.port}")
    service.start()
    service.run("sync")
    assert service.run("refresh").stdout.splitlines() == ["one"]
    refused = service.run("refresh", "--all", check=False)
    assert (refused.returncode, "one (dry, " in refused.stderr) == (2, True)
    assert {name: job["JobModifyIndex"] for name, job in jobs(nomad).items()} == before
    told = service.run("refresh", "--all", "--yes", "--reason", "moved").stdout
    assert "one  ● healthy  refreshed after" in told
    assert len(wait_lives(record, "one", lives + 1)) == lives + 1
    assert ("refresh", "moved") in [(one["action"], one["why"]) for one in service.get("/api/v1/audit")]
    assert "nothing to refresh" in service.run("refresh", "one").stdout
    assert_never_two(record)


def test_an_older_backup_touches_no_bot_until_it_is_told_to(
    service: Service, fleet: Fleet, nomad: NomadAgent, record: Path, root: Path
) -> None:
    """Restored from before the last push, herdsman only observes; after a push and a recovery all runs on."""
    written = service.run("backup", str(root / "backup.tgz"))
    assert "only you can read it (0600)" in written.stdout
    lived = len(by_bot(read_lives(record))["one"])
    fleet.write("bots/one.yaml", bot_text("one", record, version="1.1.0", text="after the backup"))
    newest = fleet.commit("after the backup")
    fleet.push()
    service.wait_health("one", "Healthy", revision=newest)
    assert len(wait_lives(record, "one", lived + 1)) == lived + 1
    before = {name: job["JobModifyIndex"] for name, job in jobs(nomad).items()}
    lives = {name: len(found) for name, found in by_bot(read_lives(record)).items()}
    assert service.stop() == 0
    service.data.rename(root / "lost")
    service.run("restore", str(root / "backup.tgz"), "--data", str(service.data), "--reason", "disk lost")
    service.start()
    wait_for(lambda: service.get("/api/v1/fleet")["problems"], "the backup's age to be noticed")
    said = service.run("status").stdout
    assert "herdsman recover" in said
    assert "it is older than they are" in said
    fleet.push()
    planned = json.loads(service.run("plan", "--output", "json").stdout)
    assert [one["bot"] for one in planned["actions"] if one["action"] != "none"] == []
    assert "took over 1 bot: one" in service.run("recover", "--reason", "disk lost").stdout
    service.run("sync")
    assert service.get("/api/v1/fleet")["problems"] == []
    assert service.bots()["one"]["sync"] == "Synced"
    assert {name: job["JobModifyIndex"] for name, job in jobs(nomad).items()} == before
    assert {name: len(found) for name, found in by_bot(read_lives(record)).items()} == lives
    audit = [(one["action"], one["why"]) for one in service.get("/api/v1/audit")]
    assert {("restore", "disk lost"), ("recover", "disk lost")} <= set(audit)
    assert_never_two(record)


def test_a_lost_database_starts_no_second_copies(service: Service, nomad: NomadAgent, record: Path) -> None:
    """Without its database herdsman knows its fleet by name, only observes, and says what is needed."""
    before = {name: job["JobModifyIndex"] for name, job in jobs(nomad).items()}
    lives = len(read_lives(record))
    assert service.stop() == 0
    for path in service.data.glob("herdsman.db*"):
        path.unlink()
    service.start()
    wait_for(lambda: service.get("/api/v1/fleet")["problems"], "the loss to be noticed")
    assert "recover" in " ".join(service.get("/api/v1/fleet")["problems"])
    assert {name: job["JobModifyIndex"] for name, job in jobs(nomad).items()} == before
    assert len(read_lives(record)) == lives
    assert_never_two(record)


def test_the_kill_switch_works_while_a_lost_database_only_observes(
    service: Service, nomad: NomadAgent, record: Path
) -> None:
    """It asks nothing of the database; what it ended no recovery starts, and its release does."""
    told = service.run("kill", "--mode", "dry", "--reason", "the second drill").stdout
    assert "dead; nothing starts them" in told
    assert all(life.ended for life in (lives[-1] for lives in by_bot(read_lives(record)).values()))
    lived = len(read_lives(record))
    assert service.stop() == 0
    for path in service.data.glob("herdsman.db*"):
        path.unlink()
    service.start()
    service.run("recover", "--reason", "lost again", "--yes", check=False)
    service.run("sync", check=False)
    assert service.get("/api/v1/kill")[0]["reason"] == "the second drill"
    assert all(job["Stop"] for job in jobs(nomad).values())
    assert len(read_lives(record)) == lived
    service.run("release", "--mode", "dry", "--reason", "over")
    wait_for(lambda: len(read_lives(record)) > lived, "a bot to start again", 60, 0.2)
    assert_never_two(record)
