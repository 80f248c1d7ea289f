"""Going back on this machine: by herdsman itself, by command, in the browser; never with two copies."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import open_browser, shoot_all, sign_in_link
from tests.e2e.fleet import Fleet, bot_text
from tests.e2e.lives import assert_never_two
from tests.e2e.service import Service, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def quick(name: str, record: Path, **parameters: object) -> str:
    """Return a manifest of a bot whose crashes soon count as a loop."""
    text = bot_text(name, record, **parameters)
    return text.replace("kill_timeout", "restart: {first_delay: 0.1s, degraded_crashes: 3}, kill_timeout")


def held(service: Service, name: str, by: str) -> dict[str, Any]:
    """Wait until a bot is healthy and held by what is named, and return its row."""

    def there() -> dict[str, Any] | None:
        bot: dict[str, Any] = service.bots().get(name, {})
        found = bot.get("health") == "Healthy" and (bot["held"] or {}).get("by") == by
        return bot if found else None

    return wait_for(there, f"{name} to be held by {by}", 60)


def free(service: Service, name: str) -> None:
    """Wait until a bot is healthy and held by nothing."""

    def there() -> bool:
        bot = service.bots()[name]
        return bot["health"] == "Healthy" and bot["held"] is None

    wait_for(there, f"{name} to be free")


def test_an_update_that_crashes_is_taken_back_once(service: Service, fleet: Fleet, record: Path) -> None:
    """The last healthy version runs again, the same content stays refused, a restart of herdsman included."""
    fleet.write("bots/one.yaml", quick("one", record))
    good = fleet.commit("good")
    fleet.push()
    service.wait_health("one", "Healthy")
    # It crashes once its interpreter has started, however long that takes: it must not be healthy before.
    sick = quick("one", record, crash_after=0.1).replace("healthy_after: 2s", "healthy_after: 30s")
    fleet.write("bots/one.yaml", sick)
    bad = fleet.commit("bad")
    fleet.push()
    bot = held(service, "one", "guard")
    assert (bot["reason"], bot["sync"], bot["applied_revision"]) == ("RolledBack", "OutOfSync", good)
    assert f"{bad[:7]} did not get healthy" in bot["message"]
    assert "the feed is gone" in bot["message"]

    def changes() -> list[tuple[str, str]]:
        found = service.get(f"/api/v1/revisions/{bad}")["changes"]
        return [(one["bot"], one["state"]) for one in found]

    wait_for(lambda: changes() == [("one", "rolled_back")], "the change to be told as rolled back")
    service.stop()
    service.start()
    service.wait_back("one")
    held(service, "one", "guard")
    fleet.git("commit", "-q", "--allow-empty", "-m", "the same once more")
    assert "one  stays as it is: " in fleet.push()
    fleet.write("bots/one.yaml", quick("one", record, text="fixed"))
    fixed = fleet.commit("fixed")
    assert "running" in fleet.push()
    wait_for(lambda: service.bots()["one"]["applied_revision"] == fixed, "the fix")
    free(service, "one")
    assert_never_two(record)


def test_bots_and_the_fleet_are_held_at_an_earlier_revision(
    service: Service, fleet: Fleet, record: Path
) -> None:
    """By command and in the browser; also to a commit that was force-pushed away; pushes change nothing."""
    fleet.write("bots/one.yaml", bot_text("one", record))
    fleet.write("bots/two.yaml", bot_text("two", record))
    first = fleet.commit("first")
    fleet.push()
    service.wait_health("one", "Healthy")
    service.wait_health("two", "Healthy")
    fleet.write("bots/one.yaml", bot_text("one", record, text="second"))
    fleet.remove("bots/two.yaml")
    fleet.git("add", "-A")
    fleet.git("commit", "-q", "--amend", "-m", "history is written anew")
    second = fleet.git("rev-parse", "HEAD").stdout.strip()
    assert "history was rewritten" in fleet.push("--force")
    wait_for(lambda: service.bots().get("one", {}).get("applied_revision") == second, "the second revision")
    service.wait_health("one", "Healthy")
    assert "two" in service.bots()
    fleet.git("commit", "-q", "--allow-empty", "-m", "yes, without two")
    fleet.push("-o", "confirm-prune")
    wait_for(lambda: "two" not in service.bots(), "two to be gone")
    listed = service.run("rollback", "one", "--list").stdout
    assert f"{first[:7]}" in listed
    assert "text second -> nothing" in listed
    said = service.run("rollback", "one", "--to", first[:10], "--reason", "loses money").stdout
    assert f"pinned to {first[:7]} by admin" in said
    fleet.write("bots/one.yaml", bot_text("one", record, text="third"))
    fleet.commit("third")
    assert "one  stays as it is: pinned to" in fleet.push()
    assert "unpinned by admin" in service.run("unpin", "one", "--reason", "fixed").stdout
    free(service, "one")
    with open_browser() as page:
        page.goto(sign_in_link(service))
        page.goto(f"{service.url}/bots/one")
        page.get_by_test_id("roll-back").click()
        dialog = page.get_by_test_id("roll-back-dialog")
        expect(dialog).to_contain_text("text third \u2192 nothing")
        shoot_all(page, "roll-back")
        dialog.get_by_role("radio").last.check()
        dialog.get_by_role("textbox").fill("slower since the third")
        dialog.get_by_role("button", name="Roll back").click()
        expect(page.get_by_test_id("unpin")).to_be_visible()
        held(service, "one", "bot")
        expect(page.get_by_test_id("reason")).to_contain_text("slower since the third")
        shoot_all(page, "pinned")
        page.goto(f"{service.url}/r/{first[:7]}")
        page.get_by_test_id("roll-back-fleet").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill("bad release")
        dialog.get_by_role("button", name="Roll the fleet back to this").click()
        expect(page.get_by_test_id("fleet-held")).to_contain_text("bad release")
        shoot_all(page, "fleet-held")
    service.wait_health("two", "Healthy")
    assert held(service, "two", "fleet")["applied_revision"] == first
    assert service.run("rollback", "--fleet", "--to", "ffff", "--reason", "x", check=False).returncode == 1
    service.run("unpin", "--fleet", "--reason", "fixed")
    wait_for(lambda: "two" not in service.bots(), "two to be gone again")
    actions = [one["action"] for one in service.get("/api/v1/audit")]
    assert actions.count("rollback") == 3
    assert_never_two(record)
