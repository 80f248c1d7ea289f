"""Documents of the API are compressed on their way out; streams, git and files never are (or are already)."""

import asyncio
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar.types import Message, Send

LEAST = 1000
"""Bytes below which compressing saves nothing that anybody notices."""
_ASIDE = 64 * 1024
"""Bytes above which it is done in a thread, so that nobody else waits for it."""
_QUICK = 512 * 1024
"""Bytes above which speed counts for more than size."""
_TYPES = (b"application/json", b"application/problem+json")


class Compressed:
    """A `send` of ASGI around another: a JSON document that comes in one piece is sent on as gzip."""

    def __init__(self, send: "Send", accepted: bytes) -> None:
        self._send = send
        self._wanted = b"gzip" in accepted
        self._held: Any = None

    async def __call__(self, message: "Message") -> None:
        """Pass a message on; the start of a document waits until its body is known."""
        if message["type"] == "http.response.start" and self._wanted and _suits(message):
            self._held = message
            return
        if self._held is not None:
            start, self._held = self._held, None
            if message["type"] == "http.response.body" and not message.get("more_body"):
                start, message = await _packed(start, message)
            await self._send(start)
        await self._send(message)


def _suits(start: Any) -> bool:
    headers = {name.lower(): value for name, value in start["headers"]}
    long_enough = int(headers.get(b"content-length", b"0")) >= LEAST
    kind = headers.get(b"content-type", b"").split(b";")[0].strip()
    return long_enough and kind in _TYPES and b"content-encoding" not in headers


async def _packed(start: Any, body: Any) -> tuple[Any, Any]:
    plain = body["body"]
    packed = await asyncio.to_thread(_gzip, plain) if len(plain) > _ASIDE else _gzip(plain)
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    headers += [
        (b"content-encoding", b"gzip"),
        (b"vary", b"Accept-Encoding"),
        (b"content-length", str(len(packed)).encode()),
    ]
    return {**start, "headers": headers}, {**body, "body": packed}


def _gzip(plain: bytes) -> bytes:
    packer = zlib.compressobj(1 if len(plain) > _QUICK else 5, wbits=31)
    return packer.compress(plain) + packer.flush()
