"""A bot prints, a browser shows: the real service, a real bot and Chromium, while many others print too.

The other bots are in the fleet, but not started: their log files are real, and one process writes all of
them, a line a second each. What is viewed is one bot's page. It repaints a value at once, then at most four
times a second, so the arrival of the message and the painting are told apart.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.sync_api import Page

from bench.figures import Figure, quantile, thinned
from bench.ingest import PRINTER, make_log
from cli.known_service import SERVICE_FILE
from tests.e2e.browser import open_browser, sign_in_link
from tests.e2e.fleet import Fleet, new_fleet
from tests.e2e.service import Service, wait_for

PRINTING = (1, 100, 1000)
"""How many bots print, the viewed one among them."""
SECONDS = 60
CLOCK = """\
import json, random, time

def main(bot_id, config):
    while True:
        print(json.dumps({"_metric": "clock", "value": time.time() * 1000}))
        time.sleep(random.uniform(0.3, 0.5))
"""
OBSERVER = """
(() => {
  const now = () => performance.timeOrigin + performance.now();
  const seen = (window.__seen = { arrived: [], painted: [] });
  const Original = window.EventSource;
  window.EventSource = class extends Original {
    constructor(...given) {
      super(...given);
      this.addEventListener("samples", (message) => {
        const at = now();
        for (const sample of JSON.parse(message.data).samples) {
          if (sample.name === "bot_clock") seen.arrived.push([sample.value, at]);
        }
      });
    }
  };
  let text = "";
  const look = () => {
    const element = document.querySelector("[data-testid=last-value-bot_clock]");
    if (element === null || element.textContent === text || seen.arrived.length === 0) return;
    text = element.textContent;
    const printed = seen.arrived.at(-1)[0];
    requestAnimationFrame(() => setTimeout(() => seen.painted.push([printed, now()])));
  };
  new MutationObserver(look).observe(document, { childList: true, characterData: true, subtree: true });
})();
"""
"""Notes when each sample arrives, and when the number that it changed is on the screen (the next frame)."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds from a bot's printing to the page's hearing of it, and to its showing it."""

    arrived: list[float]
    painted: list[float]
    cores: float
    """How much of a core the service took meanwhile."""


def measure() -> list[Figure]:
    """Measure with more and more bots that print."""
    return [figure for printing in PRINTING for figure in figures(printing, measure_delays(printing - 1))]


def figures(printing: int, delays: Delays) -> list[Figure]:
    """Return the figures of one number of bots that print."""
    found = []
    middle, most = ("100 ms", "250 ms") if printing == PRINTING[-1] else ("", "")
    for what, values in (("arrives in the page", delays.arrived), ("painted", delays.painted)):
        name = f"bot prints -> {what}, {f'{printing:,} bots' if printing > 1 else 'one bot'} printing"
        detail = f"n={len(values)} max {max(values):.0f} ms, the service takes {delays.cores:.2f} cores"
        found += [
            Figure(
                f"{name}, p50",
                quantile(values, 0.5),
                "ms",
                target=middle,
                detail=detail,
                samples=thinned(values),
            ),
            Figure(f"{name}, p99", quantile(values, 0.99), "ms", target=most),
        ]
    return found


def measure_delays(others: int) -> Delays:
    """Start everything, look for a while, and return what the page noted."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        root = Path(folder)
        service = Service(root / "home").start()
        try:
            push_bots(new_fleet(root / "fleet", service), others)
            fleet = json.loads((service.data / SERVICE_FILE).read_text())["fleet"]
            logs = [make_log(service.data / "local" / "allocations", n, fleet) for n in range(others)]
            for log in logs:
                log.touch()
            with open_browser() as page:
                return watch(page, service, logs)
        finally:
            service.stop()


def push_bots(fleet: Fleet, others: int) -> None:
    """Push the viewed bot, and the others without starting them."""
    (fleet.folder / "programs" / "counter" / "main.py").write_text(CLOCK)
    fleet.write("programs/counter/bot-schema.json", '{"type": "object", "properties": {}}')
    fleet.write("bots/viewed.yaml", "name: viewed\ntype: realtime/counter\nversion: 1.0.0\n")
    for number in range(others):
        fleet.write(
            f"bots/bot-{number}.yaml",
            f"name: bot-{number}\ntype: realtime/counter\nversion: 1.0.0\nenabled: false\n",
        )
    fleet.commit("all")
    fleet.push()


def watch(page: Page, service: Service, logs: list[Path]) -> Delays:
    """Look at the bot's page while the others print."""
    page.add_init_script(OBSERVER)
    page.goto(sign_in_link(service))
    wait_for(lambda: service.bots()["viewed"]["health"] == "Healthy", "the viewed bot", 60)
    page.goto(f"{service.url}/bots/viewed")
    page.wait_for_selector("[data-testid=last-value-bot_clock]")
    command = [sys.executable, "-c", PRINTER, str(SECONDS + 5)]
    printer = subprocess.Popen(command, stdin=subprocess.PIPE) if logs else None
    try:
        if printer is not None:
            assert printer.stdin is not None
            printer.stdin.write("\n".join(map(str, logs)).encode())
            printer.stdin.close()
        time.sleep(5)  # the page is open, everybody prints
        assert service.process is not None
        server = psutil.Process(service.process.pid)
        begun, used = time.time() * 1000, sum(server.cpu_times()[:2])
        lines = lines_taken(service)
        page.wait_for_timeout((SECONDS - 5) * 1000)
        lines = (lines_taken(service) - lines) / (SECONDS - 5)
        used = (sum(server.cpu_times()[:2]) - used) / (SECONDS - 5)
        assert lines > 0.8 * len(logs), f"only {lines:.0f} lines a second came through"
        seen: dict[str, Any] = page.evaluate("window.__seen")
    finally:
        if printer is not None:
            printer.wait()
    return Delays(since(seen["arrived"], begun), since(seen["painted"], begun), used)


def lines_taken(service: Service) -> float:
    """Return how many lines the intake has taken so far."""
    headers = {"Authorization": f"Bearer {service.token}"}
    text = httpx.get(f"{service.url}/metrics", headers=headers, timeout=10).text
    name = "herdsman_intake_lines_total "
    return float(next(line for line in text.splitlines() if line.startswith(name)).removeprefix(name))


def since(pairs: list[tuple[float, float]], begun: float) -> list[float]:
    """Return the delays of what was printed after a moment."""
    delays = [at - printed for printed, at in pairs if printed >= begun]
    assert delays, "the page showed nothing"
    return delays
