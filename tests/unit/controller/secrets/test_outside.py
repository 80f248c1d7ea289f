"""Secrets outside git: environment files, how a Vault is named, and what is told where they cannot be had."""

from pathlib import Path

import pytest

from controller.secrets.env_files import EnvFiles
from controller.secrets.vault import Vault, vault_settings
from schemas.errors import SecretStoreDown, SecretUnavailable, UsageError


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
