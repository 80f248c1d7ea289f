"""A real browser on the dashboard, signed in like a person: with the one-time link that `up` prints."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

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
SCREENSHOTS = Path(__file__).parent / "screenshots"


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
