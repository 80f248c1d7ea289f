"""`herdsman promote`: from one environment to another, by a commit that holds the promotion alone."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.deployment.text import read
from cli.main import herdsman
from cli.promotion.choosing import Left, Pair, carried
from cli.promotion.editing import with_value
from cli.scaffold import program_files
from schemas.document import Document
from schemas.errors import HerdsmanError, InvalidManifests, UsageError
from schemas.yaml_document import load_document

PROD = """\
# The desk's own: do not restart before the close.
name: maker-prod          # its account is main
type: realtime/sma
version: "1.0.0"   # since March
mode: live
every: 30  # seconds, slower than staging
herdsman:
  account: main   # naïve ☃
  secrets: {API_KEY: env:MAIN_KEY}
"""
STAGING = """\
name: maker-staging
type: realtime/sma
version: 1.1.0
every: 5
herdsman: {account: paper, secrets: {API_KEY: env:PAPER_KEY}}
"""


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commit a fleet with a program in two versions, and a bot of it in each of two environments."""
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in ("URL", "TOKEN", "TOKEN_FILE", "DATA", "ENV", "CA_FILE"):
        monkeypatch.delenv(f"HERDSMAN_{name}", raising=False)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "desk")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "desk@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    folder = tmp_path / "fleet"
    for path, text in program_files("sma", "python3.11", "realtime").items():
        write(folder, path, text)
    (folder / "bots" / "sma.yaml").unlink(missing_ok=True)
    git(folder, "init", "-q", "-b", "main")
    write(folder, "bots/prod/maker.yaml", PROD)
    write(folder, "bots/staging/maker.yaml", STAGING.replace("1.1.0", "1.0.0"))
    commit(folder, "first")
    config = folder / "programs" / "sma" / "bot-config.yaml"
    config.write_text(config.read_text().replace("version: 1.0.0", "version: 1.1.0"))
    write(folder, "bots/staging/maker.yaml", STAGING)
    write(folder, "bots/staging/alone.yaml", STAGING.replace("maker-staging", "alone"))
    commit(folder, "1.1.0 to staging")
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, path: str, text: str) -> None:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def promote(*arguments: str) -> Result:
    return CliRunner().invoke(herdsman, ["promote", *arguments])


def test_only_the_version_is_carried_and_nothing_else_of_the_manifest_changes(fleet: Path) -> None:
    """One commit with one line in it; comments, quotes of others, parameters and secrets stay."""
    done = promote("staging", "prod", "--yes")
    assert done.exit_code == 0, done.output
    now = (fleet / "bots/prod/maker.yaml").read_text()
    assert now == PROD.replace('"1.0.0"', "1.1.0")
    assert git(fleet, "log", "-1", "--format=%s") == "Promote 1.1.0 from staging to prod: maker-prod"
    assert git(fleet, "show", "--format=", "--name-only", "HEAD") == "bots/prod/maker.yaml"
    assert "left       alone: prod has no manifest alone.yaml" in done.output
    assert git(fleet, "status", "--porcelain") == ""
    again = promote("staging", "prod", "--yes")
    assert (again.exit_code, git(fleet, "rev-list", "--count", "HEAD")) == (0, "3")
    assert "nothing to promote" in again.output


def test_parameters_are_carried_where_they_are_named(fleet: Path) -> None:
    """By name, or all; what looks like a secret never."""
    done = promote("staging", "prod", "maker-prod", "--param", "every", "--yes", "-m", "faster", "-o", "json")
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    assert [(one["key"], one["before"], one["after"]) for one in answer["changes"]] == [
        ("version", "1.0.0", "1.1.0"),
        ("every", 30, 5),
    ]
    assert answer["commit"] == git(fleet, "rev-parse", "HEAD")
    assert git(fleet, "log", "-1", "--format=%s") == "faster"
    now = (fleet / "bots/prod/maker.yaml").read_text()
    assert "every: 5  # seconds, slower than staging\n" in now
    assert read(now)["herdsman"] == read(PROD)["herdsman"]


SECRETS = [
    ("exchange:\n  api_key: SECRET123\n  url: x\n", "exchange:\n  url: y\n"),
    ("exchange: {api_key: SECRET123, url: x}\n", "exchange: {url: y}\n"),
    ("venues: [{name: a, api_key: SECRET123}]\n", ""),
    ("exchange: {url: x}\n", "exchange: {url: y, api_key: SECRET123}\n"),
    ("config: {exchange: {deep: [{password: SECRET123}]}}\n", "config: {every: 3}\n"),
    ("feed: [{url: 'wss://me:SECRET123@feed.example'}]\n", ""),
    ("feed: wss://feed.example\n", "feed: 'wss://me:SECRET123@feed.example'\n"),
]


@pytest.mark.parametrize(("theirs", "ours"), SECRETS)
def test_a_secret_within_a_parameter_is_neither_carried_nor_shown(theirs: str, ours: str) -> None:
    """In a mapping or a list, in block or flow style, on either side: the parameter is left, and named."""
    head = "version: 1.0.0\n"
    source, target = loaded("a.yaml", head + theirs), loaded("b.yaml", head + ours)
    found = list(carried(pair(), source, target, None))
    assert [type(one) for one in found] == [Left]
    assert "may be a secret, which is never carried" in str(found)
    assert "SECRET123" not in str(found)


def pair() -> Pair:
    """Return two bots of one version, of which nothing else is looked at."""
    spec: Any = SimpleNamespace(name="maker", program=SimpleNamespace(version="1.0.0"))
    return Pair(spec, spec)


def test_a_tree_with_changes_and_a_silent_terminal_change_nothing(fleet: Path) -> None:
    """Uncommitted work is named and refused; without a terminal or --yes nothing is committed or written."""
    head = git(fleet, "rev-parse", "HEAD")
    for arguments in (("--dry-run",), ()):
        done = promote("staging", "prod", *arguments)
        assert (done.exit_code == 0) is bool(arguments)
        assert "maker-prod  version  1.0.0  1.1.0" in done.output
        assert (fleet / "bots/prod/maker.yaml").read_text() == PROD
    assert "no terminal to ask on" in str(done.exception)
    write(fleet, "bots/staging/new.yaml", "name: x")
    refused = promote("staging", "prod", "--yes")
    assert isinstance(refused.exception, UsageError)
    assert "bots/staging/new.yaml" in str(refused.exception)
    assert git(fleet, "rev-parse", "HEAD") == head


def test_what_would_break_the_other_environment_is_not_committed(fleet: Path) -> None:
    """A new version needs a parameter that production lacks: told with its line, and all is as it was."""
    schema = fleet / "programs" / "sma" / "bot-schema.json"
    document = json.loads(schema.read_text())
    document["properties"]["depth"] = {"type": "integer"}
    document["required"] = ["depth"]
    schema.write_text(json.dumps(document))
    config = fleet / "programs" / "sma" / "bot-config.yaml"
    config.write_text(config.read_text().replace("version: 1.1.0", "version: 1.2.0"))
    for name in ("maker", "alone"):
        place = fleet / "bots" / "staging" / f"{name}.yaml"
        place.write_text(place.read_text().replace("1.1.0", "1.2.0") + "depth: 4\n")
    commit(fleet, "1.2.0 needs a depth")
    refused = promote("staging", "prod", "--yes")
    assert isinstance(refused.exception, InvalidManifests)
    assert "depth" in str(refused.exception.errors[0].message)
    assert git(fleet, "status", "--porcelain") == ""
    assert promote("staging", "prod", "--yes", "--param", "depth").exit_code == 0
    assert (fleet / "bots/prod/maker.yaml").read_text().endswith("}\ndepth: 4\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stagin", "prod"), 'did you mean "staging"'),
        (("staging", "staging"), "one environment"),
        (("staging", "prod", "makr-prod"), '"maker-prod"?'),
        (("staging", "prod", "--folder", "/"), "lies in no clone"),
    ],
)
def test_a_mistake_in_the_command_is_told(fleet: Path, arguments: tuple[str, ...], words: str) -> None:
    """What is not there is named with what is near."""
    refused = promote(*arguments, "--yes")
    assert isinstance(refused.exception, HerdsmanError)
    assert words in str(refused.exception)
    assert git(fleet, "status", "--porcelain") == ""


def test_an_older_version_or_another_program_is_no_promotion(fleet: Path) -> None:
    """Back is a revert or a rollback; a bot that is read no more is told, not passed over."""
    assert promote("staging", "prod", "--yes").exit_code == 0
    write(fleet, "bots/staging/maker.yaml", STAGING.replace("1.1.0", "1.0.0"))
    write(fleet, "bots/staging/broken.yaml", "name: [")
    commit(fleet, "back in staging")
    done = promote("staging", "prod", "--yes")
    assert "maker-prod: it has 1.1.0, and maker-staging the older 1.0.0" in done.output
    assert "bots/staging/broken.yaml: it has mistakes" in done.output
    assert git(fleet, "log", "-1", "--format=%s") == "back in staging"


def test_the_commit_is_pushed_to_where_the_branch_comes_from(fleet: Path, tmp_path: Path) -> None:
    """Without a service of ours among the remotes, `--push` is a plain push."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "elsewhere.git")
    git(fleet, "remote", "add", "origin", str(tmp_path / "elsewhere.git"))
    done = promote("staging", "prod", "--yes", "--push")
    assert done.exit_code == 0, done.output
    assert git(tmp_path / "elsewhere.git", "rev-parse", "main") == git(fleet, "rev-parse", "HEAD")
    git(fleet, "push", "-q", "-u", "origin", "main")
    git(fleet, "remote", "add", "other", str(tmp_path / "nowhere.git"))
    done = promote("staging", "prod", "--yes", "--push", "--param", "every")
    assert done.exit_code == 0, done.output
    assert git(tmp_path / "elsewhere.git", "rev-parse", "main") == git(fleet, "rev-parse", "HEAD")


def test_a_commit_that_a_hook_refuses_leaves_nothing(fleet: Path) -> None:
    """The manifests and git's index are as they were, and the hook's words are told."""
    hook = fleet / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    refused = promote("staging", "prod", "--yes")
    assert "not on a Friday" in str(refused.exception)
    assert git(fleet, "status", "--porcelain") == ""
    assert (fleet / "bots/prod/maker.yaml").read_text() == PROD


def loaded(file: str, text: str) -> Document:
    document, errors = load_document(file, text.encode())
    assert document is not None
    assert not errors
    return document


@pytest.mark.parametrize(
    ("file", "text", "then"),
    [
        ("a.yaml", "naïve: ☃ ok # ☃\nversion: 'a' # b\n", "naïve: ☃ ok # ☃\nversion: 2.0.0 # b\n"),
        ("a.yaml", "{version: a, b: 1}\n", "{version: 2.0.0, b: 1}\n"),
        ("a.yaml", "text: |\n  version: no\nversion: 1.0.0\n", "text: |\n  version: no\nversion: 2.0.0\n"),
        ("a.json", '{\n\t"version": "1.0.0",  "b": 1\n}\n', '{\n\t"version": "2.0.0",  "b": 1\n}\n'),
        ("a.yaml", "b: 1\r\nversion: 1.0.0\r\n", "b: 1\r\nversion: 2.0.0\r\n"),
        ("a.yaml", "b: 1", "b: 1\nversion: 2.0.0\n"),
    ],
)
def test_a_value_is_replaced_where_it_stands(file: str, text: str, then: str) -> None:
    """Whatever the way it is written in; nothing around it moves."""
    assert with_value(loaded(file, text), ("version",), "2.0.0").text == then


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.yaml", "version: >\n  1.0\n"),
        ("a.yaml", "version: &v 1.0.0\nother: *v\n"),
        ("a.json", '{"b": 1}'),
        ("a.yaml", "version:\n  - 1\n"),
    ],
)
def test_what_cannot_be_replaced_safely_is_left_to_a_person(file: str, text: str) -> None:
    """Over several lines, shared with another value, or not there in JSON: nothing is guessed."""
    with pytest.raises(UsageError, match="set it by hand"):
        with_value(loaded(file, text), ("version",), "2.0.0")
