"""Following a pass of the controller for a bounded time, as a push and `POST /sync` do."""

import asyncio
from collections.abc import AsyncIterator

from controller.passes import Pass, Until
from controller.records import Change


async def follow(started: Pass, until: Until, seconds: float) -> AsyncIterator[Change]:
    """Yield the steps of a pass's changes until each is at least `until`, or the time is over.

    The pass itself goes on: only the watching ends. Raises the pass's own error.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    changes = started.follow(until)
    while (left := deadline - clock()) > 0:
        try:
            change = await asyncio.wait_for(anext(changes), left)
        except (StopAsyncIteration, TimeoutError):
            return
        yield change
