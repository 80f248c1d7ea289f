"""Memory: what the controller needs for each bot, and what a launcher needs beside its bot."""

import asyncio
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from bench.desks import Desk
from bench.figures import Figure
from controller.launcher.archive import LAUNCHER
from tests.e2e.fleet import bot_text, new_fleet
from tests.e2e.lives import by_bot, read_lives
from tests.e2e.service import Service, wait_for

SIZES = (1000, 10_000)
LAUNCHERS = 10
SLEEPER = "import time; print(1, flush=True); time.sleep(60)"


def measure() -> list[Figure]:
    """Measure controllers in processes of their own, then launchers of real bots."""
    return [*map(controller_figure, SIZES), launcher_figure()]


def controller_figure(bots: int) -> Figure:
    """Return the memory of a controller, all bots healthy."""
    command = [sys.executable, "-m", "bench.memory", str(bots)]
    child = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found = json.loads(child.stdout)
    each = (found["full"] - found["empty"]) / bots / 1000
    return Figure(
        f"controller memory, {bots:,} bots",
        found["full"] / 1e6,
        "MB",
        found["empty"] / 1e6,
        "the same with no bot",
        f"{80 + bots * 10 / 1000:.0f} MB",
        f"{each:.1f} KB a bot; the most at any time {found['most'] / 1e6:.0f} MB",
    )


async def controller_memory(bots: int) -> dict[str, float]:
    """Return the proportional set size (bytes) of this process before and after its fleet is healthy."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        desk = Desk(Path(folder), bots)
        async with desk.running():
            gc.collect()
            empty = proportional()
            desk.push_all()
            await desk.settle_running()
            await desk.settle()
            gc.collect()
            desk.scheduler.log.clear()
            return {"empty": empty, "full": proportional(), "most": most_resident()}


def proportional(process: int | str = "self") -> float:
    """Return a process's proportional set size in bytes."""
    return kilobytes(Path(f"/proc/{process}/smaps_rollup"), "Pss:") * 1024


def most_resident() -> float:
    """Return the largest resident size that this process ever had, in bytes."""
    return kilobytes(Path("/proc/self/status"), "VmHWM:") * 1024


def kilobytes(file: Path, key: str) -> float:
    """Return the number of a line of a /proc file."""
    line = next(line for line in file.read_text().splitlines() if line.startswith(key))
    return float(line.split()[1])


def launcher_figure() -> Figure:
    """Return the mean memory of the launchers of some running bots, beside as many bare interpreters."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        root = Path(folder)
        service = Service(root / "home").start()
        try:
            fleet = new_fleet(root / "fleet", service)
            for number in range(LAUNCHERS):
                fleet.write(f"bots/b{number}.yaml", bot_text(f"b{number}", root / "lives"))
            fleet.commit("all")
            fleet.push()
            wait_for(lambda: len(by_bot(read_lives(root / "lives"))) == LAUNCHERS, "all bots", 60)
            assert service.process is not None
            launchers = launchers_of(service.process.pid)
            sizes = [proportional(pid) for pid in launchers]
            floor = bare_interpreters(LAUNCHERS)
        finally:
            service.stop()
    return Figure(
        "launcher memory (proportional)",
        sum(sizes) / len(sizes) / 1e6,
        "MB",
        floor / 1e6,
        "python -I -S, asleep",
        "6 MB",
        f"{len(sizes)} launchers, largest {max(sizes) / 1e6:.1f} MB",
    )


def launchers_of(service: int) -> list[int]:
    """Return the process ids of a service's launchers."""
    children = psutil.Process(service).children()
    found = [child.pid for child in children if any(LAUNCHER in part for part in child.cmdline())]
    assert len(found) == LAUNCHERS, [child.cmdline() for child in children]
    return found


def bare_interpreters(count: int) -> float:
    """Return the mean proportional set size (bytes) of interpreters that only sleep."""
    command = [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-c", SLEEPER]
    sleepers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for sleeper in sleepers:
            assert sleeper.stdout is not None
            sleeper.stdout.readline()
        return sum(proportional(sleeper.pid) for sleeper in sleepers) / count
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
            assert sleeper.stdout is not None
            sleeper.stdout.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(controller_memory(int(sys.argv[1])))))
