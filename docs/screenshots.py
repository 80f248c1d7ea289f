"""Takes the pictures of this folder from the demo fleet, run for the purpose: `make screenshots`."""

import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.browser import open_browser, sign_in_link
from tests.e2e.service import CHECKOUT, Service, wait_for

IMAGES = Path(__file__).parent / "images"
LARGEST = 200_000
"""Bytes; a picture is fetched with the page, and kept in the repository for ever."""
LIVE_FOR = 75.0
"""Seconds of life before the pictures: each bot has something to show, the one that crashes has crashed."""
FLEET, BOT = (1280, 800), (1280, 900)


def main() -> int:
    """Run the demo fleet and take the pictures; fail where one is too large."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="herdsman-screenshots-") as folder:
        service = Service(Path(folder) / "home", ("--seed", str(CHECKOUT / "examples" / "fleet"))).start()
        try:
            wait_for(
                lambda: service.bots().get("flaky-doge", {}).get("reason") == "CrashLoop", "a crash", 120
            )
            time.sleep(LIVE_FOR)
            take(service)
        finally:
            service.stop()
    sizes = {path.name: path.stat().st_size for path in sorted(IMAGES.glob("*.png"))}
    print("\n".join(f"docs/images/{name}: {size} bytes" for name, size in sizes.items()))  # noqa: T201
    return int(any(size > LARGEST for size in sizes.values()))


def take(service: Service) -> None:
    """Take the fleet's page and a bot's, as they are when nobody touches them."""
    with open_browser(*FLEET) as page:
        page.goto(sign_in_link(service))
        page.get_by_test_id("bot-row-sma-btc").wait_for()
        page.wait_for_timeout(1500)
        last = page.locator("[data-testid^=bot-row-]").last.bounding_box()
        assert last is not None
        shown = {"x": 0, "y": 0, "width": FLEET[0], "height": last["y"] + last["height"]}
        page.screenshot(path=IMAGES / "fleet.png", clip=shown)
        page.set_viewport_size({"width": BOT[0], "height": BOT[1]})
        page.goto(f"{service.url}/bots/sma-btc")
        page.get_by_test_id("chart-bot_equity").wait_for()
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / "bot.png")


if __name__ == "__main__":
    sys.exit(main())
