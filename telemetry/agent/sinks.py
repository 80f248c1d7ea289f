"""Where batches go: an intake in this process, or one behind HTTP. Both send until it is acknowledged."""

import asyncio
import logging
import random
import zlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import httpx

from telemetry.intake import IngestAnswer, Intake

INGEST_PATH = "/api/v1/ingest"
INGEST_TYPE = "application/x-msgpack"

_FIRST_DELAY = 0.2
_LONGEST_DELAY = 10.0
_TIMEOUT = 30.0
_TAKEN = 204
"""The one answer that acknowledges a batch: a page that a proxy answers with 200 is none."""
_SMALL = 1024
"""Bytes below which compressing gains nothing."""
_log = logging.getLogger("herdsman.agent")


class Sink(Protocol):
    """Takes batches, one at a time."""

    async def send(self, batch: bytes) -> None:
        """Return once the batch is acknowledged, however long that takes."""
        ...


class DirectSink:
    """The intake of the same process."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def send(self, batch: bytes) -> None:
        """Return once the intake stored the batch."""
        await _until_taken(lambda: self._intake.accept(batch), "the intake of this process")


class HttpSink:
    """An intake behind `url`, such as `https://herdsman.example:8420`; `token` needs the scope ingest."""

    def __init__(self, url: str, token: str, *, verify: bool | str = True, path: str = INGEST_PATH) -> None:
        self._address = url.rstrip("/") + path
        self._compress = False
        """Whether the service said that it reads compressed batches (an older one does not)."""
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}", "Content-Type": INGEST_TYPE},
            timeout=_TIMEOUT,
            verify=verify,
        )

    async def send(self, batch: bytes) -> None:
        """Return once the intake answered that it stored the batch."""
        await _until_taken(lambda: self._post(batch), self._address)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _packed(self, batch: bytes) -> tuple[bytes, dict[str, str]]:
        """Return the body of a request: compressed where the service reads that and it is worth it."""
        if not self._compress or len(batch) < _SMALL:
            return batch, {}
        return zlib.compress(batch, level=1, wbits=31), {"Content-Encoding": "gzip"}

    async def _post(self, batch: bytes) -> IngestAnswer:
        try:
            body, headers = self._packed(batch)
            answer = await self._client.post(self._address, content=body, headers=headers)
            self._compress = "gzip" in answer.headers.get("Accept-Encoding", "")
        except httpx.HTTPError as error:
            return IngestAnswer(503, 0.0, f"{type(error).__name__}: {error}".rstrip(": "))
        return IngestAnswer(
            answer.status_code, _seconds(answer.headers.get("Retry-After", "")), _said(answer)
        )


async def _until_taken(attempt: Callable[[], Awaitable[IngestAnswer]], address: str) -> None:
    """Try until the answer is good: with the delay asked for, or one that doubles, spread by chance."""
    delay = _FIRST_DELAY
    told = ""
    while True:
        answer = await attempt()
        if answer.status == _TAKEN:
            if told:
                _log.info("%s takes output again", address)
            return
        trouble = _trouble(answer)
        if trouble != told and answer.status != 429:
            _log.warning("%s does not take the bots' output, which waits in its files: %s", address, trouble)
            told = trouble
        await asyncio.sleep(max(answer.retry_after, delay * random.uniform(0.5, 1.0)))  # noqa: S311
        if answer.status != 429:
            delay = min(delay * 2, _LONGEST_DELAY)


def _trouble(answer: IngestAnswer) -> str:
    if answer.status in {401, 403}:
        return f"it refuses the token ({answer.status}): give the agent a token with the scope ingest"
    if answer.status < 400:
        return f"it answered {answer.status}, as no herdsman does: is the address right, a proxy before it?"
    return answer.message or f"it answered {answer.status}"


def _seconds(text: str) -> float:
    try:
        return max(float(text), 0.0)
    except ValueError:
        return 0.0


def _said(answer: httpx.Response) -> str:
    return answer.text[:200] if answer.status_code >= 400 else ""
