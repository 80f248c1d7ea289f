"""Services by name: which one is meant, where its token lies, and that a protected one asks first."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import PasswordDeleteError

from cli.approval import approved, ask
from cli.credential import answer
from cli.env import checked_url
from cli.environments import (
    Environment,
    Environments,
    checked_name,
    config_folder,
    read_environments,
    write_environments,
)
from cli.known_service import Service, current_file, find_service, named
from cli.token_store import choose_place, forget_token, keep_token, read_token, token_file
from schemas.errors import HerdsmanError, NotFound, UsageError

DESK = Environment("desk", "https://desk.example", "/etc/desk.pem", protected=True)
LAB = Environment("lab", "http://lab.example:8420")


class MemoryKeyring(KeyringBackend):
    """A keyring as usable as the desktop's, gone with the test."""

    priority = 5  # type: ignore[assignment]  # keyring declares a property of the class

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError(username)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the command a home of its own, in which a service of this machine is known."""
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in ("URL", "TOKEN", "TOKEN_FILE", "DATA", "ENV", "CA_FILE"):
        monkeypatch.delenv(f"HERDSMAN_{name}", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "service.json").write_text(json.dumps({"url": "http://127.0.0.1:8420"}))
    (folder / "admin-token").write_text("of-here\n")
    current_file().parent.mkdir(parents=True)
    current_file().write_text(str(folder))
    return tmp_path


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    """Put a usable keyring in the place of this machine's."""
    before = keyring.get_keyring()
    memory = MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


@pytest.fixture
def naming() -> Iterator[None]:
    """Let a test name an environment as the command line does."""
    before = named.set("")
    yield
    named.reset(before)


def know(current: str = "") -> None:
    """Keep both environments with a token each."""
    write_environments(Environments({one.name: one for one in (DESK, LAB)}, current))
    for one in (DESK, LAB):
        keep_token(one, f"of-{one.name}")


def meant() -> tuple[str, str]:
    found = find_service()
    return found.environment or found.url, found.token


def test_the_order_in_which_a_service_is_found(monkeypatch: pytest.MonkeyPatch, naming: None) -> None:
    """Options come before variables, those before the current environment, that before what runs here."""
    know()
    assert meant() == ("http://127.0.0.1:8420", "of-here")
    write_environments(Environments(read_environments().known, "lab"))
    assert meant() == ("lab", "of-lab")
    monkeypatch.setenv("HERDSMAN_ENV", "desk")
    assert meant() == ("desk", "of-desk")
    monkeypatch.setenv("HERDSMAN_TOKEN", "of-variable")
    assert meant() == ("desk", "of-variable")
    monkeypatch.setenv("HERDSMAN_URL", "http://other.example")
    assert meant() == ("http://other.example", "of-variable")
    named.set("lab")
    assert meant() == ("lab", "of-lab")
    with pytest.raises(UsageError, match="--env lab and --url name two services"):
        find_service(url="http://other.example")
    named.set("local")
    assert find_service().url == "http://127.0.0.1:8420"


def test_an_environment_is_known_by_its_address_too() -> None:
    """Naming its address is no way around its protection, and finds its certificates and token."""
    know()
    found = find_service(url="https://desk.example/")
    assert (found.protected, found.ca_file, found.token) == (True, "/etc/desk.pem", "of-desk")


def test_what_is_kept_is_for_its_owner_alone(home: Path) -> None:
    """Folder and files can be read by nobody else, and no token stands among the addresses."""
    know()
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in [config_folder(), *config_folder().rglob("*")]
    }
    assert modes == {
        "herdsman": 0o700,
        "environments.json": 0o600,
        "tokens": 0o700,
        "desk": 0o600,
        "lab": 0o600,
    }
    assert "of-desk" not in (config_folder() / "environments.json").read_text()
    token_file("desk").chmod(0o640)
    with pytest.raises(HerdsmanError, match=r"may be read by others \(0640\): `chmod 600"):
        read_token(DESK)


def test_a_usable_keyring_keeps_the_token(ring: MemoryKeyring) -> None:
    """Where there is one it is chosen, the token is in no file, and removing forgets it."""
    one = Environment("desk", DESK.url, kept_in=choose_place("auto"))
    keep_token(one, "secret")
    assert (one.kept_in, read_token(one)) == ("keyring", "secret")
    assert ring.kept == {("herdsman https://desk.example", "desk"): "secret"}
    assert not token_file("desk").exists()
    forget_token(one)
    forget_token(one)
    with pytest.raises(HerdsmanError, match="not in the keyring any more: `herdsman env add desk"):
        read_token(one)


def test_without_a_usable_keyring_a_file_is_taken(ring: MemoryKeyring) -> None:
    """A machine without a desktop has none: wanting it all the same says what to do."""
    keyring.set_keyring(fail.Keyring())
    assert choose_place("auto") == "file"
    with pytest.raises(UsageError, match="--store file"):
        choose_place("keyring")


def test_git_gets_the_token_of_the_environment_at_its_remote() -> None:
    """Whichever environment is the current one, a remote's own token is given, and to no other host."""
    know("lab")
    ask_for = "protocol={}\nhost={}\n\n"
    assert "password=of-desk\n" in answer("get", ask_for.format("https", "desk.example"))
    assert "password=of-lab\n" in answer("get", ask_for.format("http", "lab.example:8420"))
    assert "password=of-here\n" in answer("get", ask_for.format("http", "127.0.0.1:8420"))
    assert answer("get", ask_for.format("http", "desk.example")) == ""
    assert answer("get", ask_for.format("https", "evil.example")) == ""


def test_a_protected_environment_changes_nothing_where_nobody_can_be_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a terminal it refuses, having shown what it would change; --yes goes on."""
    service = Service("https://desk.example", "t", environment="desk", protected=True)
    with pytest.raises(UsageError, match="nothing was changed; give --yes"):
        ask(service, ["sma-btc is stopped"])
    assert "desk (https://desk.example) is protected" in capsys.readouterr().err
    before = approved.set(True)
    ask(service, ["sma-btc is stopped"])
    approved.reset(before)
    assert "  sma-btc is stopped" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["local", "", "-x", "Desk", "a/b", "a b", "x" * 64])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(name: str) -> None:
    """Names become file names and words on a command line."""
    with pytest.raises(UsageError):
        checked_name(name)


@pytest.mark.parametrize("url", ["desk.example", "ftp://x", "https://", "https://me:secret@desk.example"])
def test_an_address_without_host_or_with_a_credential_is_refused(url: str) -> None:
    """The address is printed and kept in the open: nothing secret may be in it."""
    with pytest.raises(UsageError) as caught:
        checked_url(url)
    assert "secret" not in str(caught.value)


def test_an_unknown_environment_names_the_ones_that_there_are(naming: None) -> None:
    """A typing error is answered with what could have been meant."""
    know()
    named.set("dsk")
    with pytest.raises(NotFound, match="there are: desk, lab"):
        find_service()


def test_a_damaged_file_says_which_one_it_is() -> None:
    """Nothing is overwritten that a person may want to mend."""
    know()
    file = config_folder() / "environments.json"
    file.write_text("{")
    with pytest.raises(HerdsmanError, match=r"environments\.json is damaged"):
        read_environments()
    assert file.read_text() == "{"
