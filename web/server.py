"""uvicorn, started and stopped by us: a bound socket first, a clean end also with streams open."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import uvicorn

from schemas.errors import UsageError
from web.access.listen import Listen, Tls

if TYPE_CHECKING:
    from litestar.types import ASGIApp

BACKLOG = 2048
GRACE = 4.0
"""Seconds that requests get to finish after the streams have ended; the rest is cut."""


def bind(listen: Listen) -> socket.socket:
    """Return a listening socket, so that what is ready has an address. Raises UsageError."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: else each answer waits 40 ms for the
    # client's acknowledgement of its headers.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((listen.host, listen.port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise UsageError(
            f"cannot listen on {listen.host}:{listen.port}: {error.strerror or error}; "
            "is another herdsman running there? Choose another address with --listen HOST:PORT"
        ) from error
    sock.setblocking(False)
    return sock


def address_of(sock: socket.socket) -> Listen:
    """Return where a bound socket listens (its real port)."""
    host, port = sock.getsockname()[:2]
    return Listen(host, port)


async def serve(
    app: "ASGIApp",
    sock: socket.socket,
    stop: asyncio.Event,
    *,
    end_streams: Callable[[], None],
    tls: Tls | None = None,
    started: asyncio.Event | None = None,
) -> None:
    """Serve until `stop` is set, then end within 5 s: streams first, then what is being answered.

    `end_streams` tells every open stream to end: a server that only waits for its connections would wait
    for them for ever. `started` is set once requests are answered. Signals are the caller's.
    """
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=int(GRACE),
            timeout_keep_alive=30,
            lifespan="on",
            ws="none",
            ssl_certfile=str(tls.certificate) if tls else None,
            ssl_keyfile=str(tls.key) if tls else None,
        ),
        started,
    )
    serving = asyncio.create_task(server.serve(sockets=[sock]), name="web server")
    stopping = asyncio.create_task(stop.wait(), name="web stop")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        end_streams()
        server.should_exit = True
        stopping.cancel()
        await asyncio.shield(serving)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with word of its start."""

    def __init__(self, config: uvicorn.Config, started: asyncio.Event | None) -> None:
        super().__init__(config)
        self._is_up = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._is_up is not None:
            self._is_up.set()
