"""Nomad's exec call over a WebSocket, against a server that speaks it frame by frame."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from controller.schedulers.nomad.exec import execute
from controller.schedulers.nomad.settings import NomadSettings
from schemas.errors import SchedulerRefused, SchedulerUnavailable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def frame(kind: int, data: bytes, *, last: bool = True) -> bytes:
    """Return a frame as a server sends it."""
    size = struct.pack("!BH", 126, len(data)) if len(data) > 125 else bytes([len(data)])
    return bytes([(0x80 if last else 0) | kind]) + size + data


def message(**content: object) -> bytes:
    return json.dumps(content).encode()


def output(text: str) -> bytes:
    return message(stdout={"data": base64.b64encode(text.encode()).decode()})


async def received(reader: asyncio.StreamReader) -> bytes:
    """Return the content of a client's frame."""
    _, size = await reader.readexactly(2)
    size &= 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[NomadSettings]:
    """Serve one way, and return the settings that lead there."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield NomadSettings("desk", f"http://127.0.0.1:{port}", token="t-1")
    finally:
        server.close()


async def test_a_program_is_given_its_input_and_its_output_comes_back() -> None:
    """Frames in parts, pings and both streams are put together; the token goes into a header alone."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        seen.extend([await received(reader), await received(reader)])
        whole = output("x" * 200)
        writer.write(frame(1, whole[:50], last=False) + frame(9, b"you?") + frame(0, whole[50:]))
        seen.append(await received(reader))
        writer.write(frame(1, output("y")) + frame(1, message(exited=True, result={"exit_code": 3})))
        writer.close()

    async with serving(serve) as settings:
        code, printed, errors = await execute(settings, "a-1", "bot", ["cat", "-"], b"question")
    assert (code, printed, errors) == (3, b"x" * 200 + b"y", b"")
    head, given, closing, pong = seen
    assert b"GET /v1/client/allocation/a-1/exec?task=bot&command=%5B%22cat%22" in head
    assert b"t-1" not in head.split(b"\r\n")[0]
    assert b"X-Nomad-Token: t-1" in head
    assert base64.b64decode(json.loads(given)["stdin"]["data"]) == b"question"
    assert json.loads(closing) == {"stdin": {"close": True}}
    assert pong == b"you?"


async def test_a_refusal_is_told() -> None:
    """Without the right to it, Nomad's own words are shown."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\nPermission denied")
        writer.close()

    async with serving(serve) as settings:
        with pytest.raises(SchedulerRefused, match=r"403: Permission denied.*docs/nomad\.md"):
            await execute(settings, "a-1", "bot", ["cat"], b"")


async def test_a_cut_connection_is_transient() -> None:
    """Where Nomad goes away in the middle, nothing is made of half an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + frame(1, output("half")))
        writer.close()

    async with serving(serve) as settings:
        with pytest.raises(SchedulerUnavailable, match="did not carry out"):
            await execute(settings, "a-1", "bot", ["cat"], b"")
