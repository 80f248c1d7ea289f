"""Server-sent events of one client: what it follows, for as long as it may see it."""

import asyncio
from collections.abc import AsyncIterator, Callable

from telemetry.live import Subscription

ENDED = b'event: end\ndata: {"reason": "the credential ended; sign in again"}\n\n'


async def event_stream(
    subscription: Subscription,
    recheck: float,
    allowed: Callable[[], bool],
    revocations: Callable[[], int] = lambda: 0,
) -> AsyncIterator[bytes]:
    """Yield the bytes of a stream until the channel, the client or the client's right to it ends.

    `allowed` is asked at most every `recheck` seconds, and where the number of `revocations` has changed;
    heartbeats come often enough to ask it in time.
    """
    now = asyncio.get_running_loop().time
    asked, known = now(), revocations()
    with subscription:
        async for frames in subscription:
            if now() - asked >= recheck or revocations() != known:
                asked, known = now(), revocations()
                if not allowed():
                    yield ENDED
                    return
            yield frames
