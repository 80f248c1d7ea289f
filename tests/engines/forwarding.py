"""A stand-in for the socket that Nomad gives each task: it forwards to a real agent, and can misbehave."""

import asyncio
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit


class TaskSocket:
    """`<folder>/api.sock` over a real agent; `swallow` answers are lost, while `silent` none is given, and
    `refuse` renewals are answered as by a leader that has not begun to count.
    """

    def __init__(self, folder: Path, agent: str) -> None:
        self.folder = folder
        self.swallow = self.refuse = 0
        self.silent = False
        self.requests: list[bytes] = []
        target = urlsplit(agent)
        self.target = (target.hostname or "", target.port or 0)


def _handler(owner: TaskSocket) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            request = self.request.recv(1 << 20)
            owner.requests.append(request)
            if owner.silent:
                self.request.recv(1)  # until the client gives up
                return
            if owner.refuse and b"lock-renew" in request:
                owner.refuse -= 1
                self.request.sendall(b"HTTP/1.0 409 Conflict\r\n\r\nattempting to modify locked variable")
                return
            with socket.create_connection(owner.target) as upstream:
                upstream.sendall(request)
                answer = b""
                while part := upstream.recv(1 << 16):
                    answer += part
            if owner.swallow:
                owner.swallow -= 1
            else:
                self.request.sendall(answer)

    return Handler


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def task_socket(folder: Path, agent: str) -> Iterator[TaskSocket]:
    """Offer the socket for the time of the block."""
    owner = TaskSocket(folder, agent)
    descriptor = os.open(folder, os.O_PATH)
    try:
        with _Server(f"/proc/self/fd/{descriptor}/api.sock", _handler(owner)) as server:
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
            )
            thread.start()
            try:
                yield owner
            finally:
                server.shutdown()
                thread.join()
    finally:
        os.close(descriptor)


class Wire:
    """A port of this machine over a real agent's: `cut` breaks every connection and refuses new ones."""

    def __init__(self, agent: str) -> None:
        target = urlsplit(agent)
        self._target = (target.hostname or "", target.port or 0)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Return the address to use in place of the agent's."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Take connections, at the same port each time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break everything off."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server, self._open = None, set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there, back = await asyncio.open_connection(*self._target)
        self._open |= {writer, back}
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer), return_exceptions=True)
        self._open -= {writer, back}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
