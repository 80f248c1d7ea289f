"""Take a screenshot of every page and state on the mock server: wide and narrow, dark and light.

Usage: python web/dashboard/dev/look.py OUTPUT_FOLDER [PAGE ...]
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

SERVER = Path(__file__).parent / "server.mjs"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
# name: (address, the mock server's environment, what has to be there)
PAGES: dict[str, tuple[str, dict[str, str], str]] = {
    "fleet": ("/", {}, "[data-testid^=bot-row-]"),
    "fleet-large": ("/", {"BOTS": "1000"}, "[data-testid^=bot-row-]"),
    "bot": ("/bots/sma-btc", {}, ".panel canvas"),
    "bot-degraded": ("/bots/grid-eth?tab=events", {}, ".panel canvas"),
    "bot-runs": ("/bots/rebalance-ada?tab=runs", {}, "[data-testid=runs]"),
    "bot-status": ("/bots/mm-sol?tab=status&range=1h", {}, ".status"),
    "revisions": ("/revisions", {}, ".timeline"),
    "revisions-of": ("/revisions?bot=sma-btc", {}, ".timeline"),
    "revision": ("/revisions/b81c04e", {}, "[data-testid=revision-page]"),
    "revision-held": ("/revisions", {"HELD": "1"}, ".timeline"),
    "system": ("/system", {}, "[data-testid=system-page]"),
    "bot-gone": ("/bots/sma-btc", {"GONE": "1"}, "[data-testid=removed]"),
    "bot-reader": ("/bots/sma-btc", {"READER": "1"}, ".panel canvas"),
    "bot-logs": ("/bots/sma-btc?tab=logs", {}, ".bot-header"),
    "empty": ("/", {"EMPTY": "1"}, ".note"),
    "sign-in": ("/", {"DENY": "1"}, "[data-testid=sign-in]"),
    "problem": ("/", {"BROKEN": "1"}, "[data-testid=problem]"),
    "nowhere": ("/what/is/this", {}, ".note"),
}


@contextmanager
def mock_server(environment: dict[str, str]) -> Iterator[str]:
    """Run the mock server on a free port."""
    process = subprocess.Popen(
        ["node", str(SERVER)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PORT": "0", **environment},
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().rstrip("/")
    finally:
        process.terminate()
        process.wait()


def take(browser: Browser, url: str, ready: str, target: Path, size: str, theme: str) -> None:
    """Open one page and keep what it looks like after the data has moved a little."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    page.wait_for_selector(ready)
    page.wait_for_timeout(1200)
    page.screenshot(path=target)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if overflow > 0:
        said.append(f"the page is {overflow} px too wide")
    for text in said:
        print(f"{target.name}: {text}")  # noqa: T201  a tool for the terminal
    context.close()


def main(folder: Path, wanted: list[str]) -> None:
    """Take all pictures, or those of the named pages."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", headless=True, args=FLAGS)
        for name in wanted or list(PAGES):
            path, environment, ready = PAGES[name]
            with mock_server(environment) as origin:
                for size in SIZES:
                    for theme in ("light", "dark"):
                        take(
                            browser, origin + path, ready, folder / f"{name}-{size}-{theme}.png", size, theme
                        )
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
