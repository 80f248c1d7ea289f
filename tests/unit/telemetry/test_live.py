"""The live channel: order, resuming, slow readers, heartbeats, many streams."""

import asyncio
import re

import pytest

from telemetry.live import Broadcaster, Subscription
from telemetry.names import Health


def frames(data: bytes) -> list[tuple[str, str, str]]:
    """Parse SSE bytes into (id, event, data), leaving out what a browser does not dispatch."""
    found = []
    for block in data.decode().split("\n\n"):
        fields: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, _, value = line.partition(": ")
            fields.setdefault(name, []).append(value)
        if "data" in fields:
            found.append((fields["id"][0], fields["event"][0], "\n".join(fields["data"])))
    return found


async def take(subscription: Subscription, count: int) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            found += frames(await anext(subscription))
    assert len(found) == count
    return found


async def test_messages_arrive_in_order_with_ids() -> None:
    """A reader gets what is published to its topics and nothing else, with ids that grow."""
    live = Broadcaster()
    reader = live.subscribe(["fleet", "bot:a"])
    live.publish("fleet", "status", b'{"n":1}')
    live.publish("bot:b", "log", b'{"n":2}')
    live.publish("bot:a", "log", b'{"n":3}')
    found = await take(reader, 2)
    assert [(event, data) for _, event, data in found] == [("status", '{"n":1}'), ("log", '{"n":3}')]
    numbers = [int(one.split("-")[1]) for one, _, _ in found]
    assert numbers == sorted(set(numbers))


async def test_a_returning_reader_misses_nothing_and_gets_nothing_twice() -> None:
    """One id resumes several topics: exactly what was published since, in the order it was."""
    live = Broadcaster()
    seen: list[str] = []
    last = None
    for turn in range(20):
        reader = live.subscribe(["a", "b"], last)
        first = await anext(reader)
        seen += [data for _, _, data in frames(first)]
        for number in range(3):
            live.publish("ab"[number % 2], "x", b"%d" % (turn * 6 + number))
        got = await take(reader, 3)
        seen += [data for _, _, data in got[:1]]
        last = got[0][0]  # the others were on their way when the connection broke
        reader.close()
        for number in range(3, 6):
            live.publish("ab"[number % 2], "x", b"%d" % (turn * 6 + number))
    reader = live.subscribe(["a", "b"], last)
    seen += [data for _, _, data in frames(await anext(reader))]
    assert seen == [str(number) for number in range(120)]


async def test_a_reader_that_got_nothing_yet_can_resume() -> None:
    """The first bytes of a stream tell its place, before any message."""
    live = Broadcaster()
    live.publish("a", "x", b"0")
    reader = live.subscribe(["a"])
    found = re.search(rb"^id: (.+)$", await anext(reader), re.MULTILINE)
    assert found is not None
    reader.close()
    live.publish("a", "x", b"1")
    assert [data for _, _, data in await take(live.subscribe(["a"], found[1].decode()), 1)] == ["1"]


@pytest.mark.parametrize("last", ["gone-5", "x", "-", "{boot}-999999", "{boot}-x", "{boot}--1", "{boot}-٣"])
async def test_an_unknown_place_is_a_reset(last: str) -> None:
    """An id of another life, of the future or of nobody: the reader is told to fetch anew."""
    live = Broadcaster()
    reader = live.subscribe(["a"], last.replace("{boot}", live.position().split("-")[0]))
    ((place, event, _),) = await take(reader, 1)
    assert event == "reset"
    live.publish("a", "x", b"1")
    assert (await take(reader, 1))[0][2] == "1"
    reader.close()
    assert (await take(live.subscribe(["a"], place), 1))[0][2] == "1"


async def test_a_place_too_long_ago_is_a_reset() -> None:
    """Where the ring does not hold what was missed, the reader is told so, for the one topic that lost it."""
    live = Broadcaster(ring_bytes=500)
    keeper = live.subscribe(["a", "b"])
    start = live.position()
    live.publish("b", "x", b"1")
    for number in range(100):
        live.publish("a", "x", b"%d" % number)
    assert (await take(live.subscribe(["b"], start), 1))[0][1] == "x"
    assert (await take(live.subscribe(["a", "b"], start), 1))[0][1] == "reset"
    keeper.close()


async def test_what_nobody_read_cannot_be_resumed() -> None:
    """A topic without readers keeps nothing; a place from before its last message is a reset."""
    live = Broadcaster()
    start = live.position()
    live.publish("a", "x", b"1")
    assert not live.has_readers("a")
    assert (await take(live.subscribe(["a"], start), 1))[0][1] == "reset"
    assert live.has_readers("a")


async def test_a_slow_reader_is_reset_and_harms_nobody() -> None:
    """A reader that lets too much wait gets a reset, then goes on live; others get everything."""
    health = Health()
    live = Broadcaster(health, queue_bytes=2000, ring_bytes=1 << 20)
    slow, quick = live.subscribe(["a"]), live.subscribe(["a"])
    got: list[str] = []
    for number in range(200):
        live.publish("a", "x", b"%d" % number)
        got += [data for _, _, data in frames(await anext(quick))]
    assert got == [str(number) for number in range(200)]
    ((place, event, _),) = await take(slow, 1)
    assert (event, place) == ("reset", live.position())
    live.publish("a", "x", b"200")
    assert (await take(slow, 1))[0][2] == "200"
    assert health.value("herdsman_live_resets_total", reason="slow") == 1


async def test_waiting_messages_come_in_one_piece() -> None:
    """Everything that waits is handed out at a time."""
    live = Broadcaster()
    reader = live.subscribe(["a"])
    for number in range(50):
        live.publish("a", "x", b"%d" % number)
    assert len(frames(await anext(reader))) == 50


async def test_a_quiet_stream_has_heartbeats() -> None:
    """A comment keeps connections open while nothing happens; it is no message."""
    live = Broadcaster(heartbeat=0.01)
    reader = live.subscribe(["a"])
    await anext(reader)
    assert await anext(reader) == b": heartbeat\n\n"
    live.close()


async def test_close_ends_all_streams() -> None:
    """Closing hands out what waits and then ends every iteration, also of readers that come later."""
    live = Broadcaster()
    waiting, idle = live.subscribe(["a"]), live.subscribe(["a"])
    await anext(idle)
    ending = asyncio.create_task(_all(idle))
    await asyncio.sleep(0)
    live.publish("a", "x", b"last")
    live.close()
    assert [data for _, _, data in frames(await _all(waiting))] == ["last"]
    assert [data for _, _, data in frames(await ending)] == ["last"]
    assert frames(await _all(live.subscribe(["a"]))) == []


async def _all(subscription: Subscription) -> bytes:
    return b"".join([part async for part in subscription])


async def test_a_reader_that_leaves_is_forgotten() -> None:
    """Leaving by any way frees the subscription; cancelling a waiting reader loses nothing for others."""
    health = Health()
    live = Broadcaster(health)
    with live.subscribe(["a"]) as reader:
        waiting = asyncio.create_task(_all(reader))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert health.value("herdsman_live_subscribers") == 1
    assert health.value("herdsman_live_subscribers") == 0
    live.publish("a", "x", b"1")


async def test_messages_with_line_breaks_stay_one_message() -> None:
    """A newline in the data cannot end the message or begin another field."""
    live = Broadcaster()
    reader = live.subscribe(["a"])
    live.publish("a", "x", b"one\nevent: evil\r\ntwo")
    ((_, event, data),) = await take(reader, 1)
    assert (event, data) == ("x", "one\nevent: evil\ntwo")


async def test_thousands_of_streams() -> None:
    """Two thousand readers all get every message, and share its bytes."""
    live = Broadcaster()
    readers = [live.subscribe(["fleet"]) for _ in range(2000)]
    for reader in readers:
        await anext(reader)
    live.publish("fleet", "status", b"{}")
    first = await anext(readers[0])
    assert all([await anext(reader) is first for reader in readers[1:]])
