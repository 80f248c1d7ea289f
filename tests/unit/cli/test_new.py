"""`herdsman new` and the text of manifests, without a service."""

import json
import subprocess
from pathlib import Path

import pytest

from cli.deployment.text import next_version, parse_parameters, with_values
from cli.scaffold import runtimes
from schemas.errors import UsageError
from tests.unit.cli.test_git import COMMAND, person, run

__all__ = ["person"]


@pytest.fixture
def fleet(person: dict[str, str], tmp_path: Path) -> Path:
    """A fleet as `herdsman init` leaves it."""
    folder = tmp_path / "fleet"
    assert run(person, COMMAND, "init", str(folder)).returncode == 0
    return folder


def new(person: dict[str, str], folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `herdsman new` in a folder."""
    command = [COMMAND, "new", *arguments]
    return subprocess.run(command, cwd=folder, env=person, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["realtime", "scheduled"])
@pytest.mark.parametrize("runtime", runtimes())
def test_what_is_new_validates(person: dict[str, str], fleet: Path, runtime: str, kind: str) -> None:
    """Each template, written from a folder within the fleet, is sound and says what to type next."""
    done = new(person, fleet / "bots", "sma", "--type", kind, "--runtime", runtime)
    assert done.returncode == 0, done.stderr
    assert "herdsman deploy programs/sma" in done.stdout
    answer = json.loads(run(person, COMMAND, "validate", str(fleet), "--output", "json").stdout)
    assert answer["errors"] == []
    assert {bot["name"]: bot["type"] for bot in answer["bots"]} == {"hello": "realtime", "sma": kind}


def test_nothing_is_overwritten(person: dict[str, str], fleet: Path) -> None:
    """A program or a bot of that name keeps every file as it was."""
    before = (fleet / "bots" / "hello.yaml").read_text()
    done = new(person, fleet, "hello", "--type", "scheduled")
    assert (done.returncode, done.stderr) == (
        2,
        "error: programs/hello is there already: choose another name, or edit it\n",
    )
    assert (fleet / "bots" / "hello.yaml").read_text() == before


def test_a_name_that_another_file_holds_is_taken_back(person: dict[str, str], fleet: Path) -> None:
    """Where the new bot's name is in another manifest, nothing of the new one stays."""
    (fleet / "bots" / "other.yaml").write_text("name: sma\ntype: realtime/hello\nversion: 1.0.0\n")
    assert new(person, fleet, "sma").returncode == 1
    assert not (fleet / "programs" / "sma").exists()
    assert not (fleet / "bots" / "sma.yaml").exists()


@pytest.mark.parametrize("name", ["ab", "Upper", "../out", "with space", "x" * 51])
def test_names_against_the_contract_are_refused(person: dict[str, str], fleet: Path, name: str) -> None:
    """The contract's rule is named, and no file is written."""
    before = sorted(fleet.rglob("*.yaml"))
    done = new(person, fleet, name)
    assert done.returncode == 2
    assert "3 to 50 lower-case letters" in done.stderr
    assert sorted(fleet.rglob("*.yaml")) == before


def test_values_are_put_in_and_comments_stay() -> None:
    """A value is replaced in its line or added; all else stays as it was written."""
    text = "# mine\nname: one\nversion: 1.0.0 # pinned\nfast: 10\n"
    changed = with_values(text, {"version": "1.0.1", "slow": 20}, "one.yaml")
    assert changed == "# mine\nname: one\nversion: 1.0.1 # pinned\nfast: 10\nslow: 20\n"


def test_values_are_put_into_a_json_manifest_too() -> None:
    """JSON instances stay JSON, whatever the value, with their other keys as they were."""
    text = '{"name": "one", "version": "1.0.0", "herdsman": {"timeout": "5s"}}'
    changed = with_values(text, {"version": "1.0.1", "herdsman": {"priority": 2}}, "one.json")
    assert json.loads(changed) == {"name": "one", "version": "1.0.1", "herdsman": {"priority": 2}}


def test_a_value_over_several_lines_is_left_to_the_person() -> None:
    """What cannot be replaced in one line is refused, naming the file."""
    with pytest.raises(UsageError, match=r"one\.yaml could not be changed by itself"):
        with_values("herdsman:\n  timeout: 5s\n", {"herdsman": {"priority": 2}}, "one.yaml")


@pytest.mark.parametrize(
    ("own", "before", "wanted"),
    [
        ("1.0.0", "", "1.0.0"),
        ("1.0.0", "1.0.0", "1.0.1"),
        ("1.2.0", "1.10.3", "1.10.4"),
        ("2.0.0", "1.9.9", "2.0.0"),
    ],
)
def test_changed_code_gets_a_newer_version(own: str, before: str, wanted: str) -> None:
    """A newer version is taken as it is; otherwise the next patch of what the fleet has."""
    assert next_version(own, before) == wanted


def test_parameters_are_read_as_yaml() -> None:
    """Numbers are numbers; a text without = is refused."""
    assert parse_parameters(("fast=10", "symbol=BTC/USDT", "on=true")) == {
        "fast": 10,
        "symbol": "BTC/USDT",
        "on": True,
    }
    with pytest.raises(UsageError, match="write KEY=VALUE"):
        parse_parameters(("fast",))
