"""The event stream against a real HTTP server that breaks off, stays silent, or refuses."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from controller.schedulers.nomad.events import Gap, stream
from controller.schedulers.nomad.settings import NomadSettings

Answer = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


def batch(index: int) -> bytes:
    event = {"Topic": "Job", "Key": "f.a", "Index": index, "Payload": {"Job": {"ID": "f.a"}}}
    return json.dumps({"Index": index, "Events": [event]}).encode() + b"\n"


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[NomadSettings, list[dict[str, list[str]]]]]:
    """Serve streams whose n-th is written by `answer`; yield settings and the queries that came."""
    queries: list[dict[str, list[str]]] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        queries.append(parse_qs(urlsplit(target).query))
        await answer(len(queries), writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield NomadSettings("f", address=f"http://127.0.0.1:{port}"), queries
    finally:
        for writer in writers:
            writer.close()
        listening.close()
        await listening.wait_closed()


async def _begin(writer: asyncio.StreamWriter, status: str = "200 OK") -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n".encode())
    await writer.drain()


async def test_broken_stream_is_taken_up_at_its_last_index_after_a_gap():
    """A stream that ends is opened again from where it was, and everything must be listed anew."""

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        await _begin(writer)
        writer.write(b"{}\n" + batch(7 * number))
        await writer.drain()
        if number == 1:
            writer.close()

    async with server(answer) as (settings, queries), aclosing(stream(settings)) as events:
        assert isinstance(await anext(events), Gap)
        assert (await anext(events)).index == 7
        assert isinstance(await anext(events), Gap)
        assert (await anext(events)).index == 14
    assert "index" not in queries[0]
    assert queries[1]["index"] == ["7"]
    assert set(queries[0]["topic"]) == {"Job", "Allocation", "Evaluation", "Node"}


async def test_silent_stream_counts_as_dead():
    """Without heartbeats the connection is given up, and said so."""
    notes: list[str] = []

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        await _begin(writer)
        if number > 1:
            writer.write(batch(3))
            await writer.drain()

    async with (
        server(answer) as (settings, _),
        aclosing(stream(settings, note=notes.append, heartbeat_limit=0.2)) as events,
    ):
        assert [type(await anext(events)) for _ in range(2)] == [Gap, Gap]
        assert (await anext(events)).index == 3
    assert "ReadTimeout" in notes[0]


async def test_refusal_and_rubbish_are_retried():
    """Neither an error status, nor a line that is no JSON, nor an error in the stream ends the reading."""
    notes: list[str] = []

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        await _begin(writer, "500 Internal Server Error" if number == 1 else "200 OK")
        lines = {2: b"<html>\n", 3: b'{"Error": "slow"}\n', 4: batch(5)}
        writer.write(lines.get(number, b""))
        await writer.drain()
        if number == 1:
            writer.close()

    async with server(answer) as (settings, _), aclosing(stream(settings, note=notes.append)) as events:
        assert [type(await anext(events)) for _ in range(3)] == [Gap, Gap, Gap]
        assert (await anext(events)).index == 5
    assert len(notes) == 3
    assert "500" in notes[0]
