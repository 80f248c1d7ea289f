"""The doctor's findings, completions, and what an operator's words become; without a service."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import click
import httpx
import pytest

from cli.checkup.finding import Finding, State
from cli.checkup.machine import compilers, folder, inotify, open_files, port
from cli.checkup.running import (
    access_findings,
    agent_findings,
    driver_findings,
    limit_findings,
    node_finding,
    skew,
    system_findings,
)
from cli.doctor import lines_of
from cli.known_service import Service
from cli.operations import moment, suspended_text
from schemas.errors import UsageError
from telemetry.alerts.ports import Kept
from telemetry.alerts.states import AlertState
from telemetry.alerts.states import State as Standing
from tests.fakes.web import running
from tests.unit.cli.test_git import COMMAND, person, run
from web.access.scopes import Scope
from web.alert_documents import AlertsAnswer, alert_document
from web.documents.system import SystemDocument, SystemPart, SystemTable

__all__ = ["person"]


def test_low_kernel_limits_come_with_the_command_that_raises_them(tmp_path: Path) -> None:
    """A limit below what a fleet needs is a warning; one that is high enough is not."""
    (tmp_path / "max_user_instances").write_text("64\n")
    (tmp_path / "max_user_watches").write_text("200000\n")
    low, high = inotify(tmp_path)
    assert (low.state, high.state) == (State.WARNING, State.OK)
    assert "sysctl fs.inotify.max_user_instances=128" in low.advice


def test_a_secret_that_others_may_read_is_found(tmp_path: Path) -> None:
    """The token's file has to be private; the way to make it so is named."""
    token = tmp_path / "admin-token"
    token.write_text("sesame")
    token.chmod(0o644)
    assert [finding.state for finding in folder(tmp_path)] == [State.OK, State.MISSING]
    assert f"chmod 600 {token}" in list(folder(tmp_path))[1].advice
    token.chmod(0o600)
    assert [finding.state for finding in folder(tmp_path)] == [State.OK]


def test_a_taken_port_is_told_apart_from_our_own() -> None:
    """Another program on the port is a warning; the service itself there is right."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        other = port(listen, service_runs=False)
        assert (other.state, other.found) == (State.WARNING, "taken by another program")
        assert port(listen, service_runs=True).state is State.OK


def test_a_node_without_runtimes_is_named() -> None:
    """A node whose agent published nothing gets no bots, and the command that mends it is named."""
    bare = {"ID": "1234", "Name": "n1", "Status": "ready", "Meta": {}}
    assert node_finding(bare).state is State.MISSING
    assert "herdsman agent --print-job" in node_finding(bare).advice
    published = bare | {"Meta": {"herdsman_python_3_11": "/usr/bin/python3.11"}}
    assert node_finding(published).found == "python 3.11"
    published["Meta"] |= {"herdsman_node": "/n", "herdsman_node_22": "/n", "herdsman_glibc": "2.36"}
    assert node_finding(published).found == "python 3.11; node 22; glibc 2.36"


def test_compilers_are_named_or_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only compiled programs need them, so that a machine without is not at fault."""
    found = {finding.subject: finding for finding in compilers()}
    assert found["cargo"].found.startswith("rustc 1.")
    assert found["cmake and g++"].found.startswith("g++ 1")
    assert found["builds"].state in (State.OK, State.WARNING)
    monkeypatch.setattr("gitops.compiling.toolchains._folders", lambda: [tmp_path])
    found = {finding.subject: finding for finding in compilers()}
    assert {finding.state for finding in found.values()} == {State.OPTIONAL}
    assert found["cargo"].advice.startswith("for programs with the runtime rust-stable: install Rust (https:")
    assert "apt install g++" in found["cmake and g++"].advice


def test_advice_stands_under_what_is_missing() -> None:
    """The table's sum counts what is missing, and each problem is followed by what to do."""
    findings = [Finding("git", State.OK, "2.39"), Finding("uv", State.MISSING, "none", "install it")]
    assert lines_of(findings)[1:] == [
        "git   ● ok       2.39",
        "uv    ✖ missing  none",
        "    install it",
        "1 missing, 0 to look at",
    ]


def test_until_is_a_length_of_time_or_a_moment() -> None:
    """A duration counts from now; a moment that is past is refused."""
    assert moment("2h", 1000.0) == 8200.0
    assert moment("2026-11-23T06:00:00+00:00", 0.0) == 1795413600.0
    with pytest.raises(UsageError, match="give a time to come"):
        moment("1970-01-01T00:00:00+00:00", 1000.0)
    with pytest.raises(UsageError, match="write 30m"):
        moment("tomorrow", 0.0)
    text = suspended_text("desk-ops", "exchange maintenance", 1795413600.0)
    assert text == 'by desk-ops: "exchange maintenance", until 2026-11-23 06:00 UTC'


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(person: dict[str, str], shell: str) -> None:
    """The script asks the command itself, so that it never goes stale."""
    done = run(person, COMMAND, "completion", shell)
    assert done.returncode == 0, done.stderr
    assert "_HERDSMAN_COMPLETE" in done.stdout


def test_commands_are_completed_and_a_dead_service_is_silent(person: dict[str, str]) -> None:
    """Names of commands need no service; names of bots without one are none, and nothing is printed."""
    words = person | {"_HERDSMAN_COMPLETE": "bash_complete", "COMP_CWORD": "1", "COMP_WORDS": "herdsman sus"}
    assert run(words, COMMAND).stdout == "plain,suspend\nplain,suspensions\n"
    bots = words | {"COMP_CWORD": "2", "COMP_WORDS": "herdsman suspend "}
    done = run(bots, COMMAND)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_help_imports_no_server_and_no_http_client() -> None:
    """The list of commands is there at once: what is heavy is imported where it is used."""
    code = (
        "import sys\nfrom cli.main import herdsman\n"
        "herdsman.main(['--help'], 'herdsman', standalone_mode=False)\n"
        "assert not {'httpx', 'litestar', 'yaml', 'msgspec'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_clocks_that_are_apart_are_told_of() -> None:
    """Two seconds are the most that schedules and leases should have to bear."""
    assert skew("clock", -0.4, "two").state is State.OK
    apart = skew("clock", 75.0, "two")
    assert (apart.state, apart.found) == (State.WARNING, "two differ by 75.0 s")
    assert "NTP" in apart.advice


def test_few_open_files_come_with_the_way_to_more() -> None:
    """A limit below what a service needs is a warning; no limit at all is none."""
    assert open_files((256, 4096)).state is State.WARNING
    assert "ulimit -n 1024" in open_files((256, 4096)).advice
    assert open_files((-1, -1)).state is State.OK


def test_a_node_without_our_drivers_is_named() -> None:
    """Without raw_exec the agent cannot run there, without either no bot can."""
    node = {"ID": "1234", "Name": "n1", "Status": "ready", "Drivers": {}}
    healthy = {"Detected": True, "Healthy": True}
    states = []
    for drivers in ({}, {"exec": healthy}, {"raw_exec": healthy}):
        (finding,) = driver_findings(node | {"Drivers": drivers})
        states.append(finding.state)
    assert states == [State.MISSING, State.WARNING, State.OK]
    assert list(driver_findings(node | {"Status": "down"})) == []


def test_each_agent_says_which_herdsman_it_is() -> None:
    """One that is older than the service is seen at once; one that does not say is only heard."""
    columns = ["agent", "last heard", "herdsman"]
    rows: list[list[float | str | None]] = [["n1", 97.0, "0.1.0"], ["n2", 97.0, "0.2.0"], ["n3", 90.0, None]]
    agents = SystemPart("agents", "ok", "3 agents heard", table=SystemTable(columns, ["", "at", ""], rows))
    found = SystemDocument(100.0, "ok", "0.2.0", "desk", [agents], [])
    assert [(one.subject, one.found) for one in agent_findings(found)] == [
        ("agent n1", "herdsman 0.1.0 (the service is 0.2.0), heard 3.0 s ago"),
        ("agent n2", "herdsman 0.2.0, heard 3.0 s ago"),
        ("agent n3", "heard 10 s ago"),
    ]


def findings_of(service: Service) -> list[Finding]:
    """Return what a command would find, which closes its connections at its end."""
    with click.Context(click.Command("doctor")):
        return list(system_findings(service, frozenset()))


async def test_a_service_without_alerts_tells_all_else(tmp_path: Path) -> None:
    """An older one, or one whose store is slow: parts, agents and clock are told, with what was not."""
    async with running(tmp_path) as web:
        service = Service(web.url, web.secrets[Scope.READ])
        found = await asyncio.to_thread(findings_of, service)
    assert found[0].subject == "clock"
    assert [(one.subject, one.state, one.found) for one in found[1:]] == [
        ("service alerts", State.WARNING, "this process judges no alerts")
    ]


def test_limits_that_guard_nothing_are_told_of() -> None:
    """Each with its reason; the bot's own words come without what would change the terminal."""
    state = AlertState(Standing.FIRING, 1.0, "drawdown 10%: NoEquity, \x1b[2Jnothing")
    alert = alert_document(Kept("sma", "limit-guards-nothing", "warning", state, 1.0))
    (found,) = limit_findings(AlertsAnswer([alert], [], 3, ready=True))
    assert (found.subject, found.state) == ("limits of sma", State.WARNING)
    assert "NoEquity" in found.found
    assert "\x1b" not in found.found
    assert "herdsman alerts show sma limit-guards-nothing" in found.advice


@pytest.mark.parametrize(("accessor", "subjects"), [("acls-disabled", []), ("7d1c", ["nomad leases"])])
def test_access_control_is_told_of_only_where_it_is_on(accessor: str, subjects: list[str]) -> None:
    """Nomad answers who we are also where it asks nobody."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"AccessorID": accessor} if "self" in request.url.path else [])

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://nomad") as nomad:
        assert [one.subject for one in access_findings(nomad)] == subjects
