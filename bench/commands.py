"""The command line: how soon it starts, and what `deploy` takes of a person's time."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure, spread, thinned
from bench.local import bare_push, spawn
from tests.e2e.service import COMMAND, Service

ROUNDS = 15
DEPLOYS = 5
HEALTHY_AFTER = 1.0
"""Seconds that a bot here must live before it is healthy: no time of ours."""


def measure() -> list[Figure]:
    """Measure on a service with one bot."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        root = Path(folder)
        service = Service(root / "home").start()
        try:
            deploys = deploy_again(service, root)
            service.wait_health("hello", "Healthy")
            environment = service.environment()
            bare = timed(lambda: run([sys.executable, "-I", "-S", "-c", "pass"], environment))
            click = timed(lambda: run([sys.executable, "-c", "import click"], environment))
            help_ = timed(lambda: run([COMMAND, "--help"], environment))
            status = timed(lambda: run([COMMAND, "status"], environment))
        finally:
            service.stop()
        floor = bare_push(root) + spawn()
    middle = statistics.median
    beside = f"bare Python {middle(bare):.0f} ms; "
    return [
        Figure("herdsman --help, p50", middle(help_), "ms", middle(click), "Python with click", "150 ms",
               beside + spread(help_), thinned(help_)),
        Figure("herdsman status, p50", middle(status), "ms", middle(click), "Python with click", "300 ms",
               beside + spread(status), thinned(status)),
        Figure("deploy, our own time, p50", middle(deploys), "ms", floor, "bare push + interpreter", "5 s",
               spread(deploys), thinned(deploys)),
    ]  # fmt: skip


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run a command that must go well."""
    subprocess.run(command, env=environment, check=True, capture_output=True)


def timed(work: Callable[[], None]) -> list[float]:
    """Return how long some work takes, in ms, without its first time."""
    times = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return times[1:]


def deploy_again(service: Service, root: Path) -> list[float]:
    """Deploy changed code again and again; in ms, less the time that health takes by choice."""
    service.run("init", str(root / "elsewhere"))
    program = root / "hello"
    (root / "elsewhere" / "programs" / "hello").rename(program)
    main, times = program / "main.py", []
    for number in range(DEPLOYS + 1):
        main.write_text(main.read_text() + f"# round {number}\n")
        started = time.perf_counter()
        service.run("deploy", str(program), "--set", f"herdsman={{healthy_after: {HEALTHY_AFTER:g}s}}")
        times.append((time.perf_counter() - started - HEALTHY_AFTER) * 1000)
    return times[1:]
