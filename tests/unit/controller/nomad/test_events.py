"""The event stream against a real HTTP server that breaks off, stays silent, or refuses."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from controller.schedulers.nomad.events import Gap, stream
from controller.schedulers.nomad.settings import NomadSettings
from tests.engines.ports import free_ports

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
        found = [await anext(events)]
        while isinstance(found[-1], Gap):  # one more wherever we did not have our turn within the limit
            found.append(await anext(events))
    assert [type(one) for one in found[:2]] == [Gap, Gap]
    assert found[-1].index == 3
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


async def test_a_dropped_stream_is_connected_again_ever_later_and_at_random():
    """A server that drops every stream is not asked in a hot loop; one line from it begins anew."""
    pauses: list[float] = []

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        await _begin(writer)
        if number == 9:
            writer.write(b"{}\n")
            await writer.drain()
        writer.close()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with server(answer) as (settings, _), aclosing(stream(settings, sleep=sleep)) as events:
        for _ in range(11):
            assert isinstance(await anext(events), Gap)
    longest = [min(0.25 * 2**n, 15.0) for n in range(8)]
    shares = [one / most for one, most in zip(pauses, longest, strict=False)]
    assert all(0.5 <= share <= 1.0 for share in shares)
    assert len(set(shares)) > 1
    assert pauses[8] <= 0.25


async def test_a_stream_that_nobody_takes_is_tried_again_with_pauses():
    """Where nothing listens, each try is told of, and followed by a pause."""
    notes: list[str] = []
    pauses: list[float] = []

    async def answer(_number: int, writer: asyncio.StreamWriter) -> None:
        await _begin(writer)
        writer.write(batch(5))
        await writer.drain()

    async with server(answer) as (settings, queries):
        (port,) = free_ports(1)
        elsewhere = replace(settings, address=f"http://127.0.0.1:{port}")
        back = asyncio.Event()

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                back.set()
                await asyncio.Event().wait()

        async def read() -> None:
            async for _ in stream(elsewhere, note=notes.append, sleep=sleep):
                raise AssertionError("nobody listens there")

        reading = asyncio.create_task(read())
        await asyncio.wait_for(back.wait(), 60)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert len(notes) == 3
    assert all("ConnectError" in note for note in notes)
    assert queries == []
