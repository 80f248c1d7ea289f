"""Sending over HTTP to a real server that refuses, fails, goes away and comes back."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from telemetry.agent import HttpSink
from tests.engines.ports import free_ports


@dataclass
class Endpoint:
    """A small HTTP server whose answers a test decides; it keeps what it was sent."""

    port: int
    answers: list[bytes] = field(default_factory=list)
    received: list[tuple[bytes, bytes]] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.splitlines()
            if line.lower().startswith(b"content-length")
        )
        self.received.append((head, await reader.readexactly(length)))
        status = self.answers.pop(0) if self.answers else b"204 No Content"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint(free_ports(1)[0])
    yield made
    await made.stop()


@pytest.fixture
async def sink(endpoint: Endpoint) -> AsyncIterator[HttpSink]:
    made = HttpSink(f"http://127.0.0.1:{endpoint.port}/", "secret-token")
    yield made
    await made.close()


async def test_a_batch_is_posted_with_the_token(endpoint: Endpoint, sink: HttpSink) -> None:
    """One request carries the batch to the ingest route, with the agent's token."""
    await endpoint.start()
    await sink.send(b"batch")
    ((head, body),) = endpoint.received
    assert head.startswith(b"POST /api/v1/ingest HTTP/1.1")
    assert b"Authorization: Bearer secret-token" in head
    assert body == b"batch"


async def test_a_large_batch_is_compressed_for_a_service_that_reads_it(
    endpoint: Endpoint, sink: HttpSink
) -> None:
    """Only once an answer said so, and only as long as answers do: an older service gets plain ones."""
    batch = b"the same line again\n" * 500
    endpoint.answers = [b"204 No Content\r\nAccept-Encoding: gzip"] * 3 + [b"204 No Content"]
    await endpoint.start()
    for body in (batch, batch, b"small", batch, batch):
        await sink.send(body)
    first, packed, small, last, plain = endpoint.received
    assert first[1] == plain[1] == batch
    assert small[1] == b"small"
    assert b"gzip" not in first[0].partition(b"Content-Type")[2]
    for head, body in (packed, last):
        assert b"Content-Encoding: gzip" in head
        assert len(body) < len(batch) / 10
        assert gzip.decompress(body) == batch


async def test_it_is_sent_until_it_is_taken(endpoint: Endpoint, sink: HttpSink) -> None:
    """Refusals, errors and back-pressure are followed by the same batch again."""
    endpoint.answers = [
        b"429 Too Many Requests\r\nRetry-After: 0.01",
        b"503 Unavailable\r\nRetry-After: soon",
        b"401 Unauthorized",
    ]
    await endpoint.start()
    await sink.send(b"batch")
    assert [body for _, body in endpoint.received] == [b"batch"] * 4


async def test_a_good_answer_that_is_not_the_intakes_acknowledges_nothing(
    endpoint: Endpoint, sink: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    """The sign-in page of a proxy, or where it leads to, is no word of the intake: the batch comes again."""
    endpoint.answers = [b"200 OK", b"302 Found\r\nLocation: /", b"202 Accepted"]
    await endpoint.start()
    await sink.send(b"batch")
    assert [body for _, body in endpoint.received] == [b"batch"] * 4
    assert "it answered 200, as no herdsman does" in caplog.text


async def test_a_server_that_comes_back_gets_it(endpoint: Endpoint, sink: HttpSink) -> None:
    """While nobody listens the batch waits."""
    sending = asyncio.create_task(sink.send(b"batch"))
    done, _ = await asyncio.wait({sending}, timeout=0.1)
    assert not done
    await endpoint.start()
    await sending
    assert len(endpoint.received) == 1


async def test_the_trouble_is_said_once_in_words(
    endpoint: Endpoint, sink: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what is wrong and what to do, once for each trouble, and that it is over; no token."""
    endpoint.answers = [b"401 Unauthorized", b"401 Unauthorized"]
    await endpoint.start()
    with caplog.at_level("INFO", "herdsman.agent"):
        await sink.send(b"batch")
    assert "give the agent a token with the scope ingest" in caplog.text
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "secret-token" not in caplog.text
