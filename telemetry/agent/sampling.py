"""When the bots of a node are measured: each second, less often where that took too much of a core."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from telemetry.agent.resources import ResourceSampler, Target
from telemetry.agent.uses import Uses, Waiting
from telemetry.names import Health

SHARE = 0.05
"""Of one core that measuring takes at most."""
SLOWEST = 10.0
"""Seconds between two measurements, at most."""
_SMOOTH = 5
"""Rounds over which the cost is averaged: some read more than others."""
_log = logging.getLogger("herdsman.agent")


class Sampling:
    """Measures bots, and keeps that until it is taken; `ready` is called when there is some.

    `every` is the least time between two rounds, in seconds.
    """

    def __init__(
        self,
        ready: Callable[[], None],
        health: Health,
        every: float = 1.0,
        sampler: ResourceSampler | None = None,
    ) -> None:
        self._ready = ready
        self._health = health
        self._every = every
        self._sampler = sampler or ResourceSampler()
        self._uses = Uses()
        self._cost = 0.0
        self._failed = False

    async def run(self, targets: Callable[[], list[Target]]) -> None:
        """Measure what `targets` returns, until cancelled."""
        thread = ThreadPoolExecutor(1, "resources")  # of its own: those of the process may all be taken
        try:
            while True:
                await asyncio.sleep(self.pause())
                await self._round(targets(), thread)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
            self._sampler.close()

    def pause(self) -> float:
        """Return the seconds until the next measurement."""
        pause = min(max(self._every, self._cost / SHARE), max(SLOWEST, self._every))
        self._health.gauge("herdsman_agent_sample_interval_seconds").set(pause)
        return pause

    def take(self) -> list[Waiting]:
        """Return what waits to be sent."""
        return self._uses.take()

    def end(self) -> None:
        """Have what was measured last kept, too."""
        self._uses.end()

    async def _round(self, targets: list[Target], thread: ThreadPoolExecutor) -> None:
        moment = time.time()
        loop = asyncio.get_running_loop()
        try:
            values = await loop.run_in_executor(thread, self._sampler.sample, targets)
        except Exception:  # noqa: BLE001 - the task must live on for all bots of the node
            if not self._failed:
                _log.exception("the bots' use cannot be measured; said once")
            self._failed = True
            return
        spent = self._sampler.spent
        self._cost += (spent - self._cost) / _SMOOTH
        self._health.count("herdsman_agent_sample_cpu_seconds_total", spent)
        self._uses.add(moment, values)
        if values:
            self._ready()
