"""Lines through agent and intake until they are acknowledged, and how soon a printed line is published."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.figures import Figure, quantile
from schemas.labels import LABELS_FILE, AllocationLabels
from schemas.log_rules import FieldKind, LogRule, RuleField
from schemas.reports import LauncherReport
from telemetry.agent import Agent, DirectSink
from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, TelemetryDatabase
from telemetry.embedded.kept import EmbeddedKeptStates
from telemetry.embedded.output import EmbeddedOutput
from telemetry.embedded.trading import EmbeddedTradingStore
from telemetry.intake import Intake
from telemetry.records import Event, Sample
from telemetry.rule_sets import BotFacts
from telemetry.rules_desk import RulesDesk
from telemetry.trading_desk import TradingDesk

LINES = 200_000
BOTS = 1000
SECONDS = 10
RULES = 50
SHAPES = (
    '{{"_metric": "equity", "equity": {n}.5, "currency": "USDT", "timestamp": "{at}"}}',
    '{{"level": "INFO", "message": "tick {n} done in 3 ms", "timestamp": "{at}", "logger": "main"}}',
    "INFO:main:an ordinary line of a bot, number {n}",
    '{{"_metric": "price", "symbol": "BTC/USDT", "value": {n}.25, "timestamp": "{at}"}}',
)
"""Half metrics, half logs."""

PRINTER = """
import os, random, sys, time
files = [os.open(name, os.O_WRONLY | os.O_APPEND) for name in sys.stdin.read().split()]
count, seconds = len(files), float(sys.argv[1])
started, number = time.time(), 0
while time.time() < started + seconds:
    line = '{"_metric": "price", "symbol": "A", "value": 1.5, "printed": %r}\\n' % time.time()
    os.write(random.choice(files), line.encode())
    number += 1
    time.sleep(max(0.0, started + number / count - time.time()))
"""


class Listener:
    """Notes how long after its printing each line was told; follows the bots' trading as the service does."""

    def __init__(self, trading: TradingDesk, rules: RulesDesk) -> None:
        self.delays: list[float] = []
        self._trading = trading
        self.rules = rules
        self.told = 0

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        self._trading.samples(bot, samples)

    def events(self, bot: str, events: Sequence[Event]) -> None:
        now = time.time()
        self._trading.events(bot, events)
        self.rules.events(bot, events)
        self.told += len(events)
        self.delays += [now - event.data["printed"] for event in events if "printed" in event.data]

    async def reports(self, reports: Sequence[tuple[AllocationLabels, LauncherReport]]) -> None:
        """No launcher runs here."""


def measure() -> list[Figure]:
    """Return the figures; the lines run in a process of their own, on one core."""
    found, ruled = (_in_child(rules) for rules in (0, RULES))
    with tempfile.TemporaryDirectory() as folder:
        delays = asyncio.run(publish_delays(Path(folder)))
    milliseconds = [delay * 1000 for delay in delays]
    return [
        Figure(
            "lines through agent and intake, acknowledged",
            found["lines"],
            "lines per second of one core",
            found["floor"],
            "msgspec decoding alone",
            ">= 50,000",
            f"{LINES} lines, half of them metrics, {found['told']} told, {found['wall']:.0f}/s by the clock",
        ),
        Figure(
            f"the same with {RULES} log rules",
            ruled["lines"],
            "lines per second of one core",
            found["lines"],
            "without rules",
            ">= 50,000",
            f"{ruled['matched']:.0f} lines matched a rule",
        ),
        Figure(
            f"bot prints -> published, {BOTS} bots",
            quantile(milliseconds, 0.5),
            "ms",
            target="p50 well below 100 ms",
            detail=f"n={len(delays)} p99 {quantile(milliseconds, 0.99):.0f} max {max(milliseconds):.0f} ms",
        ),
    ]


def _in_child(rules: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.ingest", str(rules)]
    child = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    figures: dict[str, float] = json.loads(child.stdout)
    return figures


def make_log(root: Path, number: int, fleet: str = "bench-abc123") -> Path:
    """Lay out one allocation and return its bot's log file."""
    name = f"a{number}"
    logs = root / name / "alloc" / "logs"
    logs.mkdir(parents=True)
    labels = AllocationLabels(fleet, f"bot-{number}", "sma", "1.0.0", "realtime", "dry", "r", "s", name)
    (logs.parent / LABELS_FILE).write_bytes(msgspec.json.encode(labels))
    return logs / "bot.stdout.0"


def log_rules(count: int) -> tuple[LogRule, ...]:
    """Return so many rules, half of them over fields; the first matches a hundredth of the lines."""
    matching = LogRule("round", r"number (?P<n>\d+)50$", (RuleField("n", FieldKind.HISTOGRAM),))
    fills = r"order {} (?P<symbol>\S+) filled in (?P<ms>[\d.]+) ?ms"
    texts = [LogRule(f"fill_{number}", fills.format(number)) for number in range(1, count // 2)]
    asked = [
        LogRule(f"event_{number}", "", where={"logger": (f"main{number}",), "level": ("error",)})
        for number in range(count - 1 - len(texts))
    ]
    return (matching, *texts, *asked)[:count]


async def open_node(
    folder: Path, rules: tuple[LogRule, ...] = ()
) -> tuple[Agent, Intake, Listener, TelemetryDatabase]:
    """Return an agent on an intake with embedded stores."""
    database = TelemetryDatabase(folder / "telemetry.db")
    events, series = EmbeddedEventStore(database), EmbeddedSeriesStore(database)
    trading = TradingDesk(events, EmbeddedTradingStore(database), series)
    await trading.catch_up()
    desk = RulesDesk(events, EmbeddedKeptStates(database, "rules"), series)
    desk.rules, desk.about = lambda: rules, lambda _: BotFacts("bench-abc123", "sma")
    await desk.work()
    listener = Listener(trading, desk)
    intake = Intake(events, listener, EmbeddedOutput(database, events, series))
    agent = Agent(folder / "alloc", DirectSink(intake), folder / "checkpoint")
    return agent, intake, listener, database


async def lines_per_second(folder: Path, rules: int) -> dict[str, float]:
    """Read prepared files of 20 bots to their ends, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    text = []
    for bot in range(20):
        lines = [
            SHAPES[n % 4].format(
                n=n, at=datetime.fromtimestamp(time.time() - 3600 + n / 100, UTC).isoformat()
            )
            for n in range(LINES // 20)
        ]
        text += lines
        make_log(folder / "alloc", bot).write_text("\n".join(lines) + "\n")
    encoded = [line.encode() for line in text]
    started = time.process_time()
    for line in encoded:
        if line[:1] == b"{":
            msgspec.json.decode(line)
    floor = LINES / (time.process_time() - started)
    agent, intake, listener, database = await open_node(folder, log_rules(rules))
    working = asyncio.create_task(listener.rules.run())
    cpu, wall = time.process_time(), time.perf_counter()
    running = asyncio.create_task(agent.run())
    await agent.finish()
    await listener.rules.work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    await running
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    matched = sum(one.matches for one in listener.rules.counts.values())
    assert intake.health.value("herdsman_intake_lines_total") == LINES, "lines were lost"
    await database.close()
    return {
        "lines": LINES / cpu,
        "wall": LINES / wall,
        "floor": floor,
        "told": listener.told,
        "matched": matched,
    }


async def publish_delays(folder: Path) -> list[float]:
    """Let another process print a line a second for each of many bots; return seconds until it was told."""
    logs = [make_log(folder / "alloc", number) for number in range(BOTS)]
    for log in logs:
        log.touch()
    agent, intake, listener, database = await open_node(folder)
    running = asyncio.create_task(agent.run())
    while not intake.health.value("herdsman_intake_batches_total", status="204"):  # noqa: ASYNC110
        await asyncio.sleep(0.1)  # the first batch says that all files are open
    printer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PRINTER, str(SECONDS), stdin=asyncio.subprocess.PIPE
    )
    await printer.communicate("\n".join(map(str, logs)).encode())
    await agent.finish()
    await running
    await database.close()
    return listener.delays


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(asyncio.run(lines_per_second(Path(place), int(sys.argv[1])))))
