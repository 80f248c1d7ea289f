"""The service's own start: its folder, its options, its first revision."""

import subprocess
from pathlib import Path

import pytest

from cli.service.folder import announce, read_secret, take_folder
from cli.service.options import UpOptions, parse_options
from cli.service.parts import find_fleet
from cli.service.seed import seed
from controller.database import Database
from gitops.hosted import HostedRepository
from schemas.errors import UsageError


def options(data: Path, listen: str = "127.0.0.1:0", **others: object) -> UpOptions:
    """Return options as the command line gives them."""
    return parse_options(listen=listen, tls_cert=None, tls_key=None, allowed_host=(), data=data, **others)


def test_one_herdsman_at_a_time_in_a_folder(tmp_path: Path) -> None:
    """A second one is told who holds it, and gets it once the first is gone."""
    held = take_folder(tmp_path)
    with pytest.raises(UsageError, match="in use by another herdsman"):
        take_folder(tmp_path)
    held.close()
    take_folder(tmp_path).close()


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    """It stays the same over restarts and only its owner reads it."""
    secret = read_secret(tmp_path / "key")
    assert len(secret) == 32
    assert read_secret(tmp_path / "key") == secret
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_the_announcement_holds_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other commands find is an address, a process and a fleet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    announce(tmp_path, "http://127.0.0.1:1", "desk-abc123")
    assert set((tmp_path / "service.json").read_text().split('"')) >= {"url", "pid", "fleet"}
    assert (tmp_path / "state" / "herdsman" / "current").read_text().strip() == str(tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"listen": "0.0.0.0:8420"}, "--insecure"),
        ({"listen": "nonsense"}, "HOST:PORT"),
        ({"fleet": "Bad Name/.."}, "is no name"),
        ({"poll_interval": 0.0}, "at least"),
        ({"secrets_interval": 0.5}, "at least 1 s"),
        ({"victoriametrics": "foo"}, "is no address"),
        ({"data": Path("/etc/passwd")}, "is a file"),
        ({"seed": Path("/nowhere/at/all")}, "no such folder"),
        ({"seed": Path("/"), "source": "https://git.example/fleet.git"}, "--source"),
        ({"scheduler": "nomad", "nomad_address": "http://nomad.example:4646"}, "--advertise-url"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, given: dict[str, object], said: str) -> None:
    """Each is a usage error that says which option to change."""
    with pytest.raises(UsageError, match=said):
        options(**{"data": tmp_path, **given})  # type: ignore[arg-type]


def lose_database(data: Path) -> None:
    """Delete the database and what lies beside it."""
    for path in data.glob("herdsman.db*"):
        path.unlink()


async def test_the_fleet_keeps_its_id_without_its_database(tmp_path: Path) -> None:
    """A lost database does not give the fleet another identity, under which all would start again."""
    chosen = options(tmp_path, fleet="desk")
    first = await Database.open(str(tmp_path / "herdsman.db"))
    fleet = await find_fleet(chosen, first)
    await first.close()
    lose_database(tmp_path)
    second = await Database.open(str(tmp_path / "herdsman.db"))
    assert await find_fleet(chosen, second) == fleet
    await second.close()
    assert fleet.startswith("desk-")


def test_an_empty_remote_begins_with_the_seed_once(tmp_path: Path) -> None:
    """The folder becomes the first revision; a remote that has one is left alone."""
    repository = HostedRepository(tmp_path / "fleet.git")
    repository.create()
    folder = tmp_path / "folder"
    (folder / "bots").mkdir(parents=True)
    (folder / "bots" / "one.yaml").write_text("name: one\n")
    assert seed(repository.path, folder, "main")
    (folder / "bots" / "one.yaml").write_text("name: changed\n")
    assert not seed(repository.path, folder, "main")
    show = ["git", "--git-dir", str(repository.path), "show", "main:bots/one.yaml"]
    assert subprocess.run(show, capture_output=True, text=True, check=True).stdout == "name: one\n"
