"""From a line that breaks a limit to the bot's SIGTERM, and from one that a rule is about to a webhook.

The service is the real one, with the local scheduler. Some real bots wait, each at a pipe, for the word to
print the line that counts; how many others print meanwhile is what is varied (see browser.py). Each bot
breaks its limit once. Every bot of the second kind has a destination of its own, since messages to the same
one are held together.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.browser import lines_taken
from bench.figures import Figure, quantile, spread, thinned
from bench.ingest import PRINTER, make_log
from cli.known_service import SERVICE_FILE
from tests.e2e.fleet import Fleet, new_fleet
from tests.e2e.service import Service, wait_for
from tests.engines.webhooks import Webhooks, webhooks

KINDS = ("filled", "fell", "rich")
"""Bots that lose by a fill, bots whose equity falls and nothing says why, bots that a rule is about."""
PRINTING = (1, 1000)
"""How many bots print in all, the one that counts among them."""
BOTS = int(os.environ.get("BENCH_ALERTS", "12"))
"""Bots of each kind: how often is measured."""
TRADER = '''\
import json, signal, sys, time

def main(bot_id, config):
    """Print an equity, and another once somebody writes it into the pipe; note that, and the end."""
    about = {"currency": "USDT", "symbol": "BTC/USDT", "quantity": 1}

    def note(what):
        with open(config["notes"], "a") as file:
            file.write(f"{what} {time.time()}\\n")

    def end(*_):
        note("ended")
        sys.exit(0)

    def say(equity, side):
        note("printed")
        lines = [{"_metric": "equity", "equity": equity, "currency": "USDT"}]
        if bot_id.startswith("filled"):
            lines.insert(0, {"_metric": "trade", "side": side, "price": equity, **about})
        print("\\n".join(map(json.dumps, lines)), flush=True)

    signal.signal(signal.SIGTERM, end)
    say(10000.0, "buy")
    with open(config["pipe"]) as pipe:
        say(float(pipe.read()), "sell")
    while True:
        time.sleep(60)
'''
PARAMETERS = '{"type": "object", "properties": {"pipe": {"type": "string"}, "notes": {"type": "string"}}}'
BARE = """
import signal, sys, time
def end(*_):
    print(time.time(), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print(time.time(), flush=True)
while True:
    time.sleep(60)
"""


@dataclass(slots=True)
class Delays:
    """Milliseconds from a printed line to the bot's SIGTERM, and to a webhook."""

    filled: list[float] = field(default_factory=list)
    fell: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)


def measure() -> list[Figure]:
    """Measure alone, then with many others that print."""
    floor = quantile([_bare_signal() for _ in range(BOTS)], 0.5)
    return [figure for printing in PRINTING for figure in figures(printing, measure_delays(printing), floor)]


def figures(printing: int, delays: Delays, floor: float) -> list[Figure]:
    """Return the figures of one number of bots that print."""
    who = f"{printing:,} printing" if printing > 1 else "one printing"
    found = []
    for line, values in (("fill", delays.filled), ("fall held back 0.5 s", delays.fell)):
        name = f"{line}, over a risk limit -> SIGTERM in the bot, {who}"
        least = floor, "a bare pipe, read by who signals"
        found += [
            Figure(
                f"{name}, p50", quantile(values, 0.5), "ms", *least, "1 s", spread(values), thinned(values)
            ),
            Figure(f"{name}, p95", quantile(values, 0.95), "ms", *least, "1 s"),
        ]
    name = f"line over a threshold -> webhook, {who}, p50"
    detail = f"group_wait 0s; {spread(delays.told)}"
    middle = quantile(delays.told, 0.5)
    return [*found, Figure(name, middle, "ms", detail=detail, samples=thinned(delays.told))]


def _bare_signal() -> float:
    """Return the milliseconds from a bare program's line to its SIGTERM, sent by who reads the line."""
    with subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        printed = float(child.stdout.readline())
        child.send_signal(signal.SIGTERM)
        return (float(child.stdout.readline()) - printed) * 1000


def measure_delays(printing: int) -> Delays:
    """Start everything, have each bot print the line that counts, and return what was noted."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder, webhooks() as hooks:
        root = Path(folder)
        destinations = root / "destinations"
        address = f"json://127.0.0.1:{hooks.server_port}"
        destinations.write_text("".join(f"hook-{n}: {address}/rich-{n}/200\n" for n in range(BOTS)))
        destinations.chmod(0o600)
        service = Service(root / "home", options=("--notify-file", str(destinations))).start()
        try:
            push_bots(new_fleet(root / "fleet", service), root, printing - 1)
            wait_for(lambda: _are_known(service), "the first equity of all")
            with others_printing(service, printing - 1):
                return _rounds(root, hooks)
        finally:
            service.stop()


def push_bots(fleet: Fleet, root: Path, others: int) -> None:
    """Push the bots with a limit, those with a rule, and the others without starting them."""
    (fleet.folder / "programs" / "counter" / "main.py").write_text(TRADER)
    fleet.write("programs/counter/bot-schema.json", PARAMETERS)
    routes = [f"    - {{to: [hook-{n}], labels: {{hook: h{n}}}, fleet: false}}\n" for n in range(BOTS)]
    rule = "    rich: {when: {figure: equity, above: 10500}, labels: {kind: rich}}\n"
    fleet.write("herdsman.yaml", f"alerts:\n  group_wait: 0s\n  rules:\n{rule}  routes:\n{''.join(routes)}")
    for number in range(BOTS):
        poor = "{healthy_after: 1s, kill_timeout: 5s, risk: {daily_loss: 500}}"
        of_kind = {"filled": poor, "fell": poor}
        rich = f"{{healthy_after: 1s, kill_timeout: 5s, labels: {{kind: rich, hook: h{number}}}}}"
        for kind in KINDS:
            name, herdsman = f"{kind}-{number}", of_kind.get(kind, rich)
            os.mkfifo(root / f"{name}.pipe")
            where = f"pipe: {root}/{name}.pipe\nnotes: {root}/{name}.notes\n"
            head = f"name: {name}\ntype: realtime/counter\nversion: 1.0.0\n"
            fleet.write(f"bots/{name}.yaml", f"{head}{where}herdsman: {herdsman}\n")
    for number in range(others):
        head = f"name: bot-{number}\ntype: realtime/counter\nversion: 1.0.0\nenabled: false\n"
        fleet.write(f"bots/bot-{number}.yaml", head)
    fleet.commit("all")
    fleet.push()


@contextmanager
def others_printing(service: Service, others: int) -> Iterator[None]:
    """Let a process print a line a second for each of the others; it is ended at the end."""
    if not others:
        yield
        return
    fleet = json.loads((service.data / SERVICE_FILE).read_text())["fleet"]
    logs = [make_log(service.data / "local" / "allocations", number, fleet) for number in range(others)]
    for log in logs:
        log.touch()
    with subprocess.Popen([sys.executable, "-c", PRINTER, "3600"], stdin=subprocess.PIPE) as printer:
        assert printer.stdin is not None
        try:
            printer.stdin.write("\n".join(map(str, logs)).encode())
            printer.stdin.close()
            before = lines_taken(service)
            wait_for(lambda: lines_taken(service) > before + 3 * others, "the lines of the others")
            yield
        finally:
            printer.kill()


def _rounds(root: Path, hooks: Webhooks) -> Delays:
    chance = random.Random(5)
    delays = Delays()
    for number in range(BOTS):
        for kind, found in (("filled", delays.filled), ("fell", delays.fell)):
            time.sleep(chance.uniform(0.5, 1.0))  # as it comes, and not always at the same moment of a tick
            printed = _say(root, f"{kind}-{number}", 9000.0)
            notes = root / f"{kind}-{number}.notes"
            ended = _awaited(lambda notes=notes: _noted(notes, "ended"), "SIGTERM")[0]  # type: ignore[misc]
            found.append((ended - printed) * 1000)
        time.sleep(chance.uniform(0.5, 1.0))
        name = f"rich-{number}"
        printed = _say(root, name, 10600.0)
        told = _awaited(lambda name=name: _heard(hooks, name), "the message")[0]  # type: ignore[misc]
        delays.told.append((told - printed) * 1000)
    return delays


def _say(root: Path, name: str, equity: float) -> float:
    """Have a bot print an equity; return when it did."""
    notes = root / f"{name}.notes"
    (root / f"{name}.pipe").write_text(str(equity))
    return _awaited(lambda: _noted(notes, "printed")[1:], "the line")[0]


def _noted(notes: Path, what: str) -> list[float]:
    """Return the times at which a bot noted something."""
    lines = notes.read_text().splitlines()
    return [float(line.split()[1]) for line in lines if line.startswith(f"{what} ")]


def _heard(hooks: Webhooks, name: str) -> list[float]:
    return [one.at for one in hooks.heard if one.path == f"/{name}/200" and name in one.text]


def _awaited(look: Callable[[], list[float]], what: str) -> list[float]:
    return wait_for(look, what, every=0.01)


def _are_known(service: Service) -> bool:
    """Say whether the first equity of every bot that prints was judged."""
    names = [f"{kind}-{number}" for kind in KINDS for number in range(BOTS)]
    return all(service.get(f"/api/v1/bots/{name}/trading")["figures"] for name in names)
