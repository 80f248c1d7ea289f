"""Push to running with the local scheduler, and how soon a print arrives on the live stream."""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from bench.figures import Figure, quantile, spread, thinned
from tests.e2e.fleet import Fleet, bot_text, new_fleet
from tests.e2e.lives import read_lives
from tests.e2e.service import Service, wait_for

ROUNDS = 15


def measure() -> list[Figure]:
    """Measure on a fleet of one bot, warm."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        root = Path(folder)
        service = Service(root / "home").start()
        try:
            fleet = new_fleet(root / "fleet", service)
            floor = bare_push(root) + spawn()
            pushes = push_to_running(fleet, root / "lives", ROUNDS)
            delays = print_to_stream(service, "one")
        finally:
            service.stop()
    return [
        Figure(
            "push to running, local, p50",
            statistics.median(pushes),
            "ms",
            floor,
            "bare push + interpreter",
            "300 ms",
            spread(pushes),
            thinned(pushes),
        ),
        Figure(
            "print to stream, one bot, p50",
            statistics.median(delays),
            "ms",
            target="100 ms (in the browser)",
            detail=f"p99 {quantile(delays, 0.99):.0f} " + spread(delays),
            samples=thinned(delays),
        ),
    ]


def push_to_running(fleet: Fleet, record: Path, rounds: int, seconds: float = 30) -> list[float]:
    """Push a changed parameter again and again; from starting git to the new process's first line, in ms.

    The old copy's own goodbye (0 s here) is part of it: an update never starts before the old one ended.
    """
    times = []
    for number in range(rounds + 1):
        fleet.write("bots/one.yaml", bot_text("one", record, text=f"round-{number}", stop_takes=0))
        fleet.commit(f"round {number}")
        lives = len(read_lives(record))
        started = time.time()
        fleet.push()

        def running(known: int = lives) -> bool:
            return len(read_lives(record)) > known

        wait_for(running, "the new copy", seconds, 0.002)
        if number:  # the first builds the bundle
            times.append((read_lives(record)[-1].start - started) * 1000)
    return times


def bare_push(root: Path) -> float:
    """Return the median time of a one-file push to a bare repository on disk, in ms."""
    bare, work = root / "bare.git", root / "work"
    run = subprocess.run
    run(["git", "init", "-q", "--bare", str(bare)], check=True)
    run(["git", "init", "-q", "-b", "main", str(work)], check=True)
    times = []
    identity = ["-c", "user.name=desk", "-c", "user.email=desk@example.com"]
    for number in range(9):
        (work / "file").write_text(str(number))
        run(["git", "-C", str(work), "add", "."], check=True)
        run(["git", "-C", str(work), *identity, "commit", "-qm", "x"], check=True)
        started = time.perf_counter()
        run(["git", "-C", str(work), "push", "-q", str(bare), "main"], check=True)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def spawn() -> float:
    """Return the median time to start and end an interpreter, in ms."""
    times = []
    for _ in range(9):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def print_to_stream(service: Service, bot: str, seconds: float = 10) -> list[float]:
    """Return the delays from a metric's own timestamp to its arrival on the live stream, in ms."""
    delays: list[float] = []
    until = time.monotonic() + seconds

    def listen() -> None:
        headers = {"Authorization": f"Bearer {service.token}"}
        url = f"{service.url}/api/v1/stream?topics=bot:{bot}"
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.stream("GET", url, headers=headers, timeout=5) as answer,
        ):
            for line in answer.iter_lines():
                now = time.time()
                if line.startswith("data:") and '"samples"' in line:
                    samples = json.loads(line[5:])["samples"]
                    delays.extend(
                        (now - one["time"]) * 1000 for one in samples if one["name"] == "bot_counter"
                    )
                if time.monotonic() > until:
                    return

    reader = threading.Thread(target=listen)
    reader.start()
    reader.join(seconds + 10)
    assert delays, "nothing arrived on the stream"
    return delays
