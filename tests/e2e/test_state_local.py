"""A bot's state on this machine: kept through everything, saved, looked at and changed by its operator."""

import json
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, bot_text
from tests.e2e.service import Service, wait_for
from tests.e2e.state import add_keeper, keeper_text, told, versions

pytestmark = pytest.mark.e2e


def begins(service: Service, bot: str, count: int) -> int:
    """Wait until a bot has begun so often, and return where it begins now."""
    found = wait_for(lambda: told(service, bot, "begins")[count - 1 :], f"start {count} of {bot}")
    return found[0]


def ends(service: Service, bot: str, count: int) -> int:
    """Wait until a bot has ended so often, and return where it did last."""
    found = wait_for(lambda: told(service, bot, "ends")[count - 1 :], f"end {count} of {bot}")
    return found[0]


def is_final(service: Service, bot: str) -> bool:
    """Say whether the newest version is the last save of a bot that ended."""
    newest = versions(service, bot)[:1]
    return bool(newest and newest[0]["final"])


def kept(service: Service, bot: str) -> int:
    """Return the counter as it is saved."""
    return int(service.run("state", bot, "get", "counter").stdout)


def test_a_state_outlives_restarts_updates_renames_and_removals(service: Service, fleet: Fleet) -> None:
    """Each time the counting goes on where it ended, and a version of it is in the store."""
    add_keeper(fleet)
    fleet.write("bots/one.yaml", keeper_text("one"))
    fleet.commit("one")
    fleet.push()
    assert begins(service, "one", 1) == 0
    service.wait_health("one", "Healthy")
    service.run("restart", "one", "--reason", "a test")
    assert begins(service, "one", 2) == ends(service, "one", 1) > 0
    fleet.write("bots/one.yaml", keeper_text("one", x=1))
    fleet.commit("other parameters")
    fleet.push()
    updated = begins(service, "one", 3)
    assert updated == ends(service, "one", 2)
    fleet.remove("bots/one.yaml")
    fleet.write("bots/two.yaml", keeper_text("two", ", renamed_from: one"))
    fleet.commit("another name")
    fleet.push()
    renamed = begins(service, "two", 1)
    assert renamed > updated
    assert service.stop() == 0
    service.start()
    resumed = begins(service, "two", 2)
    assert resumed > renamed
    fleet.remove("bots/two.yaml")
    fleet.commit("gone")
    fleet.push("-o", "confirm-prune")
    wait_for(lambda: "two" not in service.bots(), "two to be gone")
    # As herdsman ended there was a last save as well.
    wait_for(lambda: is_final(service, "two") and kept(service, "two") > resumed, "the last save of two")


def test_an_operator_looks_at_a_state_and_changes_it(service: Service, fleet: Fleet) -> None:
    """A key is set, an older version restored, all is cleared; never under the running bot."""
    add_keeper(fleet)
    fleet.write("bots/one.yaml", keeper_text("one"))
    fleet.commit("one")
    fleet.push()
    service.wait_health("one", "Healthy")
    wait_for(lambda: service.get("/api/v1/bots/one/state/versions"), "the first save")
    listed = json.loads(service.run("state", "one", "list", "--output", "json").stdout)
    assert [key["key"] for key in listed["keys"]] == ["counter"]
    (service.home / "value").write_text("70000")
    refused = service.run("state", "one", "set", "counter", "value", check=False)
    assert refused.returncode == 1
    assert "suspend it first" in refused.stderr
    service.run("state", "one", "set", "counter", "value", "--restart", "--reason", "a larger one")
    assert begins(service, "one", 2) == 70000
    assert (service.data / "states").is_dir()

    service.run("suspend", "one", "--reason", "a test")
    ended = ends(service, "one", 2)
    assert ended > 70000
    wait_for(lambda: is_final(service, "one") and kept(service, "one") == ended, "its last save")
    changed = next(version for version in versions(service, "one") if version["reason"] == "a larger one")
    service.run("state", "one", "restore", str(changed["number"]))
    service.run("resume", "one")
    assert begins(service, "one", 3) == 70000
    service.run("state", "one", "delete", "--all", "--restart")
    assert begins(service, "one", 4) == 0
    audited = [entry for entry in service.get("/api/v1/audit") if entry["action"] == "state"]
    assert [entry["why"] for entry in reversed(audited)] == [
        "a larger one",
        "restore version {}".format(changed["number"]),
        "delete everything",
    ]


def test_a_damaged_store_starts_no_bot_and_an_older_version_helps(service: Service, fleet: Fleet) -> None:
    """A state whose checksum is wrong is waited for and said; the bot does not start without it."""
    add_keeper(fleet)
    fleet.write("bots/one.yaml", keeper_text("one"))
    fleet.commit("one")
    fleet.push()
    service.wait_health("one", "Healthy")
    service.run("suspend", "one", "--reason", "a test")
    wait_for(lambda: is_final(service, "one"), "its last save")
    older = versions(service, "one")[0]["number"]
    (service.home / "value").write_text("123456")
    service.run("state", "one", "set", "counter", "value")
    (damaged,) = [
        path for path in (service.data / "states").glob("*/one/objects/*") if path.read_text() == "123456"
    ]
    damaged.write_text("123457")
    service.run("resume", "one", "--no-wait")
    bot = service.wait_health("one", "Degraded")
    assert bot["reason"] == "StateElsewhere"
    wait_for(lambda: "damaged" in service.bots()["one"]["message"], "the damage to be told")
    service.run("state", "one", "restore", str(older))
    service.wait_health("one", "Healthy")
    assert 0 < begins(service, "one", 2) < 123456


def test_a_bot_that_never_kept_anything_has_no_versions(service: Service, fleet: Fleet, record: Path) -> None:
    """Nothing is saved of nothing."""
    fleet.write("bots/plain.yaml", bot_text("plain", record))
    fleet.commit("plain")
    fleet.push()
    service.wait_health("plain", "Healthy")
    service.run("suspend", "plain", "--reason", "a test")
    service.run("resume", "plain")
    assert versions(service, "plain") == []
    assert "nothing was saved" in service.run("state", "plain", "list", check=False).stderr
