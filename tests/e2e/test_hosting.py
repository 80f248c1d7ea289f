"""The jobs of deploy/ on a real Nomad with access control, run from an installed wheel; then an upgrade."""

import asyncio
import json
import os
import re
import tempfile
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from controller.schedulers.nomad.node import publish_interpreters
from tests.e2e.cluster import wait_published
from tests.e2e.fleet import Fleet, add_program, bot_text, clone_fleet, new_fleet
from tests.e2e.hosting import DEPLOY, Hosting
from tests.e2e.installation import NEWER
from tests.e2e.lives import assert_never_two, by_bot, read_lives
from tests.e2e.secret_fleet import add_teller, digest, teller
from tests.e2e.service import Service, wait_for
from tests.engines.launching import this_python
from tests.engines.nomad import NomadAgent, nomad_agent, nomad_client
from tests.engines.ports import free_ports
from tests.engines.postgresql import postgresql
from tests.engines.processes import engine
from tests.engines.victoriametrics import VERSIONS

pytestmark = [pytest.mark.e2e, pytest.mark.nomad, pytest.mark.timeout(300)]

CANARY = "c4n4ry-Tx3mQw7ZpL9sKd2V"
SECOND = "s3c0nd-Rf6nYb1XcJ8hGa4E"
PASSING = re.compile(r"again|broke off|cannot be read yet")
"""What warnings say of something that a busy machine is late with, and that is mended by itself."""


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Hold everything of this module in one folder that Nomad's tasks may enter."""
    with tempfile.TemporaryDirectory(prefix="herdsman-hosting-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def hosting(root: Path) -> Iterator[Hosting]:
    """Run a Nomad that asks for tokens, with the host volumes of the jobs, and our policies applied."""
    volumes = {
        "herdsman-service": root / "person" / "data",
        "herdsman-controllers": root / "person" / "data",
        "herdsman-web": root / "several" / "data",
        "victoriametrics": root / "series",
    }
    for path in volumes.values():
        path.mkdir(parents=True, exist_ok=True)
    with nomad_agent(acl=True, volumes=volumes) as nomad:
        hosted = Hosting(nomad, root)
        hosted.allow()
        yield hosted


@pytest.fixture(scope="module")
def settings(root: Path, hosting: Hosting, installed: Path) -> dict[str, object]:
    """Return the variables of herdsman's job."""
    port, series = free_ports(2)
    hosting.start(
        "victoriametrics",
        command=engine(f"victoria-metrics-{VERSIONS[-1]}"),
        data=root / "series",
        port=series,
        memory_mb=128,
    )
    address = hosting.healthy("victoriametrics", series)
    return {
        "command": installed,
        "data": root / "person" / "data",
        "port": port,
        "tls": "false",
        "fleet": "desk",
        "victoriametrics": address,
        "nomad_address": hosting.nomad.address,
        "options": '["--secrets-interval=1"]',
    }


@pytest.fixture(scope="module")
def service(root: Path, hosting: Hosting, settings: dict[str, object], installed: Path) -> Service:
    """Run herdsman and its agent as an operator does, and return the service that people find."""
    port = int(str(settings["port"]))
    hosting.start("herdsman", **settings)
    url = hosting.healthy("herdsman", port)
    found = Service(root / "person", port=port, command=str(installed))
    assert found.url == url
    token = found.run("token", "create", "agents", "--scope", "ingest").stdout.strip()
    hosting.run("var", "put", "nomad/jobs/herdsman-agent", f"token={token}")
    hosting.start(
        "agent", command=installed, url=url, folder=root / "node", nomad_address=hosting.nomad.address
    )
    wait_published(hosting.nomad)
    return found


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Run PostgreSQL, and return the URL of an empty database."""
    with postgresql() as server:
        yield server.new_database()


@pytest.fixture(scope="module")
def fleet(root: Path, service: Service) -> Fleet:
    """Clone an empty fleet."""
    return new_fleet(root / "fleet", service)


def test_a_fleet_runs_on_what_deploy_brings_up(
    root: Path, hosting: Hosting, service: Service, fleet: Fleet
) -> None:
    """A pushed bot gets Healthy, and its numbers come back from VictoriaMetrics through the API."""
    for name in ("one", "two"):
        fleet.write(f"bots/{name}.yaml", bot_text(name, root / "lives"))
    fleet.commit("two bots")
    printed = fleet.push("-o", "wait=healthy")
    assert printed.count("  healthy ") == 2, printed
    for name in ("one", "two"):
        service.wait_health(name, "Healthy")

    def points() -> list[object]:
        found = service.get("/api/v1/bots/one/series", metric="bot_counter", start="-5m", step="raw")
        return [point for series in found["series"] for point in series["points"]]

    wait_for(points, "the bot's numbers", 30, 0.3)
    wait_for(lambda: service.get("/readyz")["checks"]["series"] == "ok", "the store of series to be well")
    assert service.get("/api/v1/fleet")["fleet"].startswith("desk-")
    printed = hosting.printed("herdsman")
    warned = [line for line in printed.splitlines() if "WARNING" in line]
    assert [line for line in warned if not PASSING.search(line)] == []
    assert "ERROR" not in printed
    assert "sign-in?code=" not in printed


def test_no_secret_is_in_a_job(hosting: Hosting, service: Service) -> None:
    """Neither the admin's nor the agents' token stands in any job, and no job carries a token of Nomad's."""
    jobs = [json.dumps(hosting.nomad.get(f"job/{one['ID']}")) for one in hosting.nomad.get("jobs")]
    agents = hosting.nomad.get("var/nomad/jobs/herdsman-agent")["Items"]["token"]
    assert len(jobs) >= 5
    for secret in (service.token, agents, hosting.nomad.token):
        assert [job for job in jobs if secret in job] == []


def _listed(nomad: NomadAgent) -> list[object]:
    try:
        listed: list[object] = nomad.get("jobs")
    except urllib.error.HTTPError:  # on a busy machine a new token is refused for a moment
        return []
    return listed


def test_the_controllers_policy_opens_nothing_else(hosting: Hosting) -> None:
    """With it, nobody reads other variables, other jobs' allocations' files, or changes access control."""
    nomad = hosting.nomad
    allowed = replace(nomad, token=nomad.make_token("like herdsman", ["herdsman"]))
    assert wait_for(lambda: _listed(allowed), "the new token to be known")
    for path in ("var/nomad/jobs/herdsman-agent", "acl/tokens", "operator/raft/configuration"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            allowed.get(path)


@pytest.mark.timeout(900)
def test_a_secret_in_a_nomad_variable_reaches_its_bot_alone(
    root: Path, hosting: Hosting, service: Service, fleet: Fleet
) -> None:
    """One rule lets herdsman read it; no bot's identity can, nothing shows it, and a change rotates it."""
    hosting.allow_secrets("desk/*", root)
    hosting.run("var", "put", "desk/binance", f"api_key={CANARY}")
    record, where = root / "secret-lives", "{from: nomad, path: desk/binance, key: api_key%s}"

    def lives(bot: str) -> list[dict[str, str]]:
        lines = record.read_text().split("\n")[:-1] if record.exists() else []
        return [one["known"] for one in map(json.loads, lines) if one["bot"] == bot]

    add_teller(fleet)
    quick = {"API_KEY": where % ", restart_on_change: true"}
    fleet.write("bots/quick.yaml", teller("quick", record, quick, tell="true"))
    fleet.write("bots/calm.yaml", teller("calm", record, {"API_KEY": where % ""}))
    fleet.write("bots/none.yaml", bot_text("none", root / "lives"))
    fleet.commit("two bots with a secret, and one without")
    said = fleet.push()
    for name in ("quick", "calm", "none"):
        service.wait_health(name, "Healthy", 180)
    assert lives("quick") == lives("calm") == [{"API_KEY": digest(CANARY)}]
    bots, fleet_id = hosting.bots(), service.get("/api/v1/fleet")["fleet"]
    for name in ("quick", "none"):
        (allocation,) = [one for one, state in bots[name]["allocations"].items() if state == "running"]
        own = replace(hosting.nomad, token=hosting.token_of(allocation))
        box = json.dumps(own.get(f"var/herdsman/secrets/{fleet_id}/quick"))
        assert CANARY not in box, "the box is closed to whoever has no key"
        for path in ("var/desk/binance", f"job/{fleet_id}.quick"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                own.get(path)
    logs = wait_for(lambda: service.get("/api/v1/bots/quick/logs", text="key")["events"], "what it tells", 90)
    assert all("***API_KEY***" in one["message"] for one in logs)

    hosting.run("var", "put", "-force", "desk/binance", f"api_key={SECOND}")
    wait_for(lambda: len(lives("quick")) == 2, "the bot to start with the new key", 120, 0.2)
    assert lives("quick")[1] == {"API_KEY": digest(SECOND)}
    service.wait_health("quick", "Healthy", 180)
    assert hosting.bots()["none"] == bots["none"]
    assert hosting.bots()["calm"]["index"] == bots["calm"]["index"]
    hosting.run("var", "put", "-force", "desk/binance", f"other={SECOND}")
    fleet.write("bots/calm.yaml", teller("calm", record, {"API_KEY": where % ""}, crash="true"))
    fleet.commit("its key is gone")
    said += (refused := fleet.push_refused())
    assert 'no item "api_key"' in refused
    assert len(lives("calm")) == 1
    for command in (("status", "quick"), ("logs", "quick"), ("plan",), ("errors",)):
        said += service.run(*command, check=False).stdout
    paths = ("bots", "bots/quick", "bots/calm", "revisions", "audit", "plan", "fleet", "errors")
    said += json.dumps([service.get(f"/api/v1/{path}") for path in paths])
    headers = {"Authorization": f"Bearer {service.token}"}
    said += "".join(
        httpx.get(f"{service.url}/{path}", headers=headers, timeout=60).text for path in ("metrics", "")
    )
    said += hosting.printed("herdsman") + hosting.printed("herdsman-agent")
    told = hosting.everything_told("desk/binance") | {"what was said": said}
    assert not [(place, value) for place, text in told.items() for value in (CANARY, SECOND) if value in text]
    for path in files(service.data):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # herdsman goes on writing, and what it has renamed is found by its name
            continue
        assert CANARY.encode() not in content, path
        assert SECOND.encode() not in content, path
    for names in (("quick", "calm"), ("none",)):
        for name in names:
            fleet.remove(f"bots/{name}.yaml")
        fleet.commit("without them")
        fleet.push()
    wait_for(lambda: set(hosting.bots()) == {"one", "two"}, "them to be gone", 120, 0.2)


def test_an_upgrade_restarts_no_bot(
    root: Path,
    hosting: Hosting,
    service: Service,
    fleet: Fleet,
    settings: dict[str, object],
    newer_installed: Path,
) -> None:
    """A newer herdsman with another launcher and other jobs touches no bot, until a bot changes."""
    before = hosting.bots()
    lives = by_bot(read_lives(root / "lives"))
    index = hosting.index("herdsman")
    hosting.start("herdsman", **settings | {"command": newer_installed})
    wait_for(lambda: hosting.index("herdsman") > index, "the job to be replaced")
    wait_for(lambda: version(service) == NEWER, "the newer herdsman", 90, 0.2)
    for name in ("one", "two"):
        service.wait_health(name, "Healthy")
    service.run("sync")
    assert hosting.bots() == before
    assert {bot: len(found) for bot, found in by_bot(read_lives(root / "lives")).items()} == {
        bot: len(found) for bot, found in lives.items()
    }

    fleet.write("bots/one.yaml", bot_text("one", root / "lives", text="changed"))
    changed = fleet.commit("one changes")
    fleet.push()
    service.wait_health("one", "Healthy", revision=changed)
    after = hosting.bots()
    assert after["two"] == before["two"]
    assert after["one"]["index"] > before["one"]["index"]
    assert after["one"]["meta"]["later"] == "yes"
    assert "later" not in after["two"]["meta"]
    assert_never_two(root / "lives")


def files(folder: Path) -> list[Path]:
    """Return every file below a folder in which somebody works meanwhile."""
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]


def version(service: Service) -> str:
    """Return the version that the service says it has, "" while it is away."""
    try:
        return str(service.get("/api/v1/fleet")["version"])
    except httpx.HTTPError:
        return ""


def test_one_process_becomes_several(
    root: Path, hosting: Hosting, service: Service, settings: dict[str, object], database: str
) -> None:
    """Two controllers and a web of their own take the fleet over from one herdsman, and no bot restarts."""
    before = hosting.bots()
    hosting.stop("herdsman", service.data)
    for job in ("controller", "web"):
        hosting.run("var", "put", f"nomad/jobs/herdsman-{job}", f"database={database}")
    (port,) = free_ports(1)
    web = Service(root / "several", port=port, command=service.command)
    shared = {name: settings[name] for name in ("command", "tls")}
    folder = {"data": settings["data"], "nomad_address": hosting.nomad.address}
    hosting.start("controller", **shared, **folder, url=web.url, fleet="desk")
    hosting.start("web", **shared, data=web.data, port=port, victoriametrics=settings["victoriametrics"])
    hosting.healthy("herdsman-web", port)
    hosting.healthy("herdsman-controller")
    wait_for(lambda: "recover" in " ".join(web.get("/api/v1/fleet")["problems"]), "the jobs to be seen")
    web.run("recover")
    token = web.run("token", "create", "agents", "--scope", "ingest").stdout.strip()
    hosting.run("var", "put", "-force", "nomad/jobs/herdsman-agent", f"token={token}")
    hosting.start(
        "agent",
        command=settings["command"],
        url=web.url,
        folder=root / "node",
        nomad_address=hosting.nomad.address,
    )
    wait_for(lambda: web.bots()["one"]["last_metric"], "the bot's numbers at the new web", 60, 0.2)
    assert hosting.bots() == before

    fleet = clone_fleet(root / "clone", web)
    fleet.write("bots/two.yaml", bot_text("two", root / "lives", text="through the web"))
    revision = fleet.commit("two changes")
    fleet.push()
    wait_for(lambda: web.bots()["two"]["applied_revision"] == revision, "the push to be applied")
    web.wait_health("two", "Healthy")
    assert hosting.bots()["one"] == before["one"]
    lines = wait_for(lambda: web.get("/api/v1/bots/two/logs", text="through")["events"], "its first line")
    assert [line["message"] for line in lines] == ["two starts with through the web"]
    assert_never_two(root / "lives")


PLACES = """\
environments:
  staging:
  prod:
    namespace: trading
    region: global
    node_pool: fast
    defaults: {herdsman: {priority: 80}}
"""


def test_environments_run_each_in_a_place_of_their_own(
    root: Path, hosting: Hosting, service: Service
) -> None:
    """Staging and production of one repository, by two services; promoting is a commit."""
    (here,) = [node["ID"] for node in hosting.nomad.get("nodes")]
    with ExitStack() as ends:
        fast, address = ends.enter_context(nomad_client(hosting.nomad, "fast"))
        version, path = this_python()
        roots = {name: str(root / "fast" / name) for name in ("state_root", "cache_root")}
        asyncio.run(publish_interpreters(address, {version: path}, token=hosting.nomad.token, **roots))
        wait_for(
            lambda: "herdsman_python" in hosting.nomad.get(f"node/{fast}")["Meta"], "its runtimes", 90, 0.2
        )
        repository = root / "desk.git"
        running = {}
        for name, namespace in (("staging", "lab"), ("prod", "trading")):
            folder = root / name
            folder.mkdir()
            variables = {"NOMAD_NAMESPACE": namespace, "NOMAD_REGION": "global"}
            variables["NOMAD_TOKEN"] = hosting.allow_in(namespace, folder)
            options = ("--scheduler", "nomad", "--nomad-address", hosting.nomad.address, "--fleet", name)
            options += ("--environment", name, "--source", str(repository), "--poll-interval", "0.5")
            running[name] = Service(folder, options, patience=180, variables=variables)
        fleet = Fleet(root / "desk", running["staging"])
        fleet.folder.mkdir()
        fleet.git("init", "-q", "-b", "main")
        fleet.git("init", "-q", "--bare", "-b", "main", str(repository))
        fleet.git("remote", "add", "herdsman", str(repository))
        add_program(fleet)
        fleet.write("herdsman.yaml", PLACES)
        for name in running:
            fleet.write(f"bots/{name}/maker.yaml", bot_text(f"maker-{name}", root / "places"))
        fleet.commit("staging and production")
        fleet.push()
        for one in running.values():
            ends.callback(one.start().stop)
        lab, trading = (running[name].get("/api/v1/fleet")["fleet"] for name in running)

        def there(version: str) -> bool:
            return all(
                {bot["name"]: bot["version"] for bot in one.bots().values()} == {f"maker-{name}": version}
                and f"maker-{name}" in hosting.placed(one.variables["NOMAD_NAMESPACE"], name)
                for name, one in running.items()
            )

        wait_for(lambda: there("1.0.0"), "both to run, each by its own service", 120, 0.3)
        before = hosting.placed("trading", trading)
        assert hosting.placed("lab", lab)["maker-staging"][:2] == ("default", here)
        assert before["maker-prod"][:2] == ("fast", fast)
        (job,) = hosting.nomad.get(f"jobs?namespace=trading&prefix={trading}")
        assert (job["Priority"], len(hosting.nomad.get(f"jobs?prefix={trading}"))) == (80, 0)
        assert running["prod"].get("/api/v1/fleet")["environments"] == ["prod"]
        assert f"FLEET {trading} (prod) @ " in running["prod"].run("status", check=False).stdout

        add_program(fleet, version="1.1.0")
        fleet.write("bots/staging/maker.yaml", bot_text("maker-staging", root / "places", "1.1.0"))
        fleet.commit("1.1.0 to staging")
        fleet.push()
        staging = running["staging"]
        wait_for(lambda: staging.bots()["maker-staging"]["version"] == "1.1.0", "staging to move", 90, 0.2)
        assert running["prod"].bots()["maker-prod"]["version"] == "1.0.0"
        assert hosting.placed("trading", trading) == before
        promoting = ("promote", "staging", "prod", "--yes", "--push")
        promoted = running["prod"].run(*promoting, cwd=fleet.folder)
        assert "maker-prod  version  1.0.0  1.1.0  bots/prod/maker.yaml" in promoted.stdout
        assert "~ maker-prod  update" in promoted.stderr, "the plan is shown first"
        subject = fleet.git("log", "-1", "--format=%s").stdout.strip()
        assert subject == "Promote 1.1.0 from staging to prod: maker-prod"
        wait_for(lambda: there("1.1.0"), "production to follow", 120, 0.3)
    assert_never_two(root / "places")


@pytest.mark.parametrize("job", ["herdsman", "controller", "web"])
def test_https_takes_its_certificate_from_nomad(hosting: Hosting, job: str) -> None:
    """Without `tls=false`, the job serves https with a certificate from its variable, and never in clear."""
    given = ["-var=url=https://desk.example"] if job == "controller" else []
    given.append('-var=options=["--verbose"]')
    printed = hosting.run("job", "run", "-output", *given, str(DEPLOY / f"{job}.nomad.hcl"))
    (task,) = json.loads(printed)["Job"]["TaskGroups"][0]["Tasks"]
    arguments = " ".join(task["Config"]["args"])
    assert "--insecure" not in arguments
    assert arguments.endswith("--verbose")
    assert "--tls-cert ${NOMAD_SECRETS_DIR}/tls-cert.pem" in arguments
    assert "--tls-key ${NOMAD_SECRETS_DIR}/tls-key.pem" in arguments
    modes = {one["DestPath"]: one["Perms"] for one in task["Templates"]}
    assert modes["secrets/tls-cert.pem"] == modes["secrets/tls-key.pem"] == "0400"
