"""The dashboard while things happen: pushes, removals, readers without rights, sessions that end, phones."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import PATIENCE, Watched, chromium, go_by_keys, new_context, shoot, shoot_all
from tests.e2e.fleet import Fleet, bot_text, new_fleet
from tests.e2e.lives import by_bot, read_lives
from tests.e2e.service import Service, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one browser for the module."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run one herdsman for the module; it looks at its source where a push says so and at no other time."""
    running = Service(tmp_path_factory.mktemp("states") / "home", ("--poll-interval", "86400")).start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def fleet(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Clone one fleet for the module; each test has bots of its own in it."""
    return new_fleet(tmp_path_factory.mktemp("states") / "fleet", service)


@contextmanager
def visited(
    browser: Browser, service: Service, path: str, token: str = "", complaints: str = "", **options: Any
) -> Iterator[Watched]:
    """Open a page as the holder of a token; its console may complain about `complaints` alone."""
    context = new_context(browser, color_scheme="dark", **options)
    watched = Watched(context.new_page())
    try:
        context.request.post(
            f"{service.url}/sign-in",
            form={"token": token or service.token},
            max_redirects=0,
            timeout=PATIENCE,
        )
        watched.page.goto(f"{service.url}{path}")
        yield watched
    finally:
        context.close()
    unexpected = [one for one in watched.complaints if not complaints or not re.search(complaints, one)]
    assert not unexpected, unexpected


def make_token(service: Service, name: str, scope: str) -> tuple[str, str]:
    """Make a token and return its id and its secret."""
    answer = httpx.post(
        f"{service.url}/api/v1/tokens",
        json={"name": name, "scope": scope},
        headers={"Authorization": f"Bearer {service.token}"},
        timeout=120,
    )
    answer.raise_for_status()
    return answer.json()["id"], answer.json()["token"]


def revoke(service: Service, identity: str) -> None:
    """Revoke a token."""
    headers = {"Authorization": f"Bearer {service.token}"}
    httpx.delete(f"{service.url}/api/v1/tokens/{identity}", headers=headers, timeout=120).raise_for_status()


def push_bots(fleet: Fleet, record: Path, message: str, **bots: str) -> str:
    """Push bots by name with their texts and return the revision."""
    for name, text in bots.items():
        fleet.write(f"bots/{name}.yaml", bot_text(name, record, text=text))
    revision = fleet.commit(message)
    fleet.push()
    return revision


def test_a_push_is_followed_on_the_timeline(
    browser: Browser, service: Service, fleet: Fleet, record: Path
) -> None:
    """A push shows by itself with who pushed, what changed before and after, and the result; no secret."""
    first = push_bots(fleet, record, "two bots", one="a", two="a")
    with visited(browser, service, "/revisions") as watched:
        page = watched.page
        expect(page.get_by_test_id(f"revision-row-{first[:7]}")).to_contain_text("2 new")
        expect(page.get_by_test_id("stream-state")).to_have_text("live")
        second = push_bots(fleet, record, "other text", one="b")
        row = page.get_by_test_id(f"revision-row-{second[:7]}")
        expect(row).to_contain_text("1 changed; written by desk, pushed by admin")
        expect(row).to_contain_text(re.compile(r"text a -> b.*(running|healthy) in [0-9.]+ (s|min)"))
        assert len([one for one in watched.requests if one.is_navigation_request()]) == 1
        shoot_all(page, "timeline")
        row.get_by_role("link", name=second[:7]).click()
        expect(page).to_have_url(re.compile(f"/revisions/{second[:12]}$"))
        change = page.get_by_test_id("change-one")
        expect(change.locator("tr", has_text="text")).to_contain_text("a")
        expect(change.locator("tr", has_text="text").locator(".after")).to_have_text("b")
        shoot_all(page, "revision-diff")
    with visited(browser, service, "/bots/two") as watched:
        page = watched.page
        page.get_by_test_id("revisions-of").click()
        expect(page.get_by_test_id(f"revision-row-{first[:7]}")).to_be_visible()
        expect(page.get_by_test_id(f"revision-row-{second[:7]}")).to_have_count(0)


def test_a_held_prune_is_confirmed_on_its_page(
    browser: Browser, service: Service, fleet: Fleet, record: Path
) -> None:
    """A prune that is held says what would go; confirmed there, it is carried out before one's eyes."""
    push_bots(fleet, record, "six bots", **{f"bot{number}": "a" for number in range(6)})
    for number in range(6):
        service.wait_health(f"bot{number}", "Healthy")
    for number in range(5):
        fleet.remove(f"bots/bot{number}.yaml")
    revision = fleet.commit("nearly none")
    fleet.push()
    with visited(browser, service, f"/revisions/{revision}") as watched:
        page = watched.page
        held = page.get_by_test_id("held")
        expect(page.locator(".banner.problem")).to_contain_text(
            re.compile("5 of [0-9]+ bots would be removed")
        )
        expect(held).to_contain_text("bot0, bot1, bot2, bot3, bot4")
        expect(held).to_contain_text("herdsman sync --confirm-prune")
        shoot_all(page, "revision-held")
        page.get_by_test_id("confirm-prune").click()
        dialog = page.get_by_role("dialog", name="Remove these bots")
        expect(dialog).to_contain_text("5 bots")
        shoot_all(page, "confirm")
        dialog.get_by_role("button", name="Remove these bots").click()
        expect(held).to_have_count(0)
        expect(page.get_by_test_id("change-bot0")).to_contain_text("removed in")
    names = {f"bot{number}" for number in range(5)}
    wait_for(lambda: not names & set(service.bots()), "five bots to be gone")


def test_a_removed_bots_page_keeps_its_past(
    browser: Browser, service: Service, fleet: Fleet, record: Path
) -> None:
    """An open page says that its bot is gone; opened later, logs, charts and runs are still there."""
    push_bots(fleet, record, "a pair", gone="a", stays="a")
    service.wait_health("gone", "Healthy")
    with visited(browser, service, "/bots/gone") as watched:
        page = watched.page
        expect(page.get_by_test_id("log-lines")).to_contain_text("gone starts with a")
        fleet.remove("bots/gone.yaml")
        revision = fleet.commit("without it")
        fleet.push()
        expect(page.get_by_test_id("removed")).to_contain_text(revision[:7])
        expect(page.get_by_test_id("restart")).to_have_count(0)
    with visited(browser, service, "/bots/gone") as watched:
        page = watched.page
        expect(page.get_by_test_id("health-gone")).to_contain_text("removed")
        expect(page.get_by_test_id("log-lines")).to_contain_text("gone starts with a")
        expect(page.get_by_test_id("chart-bot_counter").locator("canvas")).to_be_visible()
        shoot_all(page, "bot-removed")
        page.get_by_test_id("tab-runs").click()
        expect(page.get_by_test_id("runs").locator("tbody tr")).to_have_count(1)


def test_a_killed_process_is_told_as_drift(
    browser: Browser, service: Service, fleet: Fleet, record: Path
) -> None:
    """The status tab says by itself what was done to the bot, how it was put right, and what is owned."""
    push_bots(fleet, record, "a bot to be killed", victim="a")
    service.wait_health("victim", "Healthy")
    with visited(browser, service, "/bots/victim?tab=status") as watched:
        page = watched.page
        expect(page.get_by_test_id("operation")).to_contain_text("idle")
        expect(page.get_by_test_id("stream-state")).to_have_text("live")
        os.kill(int(by_bot(read_lives(record))["victim"][-1].pid), signal.SIGKILL)
        drift = page.get_by_test_id("drift")
        expect(drift).to_contain_text("its process was ended by SIGKILL behind our back")
        expect(drift).to_contain_text("its launcher started it again")
        expect(page.get_by_test_id("inventory")).to_contain_text("digest")
        shoot_all(page, "bot-drift")


def test_herdsmans_own_health_moves(browser: Browser, service: Service, fleet: Fleet, record: Path) -> None:
    """Every part stands with its figures, which change by themselves; a push shows as the last pass."""
    with visited(browser, service, "/system") as watched:
        page = watched.page
        expect(page.get_by_test_id("stream-state")).to_have_text("live")
        expect(page.get_by_test_id("system-page")).to_contain_text("every part is well")
        before = len(watched.fetched())
        parts = "controller source scheduler intake agents series events database live web process"
        for part in parts.split():
            expect(page.get_by_test_id(f"part-{part}")).to_have_attribute("data-state", "ok")
        push_bots(fleet, record, "seen", seen="a")
        expect(page.get_by_test_id("controller-last pass").locator("..")).to_have_attribute("title", "push")
        expect(page.get_by_test_id("intake-lines")).to_have_text(re.compile(r"[1-9][\d.,]*/s"))
        expect(page.get_by_test_id("part-agents").locator("tbody tr")).to_have_count(1)
        expect(page.get_by_test_id("live-viewers")).to_have_text("1")
        shoot_all(page, "system")
        assert not [one for one in watched.fetched()[before:] if "/system" in one]


def test_a_reader_sees_buttons_closed_and_why(
    browser: Browser, service: Service, fleet: Fleet, record: Path
) -> None:
    """With the scope read every page shows; what changes things is closed, and says what it takes."""
    push_bots(fleet, record, "read", read="a")
    _, secret = make_token(service, "visitor", "read")
    with visited(browser, service, "/bots/read", secret) as watched:
        page = watched.page
        expect(page.get_by_test_id("why-not")).to_contain_text("the token \u201cvisitor\u201d has read")
        for button in ("restart", "suspend"):
            expect(page.get_by_test_id(button)).to_be_disabled()
        shoot_all(page, "bot-reader")
        go_by_keys(page, "gr", page.get_by_test_id("sync"))
        expect(page.get_by_test_id("sync")).to_be_disabled()


def test_an_operator_suspends_and_resumes_with_a_reason(
    browser: Browser, service: Service, fleet: Fleet, record: Path
) -> None:
    """The bot stops and says by whom and why; resumed, it runs again."""
    push_bots(fleet, record, "paused", paused="a")
    service.wait_health("paused", "Healthy")
    _, secret = make_token(service, "desk-ops", "operate")
    with visited(browser, service, "/bots/paused", secret) as watched:
        page = watched.page
        page.get_by_test_id("suspend").click()
        dialog = page.get_by_role("dialog", name="Suspend")
        dialog.get_by_role("textbox").fill("exchange maintenance")
        dialog.get_by_role("button", name="Suspend").click()
        reason = page.get_by_test_id("reason")
        expect(reason).to_contain_text("suspended by desk-ops: \u201cexchange maintenance\u201d")
        expect(page.get_by_test_id("health-paused")).to_have_attribute("data-health", "Suspended")
        shoot_all(page, "bot-suspended")
        page.get_by_test_id("resume").click()
        page.get_by_role("dialog", name="Resume").get_by_role("button", name="Resume").click()
        expect(page.get_by_test_id("health-paused")).to_have_attribute("data-health", "Healthy")


def test_the_kill_switch_is_thrown_and_stands_over_every_page(
    browser: Browser, service: Service, fleet: Fleet, record: Path
) -> None:
    """It wants its word typed; the banner tells how far it is, and the release takes an admin's token."""
    push_bots(fleet, record, "trading", trading="a")
    service.wait_health("trading", "Healthy")
    _, secret = make_token(service, "desk-night", "operate")
    with visited(browser, service, "/", secret) as watched:
        page = watched.page
        page.get_by_test_id("kill-switch").click()
        dialog = page.get_by_role("dialog", name="Kill switch")
        dialog.locator("[name=reason]").fill("runaway orders")
        expect(dialog.get_by_role("button", name="End them now")).to_be_disabled()
        dialog.locator("[name=word]").fill("kill")
        shoot_all(page, "kill-dialog")
        dialog.get_by_role("button", name="End them now").click()
        banner = page.get_by_test_id("kill-banner")
        expect(banner).to_contain_text("Kill switch is on: all bots")
        expect(banner).to_contain_text("by desk-night: \u201crunaway orders\u201d")
        expect(banner).to_contain_text("Nothing of it runs.")
        expect(page.get_by_test_id("release")).to_be_disabled()
        shoot_all(page, "kill-banner")
        page.goto(f"{service.url}/revisions")
        expect(page.get_by_test_id("kill-banner")).to_be_visible()
    with visited(browser, service, "/bots/trading", service.token) as watched:
        page = watched.page
        expect(page.get_by_test_id("reason")).to_contain_text("kill switch")
        page.get_by_test_id("release").click()
        page.get_by_role("dialog", name="Release").get_by_role("button", name="Release").click()
        expect(page.get_by_test_id("kill-banner")).to_have_count(0)
        expect(page.get_by_test_id("health-trading")).to_have_attribute("data-health", "Healthy")


def test_a_session_that_ends_costs_no_place(
    browser: Browser, service: Service, fleet: Fleet, record: Path
) -> None:
    """A revoked token closes its stream; the page stays, asks for another token, and goes on from there."""
    push_bots(fleet, record, "kept", kept="a")
    service.wait_health("kept", "Healthy")
    identity, secret = make_token(service, "short-lived", "read")
    with visited(browser, service, "/bots/kept?range=5m", secret, "401") as watched:
        page = watched.page
        lines = page.get_by_test_id("log-lines")
        expect(lines).to_contain_text("kept starts with a")
        page.get_by_test_id("log-search").fill("starts")
        revoke(service, identity)
        again = page.get_by_test_id("sign-in-again")
        expect(again).to_be_visible()
        expect(lines).to_contain_text("kept starts with a")
        shoot_all(page, "session-ended")
        again.get_by_test_id("token").fill(service.token)
        again.get_by_role("button", name="Sign in").click()
        expect(again).to_have_count(0)
        expect(page.get_by_test_id("stream-state")).to_have_text("live")
        expect(page.get_by_test_id("log-search")).to_have_value("starts")
        expect(page.get_by_test_id("suspend")).to_be_enabled()
        assert "range=5m" in page.url
        assert len([one for one in watched.requests if one.is_navigation_request()]) == 1


def test_a_phone_reaches_everything(browser: Browser, service: Service, fleet: Fleet, record: Path) -> None:
    """At phone width the charts are a tab beside logs, events, runs and status, all near the top."""
    push_bots(fleet, record, "small", small="a")
    service.wait_health("small", "Healthy")
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with visited(browser, service, "/bots/small", **phone) as watched:
        page = watched.page
        expect(page.get_by_test_id("chart-bot_counter").locator("canvas")).to_be_visible()
        box = page.get_by_role("tablist").bounding_box()
        assert box is not None
        assert box["y"] < 500
        page.get_by_test_id("tab-logs").tap()
        expect(page.get_by_test_id("log-lines")).to_contain_text("small starts with a")
        expect(page.get_by_test_id("chart-bot_counter")).to_have_count(0)
        shoot(page, "bot-logs-phone")
        page.get_by_test_id("tab-status").tap()
        expect(page.get_by_test_id("status")).to_contain_text("Ready")
        page.get_by_test_id("tab-charts").tap()
        expect(page.get_by_test_id("chart-bot_counter").locator("canvas")).to_be_visible()


def test_the_lost_banner_counts_down(browser: Browser, service: Service, fleet: Fleet, record: Path) -> None:
    """While the service is away the banner says since when, and when it is tried next; then it is gone."""
    revision = push_bots(fleet, record, "last", last="a")
    with visited(browser, service, "/revisions", complaints="ERR_|50[0-9]|Failed to load") as watched:
        page = watched.page
        row = page.get_by_test_id(f"revision-row-{revision[:7]}")
        expect(row).to_be_visible()
        service.stop()
        expect(page.get_by_test_id("lost-banner")).to_be_visible()
        expect(page.get_by_test_id("retry")).to_contain_text(re.compile("Next try in [0-9]+ s"))
        expect(row).to_be_visible()
        shoot_all(page, "lost")
        service.start()
        expect(page.get_by_test_id("stream-state")).to_have_text("live")
        expect(page.get_by_test_id("lost-banner")).to_have_count(0)
        assert len([one for one in watched.requests if one.is_navigation_request()]) == 1
