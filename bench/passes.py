"""Passes over 100, 1,000 and 10,000 bots: nothing changed, and one changed."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bench.desks import Desk
from bench.figures import Figure, spread

SIZES = (100, 1000, 10_000)
ROUNDS = 9
HOUR = 3600.0


def measure() -> list[Figure]:
    """Measure each size."""
    return [figure for bots in SIZES for figure in asyncio.run(measure_size(bots))]


async def measure_size(bots: int) -> list[Figure]:
    """Return the figures of one size; asserts that nothing is registered without a reason."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        desk = Desk(Path(folder), bots)
        desk.push_all()
        async with desk.running():
            started = time.perf_counter()
            await desk.settle_running()
            first = time.perf_counter() - started
            await desk.settle()
            idle, floor = await unchanged(desk)
            changed, change_floor = await one_changed(desk)
    most = bots == SIZES[-1]
    return [
        Figure(
            f"pass over {bots:,} unchanged bots, p50",
            statistics.median(idle),
            "ms",
            floor,
            "git ls-remote + listing the jobs",
            "200 ms" if most else "",
            f"one observation, no register; {spread(idle)}",
        ),
        Figure(
            f"pass with 1 of {bots:,} changed, beyond apply, p50",
            statistics.median(changed),
            "ms",
            change_floor,
            "git ls-remote + diff-tree",
            "300 ms" if most else "",
            f"one register; {spread(changed)}",
        ),
        Figure(
            f"first pass of {bots:,} bots, all applied and reported running",
            first,
            "s",
            detail="build, bundles, intents, an instant scheduler",
        ),
    ]


async def unchanged(desk: Desk) -> tuple[list[float], float]:
    """Return the times (ms) of whole passes that find nothing, and their floor."""
    times, floors = [], []
    for _ in range(ROUNDS):
        desk.clock.skip(2 * HOUR)  # the observation of the whole fleet is due
        desk.scheduler.calls.clear()
        started = time.perf_counter()
        plan = await desk.controller.request_pass("operator").planned()
        times.append((time.perf_counter() - started) * 1000)
        assert not plan.actions, plan.actions
        assert dict(desk.scheduler.calls) == {"observe": 1}, dict(desk.scheduler.calls)
        started = time.perf_counter()
        desk.list_remote()
        await desk.scheduler.observe()
        floors.append((time.perf_counter() - started) * 1000)
    return times, statistics.median(floors)


async def one_changed(desk: Desk) -> tuple[list[float], float]:
    """Return the times (ms) from asking for a pass to its one bot being applied and reported running."""
    times, floors = [], []
    for number in range(ROUNDS):
        path, text = desk.manifest(7 * number, size=number + 2)
        desk.push({path: text})
        desk.scheduler.calls.clear()
        started = time.perf_counter()
        await desk.controller.request_pass("push").wait()
        times.append((time.perf_counter() - started) * 1000)
        assert desk.scheduler.calls["apply"] == 1, dict(desk.scheduler.calls)
        started = time.perf_counter()
        desk.list_remote()
        desk.list_changes()
        floors.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.5)  # its status is written
    return times, statistics.median(floors)
