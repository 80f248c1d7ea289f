"""The commands that work with git: init and git-credential, on the real git."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).parent / "herdsman")


@pytest.fixture
def person(tmp_path: Path) -> dict[str, str]:
    """A person with a home, a name in git and a running service's data folder."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "service.json").write_text(json.dumps({"url": "http://127.0.0.1:8420"}))
    (data / "admin-token").write_text("sesame\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HERDSMAN_DATA": str(data),
        "GIT_AUTHOR_NAME": "desk",
        "GIT_AUTHOR_EMAIL": "desk@example.com",
        "GIT_COMMITTER_NAME": "desk",
        "GIT_COMMITTER_EMAIL": "desk@example.com",
    }


def run(person: dict[str, str], *command: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a command as this person."""
    return subprocess.run(
        command, input=text, capture_output=True, text=True, env=person, check=False, timeout=60
    )


def test_init_makes_a_sound_fleet_with_a_remote(person: dict[str, str], tmp_path: Path) -> None:
    """A new fleet validates, is committed, and its remote carries no token."""
    folder = tmp_path / "fleet"
    done = run(person, COMMAND, "init", str(folder))
    assert done.returncode == 0, done.stderr
    assert "git push herdsman main" in done.stdout
    checked = run(person, COMMAND, "validate", str(folder), "--output", "json")
    answer = json.loads(checked.stdout)
    assert answer["ok"], answer
    assert [bot["name"] for bot in answer["bots"]] == ["hello"]
    assert run(person, "git", "-C", str(folder), "status", "--porcelain").stdout == ""
    config = (folder / ".git" / "config").read_text()
    assert "http://127.0.0.1:8420/git/fleet.git" in config
    assert "sesame" not in config


def test_init_says_that_the_service_found_does_not_run(person: dict[str, str], tmp_path: Path) -> None:
    """The service started last may have ended: it is connected, and its silence is not left to the push."""
    (tmp_path / "data" / "service.json").write_text(json.dumps({"url": "http://127.0.0.1:9"}))
    done = run(person, COMMAND, "init", str(tmp_path / "fleet"))
    assert done.returncode == 0, done.stderr
    assert "remote     herdsman -> http://127.0.0.1:9/git/fleet.git\n" in done.stdout
    assert "nothing answers there now (connection refused): start it before you push" in done.stdout


def test_init_leaves_what_is_there_alone(person: dict[str, str], tmp_path: Path) -> None:
    """A file of the person's is never overwritten."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "herdsman.yaml").write_text("name: mine\n")
    assert run(person, COMMAND, "init", str(folder)).returncode == 0
    assert (folder / "herdsman.yaml").read_text() == "name: mine\n"


def test_git_gets_the_token_through_the_helper(person: dict[str, str], tmp_path: Path) -> None:
    """git's own credential command is answered for the service's address and no other."""
    folder = tmp_path / "fleet"
    run(person, COMMAND, "init", str(folder))
    ask = ("git", "-C", str(folder), "credential", "fill")
    answer = run(person, *ask, text="protocol=http\nhost=127.0.0.1:8420\n\n").stdout
    assert "username=herdsman\npassword=sesame\n" in answer
    other = run(
        person | {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true"},
        *(COMMAND, "git-credential", "get"),
        text="protocol=http\nhost=evil.example\n\n",
    )
    assert other.stdout == ""
    assert "no token for http://evil.example" in other.stderr
    assert "herdsman init --connect-only" in other.stderr
    assert "sesame" not in other.stderr


def test_init_commits_where_git_does_not_know_the_person(person: dict[str, str], tmp_path: Path) -> None:
    """The first push works on a machine on which git was never set up, and who commits there is said."""
    folder = tmp_path / "fleet"
    nobody = {name: value for name, value in person.items() if not name.startswith("GIT_")}
    nobody |= {"EMAIL": "", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.useConfigOnly"}
    done = run(nobody | {"GIT_CONFIG_VALUE_0": "true"}, COMMAND, "init", str(folder))
    assert done.returncode == 0, done.stderr
    assert "git config --global user.name" in done.stdout
    assert done.stdout.endswith(f"cd {folder} && git push herdsman main\n")
    author = run(person, "git", "-C", str(folder), "log", "--format=%an <%ae>").stdout
    assert author == "herdsman <herdsman@localhost>\n"


def test_wrong_use_ends_with_2_and_no_stack_trace(person: dict[str, str], tmp_path: Path) -> None:
    """A missing path or option is a usage error in one line."""
    done = run(person, COMMAND, "validate", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert done.stderr.strip() == f"error: {tmp_path / 'nowhere'}: no such file or folder"
    assert run(person, COMMAND, "status", "--nonsense").returncode == 2
    assert "Traceback" not in run(person, COMMAND, "nonsense").stderr


def test_a_service_that_is_gone_is_said_in_one_line(person: dict[str, str], tmp_path: Path) -> None:
    """A dead address is no stack trace."""
    (tmp_path / "data" / "service.json").write_text(json.dumps({"url": "http://127.0.0.1:1"}))
    done = run(person, COMMAND, "status")
    assert done.returncode == 1
    assert done.stderr.startswith("error: herdsman at http://127.0.0.1:1 does not answer: ")
    assert "connection refused; start it with `herdsman up`, or name another with --url" in done.stderr
    assert "Traceback" not in done.stderr
