"""A series store that refuses, or another server in its place: nothing counts as kept that is not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from schemas.errors import StoreUnavailable
from telemetry.names import Health
from telemetry.records import Sample
from telemetry.victoriametrics import VictoriaMetricsStore


@dataclass
class Picky:
    """A small HTTP server in VictoriaMetrics' place; it keeps the lines of the requests that it takes."""

    refused: str = "\0"
    """What a request must not hold: 400 then."""
    most: int = 1 << 30
    """Bytes that a request may have: 413 beyond."""
    answer: str = "204 No Content"
    said: str = ""
    lines: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = [int(line.split(":")[1]) for line in head.lower().splitlines() if "content-length" in line]
        body = (await reader.readexactly(sum(length))).decode()
        status, said = self._judge(body) if head.startswith("POST") else ("200 OK", "")
        text = f"HTTP/1.1 {status}\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n{said}"
        writer.write(text.encode())
        await writer.drain()
        writer.close()

    def _judge(self, body: str) -> tuple[str, str]:
        if len(body) > self.most:
            return "413 Content Too Large", ""
        if self.refused in body:
            return "400 Bad Request", "cannot parse a line"
        if self.answer.startswith("204"):
            self.lines += body.splitlines()
        return self.answer, self.said


@pytest.fixture
async def server() -> AsyncIterator[Picky]:
    picky = Picky()
    listening = await asyncio.start_server(picky.serve, "127.0.0.1", 0)
    picky.port = listening.sockets[0].getsockname()[1]
    yield picky
    listening.close()
    await listening.wait_closed()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def store(server: Picky, health: Health) -> AsyncIterator[VictoriaMetricsStore]:
    made = VictoriaMetricsStore(f"http://127.0.0.1:{server.port}", health=health, watch_every=3600)
    yield made
    await made.close()


def samples(count: int, odd: int = -1) -> list[Sample]:
    """Return samples, one of them of a series that is refused."""
    return [
        Sample("bot_odd" if number == odd else "bot_price", {"bot": "alpha"}, 1000.0 + number, float(number))
        for number in range(count)
    ]


async def test_a_sample_that_is_refused_costs_none_of_the_others(
    server: Picky, store: VictoriaMetricsStore, health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a batch that is answered 400 the one sample is found, left out, counted and told."""
    server.refused = "bot_odd"
    await store.write(samples(1000, odd=700))
    assert sorted(float(line.split()[1]) for line in server.lines) == [n for n in range(1000) if n != 700]
    assert health.value("herdsman_intake_refused_values_total") == 1
    assert "bot_odd" in caplog.text
    assert "cannot parse a line" in caplog.text


async def test_a_request_that_is_too_large_is_sent_in_parts(
    server: Picky, store: VictoriaMetricsStore, health: Health
) -> None:
    """What a proxy answers with 413 goes in smaller requests, and nothing is left out."""
    server.most = 5000
    await store.write(samples(1000))
    assert len(server.lines) == 1000
    assert health.value("herdsman_intake_refused_values_total") == 0


async def test_a_server_that_refuses_everything_is_no_reason_to_leave_anything_out(
    server: Picky, store: VictoriaMetricsStore, health: Health
) -> None:
    """Where even an empty request is answered 400, as by another server, all samples wait."""
    server.answer = "400 Bad Request"
    with pytest.raises(StoreUnavailable, match="400"):
        await store.write(samples(10))
    server.answer = "204 No Content"
    await store.write(samples(10))
    assert len(server.lines) == 10
    assert health.value("herdsman_intake_refused_values_total") == 0


async def test_an_error_in_a_good_answer_keeps_samples_waiting(
    server: Picky, store: VictoriaMetricsStore
) -> None:
    """A page of a proxy, or an error told with 200, is no acknowledgement."""
    server.answer, server.said = "200 OK", "<html>please sign in</html>"
    with pytest.raises(StoreUnavailable, match="please sign in"):
        await store.write(samples(10))
    server.answer, server.said = "204 No Content", ""
    await store.write(samples(10))
    assert len(server.lines) == 10
