"""An agent, an intake and a trading desk on embedded stores; as a program of its own, to be killed."""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport
from telemetry.embedded.trading import EmbeddedTradingStore
from telemetry.intake import Intake
from telemetry.records import Event, Sample
from telemetry.trading_desk import TradingDesk
from tests.unit.telemetry.bots import Node


class Hearing:
    """Tells the desk what the intake tells."""

    def __init__(self, desk: TradingDesk) -> None:
        self._desk = desk

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        self._desk.samples(bot, samples)

    def events(self, bot: str, events: Sequence[Event]) -> None:
        self._desk.events(bot, events)

    async def reports(self, reports: Sequence[tuple[AllocationLabels, LauncherReport]]) -> None:
        """No launcher runs here."""


class TradingNode(Node):
    """A node whose intake is followed by a desk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.desk = TradingDesk(self.events, EmbeddedTradingStore(self.database), self.series)
        self.intake = Intake(self.events, Hearing(self.desk), self.output)


async def main(folder: Path) -> None:
    node = TradingNode(folder)
    running = asyncio.create_task(node.agent(linger=0.001).run())
    await node.desk.catch_up()
    with contextlib.suppress(asyncio.CancelledError):
        while not running.done():
            await node.desk.keep()
            print("kept", flush=True)
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
