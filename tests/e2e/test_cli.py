"""The command line over a running service: from a folder to a healthy bot, and what an operator asks for."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, bot_text
from tests.e2e.service import Service, wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def program(tmp_path: Path, service: Service) -> Path:
    """An ordinary folder with a program in it, in no repository."""
    service.run("init", str(tmp_path / "elsewhere"))
    service.run("new", "sma", cwd=tmp_path / "elsewhere")
    folder = tmp_path / "work" / "sma"
    folder.parent.mkdir()
    (tmp_path / "elsewhere" / "programs" / "sma").rename(folder)
    (folder / ".env").write_text("KEY=secret\n")
    return folder


def test_a_folder_becomes_a_healthy_bot_in_one_command(service: Service, program: Path) -> None:
    """Deploy ends with the first lines; changed code gets the next version; a mistake changes nothing."""
    fast = ("--set", "herdsman={healthy_after: 3s}")  # time for its interpreter to start and print
    done = service.run("deploy", str(program), "--set", "every=0.2", *fast)
    assert re.search(r"^healthy +sma 1\.0\.0 after ", done.stdout, re.MULTILINE), done.stdout
    assert "left out   .env" in done.stdout
    assert "sma watches BTC/USDT" in done.stdout
    assert service.bots()["sma"]["health"] == "Healthy"

    again = service.run("deploy", cwd=program)
    assert "unchanged" in again.stdout
    nothing = service.run("logs", "sma", "--text", "nosuchwords")
    assert (nothing.stdout, nothing.stderr.strip()) == ("", "no lines of that kind")

    main = program / "main.py"
    main.write_text(main.read_text().replace("watches", "looks at"))
    refused = service.run("deploy", "--no-bump", check=False, cwd=program)
    assert (refused.returncode, "1.0.0 is not newer" in refused.stderr) == (2, True)
    raised = service.run("deploy", cwd=program)
    assert "sma looks at BTC/USDT" in raised.stdout
    assert "version: 1.0.1" in (program / "bot-config.yaml").read_text()
    assert service.bots()["sma"]["version"] == "1.0.1"

    wrong = service.run("deploy", "--set", "evry=3", check=False, cwd=program)
    assert wrong.returncode == 1
    assert 'unknown parameter "evry"' in wrong.stderr
    assert 'did you mean "every"?' in wrong.stderr
    assert service.bots()["sma"]["version"] == "1.0.1"


def test_a_clone_of_the_fleet_is_used_where_one_is_around(service: Service, tmp_path: Path) -> None:
    """Within a clone its own files are committed, and what else the person changed is left alone."""
    fleet = tmp_path / "fleet"
    service.run("init", str(fleet))
    service.run("new", "grid", cwd=fleet)
    (fleet / "notes.txt").write_text("mine")
    done = service.run("deploy", "programs/grid", "--set", "herdsman={healthy_after: 1s}", cwd=fleet)
    assert "healthy" in done.stdout
    assert "with 1 earlier commit of this clone" in done.stdout
    assert set(service.bots()) == {"hello", "grid"}
    bare = service.data / "git" / "fleet.git"
    assert "notes.txt" not in tracked(service, bare)
    assert "bots/grid.yaml" in tracked(service, bare)
    run_git(service, fleet, "switch", "-q", "-c", "idea")
    other = service.run("deploy", "programs/grid", check=False, cwd=fleet)
    assert (other.returncode, "is on idea, and main is deployed" in other.stderr) == (2, True)


def tracked(service: Service, bare: Path) -> str:
    """Return what the deployed branch holds."""
    return run_git(service, bare, "ls-tree", "-r", "--name-only", "main")


def run_git(service: Service, folder: Path, *arguments: str) -> str:
    """Run git in a folder as the person of the service and return what it prints."""
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=service.environment())
    return done.stdout


def test_an_operator_suspends_resumes_and_restarts(service: Service, program: Path) -> None:
    """Each says what was done, by whom and why, and waits until it is so."""
    service.run("deploy", str(program), "--set", "herdsman={healthy_after: 1s}")
    stopped = service.run("suspend", "sma", "--reason", "exchange maintenance", "--until", "2h").stdout
    assert re.search(r'sma  ◼ suspended  by \S+: "exchange maintenance", until .* UTC', stopped), stopped
    assert "herdsman resume sma" in stopped
    assert service.bots()["sma"]["health"] == "Suspended"
    refused = service.run("restart", "sma", "--reason", "stuck", check=False)
    assert (refused.returncode, "herdsman resume sma" in refused.stderr) == (2, True)
    assert "● healthy  resumed by" in service.run("resume", "sma").stdout
    before = service.bots()["sma"]["started_at"]
    assert "restarted by" in service.run("restart", "sma", "--reason", "stuck").stdout
    assert service.wait_health("sma", "Healthy")["started_at"] > before
    recovered = service.run("recover", check=False)
    assert (recovered.returncode, "nothing to recover" in recovered.stderr) == (1, True)
    missing = service.run("suspend", "nobody", "--reason", "x", check=False)
    assert (missing.returncode, "nobody" in missing.stderr) == (1, True)


def test_doctor_and_completion_know_the_running_service(service: Service, program: Path) -> None:
    """The doctor asks the service for its readiness; the shell completes the names of its bots."""
    service.run("deploy", str(program), "--set", "herdsman={healthy_after: 1s}")

    def examined() -> dict[str, str]:
        """Return what the doctor finds once it finds all parts well: a busy machine answers it late."""
        found = json.loads(service.run("doctor", "--output", "json", check=False).stdout)
        states = {one["subject"]: one["state"] for one in found["findings"]}
        parts = [state for subject, state in states.items() if subject.startswith("service ")]
        return states if found["ok"] and parts and set(parts) == {"ok"} else {}

    states = wait_for(examined, "the doctor to find nothing amiss")
    assert states["service"] == states["git http-backend"] == states["uv"] == "ok"
    asked = {"_HERDSMAN_COMPLETE": "bash_complete", "COMP_WORDS": "herdsman status s", "COMP_CWORD": "2"}
    # Completion waits for half a second at most: then the key is pressed again.
    wait_for(lambda: service.run(**asked).stdout.split() == ["plain,sma"], "the bot's name")
    assert service.stop() == 0
    assert service.run(**asked).stdout.strip() == ""


def test_a_protected_environment_is_changed_only_on_purpose(service: Service, tmp_path: Path) -> None:
    """Another person adds the service by name: reading works, a change needs --yes, git finds the token."""
    secret = service.run("token", "create", "laptop", "--scope", "operate").stdout.strip()
    other = Service(tmp_path / "other", port=service.port)
    other.home.mkdir()
    (other.home / "token").write_text(secret)
    added = other.run("env", "add", "desk", "--url", service.url, "--protected", "--token-file", "token")
    assert secret not in added.stdout + added.stderr
    assert "scope operate" in added.stdout
    other.run("env", "use", "desk", HERDSMAN_DATA="")
    listed = json.loads(other.run("env", "list", "--output", "json", HERDSMAN_DATA="").stdout)
    desk = next(one for one in listed if one["name"] == "desk")
    assert (desk["current"], desk["reachable"], desk["scope"]) == (True, True, "operate")
    other.run("init", "fleet", "--env", "desk")
    fleet = other.home / "fleet"
    assert secret not in (fleet / ".git" / "config").read_text()
    run_git(other, fleet, "push", "-q", "herdsman", "main")
    stop = ("suspend", "hello", "--reason", "test", "--env", "desk")
    refused = other.run(*stop, check=False)
    assert (refused.returncode, "nothing was changed" in refused.stderr) == (2, True)
    assert service.bots()["hello"]["health"] != "Suspended"
    assert "suspended" in other.run(*stop, "--yes").stdout
    denied = other.run("token", "list", "--env", "desk", check=False)
    assert denied.returncode == 1
    assert 'the token "laptop" has the scope operate; this needs admin' in denied.stderr
    assert secret not in denied.stderr + refused.stderr


def test_a_backup_made_while_it_runs_brings_everything_back(service: Service, program: Path) -> None:
    """Bots, suspensions, tokens and kept state are as they were; the reason is in the audit."""
    service.run("deploy", str(program), "--set", "herdsman={healthy_after: 1s}")
    service.run("deploy", str(program), "--bot", "other", "--set", "herdsman={healthy_after: 1s}")
    service.run("suspend", "other", "--reason", "exchange maintenance")
    state = next((service.data / "local" / "state").glob("*/sma")) / "kept.json"
    state.write_text('{"position": 1}')
    before = (service.token, service.get("/api/v1/fleet")["fleet"])
    file = service.home / "b.tgz"
    written = service.run("backup", str(file)).stdout
    assert service.token not in written
    refused = service.run("restore", str(file), "--data", str(service.data), check=False)
    assert (refused.returncode, "stop it first" in refused.stderr) == (2, True)
    assert service.stop() == 0
    service.data.rename(service.home / "lost")
    told = service.run("restore", str(file), "--data", str(service.data), "--reason", "moved").stdout
    assert "next       herdsman up --data" in told
    service.start()
    service.wait_back("sma")
    assert (service.token, service.get("/api/v1/fleet")["fleet"]) == before
    assert service.bots()["other"]["health"] == "Suspended"
    again = next((service.data / "local" / "state").glob("*/sma")) / "kept.json"
    assert again.read_text() == '{"position": 1}'
    assert ("restore", "moved") in [(one["action"], one["why"]) for one in service.get("/api/v1/audit")]
    assert "unchanged" in service.run("deploy", str(program)).stdout


def test_a_refresh_stops_at_the_first_bot_that_does_not_get_healthy(service: Service, program: Path) -> None:
    """Jobs that an older herdsman rendered are listed, and restarted in turn while all goes well."""
    main = program / "main.py"
    begin = "def main(bot_id, config):\n"
    trap = "    import os\n    assert 'sick' not in os.listdir(os.environ['STATE_DIR'])\n"
    main.write_text(main.read_text().replace(begin, begin + trap))
    policies = dict.fromkeys(("a-sound", "b-sick", "c-later"), "{healthy_after: 1s}")
    # It crashes once its interpreter has started, however long that takes: it must not be healthy before.
    policies["b-sick"] = "{healthy_after: 8s, restart: {first_delay: 0.1s, degraded_crashes: 2}}"
    for name, policy in policies.items():
        service.run("deploy", str(program), "--bot", name, "--set", f"herdsman={policy}")
    assert "nothing to refresh" in service.run("refresh").stdout
    assert service.stop() == 0
    for path in (service.data / "local" / "jobs").glob("*.json"):
        job = json.loads(path.read_text())
        job["order"]["from-an-older-version"] = True
        path.write_text(json.dumps(job))
    service.start()
    for name in policies:
        service.wait_back(name)
    state = next((service.data / "local" / "state").glob("*/b-sick"))
    (state / "sick").touch()
    assert service.run("refresh").stdout.split() == ["a-sound", "b-sick", "c-later"]
    done = service.run("refresh", "--all", "--yes", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "a-sound  ● healthy  refreshed after" in done.stdout
    assert "error: b-sick " in done.stderr
    assert "left as they are: c-later" in done.stderr
    assert service.run("refresh").stdout.split() == ["c-later"]


@pytest.mark.timeout(600)
def test_lines_become_series_by_rules_in_git(service: Service, fleet: Fleet, record: Path) -> None:
    """Tried before they ship, refused where they are wrong, in force with their revision."""
    fleet.write("bots/one.yaml", bot_text("one", record, text="number 7"))
    fleet.commit("A bot that prints a line")
    fleet.push()
    service.wait_health("one", "Healthy", 90.0)
    wait_for(
        lambda: service.get("/api/v1/bots/one/logs", text="number")["events"], "the line that rules read"
    )
    started = service.bots()["one"]["started_at"]
    rule = "rules:\n  - name: starts\n    pattern: '(?P<who>\\w+) starts with number (?P<number>\\d+)'\n"
    rule += "    fields: {number: gauge}\n    labels: [who]\n"
    fleet.write("rules/starts.yaml", rule.replace("number: gauge", "numbr: gauge"))
    refused = service.run("rules", "test", "--line", "x", cwd=fleet.folder, check=False)
    assert (refused.returncode, 'did you mean "number"?' in refused.stderr) == (1, True)
    fleet.commit("A misspelled group")
    assert "rules/starts.yaml:4" in fleet.push_refused()
    fleet.write("rules/starts.yaml", rule)
    tried = json.loads(service.run("rules", "test", "-o", "json", cwd=fleet.folder).stdout)
    assert [(one["rule"], one["matched"], one["no_number"]) for one in tried] == [("starts", 1, 0)]
    assert tried[0]["samples"][0]["values"] == {"number": 7.0}
    fleet.commit("A rule")
    fleet.push()
    wait_for(lambda: service.get("/api/v1/rules")["rules"], "the rule to be in force", 90.0)
    assert service.bots()["one"]["started_at"] == started
    service.run("restart", "one", "--reason", "to have it print its line")
    wait_for(lambda: service.get("/api/v1/rules")["rules"][0]["matches"], "the line to be matched", 90.0)
    name = "bot_log_starts_number"
    found = wait_for(
        lambda: json.loads(service.run("metrics", "one", name, "-o", "json", check=False).stdout or "[]"),
        "its series",
        90.0,
    )
    assert found[0]["labels"] | {"fleet": ""} == {
        "__name__": name,
        "fleet": "",
        "bot": "one",
        "program": "counter",
        "who": "one",
    }
    assert found[0]["points"][-1][1] == 7.0
    assert f'{name}{{who="one"}}' in service.run("metrics", "one").stdout
    assert "rules/starts.yaml:2" in service.run("rules", "list").stdout
