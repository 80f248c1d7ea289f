"""Every page of the dashboard in a real browser, on a real service with the demo fleet."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browser import (
    Watched,
    chromium,
    expect_to_fit,
    go_by_keys,
    new_context,
    shoot_all,
    sign_in_link,
)
from tests.e2e.service import CHECKOUT, Service, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

DEMO = CHECKOUT / "examples" / "fleet"
CRASHED = "flaky-doge"
NOISY = "noisy-xrp"
BOTS = sorted(manifest.stem for manifest in (DEMO / "bots").rglob("*.yaml"))
LIVELY = [name for name in BOTS if name != CRASHED]
RULES = """
alerts:
  rules:
    new-error: {when: {error: new, within: 1d}}
"""
"""In place of the rule that is there by itself: its alert ends ten minutes after an error was new."""

Open = Callable[..., AbstractContextManager[Watched]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run herdsman on the demo fleet until every bot is as it should be."""
    root = tmp_path_factory.mktemp("pages")
    demo = shutil.copytree(DEMO, root / "fleet")
    with (demo / "herdsman.yaml").open("a") as settings:
        settings.write(RULES)
    running = Service(root / "home", ("--seed", str(demo)))
    try:
        running.start()
        wait_for(lambda: as_it_should_be(running.bots()), "the demo fleet to be as it should be", 600, 0.5)
        yield running
    finally:
        running.stop()


def as_it_should_be(bots: dict[str, dict[str, Any]]) -> bool:
    """Tell whether the demo fleet's bots have the health that their programs are made for."""
    lively = all(bots.get(name, {}).get("health") == "Healthy" for name in LIVELY)
    return lively and bots[CRASHED]["reason"] == "CrashLoop"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one browser for the module."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def session(service: Service, browser: Browser) -> Any:
    """Sign in once, with a one-time link, and keep the cookie."""
    context = new_context(browser)
    page = context.new_page()
    page.goto(sign_in_link(service))
    expect(page.get_by_test_id("stream-state")).to_have_text("live")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(service: Service, browser: Browser, session: Any) -> Open:
    """Return how to open a page as the person who signed in."""

    def visit_path(path: str, complaints: str = "") -> AbstractContextManager[Watched]:
        return visited(browser, f"{service.url}{path}", session, complaints)

    return visit_path


@contextmanager
def visited(browser: Browser, url: str, session: Any = None, complaints: str = "") -> Iterator[Watched]:
    """Open a page; its console may complain about `complaints` (a pattern) and about nothing else."""
    context = new_context(
        browser, viewport={"width": 1440, "height": 900}, color_scheme="dark", storage_state=session
    )
    watched = Watched(context.new_page())
    try:
        watched.page.goto(url)
        yield watched
    finally:
        context.close()
    unexpected = [one for one in watched.complaints if not complaints or not re.search(complaints, one)]
    assert not unexpected, unexpected


def expect_to_move(value: Locator) -> None:
    """Wait until a text on the page changes by itself: that of a bot without a position rests for a while."""
    expect(value).to_have_text(re.compile(r"\d"))
    expect(value).not_to_have_text(value.inner_text())


def rows(page: Page) -> list[str]:
    """Return the names of the fleet's rows from top to bottom."""
    placed: list[tuple[float, str]] = page.locator("[data-testid^=bot-row-]").evaluate_all(
        "rows => rows.map(row => [row.getBoundingClientRect().y, row.dataset.testid])"
    )
    return [name.removeprefix("bot-row-") for _, name in sorted(placed)]


def worst_first(page: Page) -> list[str]:
    """Return the names of the fleet's rows where the crashed bot is the first of them, else none."""
    listed = rows(page)
    return listed if listed[:1] == [CRASHED] else []


def test_the_fleet_page_answers_what_is_wrong_first(visit: Open) -> None:
    """All bots are listed, the crashed one first with its reason, and the header counts them by state."""
    with visit("/") as watched:
        page = watched.page
        expect(page.locator("[data-testid^=bot-row-]")).to_have_count(len(BOTS))
        listed = wait_for(lambda: worst_first(page), "the crashed bot to come first")
        assert sorted(listed) == BOTS
        health = page.get_by_test_id(f"health-{CRASHED}")
        expect(health).to_have_attribute("data-health", "Degraded")
        expect(health).to_contain_text("crash loop")
        expect(health).to_have_attribute("title", re.compile("connection refused"))
        expect(page.get_by_test_id("count-Degraded")).to_contain_text("1")
        expect(page.get_by_test_id("count-Healthy")).to_contain_text(str(len(LIVELY)))
        expect(page.get_by_test_id("equity-dry-USDT")).to_contain_text("equity")
        expect(page.get_by_test_id("shown")).to_contain_text(f"{len(BOTS)} bots")
        expect_to_move(page.get_by_test_id("cell-metric-sma-btc"))
        assert len([one for one in watched.requests if one.is_navigation_request()]) == 1
        shoot_all(page, "fleet")


def test_the_first_page_needs_little_script(service: Service) -> None:
    """What a browser reads before it shows anything stays small; pages bring the rest."""
    page = httpx.get(f"{service.url}/", timeout=120).text
    names = re.findall(r"/assets/[\w.-]+\.js", page)
    assert names
    sizes = []
    for name in names:
        with httpx.stream(
            "GET", f"{service.url}{name}", headers={"Accept-Encoding": "gzip"}, timeout=120
        ) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            sizes.append(len(b"".join(answer.iter_raw())))
    assert sum(sizes) < 30_000


def test_states_in_the_header_filter_the_table(visit: Open) -> None:
    """A click on a state leaves its bots alone in the table; a second one brings all back."""
    with visit("/") as watched:
        page = watched.page
        page.get_by_test_id("count-Degraded").click()
        expect(page.locator("[data-testid^=bot-row-]")).to_have_count(1)
        expect(page.get_by_test_id(f"bot-row-{CRASHED}")).to_be_visible()
        page.get_by_test_id("count-Degraded").click()
        expect(page.locator("[data-testid^=bot-row-]")).to_have_count(len(BOTS))


def test_a_bots_page_draws_its_money_and_its_resources(visit: Open) -> None:
    """Equity and price are drawn and go on by themselves; resources stand beside their limits."""
    with visit("/bots/sma-btc") as watched:
        page = watched.page
        for metric in ("bot_equity", "bot_price", "bot_cpu_percent", "bot_memory_bytes"):
            chart = page.get_by_test_id(f"chart-{metric}")
            chart.scroll_into_view_if_needed()  # it is drawn once it is looked at
            expect(chart.locator("canvas")).to_be_visible()
        expect_to_move(page.get_by_test_id("last-value-bot_equity"))
        expect_to_move(page.get_by_test_id("last-value-bot_price"))
        facts = page.locator(".facts")
        expect(facts).to_contain_text("of 25%")
        expect(facts).to_contain_text("/96 MiB")
        expect(page.get_by_test_id("health-sma-btc")).to_have_attribute("data-health", "Healthy")
        expect(page.get_by_test_id("log-lines").locator(".line").first).to_be_visible()
        shoot_all(page, "bot")


def test_the_crashed_bots_page_says_why(visit: Open) -> None:
    """Its page has the reason, the next command and the trace."""
    with visit(f"/bots/{CRASHED}") as watched:
        page = watched.page
        reason = page.get_by_test_id("reason")
        expect(reason).to_contain_text("connection refused by the market data feed")
        expect(reason).to_contain_text(f"herdsman status {CRASHED}")
        expect(page.get_by_test_id("log-lines")).to_contain_text("ConnectionError")
        shoot_all(page, "bot-crashed")


def test_log_lines_are_searched_and_filtered(visit: Open) -> None:
    """The level leaves out lesser lines and the search other lines; a search without a match says so."""
    with visit("/bots/noisy-xrp") as watched:
        page = watched.page
        lines = page.get_by_test_id("log-lines").locator(".line")
        expect(lines.first).to_be_visible()
        page.get_by_test_id("log-level").select_option("error")
        expect(
            lines.filter(has=page.locator(".level", has_text=re.compile("info|debug|warn")))
        ).to_have_count(0)
        expect(lines.filter(has_text="Traceback").first).to_be_visible()
        shoot_all(page, "logs-errors")
        page.get_by_test_id("log-level").select_option("")
        page.get_by_test_id("log-search").fill("no line says this")
        expect(page.get_by_test_id("log-lines")).to_contain_text("No line matches")


def test_events_are_orders_and_fills(visit: Open) -> None:
    """The events tab lists what the bot did, newest first, opens one, and filters by kind."""
    with visit("/bots/sma-btc?tab=events") as watched:
        page = watched.page
        events = page.get_by_test_id("events")
        expect(events).to_contain_text(re.compile("(buy|sell) 2"))
        page.locator(".toolbar .chip", has_text="order").click()
        expect(events.locator(".event-kind").filter(has_not_text="order")).to_have_count(0)
        events.locator(".event").first.click()
        expect(events.locator(".event-data")).to_be_visible()
        page.locator(".toolbar .chip", has_text="all").click()
        shoot_all(page, "events")


def test_errors_are_grouped_explained_and_resolved(visit: Open, service: Service) -> None:
    """From the bot's page to its errors: counted live, with cause, source and trace, resolved by a person."""
    with visit(f"/bots/{NOISY}") as watched:
        page = watched.page
        page.get_by_test_id("errors-of").click()
        entries = page.locator(".error-entry")
        expect(entries.filter(has_text="BadAnswer").first).to_be_visible()
        expect(page.get_by_test_id("stream-state")).to_have_text("live")
        counts = "() => [...document.querySelectorAll('.error-entry .value')].map(e => e.textContent).join()"
        page.wait_for_function(f"before => ({counts})() !== before", arg=page.evaluate(counts))
        expect(page.get_by_test_id("stream-state")).to_have_text("live")
        shoot_all(page, "errors")
        (newest, *_) = service.get("/api/v1/errors", bot=NOISY)
        page.goto(f"{service.url}/errors/{newest['id']}")
        expect(page.get_by_test_id("explanation")).to_contain_text("What to do:")
        expect(page.locator(".source-line.here")).to_contain_text("raise BadAnswer")
        expect(page.get_by_test_id("trace")).to_contain_text("caused by")
        expect(page.get_by_test_id("before")).to_contain_text("memory")
        shoot_all(page, "error")
        page.get_by_test_id("resolve").click()
        page.locator("dialog[open] [name=reason]").fill("the demo")
        page.locator("dialog[open] button[type=submit]").click()
        expect(page.get_by_test_id("resolve")).to_have_text("Reopen")
        audit = [(one["action"], one["subject"], one["why"]) for one in service.get("/api/v1/audit")]
        assert ("resolve", NOISY, "the demo") in audit


def test_runs_of_the_scheduled_bot(visit: Open) -> None:
    """Each run has its outcome, and the header says when the next one is."""
    with visit("/bots/rebalance?tab=runs") as watched:
        page = watched.page
        first = page.get_by_test_id("runs").locator("tbody tr").first
        expect(first).to_contain_text("success")
        expect(page.locator(".facts")).to_contain_text("* * * * *")
        expect(page.locator(".facts")).to_contain_text("next")
        shoot_all(page, "runs")


def test_the_status_tab_shows_conditions_and_parameters(visit: Open) -> None:
    """Conditions, the last applies and the parameters that the bot runs with."""
    with visit("/bots/sma-btc?tab=status") as watched:
        page = watched.page
        status = page.get_by_test_id("status")
        expect(status).to_contain_text("Ready")
        expect(status).to_contain_text("applied")
        expect(status).to_contain_text("BTC/USDT")
        shoot_all(page, "status")


def test_a_revision_is_found_from_the_list(visit: Open, service: Service) -> None:
    """The list leads to the revision with its changes; any prefix of its id does too."""
    revision = service.get("/api/v1/fleet")["revision"]["id"]
    with visit("/revisions") as watched:
        page = watched.page
        row = page.get_by_test_id(f"revision-row-{revision[:7]}")
        expect(row).to_be_visible()
        shoot_all(page, "revisions")
        row.get_by_role("link", name=revision[:7]).click()
        expect(page.get_by_test_id("revision-page")).to_contain_text(f"{len(BOTS)} bots: {len(BOTS)} new")
    with visit(f"/r/{revision[:5]}") as watched:
        page = watched.page
        expect(page.get_by_test_id("revision-page")).to_contain_text(revision)
        for bot in BOTS:
            expect(page.get_by_test_id(f"change-{bot}")).to_be_visible()
        shoot_all(page, "revision")


def test_what_is_not_there_says_so(visit: Open) -> None:
    """An unknown bot, an unknown revision and an unknown address each lead back."""
    with visit("/bots/nobody", "404") as watched:
        problem = watched.page.get_by_test_id("problem")
        expect(problem).to_contain_text("nobody")
        shoot_all(watched.page, "unknown-bot")
        problem.get_by_role("link", name="All bots of the fleet").click()
        expect(watched.page.get_by_test_id("bot-row-sma-btc")).to_be_visible()
    with visit("/revisions/0000000", "404") as watched:
        expect(watched.page.get_by_test_id("problem")).to_contain_text("has never been seen here")
        shoot_all(watched.page, "unknown-revision")


def test_pages_of_alerts_logs_vitals_and_deploys_fit_and_say_what_is_there(visit: Open) -> None:
    """What fires, lines by word and facet, how a bot lives, its revisions and storage: wide and narrow."""
    with visit("/alerts") as watched:
        page = watched.page
        entry = page.get_by_test_id(f"alert-{NOISY}-new-error").first
        expect(entry).to_contain_text(NOISY)
        expect(entry.get_by_role("button", name="look after it")).to_be_visible()
        expect(page.get_by_test_id("alert-history")).to_contain_text("fired")
        shoot_all(page, "alerts")
        page.goto(page.url + f"?bot={LIVELY[0]}")
        expect(page.get_by_test_id("alerts-page")).to_contain_text("those of all bots")
    with visit("/logs?text=unreadable&level=error") as watched:
        page = watched.page
        lines = page.get_by_test_id("found-lines")
        expect(lines).to_contain_text("unreadable")
        expect(lines.locator(".found-bot").filter(has_not_text=NOISY)).to_have_count(0)
        expect(page.get_by_test_id("facets")).to_contain_text(NOISY)
        shoot_all(page, "logs-of-all")
        page.get_by_test_id("logs-search").fill("nothing-says-this")
        expect(lines).to_contain_text("No line matches")
        expect(page.get_by_test_id("logs-total")).to_have_text("0 lines")
        shoot_all(page, "logs-none")
    with visit("/bots/sma-btc?tab=vitals") as watched:
        page = watched.page
        expect(page.get_by_test_id("verdict")).to_contain_text("healthy for")
        expect(page.get_by_test_id("age-of-market_data")).to_contain_text("usually every")
        expect(page.get_by_test_id("use-memory")).to_contain_text("of 96 MiB")
        shoot_all(page, "vitals")
    with visit("/bots/sma-btc?tab=runs") as watched:
        expect(watched.page.get_by_test_id("deploys").get_by_role("listitem")).not_to_have_count(0)
        shoot_all(watched.page, "deploys")
    with visit("/compare?of=program%3Dsma-cross&with=program%3Dgrid-trader") as watched:
        page = watched.page
        expect(page.get_by_test_id("compared-dry")).to_contain_text("nothing can be judged")
        expect(page.get_by_test_id("compared-dry")).to_contain_text("bot_equity currency=USDT")
        shoot_all(page, "compare")
    with visit("/system") as watched:
        for part in ("rules", "storage"):
            expect(watched.page.get_by_test_id("system-page")).to_contain_text(part)
        shoot_all(watched.page, "system-parts")


RICH = "alerts:\n  rules:\n    rich: {when: {metric: bot_equity, above: 1}, action: suspend}\n"


def would_fire(service: Service, bot: str, **asked: Any) -> bool:
    """Say whether what is stored by now would make an alert of a bot."""
    answer = httpx.post(
        f"{service.url}/api/v1/alerts/trials",
        json=asked,
        headers={"Authorization": f"Bearer {service.token}"},
        timeout=120,
    )
    return answer.status_code == 200 and any(
        one["alerts"] for one in answer.json()["rules"] if one["bot"] == bot
    )


def test_a_rule_is_tried_on_the_page_of_alerts(visit: Open, service: Service) -> None:
    """One that is written: its mistake with the line, then what it would have done; one in force; a limit."""
    wait_for(lambda: would_fire(service, "sma-btc", text=RICH, alone=True), "its equity to be stored")
    wait_for(lambda: would_fire(service, NOISY, rule="new-error"), "its error to be stored")
    with visit("/alerts", "422") as watched:
        page = watched.page
        page.get_by_test_id("try-a-rule").click()
        text, run = page.get_by_test_id("trial-text"), page.get_by_test_id("trial-run")
        text.fill(RICH.replace("metric", "metrc"))
        run.click()
        problem = page.get_by_test_id("trial-problem")
        expect(problem).to_contain_text('line 3: unknown key "metrc"')
        expect(problem).to_contain_text('did you mean "metric"?')
        shoot_all(page, "try-a-rule-wrong")
        text.fill(RICH)
        run.click()
        rich = page.get_by_test_id("tried-sma-btc-rich")
        expect(rich).to_contain_text("bot_equity (currency USDT) is")
        expect(rich).to_contain_text("the bot would have been suspended")
        expect(problem).to_have_count(0)
        shoot_all(page, "try-a-rule")
        text.fill("defaults: {herdsman: {risk: {daily_loss: 1000000000}}}\n")
        page.get_by_test_id("trial-bot").fill("sma-btc")
        run.click()
        result = page.get_by_test_id("trial-result")
        expect(result).to_contain_text("Nothing would have fired. 1 of 1 bot tried")
        shoot_all(page, "try-a-rule-quiet")
        page.get_by_test_id("trial-bot").fill("")
        page.get_by_test_id("trial-rule").select_option("new-error")
        run.click()
        expect(page.get_by_test_id(f"tried-{NOISY}-new-error")).to_be_visible()
    assert service.bots()["sma-btc"]["health"] == "Healthy"


def test_a_token_signs_in(service: Service, browser: Browser) -> None:
    """Without a session a page asks for a token, refuses a wrong one, and shows itself with the right one."""
    with visited(browser, f"{service.url}/bots/sma-btc", complaints="401|403") as watched:
        page = watched.page
        expect(page.get_by_test_id("sign-in")).to_be_visible()
        page.get_by_test_id("token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("does not know this token")
        shoot_all(page, "sign-in")
        page.get_by_test_id("token").fill(service.token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_test_id("health-sma-btc")).to_be_visible()


def test_an_empty_fleet_shows_the_command_that_fills_it(browser: Browser, tmp_path: Path) -> None:
    """A service without a revision says how to push one, with its own address."""
    empty = Service(tmp_path / "home")
    try:
        empty.start()
        with visited(browser, sign_in_link(empty)) as watched:
            note = watched.page.locator(".note")
            expect(note).to_contain_text(f"git remote add herdsman {empty.url}/git/fleet.git")
            expect(note).to_contain_text("git push herdsman main")
            shoot_all(watched.page, "empty")
            watched.page.goto(f"{empty.url}/revisions")
            expect(note).to_contain_text("No revisions yet")
    finally:
        empty.stop()


def test_an_idle_page_has_one_stream_and_fetches_nothing_again(visit: Open, service: Service) -> None:
    """Each page opens one event stream, and asks the API nothing more while it is only looked at.

    A bot whose state moves is read anew, and so is a page whose connection was cut, or whose stream opened
    so late that it was read without it: none of these pages is idle.
    """
    wait_for(lambda: lives(service)["verdict"] == "healthy", "the bot to be judged")
    for _ in range(20):
        moved = state_of(service)
        with visit("/") as fleet, visit("/bots/sma-btc") as bot, visit("/revisions") as revisions:
            watched = (fleet, bot, revisions)
            for one in watched:
                expect(one.page.get_by_test_id("stream-state")).to_have_text("live")
            late = any(one.fetched().count(f"{service.url}/api/v1/fleet") > 1 for one in watched)
            expect_to_move(bot.page.get_by_test_id("last-value-bot_equity"))
            # That nothing happens cannot be awaited.
            revisions.page.wait_for_timeout(15_000)
            if late or state_of(service) != moved or any(one.cut for one in watched):
                continue
            assert [again(one.fetched()) for one in watched] == [[], [], []]
            assert [len(one.streams()) for one in watched] == [1, 1, 1]
            return
    pytest.fail("the bot's state moved, or the pages were cut off, each time")


def again(addresses: list[str]) -> list[str]:
    """Return what was fetched more than once, whatever the time, number or position it was fetched for."""
    things = Counter(re.sub(r"=\d[^&]*", "=", address) for address in addresses)
    return [thing for thing, times in things.items() if times > 1]


def lives(service: Service) -> dict[str, Any]:
    """Return how the bot of the page lives."""
    found = service.get("/api/v1/bots/sma-btc/liveness")
    assert isinstance(found, dict)
    return found


def state_of(service: Service) -> list[Any]:
    """Return what a bot's page reads anew where it changes."""
    row, how = service.bots()["sma-btc"], lives(service)
    moving = ("health", "reason", "sync", "applied_revision", "attempted_revision", "version")
    return [*(row.get(key) for key in moving), how["verdict"], how["since"]]


def test_trading_is_shown_live(visit: Open, service: Service) -> None:
    """A bot shows its figures, fills and drawdown; the page of all has each account and position."""
    with visit("/bots/sma-btc?tab=trading") as watched:
        page = watched.page
        figures = page.get_by_test_id("figures-dry--USDT")
        expect(figures).to_contain_text("Sharpe (365 d)")
        expect(figures).to_contain_text("of 30 days")
        expect(page.get_by_test_id("chart-bot_trading_drawdown")).to_be_visible()
        expect(page.get_by_test_id("fills").locator("tbody tr").first).to_be_visible()
        expect_to_move(figures.locator(".value").first)
        shoot_all(page, "bot-trading")
        page.set_viewport_size({"width": 390, "height": 844})
        expect(page.get_by_test_id("tab-trading")).to_have_attribute("aria-selected", "true")
        expect_to_fit(page, "bot-trading")
    with visit("/trading") as watched:
        page = watched.page
        expect(page.get_by_test_id("figures-dry--USDT")).to_contain_text("bots")
        expect(page.get_by_test_id("positions").locator("tbody tr").first).to_be_visible()
        expect_to_move(page.get_by_test_id("net-pnl").first)
        shoot_all(page, "trading")
        page.set_viewport_size({"width": 390, "height": 844})
        expect_to_fit(page, "trading")
    text = service.run("figures", "sma-btc").stdout
    assert "sma-btc  (dry, USDT)" in text
    assert "365 days a year" in text

    def programs() -> set[str]:
        known = json.loads(service.run("figures", "--by", "program", "--output", "json").stdout)
        return {one["name"] for one in known}

    wait_for(lambda: {"sma-cross", "grid-trader"} <= programs(), "the figures of both programs")
    assert "BTC/USDT" in service.run("trades", "sma-btc").stdout
    held = json.loads(service.run("positions", "--output", "json").stdout)
    assert all(one["currency"] == "USDT" and one["quantity"] > 0 for one in held)


def test_the_keyboard_is_enough(visit: Open) -> None:
    """`?` lists the keys, `/` searches, arrows walk, Enter opens, `g` leads back."""
    with visit("/") as watched:
        page = watched.page
        expect(page.get_by_test_id(f"bot-row-{CRASHED}")).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_test_id("help")).to_be_visible()
        shoot_all(page, "help")
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("help")).to_be_hidden()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_test_id(f"bot-row-{CRASHED}")).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowDown")
        expect(page.get_by_test_id(f"bot-row-{CRASHED}")).to_have_attribute("aria-selected", "false")
        page.keyboard.press("/")
        expect(page.get_by_test_id("search")).to_be_focused()
        page.keyboard.type("-eth")
        expect(page.locator("[data-testid^=bot-row-]")).to_have_count(2)
        page.keyboard.press("ArrowDown")
        chosen = page.locator("[data-testid^=bot-row-][aria-selected=true]")
        expect(chosen).to_have_count(1)
        name = (chosen.get_attribute("data-testid") or "").removeprefix("bot-row-")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id(f"health-{name}")).to_be_visible()
        expect(page).to_have_url(re.compile(f"/bots/{name}$"))
        go_by_keys(page, "gf", page.get_by_test_id("healths"))


def test_a_stopped_server_is_announced_and_its_return_noticed(visit: Open, service: Service) -> None:
    """The banner stands over the last known values; the page is live again by itself when the server is."""
    with visit("/", "ERR_|500|502|503|Failed to load") as fleet, visit("/bots/sma-btc", "ERR_|Failed") as bot:
        equity = bot.page.get_by_test_id("last-value-bot_equity")
        expect_to_move(equity)
        expect(fleet.page.get_by_test_id("bot-row-sma-btc")).to_be_visible()
        service.stop()
        for one in (fleet, bot):
            expect(one.page.get_by_test_id("lost-banner")).to_be_visible()
            expect(one.page.get_by_test_id("stream-state")).to_have_text("reconnecting")
        expect(equity).to_have_text(re.compile(r"\d"))
        expect(fleet.page.locator("[data-testid^=bot-row-]")).to_have_count(len(BOTS))
        shoot_all(fleet.page, "lost-fleet")
        shoot_all(bot.page, "lost-bot")
        service.start()
        for one in (fleet, bot):
            expect(one.page.get_by_test_id("lost-banner")).to_be_hidden()
            expect(one.page.get_by_test_id("stream-state")).to_have_text("live")
            assert len([request for request in one.requests if request.is_navigation_request()]) == 1
        expect_to_move(equity)
