"""A bot whose market data stops, and that is suspended with an open position: noticed, told, shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import open_browser, sign_in_link
from tests.e2e.service import Service, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MAIN = """\
import json, os, signal, threading, time

stopping = threading.Event()

def say(kind, **fields):
    print(json.dumps({"_metric": kind, "timestamp": int(time.time() * 1000), **fields}), flush=True)

def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    say("trade", symbol="BTC/USDT", side="buy", quantity=0.5, price=64000, account="main", currency="USDT")
    while not stopping.wait(0.2):
        say("heartbeat", state="running")
        if not os.path.exists(config["outage"]):
            say("price", symbol="BTC/USDT", value=64000)
"""
CONFIG = """\
name: feed
version: 0.1.0
type: realtime
runtime: python3.11
entrypoints: {bot: main.py}
schema: {bot: bot-schema.json}
readme: README.md
"""
SCHEMA = '{"type": "object", "required": ["outage"], "properties": {"outage": {"type": "string"}}}'
README = "# feed\n\nA test bot that prints prices until a file appears, and goes on with its heartbeats.\n"
BOT = """\
name: {name}
type: realtime/feed
version: 0.1.0
mode: dry
outage: {outage}
herdsman:
  liveness: {{market_data: 5s, warm_up: 0s}}
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Run herdsman on a fleet of two: the exchange of one of them can be taken away."""
    fleet = tmp_path / "fleet"
    program = fleet / "programs" / "feed"
    program.mkdir(parents=True)
    (fleet / "bots").mkdir()
    files = {"main.py": MAIN, "bot-config.yaml": CONFIG, "bot-schema.json": SCHEMA, "README.md": README}
    for name, text in files.items():
        (program / name).write_text(text)
    for name in ("struck", "spared"):
        text = BOT.format(name=name, outage=tmp_path / f"outage-{name}")
        (fleet / "bots" / f"{name}.yaml").write_text(text)
    running = Service(tmp_path / "home", ("--seed", str(fleet)))
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_an_outage_is_noticed_and_an_open_position_is_named(service: Service, tmp_path: Path) -> None:
    """Without prices it is not trading, in API, terminal and alerts; suspended, its position is named."""

    def lives(name: str, verdict: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = service.get(f"/api/v1/bots/{name}/liveness")
            return found if found["verdict"] == verdict else None

        return wait_for(look, f"{name} to be found {verdict}", 120, 0.2)

    def alert(rule: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = service.get("/api/v1/alerts", bot="struck", rule=rule)["alerts"]
            return next((one for one in found if one["state"] == state), None)

        return wait_for(look, f"{rule} to be {state}", 120, 0.2)

    for name in ("struck", "spared"):
        service.wait_health(name, "Healthy")
        wait_for(
            lambda name=name: lives(name, "healthy")["signs"]["market_data"]["at"],  # type: ignore[misc]
            "market data",
            90,
        )
    (tmp_path / "outage-struck").touch()
    found = lives("struck", "not_trading")
    assert "no market data for more than 5 s" in found["text"]
    assert found["signs"]["loop"]["at"] > found["signs"]["market_data"]["at"]
    assert "no market data" in alert("not-trading", "firing")["text"]
    told = service.run("status").stdout
    assert "alive but not trading: its process lives, and there is no market data" in told
    assert "market data" in service.run("status", "struck").stdout
    lives("spared", "healthy")
    with open_browser() as page:
        page.goto(sign_in_link(service))
        page.goto(f"{service.url}/bots/struck")
        lives_line = page.get_by_test_id("lives")
        expect(lives_line).to_contain_text("alive but not trading for")
        expect(lives_line).to_contain_text("look at the exchange")
        service.run("suspend", "struck", "--reason", "exchange maintenance")
        expect(page.get_by_test_id("left-open")).to_contain_text("left open long 0.5 BTC/USDT at 64000")
        expect(lives_line).to_have_count(0)
    left = alert("left-open", "firing")["text"]
    assert "exchange maintenance" in left
    assert "long 0.5 BTC/USDT at 64000 (dry, account main), since 20" in left
    assert service.get("/api/v1/bots/struck/liveness")["left_open"]
    (tmp_path / "outage-struck").unlink()
    service.run("resume", "struck", "--reason", "over")
    lives("struck", "healthy")
    rows = service.run("top", "--output", "json").stdout
    assert "bot_memory_bytes" in rows
