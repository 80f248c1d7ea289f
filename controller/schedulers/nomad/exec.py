"""Running a program inside a running allocation: Nomad's exec call, a WebSocket (RFC 6455) of JSON messages.

Only what that call needs of the protocol is here: one question in, one answer out, then the end.
"""

import asyncio
import base64
import json
import os
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from controller.schedulers.nomad.settings import NomadSettings
from schemas.errors import SchedulerRefused, SchedulerUnavailable

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_MOST_FRAME = 8 << 20
_MOST_OUTPUT = 4 << 20


async def execute(
    settings: NomadSettings, allocation: str, task: str, command: Sequence[str], given: bytes
) -> tuple[int, bytes, bytes]:
    """Run a command in a task's own surroundings; return its exit code, stdout and stderr.

    Raises SchedulerUnavailable where Nomad or the node does not answer, SchedulerRefused where it says no.
    """
    try:
        reader, writer = await _connect(settings)
        try:
            await _upgrade(reader, writer, settings, allocation, task, command)
            _say(writer, {"stdin": {"data": base64.b64encode(given).decode()}})
            _say(writer, {"stdin": {"close": True}})
            await writer.drain()
            return await _outcome(reader, writer)
        finally:
            writer.close()
    except (OSError, asyncio.IncompleteReadError, ValueError) as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        raise SchedulerUnavailable(
            f"Nomad at {settings.address} did not carry out the query ({what})"
        ) from error


async def _connect(settings: NomadSettings) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(settings.address)
    secure = address.scheme == "https"
    context = _trust(settings) if secure else None
    port = address.port or (443 if secure else 80)
    async with asyncio.timeout(settings.timeout):
        return await asyncio.open_connection(address.hostname, port, ssl=context, limit=_MOST_FRAME)


def _trust(settings: NomadSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if settings.certificate:
        context.load_cert_chain(*settings.certificate)
    return context


async def _upgrade(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    settings: NomadSettings,
    allocation: str,
    task: str,
    command: Sequence[str],
) -> None:
    query = {"task": task, "command": json.dumps(list(command)), "tty": "false"}
    query |= {"namespace": settings.namespace}
    if settings.region:
        query["region"] = settings.region
    path = f"/v1/client/allocation/{quote(allocation, safe='')}/exec?{urlencode(query)}"
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {urlsplit(settings.address).netloc.rpartition('@')[2]}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if settings.token:
        lines.append(f"X-Nomad-Token: {settings.token}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()
    async with asyncio.timeout(settings.timeout):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = head.split(" ", 2)[1]
    if status != "101":
        async with asyncio.timeout(settings.timeout):
            said = (await reader.read(500)).decode("utf-8", "replace").strip()
        raise SchedulerRefused(
            f"Nomad does not let herdsman ask the bot ({status}: {said}): see docs/nomad.md"
        )


def _say(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    _send(writer, _TEXT, json.dumps(message).encode())


def _send(writer: asyncio.StreamWriter, kind: int, data: bytes) -> None:
    """Send one frame; a client's frames are masked."""
    mask = os.urandom(4)
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, size)
    repeated = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(data) ^ int.from_bytes(repeated)).to_bytes(size)
    writer.write(head + mask + masked)


async def _messages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncIterator[Any]:
    """Yield messages until the other side closes."""
    parts = bytearray()
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await reader.readexactly(8))
        if size + len(parts) > _MOST_FRAME:
            raise ValueError("a message of Nomad's is too large")
        data = await reader.readexactly(size)
        kind = first & 0x0F
        if kind == _CLOSE:
            return
        if kind == _PING:
            _send(writer, _PONG, data)
        elif kind in (0, _TEXT, _BINARY):
            parts += data
            if first & 0x80:
                yield json.loads(bytes(parts))
                parts.clear()


async def _outcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes, bytes]:
    output = {"stdout": bytearray(), "stderr": bytearray()}
    async for message in _messages(reader, writer):
        for name, into in output.items():
            text = (message.get(name) or {}).get("data")
            if text and len(into) < _MOST_OUTPUT:
                into += base64.b64decode(text)
        if message.get("exited"):
            code = int((message.get("result") or {}).get("exit_code") or 0)
            return code, bytes(output["stdout"]), bytes(output["stderr"])
    said = bytes(output["stderr"] or output["stdout"])[-300:].decode("utf-8", "replace").strip()
    raise ValueError(said or "the connection was closed before the program had ended")
