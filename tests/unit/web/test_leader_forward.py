"""Requests that the web hands on to the leader, over real sockets."""

import asyncio
from typing import Any

from web.leader import LeaderForward


async def asked(forward: LeaderForward) -> tuple[int, str]:
    """Ask for the git remote; return status and text."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"method": "GET", "path": "/git/fleet.git/info/refs", "query_string": b"", "headers": []}
    async with asyncio.timeout(90):
        await forward(scope, receive, send)
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], text.decode()


async def test_a_request_that_a_paused_leader_took_ends_once_another_leads() -> None:
    """One that takes the connection and never answers holds nobody up; the next one's answer is handed on."""
    taken, over = asyncio.Event(), asyncio.Event()

    async def pause(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set()
        await over.wait()
        writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nrefs")
        await writer.drain()
        writer.close()

    paused, other = [await asyncio.start_server(one, "127.0.0.1", 0) for one in (pause, answer)]
    first, second = [f"http://127.0.0.1:{one.sockets[0].getsockname()[1]}" for one in (paused, other)]
    leads = first
    forward = LeaderForward(lambda: leads)
    asking = asyncio.create_task(asked(forward))
    await taken.wait()
    leads = second
    status, text = await asking
    assert (status, "another leads by now: try again" in text) == (503, True), text
    assert await asked(forward) == (200, "refs")
    await forward.close()
    over.set()
    for server in (paused, other):
        server.close()
        await server.wait_closed()
    async with asyncio.timeout(90):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - the servers' own, with their connections
            await asyncio.sleep(0.01)
