"""A real browser on the dashboard, signed in like a person: with a one-time link."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as TookTooLong

from tests.e2e.service import Service, wait_for
from tests.engines import unmoved_chromium

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000
"""Milliseconds for whatever is awaited of a page: a busy machine is late, and some bots act once a minute."""
expect.set_options(timeout=PATIENCE)
SCREENSHOTS = Path(__file__).parent / "screenshots"
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
SCHEMES: Final[tuple[Literal["dark", "light"], ...]] = ("dark", "light")


def sign_in_link(service: Service) -> str:
    """Ask for a one-time link; the one that `up` prints is good for its first ten minutes only."""
    return service.run("sign-in").stdout.strip()


@contextmanager
def open_browser(width: int = 1440, height: int = 900, scheme: str = "dark") -> Iterator[Page]:
    """Open a page of this size, and fail the test where a script on it fails."""
    failures: list[str] = []
    with chromium() as browser:
        context = new_context(
            browser,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        yield page
    assert not failures, failures


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Open a context without motion whose pages wait as long as a busy machine may take."""
    context = browser.new_context(reduced_motion="reduce", **options)
    context.set_default_timeout(PATIENCE)
    return context


def shoot(page: Page, name: str) -> None:
    """Keep a screenshot."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@dataclass
class Watched:
    """A page, with what its console complained about and what it asked the server for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    cut: int = 0
    """How often the browser dropped its connections, since a network came or went on this machine."""

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.hear(message))
        self.page.on("request", lambda request: self.requests.append(request))

    def hear(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings of the console.

        Not that a network came or went on this machine: other tests make network namespaces meanwhile.
        """
        if "ERR_NETWORK_CHANGED" in message.text:
            self.cut += 1
        elif message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def streams(self) -> list[str]:
        """Return the addresses of the event streams that were opened."""
        return [one.url for one in self.requests if one.resource_type == "eventsource"]

    def fetched(self) -> list[str]:
        """Return what was fetched from the API, the streams apart."""
        return [one.url for one in self.requests if "/api/" in one.url and one.resource_type != "eventsource"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run one browser for many pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=unmoved_chromium.__file__, headless=True, args=FLAGS, timeout=PATIENCE
        )
        try:
            yield browser
        finally:
            browser.close()


def shoot_all(page: Page, name: str) -> None:
    """Keep screenshots wide and narrow, dark and light; a narrow page must not scroll sideways."""
    SCREENSHOTS.mkdir(exist_ok=True)
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SCREENSHOTS / f"{name}-{size}-{scheme}.png", full_page=True)
        expect_to_fit(page, name)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="dark")


def expect_to_fit(page: Page, name: str) -> None:
    """Wait until the page is no wider than its window: a chart follows a new size a moment later."""
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    except TookTooLong:
        width, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        raise AssertionError(f"{name} is {width} px wide in a window of {window} px") from None


def go_by_keys(page: Page, keys: str, there: Locator) -> None:
    """Press keys that belong together until they led there: they count where they come within a second."""

    def led() -> bool:
        page.keyboard.type(keys)
        try:
            there.wait_for(timeout=5_000)
        except TookTooLong:
            return False
        return True

    wait_for(led, f"{keys!r} to lead to another page")
