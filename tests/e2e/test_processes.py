"""herdsman as several processes: controllers, a web and an agent on real PostgreSQL, Nomad, VictoriaMetrics.

Controllers share a data folder that the node cannot see; bundles and git go through the web, output through
the agent, everything else through the database.
"""

import itertools
import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.cluster import install_on_node, start_agent
from tests.e2e.fleet import Fleet, add_program, bot_text, new_fleet, put_text
from tests.e2e.lives import assert_never_two, by_bot, read_lives, wait_lives
from tests.e2e.service import CHECKOUT, Service, wait_for
from tests.engines.nomad import NomadAgent, nomad_agent
from tests.engines.postgresql import PostgreSQL, postgresql
from tests.engines.victoriametrics import victoriametrics
from tests.engines.webhooks import Webhooks, webhooks

pytestmark = [pytest.mark.e2e, pytest.mark.nomad, pytest.mark.victoriametrics, pytest.mark.timeout(600)]

_THIRDS = itertools.count(1)


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Hold everything of this module in one folder that Nomad's tasks may enter."""
    with tempfile.TemporaryDirectory(prefix="herdsman-e2e-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def nomad(root: Path) -> Iterator[NomadAgent]:
    """Run Nomad so that it and its tasks see neither herdsman's data nor the checkout."""
    hidden = [root / "controllers" / "data", root / "web" / "data", CHECKOUT]
    for folder in hidden[:2]:
        folder.mkdir(parents=True)
    with nomad_agent(hide=hidden) as agent:
        yield agent


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """Run PostgreSQL."""
    with postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def database(root: Path, server: PostgreSQL) -> Path:
    """Return the file that says where the database is, with its password."""
    file = root / "database-url"
    file.write_text(f"{server.new_database()}\n")
    file.chmod(0o600)
    return file


class Controllers:
    """Two controllers on one data folder, and a web; each may be killed and started again."""

    def __init__(
        self, root: Path, database: Path, nomad: NomadAgent, series: str, destinations: Path
    ) -> None:
        shared = ("--database-file", str(database))
        self.web = Service(root / "web", (*shared, "--victoriametrics", series), process_kind="web")
        options = (*shared, "--nomad-address", nomad.address, "--fleet", "desk")
        options += ("--advertise-url", self.web.url, "--web-url", self.web.url)
        options += ("--notify-file", str(destinations))
        self.all = [
            Service(root / "controllers", (*options, "--name", name), process_kind="controller")
            for name in ("first", "second")
        ]

    def role(self, one: Service) -> str:
        """Return what a controller says it is."""
        assert one.process is not None
        assert one.process.poll() is None, one.log.read_text()
        try:
            return str(httpx.get(f"{one.url}/readyz", timeout=20).json()["role"])
        except httpx.TransportError:
            return ""

    def leader(self) -> Service:
        """Return the controller that leads, once one does."""
        return wait_for(
            lambda: next((one for one in self.running() if self.role(one) == "leader"), None),
            "a controller to lead",
            60,
        )  # type: ignore[return-value]

    def running(self) -> list[Service]:
        """Return the controllers whose processes run."""
        return [one for one in self.all if one.process is not None and one.process.poll() is None]

    def stop(self) -> None:
        """End everything."""
        for one in (self.web, *self.all):
            if one.process is not None:
                one.stop()


@pytest.fixture(scope="module")
def hooks() -> Iterator[Webhooks]:
    """Serve the webhook that hears of problems."""
    with webhooks() as server:
        yield server


@pytest.fixture(scope="module")
def processes(root: Path, nomad: NomadAgent, database: Path, hooks: Webhooks) -> Iterator[Controllers]:
    """Run two controllers, a web, and the agent on the node."""
    destinations = root / "notify"
    destinations.write_text(f"hook: json://127.0.0.1:{hooks.server_port}/200\n")
    destinations.chmod(0o600)
    with victoriametrics() as series:
        found = Controllers(root, database, nomad, series.address, destinations)
        try:
            for one in found.all:
                one.start()
            found.leader()
            found.web.start()
            start_agent(found.web, nomad, install_on_node(root), root)
            yield found
        finally:
            found.stop()


@pytest.fixture(scope="module")
def web(processes: Controllers) -> Service:
    """Return the web."""
    return processes.web


@pytest.fixture(scope="module")
def record(root: Path) -> Path:
    """Name the file of the bots' lives; every test of this module goes on with the same two bots."""
    return root / "lives"


@pytest.fixture(scope="module")
def fleet(root: Path, web: Service, record: Path) -> Fleet:
    """Clone a fleet that is connected to the web, and push two bots, which every test leaves healthy."""
    made = new_fleet(root / "fleet", web)
    for name in ("one", "two"):
        made.write(f"bots/{name}.yaml", bot_text(name, record))
    made.commit("two bots")
    made.push()
    for name in ("one", "two"):
        web.wait_health(name, "Healthy")
        wait_lives(record, name, 1)
    return made


@pytest.fixture
def third(fleet: Fleet, web: Service, record: Path) -> Iterator[str]:
    """Push a third bot for the length of a test, with a name of its own."""
    name = f"third-{next(_THIRDS)}"
    fleet.write(f"bots/{name}.yaml", bot_text(name, record))
    fleet.commit("a third bot")
    fleet.push()
    web.wait_health(name, "Healthy")
    wait_lives(record, name, 1)
    yield name
    remove(fleet, web, name)


def remove(fleet: Fleet, web: Service, *names: str) -> None:
    """Take bots out of git, and wait until nothing shows them any more."""
    for name in names:
        (fleet.folder / f"bots/{name}.yaml").unlink(missing_ok=True)
    if fleet.git("status", "--porcelain").stdout:
        fleet.commit("without them")
        fleet.push()
    wait_for(lambda: not {*names} & {*web.bots()}, f"{names} to be gone")


def indices(nomad: NomadAgent) -> dict[str, int]:
    """Return each bot's JobModifyIndex."""
    listed = nomad.get("jobs?meta=true")
    return {
        job["Meta"]["herdsman.bot"]: job["JobModifyIndex"]
        for job in listed
        if (job.get("Meta") or {}).get("herdsman.bot")
    }


def starts(record: Path, bot: str) -> int:
    """Return how often a bot was started."""
    return len(by_bot(read_lives(record)).get(bot, []))


def until_healthy(stream: httpx.Response, bot: str) -> dict[str, Any]:
    """Read the stream until it tells that a bot is healthy; return that row."""
    event = ""
    for line in stream.iter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: ") and event == "status":
            row: dict[str, Any] = json.loads(line.removeprefix("data: "))
            if row["name"] == bot and row.get("health") == "Healthy":
                return row
    raise AssertionError("the stream ended")


def test_a_push_runs_and_is_seen_live_in_the_web(
    processes: Controllers, web: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """A push goes through the web to the leader; rows, lines and numbers come back by the web alone."""
    for name in ("seen", "live"):
        fleet.write(f"bots/{name}.yaml", bot_text(name, record))
    revision = fleet.commit("two more bots")
    headers = {"Authorization": f"Bearer {web.token}"}
    address = f"{web.url}/api/v1/stream?topics=fleet"
    with httpx.stream("GET", address, headers=headers, timeout=120) as stream:
        printed = fleet.push("-o", "wait=healthy")
        assert printed.count("  healthy ") == 2, printed
        assert until_healthy(stream, "seen")["applied_revision"] == revision
    web.wait_health("live", "Healthy")
    assert set(indices(nomad)) == {"one", "two", "seen", "live"}
    assert web.get("/api/v1/bots/seen")["parameters"]["record"] == str(record)
    wait_for(lambda: web.get("/api/v1/bots/seen/series", metric="bot_counter")["series"], "its numbers")
    wait_for(lambda: web.get("/api/v1/bots/seen/logs", text="starts")["events"], "its first line")
    assert [run["ended_at"] for run in web.get("/api/v1/bots/seen/runs")] == [None]

    def told() -> tuple[str, str, str]:
        newest = web.get("/api/v1/revisions")[0]
        return newest["id"], newest["state"], newest["by"]

    wait_for(lambda: told() == (revision, "applied", "admin"), "the revision to be told as applied")
    remove(fleet, web, "seen", "live")


def test_operators_requests_are_carried_out_by_the_leader(web: Service, fleet: Fleet, record: Path) -> None:
    """Suspend, resume, restart, sync and plan through the web's API do what they say."""
    web.run("suspend", "two", "--reason", "maintenance")
    suspended = web.wait_health("two", "Suspended")
    assert "maintenance" in json.dumps(web.get("/api/v1/bots/two")["suspended"]), suspended
    web.run("resume", "two", "--reason", "done")
    web.wait_health("two", "Healthy")
    before = starts(record, "two")
    web.run("restart", "two", "--reason", "stuck")
    wait_for(lambda: starts(record, "two") == before + 1, "the bot to start again")
    web.wait_health("two", "Healthy")
    assert "nothing to change" in web.run("sync").stdout
    assert {one["action"] for one in web.get("/api/v1/plan")["actions"]} == {"none"}
    assert web.get("/api/v1/builds") == []
    assert httpx.get(f"{web.url}/api/v1/builds", timeout=60).status_code == 401, (
        "the leader asks for the token"
    )
    refused = web.run("restart", "nobody", "--reason", "stuck", check=False)
    assert refused.returncode == 1
    audit = web.get("/api/v1/audit")
    assert {"suspend", "resume", "restart"} <= {entry["action"] for entry in audit}
    assert_never_two(record)


TRADER = """\
import json, signal, sys, time

def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    def tell(kind, **fields):
        fields |= {"timestamp": int(time.time() * 1000), "account": "paper", "currency": "USDT"}
        print(json.dumps({"_metric": kind, **fields}), flush=True)
    tell("trade", symbol="ADA", side="buy", quantity=4, price=2.5, trade_id=f"{bot_id}-1")
    tell("position", symbol="ADA", side="long", quantity=4, entry_price=2.5, mark_price=3.0)
    tell("equity", equity=1002.0)
    while True:
        time.sleep(0.5)
"""


def told(taken: list[dict[str, Any]], bot: str, words: str) -> set[str]:
    """Return the ids of the messages about a bot whose title has these words."""
    about = [one for one in taken if bot in one["title"] and words in one["title"]]
    return {one["message"].rpartition("id ")[2] for one in about}


def test_a_crash_is_told_once_through_a_take_over_and_errors_and_trading_are_in_the_web(
    processes: Controllers, web: Service, fleet: Fleet, hooks: Webhooks, record: Path
) -> None:
    """What waits as the leader dies is sent by the next, once; the web has its error and positions."""
    fleet.write("herdsman.yaml", "alerts: {group_wait: 1s, rules: {new-error: {enabled: false}}}\n")
    restart = "herdsman: {restart: {first_delay: 0.1s, degraded_crashes: 3}, "
    crashing = bot_text("crashy", record, crash_after=0.1).replace("herdsman: {", restart)
    fleet.write("bots/crashy.yaml", crashing)
    add_program(fleet, name="trader")
    (fleet.folder / "programs" / "trader" / "main.py").write_text(TRADER)
    fleet.write("bots/dealer.yaml", bot_text("dealer", record).replace("realtime/counter", "realtime/trader"))
    fleet.commit("a bot that crashes, and one that trades")
    hooks.refusing = True
    fleet.push()
    # Messages go in their order: others may wait before the one on this crash.
    wait_for(lambda: hooks.refused, "the leader to try to tell", 120, 0.1)
    web.wait_health("crashy", "Degraded")
    old = processes.leader()
    (standby,) = [one for one in processes.all if one is not old]
    old.kill()
    hooks.refusing = False
    wait_for(lambda: told(hooks.taken, "crashy", "Degraded"), "the next leader to tell", 120, 0.2)
    assert processes.leader() is standby
    old.start()

    (error,) = wait_for(lambda: web.get("/api/v1/errors", bot="crashy"), "its error", 90, 0.2)
    assert (error["type"], error["message"]) == ("RuntimeError", "the feed is gone")
    assert "RuntimeError" in web.run("errors").stdout
    position = wait_for(lambda: web.get("/api/v1/positions", bot="dealer")["positions"], "its position", 90)
    assert [(one["symbol"], one["quantity"]) for one in position] == [("ADA", 4.0)]
    assert [one["trade_id"] for one in web.get("/api/v1/trades", bot="dealer")["trades"]] == ["dealer-1"]

    fleet.write("bots/crashy.yaml", bot_text("crashy", record))
    fleet.commit("it is mended")
    fleet.push()
    web.wait_health("crashy", "Healthy", 120)
    wait_for(lambda: told(hooks.taken, "crashy", "well again"), "its end to be told", 180, 0.2)
    titles = [one["title"] for one in hooks.taken if "crashy" in one["title"]]
    for words in ("Degraded", "well again"):
        assert len([one for one in titles if words in one]) == 1, titles
    remove(fleet, web, "crashy", "dealer")
    assert_never_two(record)


DESK = """\
import json, signal, sys, time
from pathlib import Path

def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    def tell(kind, **fields):
        print(json.dumps({"_metric": kind, "timestamp": int(time.time() * 1000), **fields}), flush=True)
    folder = Path(config["record"]).parent
    while True:
        time.sleep(0.2)
        tell("heartbeat", state="running")
        tell("equity", equity=float((folder / f"worth-{bot_id}").read_text()), currency="USDT")
        if not (folder / f"outage-{bot_id}").exists():
            tell("price", symbol="ADA", value=2.5)
"""


def test_limits_and_silences_are_judged_in_the_web_and_acted_upon_by_the_leader(
    web: Service, fleet: Fleet, root: Path, record: Path
) -> None:
    """A broken limit stops its bot through the leader, also where the web is killed in the middle of it."""
    add_program(fleet, name="desk")
    (fleet.folder / "programs" / "desk" / "main.py").write_text(DESK)
    # Of the peak, not of the day: one that begins meanwhile would begin with what has been lost.
    limited = "herdsman: {risk: {drawdown: 5%}, liveness: {market_data: 5s, warm_up: 0s}, "
    for name in ("loser", "later"):
        put_text(root / f"worth-{name}", "10000")
        text = bot_text(name, record).replace("realtime/counter", "realtime/desk")
        fleet.write(f"bots/{name}.yaml", text.replace("herdsman: {", limited))
    fleet.commit("two bots under limits")
    fleet.push()

    def limited_by(bot: str) -> str:
        row = web.bots()[bot]
        return str(row["message"]) if row["reason"] == "RiskLimit" else ""

    def fires(bot: str, rule: str) -> dict[str, Any] | None:
        found = web.get("/api/v1/alerts", bot=bot, rule=rule, states="firing")["alerts"]
        return found[0] if found else None

    for name in ("loser", "later"):
        web.wait_health(name, "Healthy")
        wait_for(lambda name=name: web.get(f"/api/v1/bots/{name}/trading")["figures"], "its equity")  # type: ignore[misc]
    (root / "outage-later").touch()
    put_text(root / "worth-loser", "9400")
    why = wait_for(lambda: limited_by("loser"), "the leader to stop it")
    assert "drawdown of 6.00% is over the limit of 5%" in why
    web.wait_health("loser", "Suspended")
    silent = wait_for(lambda: fires("later", "not-trading"), "it to be found alive but not trading")
    assert silent is not None
    assert "no market data" in silent["text"]

    put_text(root / "worth-later", "9300")
    web.kill()
    web.start()
    why = wait_for(lambda: limited_by("later"), "the next web to act")
    assert "drawdown of 7.00% is over the limit of 5%" in why
    web.wait_health("later", "Suspended")
    wait_for(
        lambda: (fires("later", "risk-drawdown") or {}).get("action") == "done",
        "what was done to be kept",
    )
    suspended = [one for one in web.get("/api/v1/audit", limit=200) if one["action"] == "suspend"]
    assert sorted(one["subject"] for one in suspended if one["who"] == "risk limit") == ["later", "loser"]
    remove(fleet, web, "loser", "later")


def test_a_killed_leader_is_replaced_and_no_job_changes(
    processes: Controllers, web: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """kill -9 of the leader: the stand-by leads, no job is touched, and pushes go on through the web."""
    before, lives = indices(nomad), len(read_lives(record))
    old = processes.leader()
    (standby,) = [one for one in processes.all if one is not old]
    refused = httpx.get(
        f"{standby.url}/git/fleet.git/info/refs?service=git-upload-pack",
        auth=("herdsman", web.token),
        timeout=60,
    )
    assert (refused.status_code, "leads since" in refused.text) == (503, True), refused.text
    old.kill()
    assert processes.leader() is standby
    wait_for(
        lambda: httpx.get(f"{web.url}/readyz", timeout=30).status_code == 200, "the web to see the new leader"
    )
    web.run("sync")
    assert indices(nomad) == before
    assert len(read_lives(record)) == lives
    assert set(web.bots()) == {"one", "two"}
    fleet.write("bots/three.yaml", bot_text("three", record))
    last = fleet.commit("a third")
    fleet.push()
    assert web.wait_health("three", "Healthy")["applied_revision"] == last
    assert {name: index for name, index in indices(nomad).items() if name != "three"} == before
    old.start()
    wait_for(lambda: processes.role(old) == "standby", "the old one to stand by")
    remove(fleet, web, "three")
    assert_never_two(record)


def test_a_frozen_leader_is_replaced_and_writes_nothing_once_it_goes_on(
    processes: Controllers, web: Service, fleet: Fleet, nomad: NomadAgent, record: Path, third: str
) -> None:
    """Stopped like a paused machine: the stand-by leads and takes a push; thawed, the old one stands by."""
    old = processes.leader()
    (standby,) = [one for one in processes.all if one is not old]
    assert old.process is not None
    old.process.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: processes.role(standby) == "leader", "the stand-by to lead", 90, 0.2)
        wait_for(
            lambda: httpx.get(f"{web.url}/readyz", timeout=30).status_code == 200,
            "the web to see it",
            60,
            0.2,
        )
        fleet.write(f"bots/{third}.yaml", bot_text(third, record, text="while the old one stood still"))
        last = fleet.commit("while the old one stood still")
        # A machine that is very busy may make the new leader give up its place once more: then git says so.
        wait_for(
            lambda: fleet.git("push", "herdsman", "main", check=False).returncode == 0, "a leader", 90, 1
        )
        web.wait_health(third, "Healthy", revision=last)
        wait_lives(record, third, 2)
        before, lives = indices(nomad), len(read_lives(record))
    finally:
        old.process.send_signal(signal.SIGCONT)
    wait_for(lambda: processes.role(old) == "standby", "the old one to stand by", 90, 0.2)
    wait_for(lambda: processes.role(standby) == "leader", "the other one to lead")
    web.run("sync")
    assert indices(nomad) == before
    assert len(read_lives(record)) == lives
    assert web.bots()[third]["applied_revision"] == last
    assert_never_two(record)


def test_a_web_that_was_away_has_lost_nothing(
    web: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """kill -9 of the web: bots run on, and after its start every row, line and number is there."""
    before, lives = indices(nomad), starts(record, "one")
    web.kill()
    web.start()
    web.wait_health("one", "Healthy")
    assert indices(nomad) == before

    def shown() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = web.get(
            "/api/v1/bots/one/series", metric="bot_counter", start="-2m", step=0
        )["series"]
        return found

    def counted() -> list[int]:
        newest = max(shown(), key=lambda entry: entry["points"][-1][0])["points"]
        return [int(value) for _, value in newest]

    def missing() -> list[int]:
        values = counted()
        return sorted(set(range(values[0], values[-1] + 1)) - set(values))

    wait_for(shown, "the counter to be shown")
    seen = counted()[-1]
    wait_for(lambda: counted()[-1] > seen + 5, "the counter to go on", 60, 0.3)
    # What the web that died had given to VictoriaMetrics is shown by it after some seconds.
    try:
        wait_for(lambda: not missing(), "every number to be shown", 60, 0.5)
    except AssertionError:
        raise AssertionError(f"lost of {counted()[0]} to {counted()[-1]}: {missing()}") from None
    values = counted()
    assert values == sorted(set(values)), "a number came twice"
    assert starts(record, "one") == lives


def test_without_a_controller_it_is_said_and_nothing_is_lost(
    processes: Controllers, web: Service, fleet: Fleet, nomad: NomadAgent, record: Path
) -> None:
    """No leader: requests are refused with what to do, and what launchers report is taken in afterwards."""
    for one in processes.running():
        one.stop()
    wait_for(
        lambda: "no controller leads" in " ".join(web.get("/api/v1/fleet")["problems"]), "the web to say"
    )
    headers = {"Authorization": f"Bearer {web.token}"}
    refused = httpx.post(f"{web.url}/api/v1/bots/two/restart", headers=headers, timeout=120)
    problem = refused.json()
    assert (refused.status_code, problem["reason"]) == (503, "NoController"), problem
    assert "start `herdsman controller`" in problem["detail"]
    runs, before = len(web.get("/api/v1/bots/two/runs")), starts(record, "two")
    allocations = nomad.get("allocations")
    (running,) = [one for one in allocations if "two" in one["JobID"] and one["ClientStatus"] == "running"]
    nomad.send("POST", f"client/allocation/{running['ID']}/restart", {"AllTasks": True})
    wait_for(lambda: starts(record, "two") == before + 1, "the bot to start again", 60)
    for one in processes.all:
        one.start()
    processes.leader()
    wait_for(lambda: len(web.get("/api/v1/bots/two/runs")) == runs + 1, "its runs to be known")
    assert starts(record, "two") == before + 1
    web.wait_health("two", "Healthy")
    assert_never_two(record)


def test_a_database_that_was_away_costs_nothing(
    processes: Controllers, web: Service, fleet: Fleet, server: PostgreSQL, nomad: NomadAgent, record: Path
) -> None:
    """PostgreSQL crashes and comes back: meanwhile it is said and rows stay, then somebody leads again."""
    before, lives = indices(nomad), len(read_lives(record))
    server.kill()
    wait_for(lambda: "does not answer" in " ".join(web.get("/api/v1/fleet")["problems"]), "it to be said")
    assert web.bots()["one"]["health"] == "Healthy"
    headers = {"Authorization": f"Bearer {web.token}"}
    refused = httpx.post(f"{web.url}/api/v1/bots/two/restart", headers=headers, timeout=120)
    assert (refused.status_code, refused.json()["reason"]) == (503, "DatabaseUnavailable"), refused.text
    server.start()
    processes.leader()
    wait_for(
        lambda: httpx.get(f"{web.url}/readyz", timeout=30).status_code == 200, "the web to see who leads", 60
    )
    assert "nothing to change" in web.run("sync").stdout
    assert indices(nomad) == before
    assert len(read_lives(record)) == lives


def test_a_removed_bots_job_is_purged_once_its_lines_are_there(
    web: Service, fleet: Fleet, nomad: NomadAgent, record: Path, third: str
) -> None:
    """The leader asks the web whether the last lines have arrived, and then forgets the job."""
    remove(fleet, web, third)
    assert third not in indices(nomad)
    ended = web.get(f"/api/v1/bots/{third}/logs", kind="all", text="end")["events"]
    assert by_bot(read_lives(record))[third][-1].ended
    assert ended is not None
