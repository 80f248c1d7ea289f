"""Secrets outside git: environment files, Vault, and what is told where they cannot be had."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.secrets.env_files import EnvFiles
from controller.secrets.vault import Vault, vault_settings
from schemas.errors import SecretStoreDown, SecretUnavailable, UsageError
from tests.fakes.vault import FakeVault, fake_vault


@pytest.fixture(scope="module")
def server() -> Iterator[FakeVault]:
    """Run one stand-in for all tests."""
    with fake_vault() as server:
        yield server


def test_an_environment_file_is_read_where_only_its_owner_may(tmp_path: Path) -> None:
    """Quotes, export and comments; another mode, no such name and no file are told."""
    path = tmp_path / "desk.env"
    path.write_text("# keys\nexport API_KEY='a b'\nTOKEN=x=y\n\n")
    path.chmod(0o600)
    files = EnvFiles()
    assert (files.read(str(path), "API_KEY"), files.read(str(path), "TOKEN")) == ("a b", "x=y")
    with pytest.raises(SecretUnavailable, match="it has no PIN"):
        files.read(str(path), "PIN")
    path.chmod(0o640)
    with pytest.raises(SecretUnavailable, match="others can read it"):
        files.read(str(path), "TOKEN")
    with pytest.raises(SecretUnavailable, match="cannot read it"):
        files.read(str(tmp_path / "none"), "TOKEN")


def test_vault_is_read_with_a_token(server: FakeVault) -> None:
    """A key of the newest version; a missing key names the others, a missing path and a refusal are told."""
    server.secrets["kv/desk/binance"] = {"api_key": "the-value", "size": 3}
    settings = vault_settings({"VAULT_ADDR": server.address, "VAULT_TOKEN": "root"})
    assert settings is not None
    assert "root" not in repr(settings)
    vault = Vault(settings)
    assert (vault.read("kv/desk/binance", "api_key"), vault.read("kv/desk/binance", "size")) == (
        "the-value",
        "3",
    )
    with pytest.raises(SecretUnavailable, match='no key "kay"') as caught:
        vault.read("kv/desk/binance", "kay")
    assert caught.value.suggestion == "it has api_key, size"
    with pytest.raises(SecretUnavailable, match="nothing at kv/desk/kraken"):
        vault.read("kv/desk/kraken", "api_key")
    other = vault_settings({"VAULT_ADDR": server.address, "VAULT_TOKEN": "stale"})
    assert other is not None
    with pytest.raises(SecretUnavailable, match="may not read kv/desk/binance"):
        Vault(other).read("kv/desk/binance", "api_key")


def test_an_approle_signs_in_again_once_its_token_has_ended(server: FakeVault, tmp_path: Path) -> None:
    """A refused token is exchanged once; a wrong secret id is told, and a sealed Vault is only down."""
    server.secrets["kv/a"] = {"k": "v"}
    server.roles = {"role": "secret-id"}
    (tmp_path / "id").write_text("secret-id\n")
    given = {
        "VAULT_ADDR": server.address,
        "VAULT_ROLE_ID": "role",
        "VAULT_SECRET_ID_FILE": str(tmp_path / "id"),
    }
    settings = vault_settings(given)
    assert settings is not None
    vault = Vault(settings)
    assert vault.read("kv/a", "k") == vault.read("kv/a", "k") == "v"
    assert server.logins == 1
    server.tokens = {"root"}
    assert vault.read("kv/a", "k") == "v"
    assert server.logins == 2
    server.sealed = True
    with pytest.raises(SecretStoreDown, match="sealed"):
        vault.read("kv/a", "k")
    server.sealed = False
    server.tokens, server.roles = {"root"}, {}
    with pytest.raises(SecretUnavailable, match="refuses herdsman's AppRole"):
        vault.read("kv/a", "k")


def test_a_vault_without_means_is_refused_at_the_start() -> None:
    """An address alone, or one that is none."""
    assert vault_settings({}) is None
    for given in ({"VAULT_ADDR": "https://vault.example"}, {"VAULT_ADDR": "vault", "VAULT_TOKEN": "t"}):
        with pytest.raises(UsageError, match="VAULT_ADDR"):
            vault_settings(given)


def test_a_vault_that_is_away_may_be_back() -> None:
    """Nobody listening is no missing secret."""
    settings = vault_settings({"VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": "t"})
    assert settings is not None
    with pytest.raises(SecretStoreDown, match="does not answer"):
        Vault(settings).read("kv/a", "k")
