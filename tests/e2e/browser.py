"""A real browser on the dashboard, signed in like a person: with the one-time link that `up` prints."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.e2e.service import ENGINES, Service

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=60_000)  # ms; a busy machine paints late
SCREENSHOTS = Path(__file__).parent / "screenshots"
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
SCHEMES: Final[tuple[Literal["dark", "light"], ...]] = ("dark", "light")


def sign_in_link(service: Service) -> str:
    """Return the newest one-time link that the service printed."""
    links = re.findall(r"http://\S+/sign-in\?code=\S+", service.log.read_text())
    assert links, service.log.read_text()
    return str(links[-1])


@contextmanager
def open_browser(width: int = 1440, height: int = 900, scheme: str = "dark") -> Iterator[Page]:
    """Open a page of this size, and fail the test where a script on it fails."""
    failures: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(ENGINES / "chromium"), headless=True, args=FLAGS
        )
        try:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.on("pageerror", lambda error: failures.append(str(error)))
            yield page
        finally:
            browser.close()
    assert not failures, failures


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
            executable_path=str(ENGINES / "chromium"), headless=True, args=FLAGS
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
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{name} is {wider} px wider than its {width} px window"
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="dark")
