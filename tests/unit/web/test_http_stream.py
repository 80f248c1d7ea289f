"""The live stream over a real socket: resuming, ending, and many at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from telemetry.live import Broadcaster
from tests.fakes.web import Running, running
from web.access.scopes import Scope
from web.settings import WebSettings


class Reader:
    """Reads server-sent events as a browser does."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()
        self.last_id = ""

    async def next(self) -> tuple[str, object]:
        """Return the next event's name and data; ("end of stream", None) when the server closes."""
        event, data = "", ""
        async for line in self._lines:
            if line.startswith("id: "):
                self.last_id = line[4:]
            elif line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
            elif not line and data:
                return event, json.loads(data)
        return "end of stream", None

    async def opened(self) -> None:
        """Wait until the server says where the stream stands."""
        async for line in self._lines:
            if line.startswith("id: "):
                self.last_id = line[4:]
                return


@asynccontextmanager
async def open_stream(
    web: Running, topics: str = "fleet", last: str = "", header: str = "", scope: Scope = Scope.READ
) -> AsyncIterator[Reader]:
    """Open a stream; `last` goes into the query, `header` into Last-Event-ID."""
    headers = {"Last-Event-ID": header} if header else {}
    params = {"topics": topics, "last_event_id": last}
    async with (
        web.client(scope, timeout=60) as client,
        client.stream("GET", "/api/v1/stream", params=params, headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield Reader(answer)


def publish(web: Running, number: int, topic: str = "fleet") -> None:
    web.services.live.publish(topic, "status", b'{"n": %d}' % number)


async def test_event_published_is_read_at_once(web: Running):
    """What is published arrives with its name and its data, and only for the topics asked for."""
    async with open_stream(web, "fleet,bot:sma-btc") as reader:
        await reader.opened()
        publish(web, 0, "bot:other")
        publish(web, 1)
        publish(web, 2, "bot:sma-btc")
        assert await reader.next() == ("status", {"n": 1})
        assert await reader.next() == ("status", {"n": 2})


@pytest.mark.parametrize("how", ["header", "last"])
async def test_stream_goes_on_where_it_was_cut(web: Running, how: str):
    """With the last id nothing is missed and nothing comes twice, by header or by query."""
    async with open_stream(web) as reader:
        await reader.opened()
        publish(web, 1)
        assert await reader.next() == ("status", {"n": 1})
        last = reader.last_id
    for number in (2, 3):
        publish(web, number)
    async with open_stream(web, **{how: last}) as reader:
        publish(web, 4)
        assert [await reader.next() for _ in range(3)] == [("status", {"n": n}) for n in (2, 3, 4)]


async def test_nothing_is_missed_between_a_document_and_the_stream(web: Running):
    """The position beside a document leads to every event since the document was read."""
    async with open_stream(web) as first:
        await first.opened()
        async with web.client(Scope.READ) as client:
            position = (await client.get("/api/v1/bots")).headers["herdsman-stream-position"]
        publish(web, 7)
        async with open_stream(web, last=position) as second:
            assert await second.next() == ("status", {"n": 7})


@pytest.mark.parametrize("last", ["rubbish", "00000000-5", "a-b-c"])
async def test_unknown_place_is_told_by_a_reset(web: Running, last: str):
    """An id of another life of the service, or rubbish, gets `reset`; what comes after it arrives."""
    async with open_stream(web, last=last) as reader:
        event, data = await reader.next()
        assert event == "reset"
        assert isinstance(data, dict)
        assert data["reason"]
        publish(web, 1)
        assert await reader.next() == ("status", {"n": 1})


async def test_stream_ends_with_the_credential(web: Running):
    """Revoking a token ends the streams that it opened."""
    async with open_stream(web, scope=Scope.READ) as reader:
        await reader.opened()
        await web.services.access.tokens.revoke("read", 0.0, by="test")
        event, _ = await reader.next()
        assert event == "end"
        assert await reader.next() == ("end of stream", None)


async def test_stream_without_a_credential_is_refused(web: Running):
    """The stream is as closed as every other part of the API."""
    async with web.client(None) as client:
        assert (await client.get("/api/v1/stream")).status_code == 401


async def test_service_stops_cleanly_with_fifty_streams_open(tmp_path: Path):
    """Each stream gets its end, and the server is gone within its grace, not after a time-out."""
    async with running(tmp_path) as web:
        ready = asyncio.Semaphore(0)

        async def follow() -> tuple[str, object]:
            async with open_stream(web) as reader:
                await reader.opened()
                ready.release()
                return await reader.next()

        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(follow()) for _ in range(50)]
            for _ in readers:
                await ready.acquire()
            web.stop.set()
            async with asyncio.timeout(60):
                await web.serving
        assert {reader.result() for reader in readers} == {("end of stream", None)}
        with pytest.raises(httpx.ConnectError):
            await web.client(None).get("/livez")


async def test_a_revoked_token_ends_its_stream_at_once(tmp_path: Path):
    """Without waiting for the next look at rights, the stream of a revoked token ends; others go on."""
    settings = WebSettings(url="", version="1", static=tmp_path / "static", recheck=3600.0)
    async with running(tmp_path, settings=settings, live=Broadcaster(heartbeat=3600.0)) as web:
        token, secret = await web.services.access.tokens.create("brief", Scope.READ, 0.0, by="test")
        async with (
            web.client(None, headers={"Authorization": f"Bearer {secret}"}) as brief,
            web.client(Scope.ADMIN) as admin,
            brief.stream("GET", "/api/v1/stream") as answer,
            open_stream(web) as other,
        ):
            reader = Reader(answer)
            await reader.opened()
            await other.opened()
            assert (await admin.delete(f"/api/v1/tokens/{token.id}")).status_code == 204
            event, _ = await reader.next()
            assert event == "end"
            publish(web, 1)
            assert await other.next() == ("status", {"n": 1})
