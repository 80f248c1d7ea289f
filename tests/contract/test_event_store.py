"""What every event store must do."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.errors import StoreUnavailable, UsageError
from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.records import Event
from telemetry.stores import EventQuery, EventStore, Position

NOW = 1_790_000_000.0


@dataclass
class StoreUnderTest:
    """A store, and a way to open it anew."""

    store: EventStore
    reopen: Callable[[], EventStore]


@pytest.fixture
async def under_test(tmp_path: Path) -> AsyncIterator[StoreUnderTest]:
    async with AsyncExitStack() as stack:

        def make() -> EventStore:
            store = EmbeddedEventStore(TelemetryDatabase(tmp_path / "telemetry.db"))
            stack.push_async_callback(store.close)
            return store

        yield StoreUnderTest(make(), make)


@pytest.fixture
def store(under_test: StoreUnderTest) -> EventStore:
    return under_test.store


def event(number: int, message: str = "", **parts: object) -> Event:
    plain = Event(
        f"alloc-1/stdout/0/{number * 100}",
        "alpha",
        NOW + number,
        "log",
        "info",
        message or f"line {number}",
        allocation="alloc-1",
        run="alloc-1-1",
        revision="abc",
        size=100,
    )
    return replace(plain, **parts)


async def found(store: EventStore, **query: object) -> list[str]:
    page = await store.search(EventQuery(**query))  # type: ignore[arg-type]
    return [one.message for one in page.events]


async def test_an_event_comes_back_whole(under_test: StoreUnderTest) -> None:
    """Every field of an event is there again, also after the store was opened anew."""
    data = {"a": 1, "nested": {"b": [1.5, None, "ä"]}, "_metric": "trade"}
    one = event(1, "sold", kind="trade", level="warning", mode="live", stream="stderr", data=data)
    await under_test.store.append([one])
    for store in (under_test.store, under_test.reopen()):
        assert (await store.search(EventQuery())).events == [one]


async def test_an_id_again_changes_nothing(store: EventStore) -> None:
    """Events are known by their ids: in the same write, and in a later one with another text."""
    await store.append([event(1, "first"), event(1, "second"), event(2, "other")])
    await store.append([event(1, "third")])
    assert await found(store) == ["other", "first"]


async def test_ids_that_name_no_place_in_a_file(store: EventStore) -> None:
    """An id of any form is kept as it is, and once."""
    ids = ["revision/abc", "x", "a/b/01", "alloc/stdout/0/5/missed", "a/b/-1", "a/b/٣"]
    await store.append([event(number, id=one) for number, one in enumerate(ids)])
    await store.append([event(number, id=one) for number, one in enumerate(ids)])
    assert sorted(one.id for one in (await store.search(EventQuery())).events) == sorted(ids)


async def test_newest_first_or_forward(store: EventStore) -> None:
    """Pages go by the events' own time, whatever the order they came in."""
    await store.append([event(2), event(3), event(1)])
    assert await found(store) == ["line 3", "line 2", "line 1"]
    assert await found(store, forward=True) == ["line 1", "line 2", "line 3"]


@pytest.mark.parametrize("forward", [False, True])
async def test_pages_join_without_gap_or_double(store: EventStore, forward: bool) -> None:
    """Following `next_cursor` gives every event once, with equal times and with new events in between."""
    await store.append([event(number, time=NOW + number // 5) for number in range(23)])
    seen: list[str] = []
    cursor = ""
    while True:
        page = await store.search(EventQuery(limit=4, cursor=cursor, forward=forward))
        seen += [one.message for one in page.events]
        cursor = page.next_cursor
        if not cursor:
            break
        await store.append([event(100 + len(seen), time=NOW + (-50 if forward else 50) - len(seen))])
    ordered = [f"line {number}" for number in range(23)]
    assert [text for text in seen if int(text[5:]) < 100] == (ordered if forward else ordered[::-1])
    assert len(seen) == len(set(seen))


async def test_a_bad_cursor_is_the_askers_mistake(store: EventStore) -> None:
    """A cursor that no page gave is refused in words."""
    with pytest.raises(UsageError, match="is no cursor"):
        await store.search(EventQuery(cursor="nonsense"))


async def test_filters_by_bot_time_level_and_kind(store: EventStore) -> None:
    """Each filter narrows, and they combine."""
    await store.append(
        [
            event(1, level="debug"),
            event(2, level="error"),
            event(3, kind="trade", level="warning"),
            event(4, kind="order"),
            event(5, bot="beta", id="alloc-2/stdout/0/0"),
        ]
    )
    assert await found(store, bot="beta") == ["line 5"]
    assert await found(store, start=NOW + 2, end=NOW + 3) == ["line 3", "line 2"]
    assert await found(store, level="warning") == ["line 3", "line 2"]
    assert await found(store, kinds=("trade", "order")) == ["line 4", "line 3"]
    assert await found(store, without=("trade", "order")) == [
        line for line in await found(store) if line not in ("line 4", "line 3")
    ]
    assert await found(store, kinds=("trade", "order"), without=("trade",)) == await found(
        store, kinds=("order",)
    )
    assert await found(store, without=("log",)) == ["line 4", "line 3"]
    assert await found(store, kinds=("log", "order"), bot="alpha") == ["line 4", "line 2", "line 1"]
    assert await found(store, bot="alpha", level="error", kinds=("trade",)) == []


async def test_text_finds_words_and_their_beginnings(store: EventStore) -> None:
    """All words must be there, in any order and case; a word's beginning is enough; at once after a write."""
    await store.append(
        [
            event(1, "ConnectionError: connection refused by exchange"),
            event(2, "connected to exchange"),
            event(3, "order_id=42 filled at 100.5 (BTC/USDT)"),
            event(4, "Überweisung von 5 €"),
        ]
    )
    assert await found(store, text="refused connection") == [
        "ConnectionError: connection refused by exchange"
    ]
    assert len(await found(store, text="connect")) == 2
    assert await found(store, text="btc/usdt 100.5") == ["order_id=42 filled at 100.5 (BTC/USDT)"]
    assert await found(store, text="order_id") == ["order_id=42 filled at 100.5 (BTC/USDT)"]
    assert await found(store, text="überweisung") == ["Überweisung von 5 €"]
    assert await found(store, text="exchange nothing") == []


@pytest.mark.parametrize("text", ['"', "*", "NEAR(", "a AND", "') OR 1=1 --", "col:x", "^", "-x", "€"])
async def test_text_is_never_a_language(store: EventStore, text: str) -> None:
    """What is special to the index is plain text to the person who searches."""
    await store.append([event(1, "price in € today"), event(2, "else")])
    await found(store, text=text)
    assert await found(store, text="€") == ["price in € today"]


async def test_the_end_of_a_stream_is_known(under_test: StoreUnderTest) -> None:
    """`end_of` is where the last event of the newest file of that stream ends."""
    events = [event(0), event(1, size=57), event(0, id="alloc-1/stdout/10/0", size=9)]
    assert await under_test.store.end_of("alloc-1", "stdout") is None
    await under_test.store.append(events[:2])
    assert await under_test.store.end_of("alloc-1", "stdout") == Position(0, 157)
    await under_test.store.append([event(5, id="alloc-1/stdout/2/5", size=4), *events])
    await under_test.store.append([event(9, id="alloc-10/stdout/99/0"), event(8, id="alloc-1/stderr/50/0")])
    for store in (under_test.store, under_test.reopen()):
        assert await store.end_of("alloc-1", "stdout") == Position(10, 9)


async def test_strange_text_is_kept(store: EventStore) -> None:
    """NUL characters, emoji and megabytes come back as they were."""
    texts = ["a\0b", "🚀 to the moon", "x" * (1 << 20)]
    await store.append([event(number, text) for number, text in enumerate(texts)])
    assert await found(store, forward=True) == texts


async def test_a_closed_store_says_so(store: EventStore) -> None:
    """After `close`, every call raises StoreUnavailable; closing again does nothing."""
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.append([event(1)])
    with pytest.raises(StoreUnavailable):
        await store.search(EventQuery())
