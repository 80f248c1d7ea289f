"""Secrets in a real Vault (OpenBao): what is read, with which token, what is told where it cannot be had."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.secrets.vault import Vault, vault_settings
from schemas.errors import SecretStoreDown, SecretUnavailable
from tests.engines.openbao import ROOT_TOKEN, OpenBao, openbao

CANARY = "c4n4ry-Vb7NqZ8wLx2TtR5y"
RULES = 'path "secret/data/desk/*" { capabilities = ["read"] }'


@pytest.fixture(scope="module")
def server() -> Iterator[OpenBao]:
    """Run one for all tests."""
    with openbao() as running:
        yield running


def reader(server: OpenBao, **given: str) -> Vault:
    """Return a reader with these variables of the service's environment."""
    settings = vault_settings({"VAULT_ADDR": server.address, **given})
    assert settings is not None
    assert given.get("VAULT_TOKEN", "no token") not in repr(settings)
    return Vault(settings)


def test_a_key_of_the_newest_version_is_read(server: OpenBao) -> None:
    """Text, numbers and truth are values; a further version is the value from then on."""
    server.put("desk/binance", {"api_key": "first", "size": 3, "live": True})
    vault = reader(server, VAULT_TOKEN=ROOT_TOKEN)
    found = [vault.read("secret/desk/binance", key) for key in ("api_key", "size", "live")]
    assert found == ["first", "3", "true"]
    server.put("desk/binance", {"api_key": CANARY, "nested": {"a": 1}})
    assert vault.read("secret/desk/binance", "api_key") == CANARY
    with pytest.raises(SecretUnavailable, match="no single value"):
        vault.read("secret/desk/binance", "nested")


def test_what_is_not_there_is_told_without_a_value(server: OpenBao) -> None:
    """A missing key names the others; a missing path, a missing engine, and what was deleted are told."""
    server.put("desk/kraken", {"api_key": CANARY, "api_secret": CANARY})
    vault = reader(server, VAULT_TOKEN=ROOT_TOKEN)
    with pytest.raises(SecretUnavailable, match='no key "kay"') as caught:
        vault.read("secret/desk/kraken", "kay")
    assert caught.value.suggestion == "it has api_key, api_secret"
    assert CANARY not in f"{caught.value} {caught.value.suggestion}"
    server.send("DELETE", "secret/data/desk/kraken")
    for place in ("secret/desk/kraken", "secret/desk/none", "kv/desk/kraken"):
        with pytest.raises(SecretUnavailable, match=f"nothing at {place}"):
            vault.read(place, "api_key")


def test_a_token_reads_what_its_policy_permits(server: OpenBao) -> None:
    """Elsewhere it is refused in words, as one that was revoked is; the refusal never shows the token."""
    server.put("desk/a", {"k": "mine"})
    server.put("other/a", {"k": CANARY})
    server.role("desk", RULES)
    token = server.token("desk")
    vault = reader(server, VAULT_TOKEN=token)
    assert vault.read("secret/desk/a", "k") == "mine"
    with pytest.raises(SecretUnavailable, match="may not read secret/other/a") as caught:
        vault.read("secret/other/a", "k")
    assert token not in str(caught.value)
    server.send("POST", "auth/token/revoke", {"token": token})
    with pytest.raises(SecretUnavailable, match="may not read secret/desk/a"):
        vault.read("secret/desk/a", "k")


def test_an_approle_signs_in_again_once_its_token_has_ended(server: OpenBao, tmp_path: Path) -> None:
    """A token that was revoked is exchanged by itself; a secret id that was destroyed is told."""
    server.put("desk/a", {"k": "v"})
    role_id, secret_id = server.role("herdsman", RULES)
    file = tmp_path / "id"
    file.write_text(f"{secret_id}\n")
    vault = reader(server, VAULT_ROLE_ID=role_id, VAULT_SECRET_ID_FILE=str(file))
    assert vault.read("secret/desk/a", "k") == "v"
    server.end_sign_ins()
    assert vault.read("secret/desk/a", "k") == "v"
    server.send("POST", "auth/approle/role/herdsman/secret-id/destroy", {"secret_id": secret_id})
    assert vault.read("secret/desk/a", "k") == "v", "the token that it has is good until it ends"
    server.end_sign_ins()
    with pytest.raises(SecretUnavailable, match="refuses herdsman's AppRole"):
        vault.read("secret/desk/a", "k")


def test_a_sealed_vault_is_down_and_well_again(server: OpenBao) -> None:
    """No value is missing for good because of it: whoever asked keeps what runs and asks again."""
    server.put("desk/a", {"k": "v"})
    vault = reader(server, VAULT_TOKEN=ROOT_TOKEN)
    with server.sealed(), pytest.raises(SecretStoreDown, match="sealed"):
        vault.read("secret/desk/a", "k")
    assert vault.read("secret/desk/a", "k") == "v"


def test_a_namespace_has_secrets_of_its_own(server: OpenBao) -> None:
    """With VAULT_NAMESPACE the same path is another secret."""
    server.send("POST", "sys/namespaces/trading", {})
    server.send("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}, "trading")
    server.send("POST", "secret/data/desk/n", {"data": {"k": "theirs"}}, "trading")
    server.put("desk/n", {"k": "ours"})
    assert reader(server, VAULT_TOKEN=ROOT_TOKEN).read("secret/desk/n", "k") == "ours"
    assert (
        reader(server, VAULT_TOKEN=ROOT_TOKEN, VAULT_NAMESPACE="trading").read("secret/desk/n", "k")
        == "theirs"
    )
