"""Secrets on this machine, from an encrypted file in git to the bot's environment and nowhere else."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.fleet import Fleet, new_fleet
from tests.e2e.secret_fleet import Keys, add_teller, digest, teller
from tests.e2e.service import Service, wait_for
from tests.engines.openbao import OpenBao, openbao

pytestmark = pytest.mark.e2e
CANARY = "c4n4ry-Zq8wLx2TtR5vYb7N"
SECOND = "s3c0nd-Hm4kPd9QfGa1WsJe"
FROM = "{from: sops, file: secrets/desk.yaml, key: exchange.key}"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Make the service's age key."""
    return Keys(tmp_path / "keys")


@pytest.fixture
def service(tmp_path: Path, keys: Keys) -> Iterator[Service]:
    """Run herdsman with that key."""
    running = Service(tmp_path / "home", ("--age-identity-file", str(keys.file))).start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def fleet(service: Service, tmp_path: Path) -> Fleet:
    """Clone an empty fleet with the program that uses secrets."""
    fleet = new_fleet(tmp_path / "fleet", service)
    add_teller(fleet)
    return fleet


def lives(record: Path, bot: str) -> list[dict[str, Any]]:
    """Return what a bot noted at each of its starts."""
    lines = record.read_text().splitlines() if record.exists() else []
    return [line for line in map(json.loads, lines) if line["bot"] == bot]


def wait_lives(record: Path, bot: str, count: int) -> list[dict[str, Any]]:
    """Wait until a bot has noted so many starts, and return them: it is seen to live before it does."""

    def noted() -> list[dict[str, Any]]:
        found = lives(record, bot)
        return found if len(found) >= count else []

    return wait_for(noted, f"start {count} of {bot}")


def everything_below(folder: Path) -> dict[Path, bytes]:
    """Return every plain file below a folder; what goes away meanwhile is not there."""
    found = {}
    for root, _, names in os.walk(folder):
        for path in (Path(root, name) for name in names):
            if path.is_file() and not path.is_symlink():
                with contextlib.suppress(FileNotFoundError):
                    found[path] = path.read_bytes()
    return found


def test_a_secret_is_in_the_bots_environment_and_nowhere_else(
    service: Service, fleet: Fleet, keys: Keys, record: Path, tmp_path: Path
) -> None:
    """No push, plan, answer, log, crash report, database, backup or other file of ours holds its bytes."""
    fleet.write("secrets/desk.yaml", keys.encrypted(f"exchange: {{key: {CANARY}}}\nother: {SECOND}\n"))
    fleet.write("bots/quiet.yaml", teller("quiet", record, {"API_KEY": FROM}))
    fleet.write("bots/loud.yaml", teller("loud", record, {"API_KEY": FROM}, tell="true", crash="true"))
    fleet.write("bots/other.yaml", teller("other", record, {"TOKEN": "sops:secrets/desk.yaml#other"}))
    fleet.commit("secrets")
    said = fleet.push()
    service.wait_health("quiet", "Healthy")
    service.wait_health("other", "Healthy")
    wait_lives(record, "loud", 1)
    wait_lives(record, "other", 1)
    assert wait_lives(record, "quiet", 1)[0]["known"] == {"API_KEY": digest(CANARY)}
    logs = wait_for(lambda: service.get("/api/v1/bots/loud/logs", text="key")["events"], "what loud tells")
    assert any("***API_KEY***" in event["message"] for event in logs)
    wait_for(
        lambda: "cannot sign in with ***API_KEY***" in service.bots()["loud"]["message"],
        "its crash to be told",
    )
    place = {"from": "sops", "place": "secrets/desk.yaml", "key": "exchange.key"}
    assert service.get("/api/v1/bots/quiet")["secrets"] == [{"name": "API_KEY", **place}]
    shown = service.run("status", "quiet").stdout
    assert "API_KEY (sops: secrets/desk.yaml)" in shown
    said += shown + service.run("secrets", "list", str(fleet.folder)).stdout
    said += service.run("plan", check=False).stdout + service.run("logs", "loud").stdout
    said += json.dumps([service.get("/api/v1/bots"), service.get("/api/v1/revisions")])
    said += httpx.get(
        f"{service.url}/metrics", headers={"Authorization": f"Bearer {service.token}"}, timeout=60
    ).text
    backup = tmp_path / "backup.tar.gz"
    said += service.run("backup", str(backup), "--with-telemetry").stdout
    fleet.write("secrets/desk.yaml", keys.encrypted(f"exchange: {{key: {SECOND}}}\nother: {SECOND}\n"))
    fleet.commit("a new key")
    said += (rotated := fleet.push())
    assert "quiet" in rotated
    assert "other" not in rotated
    assert wait_lives(record, "quiet", 2)[1]["known"] == {"API_KEY": digest(SECOND)}
    assert len(lives(record, "other")) == 1
    service.stop()
    assert service.start().wait_back("quiet")
    assert wait_lives(record, "quiet", 3)[2]["known"] == {"API_KEY": digest(SECOND)}
    own_output = {path for path in everything_below(service.data) if path.name.startswith("bot.std")}
    for path, content in everything_below(service.home).items() | everything_below(fleet.folder).items():
        for value in (CANARY, SECOND):
            # What the bot itself printed lies on its own node as it printed it.
            assert value.encode() not in content or path in own_output, path
    assert CANARY not in said
    assert SECOND not in said


def test_a_push_with_a_secret_that_cannot_be_had_is_refused(
    service: Service, fleet: Fleet, keys: Keys, record: Path, tmp_path: Path
) -> None:
    """A missing key or file, other recipients, a changed file: told with line and advice, never a value."""
    theirs = Keys(tmp_path / "theirs")
    good = keys.encrypted(f"exchange: {{key: {CANARY}}}\nspare: {SECOND}\n")
    lines = good.splitlines()
    spare = next(line for line in lines if line.startswith("spare:")).removeprefix("spare:")
    moved = "\n".join(f"    key:{spare}" if line.startswith("    key:") else line for line in lines)
    fleet.write("bots/quiet.yaml", teller("quiet", record, {"API_KEY": FROM}))
    for text, words in (
        (None, "there is no file secrets/desk.yaml"),
        (keys.encrypted(f"exchange: {{kay: {CANARY}}}\n"), 'no key "exchange.key"'),
        (theirs.encrypted(f"exchange: {{key: {CANARY}}}\n"), "other recipients"),
        (moved, "moved here from another key"),
        (f"exchange: {{key: {CANARY}}}\n", "not encrypted"),
    ):
        if text is not None:
            fleet.write("secrets/desk.yaml", text)
        fleet.commit(words)
        said = fleet.push_refused()
        assert "bots/quiet.yaml:10" in said
        assert words in said
        assert CANARY not in said
    fleet.write("secrets/desk.yaml", good)
    fleet.commit("mended")
    fleet.push()
    service.wait_health("quiet", "Healthy")
    wait_lives(record, "quiet", 1)
    service.stop()
    service.options = ()
    service.start()
    service.wait_back("quiet")
    assert len(wait_lives(record, "quiet", 2)) == 2
    wait_for(lambda: "no age identity" in str(service.bots()["quiet"]), "its secret to be told missing")


@pytest.fixture(scope="module")
def vault() -> Iterator[OpenBao]:
    """Run a Vault."""
    with openbao() as running:
        yield running


@pytest.mark.timeout(600)
def test_a_secret_in_vault_is_rotated_there_and_shown_nowhere(
    vault: OpenBao, tmp_path: Path, record: Path
) -> None:
    """Another version restarts the bot that asks for it; a sealed Vault, or a missing key, stops nobody."""
    role_id, secret_id = vault.role("herdsman", 'path "secret/data/desk" { capabilities = ["read"] }')
    vault.put("desk", {"key": CANARY})
    variables = {"VAULT_ADDR": vault.address, "VAULT_ROLE_ID": role_id, "VAULT_SECRET_ID": secret_id}
    service = Service(tmp_path / "home", ("--secrets-interval", "1"), variables=variables)
    try:
        fleet = new_fleet(tmp_path / "fleet", service.start())
        add_teller(fleet)
        where = "{from: vault, path: secret/desk, key: key%s}"
        watched = {"API_KEY": where % ", restart_on_change: true"}
        fleet.write("bots/quick.yaml", teller("quick", record, watched, tell="true"))
        fleet.write("bots/calm.yaml", teller("calm", record, {"API_KEY": where % ""}))
        fleet.commit("two bots with one secret")
        said = fleet.push()
        for name in ("quick", "calm"):
            service.wait_health(name, "Healthy", 180)
            assert wait_lives(record, name, 1)[-1]["known"] == {"API_KEY": digest(CANARY)}
        vault.put("desk", {"key": SECOND})
        wait_for(lambda: len(lives(record, "quick")) == 2, "the bot to start with the new key", 120)
        assert lives(record, "quick")[1]["known"] == {"API_KEY": digest(SECOND)}
        service.wait_health("quick", "Healthy", 180)
        assert len(lives(record, "calm")) == 1
        said += service.run("refresh", "calm", "--yes").stdout
        wait_for(lambda: len(lives(record, "calm")) == 2, "the other to start with it", 120)
        assert lives(record, "calm")[1]["known"] == {"API_KEY": digest(SECOND)}
        with vault.sealed():
            fleet.write("bots/third.yaml", teller("third", record, {"API_KEY": where % ""}))
            fleet.commit("a third while Vault is sealed")
            said += fleet.push()
            service.wait_health("quick", "Healthy", 180)
        wait_for(lambda: lives(record, "third"), "the third to start once Vault is open again", 120)
        fleet.write(
            "bots/third.yaml",
            teller("third", record, {"API_KEY": where.replace("key: key", "key: kay") % ""}),
        )
        fleet.commit("a key that is not there")
        said += (refused := fleet.push_refused())
        assert 'no key "kay"' in refused
        wait_for(
            lambda: service.get("/api/v1/bots/quick/logs", text="key")["events"], "what quick tells", 120
        )
        said += service.run("status", "quick").stdout + service.run("logs", "quick").stdout
        said += service.run("plan", check=False).stdout
        said += json.dumps(
            [service.get(f"/api/v1/{path}") for path in ("bots", "bots/quick", "revisions", "audit")]
        )
        assert [len(lives(record, name)) for name in ("quick", "calm")] == [2, 2]
    finally:
        service.stop()
    own_output = {path for path in everything_below(service.data) if path.name.startswith("bot.std")}
    for path, content in everything_below(service.home).items():
        for value in (CANARY, SECOND, secret_id):
            assert value.encode() not in content or path in own_output, path
    assert not [value for value in (CANARY, SECOND, secret_id) if value in said]
