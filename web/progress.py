"""Following a pass of the controller for a bounded time, as a push and `POST /sync` do."""

import asyncio
from collections.abc import AsyncIterator

from controller.passes import Pass, Until
from controller.records import Change


async def follow(started: Pass, until: Until, seconds: float, building: float = 0.0) -> AsyncIterator[Change]:
    """Yield the steps of a pass's changes until each is at least `until`, or the time is over.

    `seconds` count from the end of what is being built, for which it waits `building` seconds at most. The
    pass itself goes on: only the watching ends. Raises the pass's own error.
    """
    clock = asyncio.get_running_loop().time
    deadline, last = clock() + seconds, clock() + building
    changes = started.follow(until)
    coming: asyncio.Task[Change] | None = None
    try:
        while (left := deadline - clock()) > 0:
            coming = coming or asyncio.ensure_future(_next(changes))
            await asyncio.wait({coming}, timeout=left)
            if any(change.building for change in started.changes):
                deadline = max(deadline, min(clock() + seconds, last))
            if coming.done():
                yield coming.result()
                coming = None
    except StopAsyncIteration:
        return
    finally:
        if coming is not None:
            coming.cancel()


async def _next(changes: AsyncIterator[Change]) -> Change:
    return await anext(changes)
