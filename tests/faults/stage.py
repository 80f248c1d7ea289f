"""A stage for faults: bots on a cluster, each with its own record, driven through the real scheduler."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.schedulers.nomad.scheduler import NomadScheduler
from controller.schedulers.protocol import Launch, ObservedBot, Phase
from gitops.bundle import Bundle
from schemas.bot import Lease
from tests.engines.cluster import Cluster
from tests.engines.launching import lives, make_spec, overlaps, this_python

PATIENCE = 120.0
"""Seconds that anything may take which is really awaited: a machine may be many times slower than another."""
SHORT_LEASE = Lease(ttl=10, renew_every=1, terminate_after=4, kill_after=8)
"""The shortest that Nomad has; the recording bot uses up the four seconds between the signals."""
LONG_LEASE = Lease(ttl=300, renew_every=1, terminate_after=200, kill_after=250)
"""For bots whose lease is not to end: a slow machine must not end it either."""


async def until(condition: Callable[[], Awaitable[Any]], seconds: float, what: str) -> Any:
    """Return what the condition found once it holds; fail with `what` after `seconds`, or PATIENCE."""
    seconds = max(seconds, PATIENCE)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await condition()
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"after {seconds} s still not: {what}")


@dataclass
class Actor:
    """One bot with its record."""

    name: str
    stage: "Stage"
    record: Path

    def launch(self, digest: str) -> Launch:
        config = {"record": str(self.record), "grace": 5}
        spec = make_spec(self.name, digest, config, lease=self.stage.lease, kill_timeout=6)
        return Launch(spec, "revision-1", self.stage.code, python=this_python()[0])

    async def apply(self, digest: str, expected: str | None) -> str:
        return await self.stage.scheduler.apply(self.launch(digest), expected)

    async def seen(self) -> ObservedBot:
        bot = await self.stage.scheduler.observe_bot(self.name)
        assert bot is not None
        return bot

    async def phase(self, phase: Phase, seconds: float) -> ObservedBot:
        async def reached() -> ObservedBot | None:
            bot = await self.seen()
            return bot if bot.phase is phase else None

        found = await until(reached, seconds, f"{self.name} {phase}")
        assert isinstance(found, ObservedBot)
        return found

    def alive(self) -> bool:
        """Whether a process of the bot wrote just now."""
        known = lives(self.record)
        return bool(known) and time.monotonic() - max(life.last for life in known) < 0.5

    async def living(self, spec: str, seconds: float) -> None:
        """Wait until a copy with this spec lives."""

        async def lives_now() -> bool:
            return self.alive() and any(life.spec == spec for life in lives(self.record))

        await until(lives_now, seconds, f"{self.name} living as {spec}")

    def check(self) -> str:
        """Assert that no two processes ever lived at once, and describe the gaps between them."""
        known = lives(self.record)
        assert overlaps(self.record) == []
        gaps = [later.first - earlier.last for earlier, later in itertools.pairwise(known)]
        return f"{self.name}: {len(known)} lives, none at once, gaps " + ", ".join(
            f"{gap:.1f} s" for gap in gaps
        )


@dataclass
class Stage:
    """A cluster, our scheduler over it, and the bots that play."""

    cluster: Cluster
    scheduler: NomadScheduler
    code: Bundle
    folder: Path
    lease: Lease = SHORT_LEASE
    actors: list[Actor] = field(default_factory=list)

    def actor(self, name: str) -> Actor:
        record = self.folder / name
        record.mkdir()
        self.actors.append(Actor(name, self, record))
        return self.actors[-1]
