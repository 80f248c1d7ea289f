"""A process that runs the local scheduler over a folder, to be killed by a test: `python -m ... FOLDER`.

The folder holds `fleet` (the fleet id) and launches as `launches/<bot>.json` (way and settings).
"""

import asyncio
import json
import sys
from pathlib import Path

from tests.contract.scheduler_harness import Fleet, LocalHarness


async def live(folder: Path) -> None:
    """Open the scheduler, start what is not there yet, and go on until the end."""
    harness = LocalHarness(folder, fleet=(folder / "fleet").read_text())
    fleet = Fleet(harness)
    await harness.scheduler.open()
    for file in sorted((folder / "launches").glob("*.json")):
        if await harness.scheduler.observe_bot(file.stem) is None:
            await fleet.start(file.stem, **json.loads(file.read_text()))
            await fleet.marked(file.stem, "alive")
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
