"""An agent with an intake and embedded stores as a process of its own, to be killed."""

import asyncio
import sys
from pathlib import Path

from tests.unit.telemetry.bots import Node


async def main(folder: Path) -> None:
    node = Node(folder)
    await node.agent(linger=0.001).run()


asyncio.run(main(Path(sys.argv[1])))
