"""Nomad's event stream, read over httpx for as long as somebody listens.

Nomad keeps only the last events and drops readers that are slow, so every connection begins with a `Gap`:
what was missed can only be read from the listings.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from controller.schedulers.nomad.settings import NomadSettings

HEARTBEAT_LIMIT = 35.0
"""Seconds without a line after which the stream counts as dead; Nomad sends a heartbeat every 10."""
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 15.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A connection is new: whatever happened before may have been missed."""


@dataclass(frozen=True, slots=True)
class NomadEvent:
    """One event: Nomad's topic, type and key, the raft index, and the object itself as it is now."""

    topic: str
    type: str
    key: str
    index: int
    payload: dict[str, Any]


async def stream(
    settings: NomadSettings,
    *,
    note: Callable[[str], None] = lambda _: None,
    heartbeat_limit: float = HEARTBEAT_LIMIT,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Gap | NomadEvent]:
    """Yield events of jobs, allocations, evaluations and nodes for ever, a `Gap` after every connection.

    Reconnects by itself, from the last index, with a growing random delay. `note` is told in words why a
    connection ended. An answer that cannot change by waiting (a refused token) is retried like any other.
    """
    index, delay = 0, _FIRST_DELAY
    async with _client(settings, heartbeat_limit) as client:
        while True:
            try:
                async with client.stream("GET", "/v1/event/stream", params=_query(settings, index)) as answer:
                    answer.raise_for_status()
                    yield Gap()
                    async for line in _lines(answer):
                        delay = _FIRST_DELAY
                        for event in parse(line):
                            index = max(index, event.index)
                            yield event
                note("Nomad closed the event stream")
            except httpx.HTTPStatusError as error:
                note(f"Nomad refuses the event stream: {error.response.status_code}")
            except (httpx.HTTPError, httpx.StreamError, ValueError, KeyError) as error:
                note(f"the event stream broke: {type(error).__name__} {error}")
            await sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311
            delay = min(delay * 2, _LONGEST_DELAY)


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield whole lines as they come, with as little work as can be: Nomad drops a reader that is slow."""
    waiting = b""
    async for chunk in answer.aiter_raw():
        *lines, waiting = (waiting + chunk).split(b"\n")
        for line in lines:
            yield line


def parse(line: bytes | str) -> list[NomadEvent]:
    """Parse one line of the stream; heartbeats and blank lines hold nothing. Raises ValueError, KeyError."""
    try:
        batch = msgspec.json.decode(line) if line.strip() else {}
    except msgspec.DecodeError:
        raise ValueError(f"Nomad says: {line[:200]!r}") from None
    if "Error" in batch:
        raise ValueError(str(batch["Error"]))
    return [_event(event, batch["Index"]) for event in batch.get("Events") or ()]


def _event(event: dict[str, Any], index: int) -> NomadEvent:
    payload = event.get("Payload") or {}
    item = next((value for value in payload.values() if isinstance(value, dict)), {})
    return NomadEvent(event["Topic"], event.get("Type") or "", event.get("Key") or "", index, item)


def _query(settings: NomadSettings, index: int) -> list[tuple[str, str | int | float | bool | None]]:
    topics = ("Job", "Allocation", "Evaluation", "Node")
    query: list[tuple[str, str | int | float | bool | None]] = [("topic", topic) for topic in topics]
    query.append(("namespace", settings.namespace))
    if settings.region:
        query.append(("region", settings.region))
    if index:
        query.append(("index", index))
    return query


def _client(settings: NomadSettings, heartbeat_limit: float) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=settings.address,
        # Not compressed: taking a burst of events apart would cost more than carrying it.
        headers={"Accept-Encoding": "identity"}
        | ({"X-Nomad-Token": settings.token} if settings.token else {}),
        timeout=httpx.Timeout(settings.timeout, read=heartbeat_limit),
        verify=_trust(settings),
        trust_env=False,
    )


def _trust(settings: NomadSettings) -> ssl.SSLContext | bool:
    if not settings.address.startswith("https://"):
        return True
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if settings.certificate:
        context.load_cert_chain(*settings.certificate)
    return context
