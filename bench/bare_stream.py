"""The floor of the live stream: a bare ASGI application that sends the time to everybody, ten times a second.

Run by `bench.viewers` as a process of its own: `python -m bench.bare_stream`; it prints its port.
"""

import asyncio
import json
import socket
import sys
import time
from typing import Any

import uvicorn

EVERY = 0.1
PADDING = "x" * 100
"""Makes a message about as long as one of ours."""


class BareStream:
    """Sends each message, encoded once, to every open stream."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[bytes]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer any request with an endless stream."""
        del receive
        if scope["type"] != "http":
            return
        waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._readers.add(waiting)
        try:
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while True:
                await send({"type": "http.response.body", "body": await waiting.get(), "more_body": True})
        finally:
            self._readers.discard(waiting)

    async def publish(self) -> None:
        """Send the time, for ever."""
        due = time.monotonic()
        while True:
            sample = {"name": "bot_clock", "value": time.time() * 1000, "padding": PADDING}
            frame = b"event: samples\ndata: " + json.dumps(sample).encode() + b"\n\n"
            for waiting in self._readers:
                waiting.put_nowait(frame)
            due += EVERY
            await asyncio.sleep(due - time.monotonic())


async def serve() -> None:
    """Serve on a free loopback port until killed."""
    stream = BareStream()
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", 0))
    sock.listen(2048)
    server = uvicorn.Server(uvicorn.Config(stream, log_config=None, access_log=False, lifespan="off"))
    publishing = asyncio.create_task(stream.publish())
    print(sock.getsockname()[1], flush=True)
    try:
        await server.serve(sockets=[sock])
    finally:
        publishing.cancel()


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
