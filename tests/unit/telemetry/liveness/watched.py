"""An agent, an intake and a liveness desk as a process of its own, to be killed; it prints each verdict."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.liveness import LivenessSettings
from telemetry.embedded.liveness import EmbeddedLivenessStore
from telemetry.intake import Intake
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness_desk import LivenessDesk
from telemetry.records import Event
from tests.unit.telemetry.bots import Node

SETTINGS = LivenessSettings(market_data=3.0, warm_up=3600.0, watch=("market_data",))


class Store(EmbeddedLivenessStore):
    """Says when something is kept."""

    async def save(self, states: Mapping[str, bytes], gone: Sequence[str] = ()) -> None:
        await super().save(states, gone)
        print("kept", flush=True)


class Listener:
    """Tells the desk, and what was heard."""

    def __init__(self, desk: LivenessDesk) -> None:
        self.samples, self._desk = desk.samples, desk

    def events(self, bot: str, events: Sequence[Event]) -> None:
        self._desk.events(bot, events)
        print("heard", *{event.kind for event in events}, flush=True)

    async def reports(self, _reports: Any) -> None:
        """Take none."""


async def main(folder: Path) -> None:
    node = Node(folder)
    desk = LivenessDesk(Store(node.database), node.series, events=node.events)
    started = time.time() - 86400
    desk.standing = lambda _: Standing(Life.RUNNING, started_at=started, settings=SETTINGS)
    desk.told = lambda view: print("verdict", view.verdict, flush=True)
    node.intake = Intake(node.events, Listener(desk), node.output)
    desk.heard_out = node.intake.heard_out
    await asyncio.gather(desk.run(), node.agent(sample_every=0.2).run())


asyncio.run(main(Path(sys.argv[1])))
