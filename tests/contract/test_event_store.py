"""What every event store must do."""

import dataclasses
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.errors import StoreUnavailable, UsageError
from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.logs.matching import matches_of
from telemetry.records import Event
from telemetry.stores import EventQuery, EventStore, Facet, Position

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
            store = EmbeddedEventStore(TelemetryDatabase(tmp_path / "telemetry.db"), part_rows=300)
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


async def test_filters_by_all_that_an_event_is(store: EventStore) -> None:
    """Bots, programs, levels, symbols, revisions (how they begin), runs and streams narrow, and combine."""
    await store.append(
        [
            event(1, program="grid", data={"symbol": "BTC/USDT"}, kind="order"),
            event(2, program="grid", stream="stderr", level="error"),
            event(3, program="sma", revision="abcdef", bot="beta", data={"symbol": "ETH/USDT"}, kind="order"),
            event(
                4,
                program="sma",
                id="alloc-2/stdout/0/0",
                allocation="alloc-2",
                run="alloc-2-1",
                bot="beta",
                level="warning",
            ),
            event(5, program="sma", data={"symbol": 7}, level="critical", bot="gamma"),
        ]
    )
    assert await found(store, programs=("grid",)) == ["line 2", "line 1"]
    assert await found(store, bots=("beta", "gamma")) == ["line 5", "line 4", "line 3"]
    assert await found(store, bot="beta", bots=("gamma",)) == ["line 5", "line 4", "line 3"]
    assert await found(store, levels=("error", "critical")) == ["line 5", "line 2"]
    assert await found(store, levels=("warning", "error"), level="error") == ["line 2"]
    assert await found(store, levels=("debug",), level="error") == []
    assert await found(store, symbols=("BTC/USDT", "ETH/USDT")) == ["line 3", "line 1"]
    assert await found(store, revisions=("abcd",)) == ["line 3"]
    assert await found(store, revisions=("abcde", "x")) == ["line 3"]
    assert await found(store, runs=("alloc-2-1",)) == ["line 4"]
    assert await found(store, runs=("nothing",)) == []
    assert await found(store, streams=("stderr",)) == ["line 2"]
    assert await found(store, programs=("sma",), symbols=("ETH/USDT",), kinds=("order",)) == ["line 3"]
    assert await found(store, text="line", programs=("sma",), levels=("warning",)) == ["line 4"]
    assert [one.program for one in (await store.search(EventQuery(bot="alpha"))).events] == ["grid", "grid"]


def any_event(chance: random.Random, number: int) -> Event:
    """Return an event that says and is anything; its time is near those around it, not after them."""
    words = chance.choices(["price", "pricing", "Übung", "order_id", "€", "refused", "RE", "über"], k=3)
    symbol = chance.choice([{}, {"symbol": "BTC/USDT"}, {"symbol": "ETH"}])
    bot = chance.choice(["alpha", "beta", "gamma"])
    return Event(
        f"{bot}/stdout/0/{number}",
        bot,
        NOW + number // 4 + chance.choice([0, 0, 0, -300, 20]),
        chance.choice(["log", "log", "trade", "custom"]),
        chance.choice(["debug", "info", "warning", "error", "critical"]),
        " ".join(words),
        chance.choice(["stdout", "stderr"]),
        bot,
        f"{bot}-{number // 200}",
        chance.choice(["abc1", "abd2"]),
        "live",
        symbol,
        1,
        "sma" if bot == "alpha" else "grid",
    )


def any_query(chance: random.Random, last: int) -> EventQuery:
    """Return a search for anything."""

    def maybe(*values: str) -> tuple[str, ...]:
        return tuple(chance.sample(values, k=chance.choice([0, 0, 1, 2])))

    return EventQuery(
        start=chance.choice([None, NOW + last / 8]),
        end=chance.choice([None, NOW + last / 6]),
        text=chance.choice(["", "", "price", "pri", "ub", "€", "refused re", "order_id price"]),
        level=chance.choice(["", "", "warning"]),
        kinds=maybe("log", "trade", "custom"),
        without=maybe("trade", "log")[:1],
        limit=chance.choice([7, 50, 5000]),
        forward=chance.random() < 0.4,
        bots=maybe("alpha", "beta", "nobody"),
        programs=maybe("sma", "grid")[:1],
        levels=maybe("info", "error", "critical"),
        symbols=maybe("BTC/USDT", "ETH"),
        revisions=maybe("ab", "abc", "abd2")[:1],
        runs=maybe("alpha-0", "beta-1"),
        streams=maybe("stdout", "stderr")[:1],
    )


async def all_pages(store: EventStore, query: EventQuery) -> list[Event]:
    """Return what all pages of a search hold."""
    events: list[Event] = []
    while True:
        page = await store.search(query)
        events += page.events
        if not page.next_cursor:
            return events
        query = dataclasses.replace(query, cursor=page.next_cursor)


def expected(events: list[Event], query: EventQuery) -> list[Event]:
    """Return what a search must find, in its order: by time, then as they were stored."""
    low, high = query.start or 0.0, query.end or 1e300
    matches = matches_of(query)
    chosen = [one for one in enumerate(events) if low <= one[1].time <= high and matches(one[1])]
    chosen.sort(key=lambda one: (one[1].time, one[0]), reverse=not query.forward)
    return [event for _, event in chosen]


@pytest.mark.parametrize("seed", range(3))
async def test_any_search_finds_exactly_what_matches(store: EventStore, seed: int) -> None:
    """Whatever is asked for, all pages together hold each matching event once, and counts say how many.

    Some of the events are searched before they are indexed, some of them come late.
    """
    chance = random.Random(seed)
    stored: list[Event] = []
    for number in range(0, 2000, 500):
        more = [any_event(chance, one) for one in range(number, number + 500)]
        await store.append(more)
        stored += more
        for _ in range(12):
            query = any_query(chance, len(stored))
            wanted = expected(stored, query)
            assert [one.id for one in await all_pages(store, query)] == [one.id for one in wanted], query
            counts = await store.count(query, NOW + 10_000)
            assert (counts.complete, counts.total) == (True, len(wanted)), query
            assert sum(sum(levels.values()) for _, levels in counts.buckets) == len(wanted), query
            assert dict(counts.facets["bot"].values) == Counter(one.bot for one in wanted), query


async def test_counts_by_time_and_by_what_events_are(store: EventStore) -> None:
    """Each facet has its values, most first; each bucket its levels; further values are counted."""
    await store.append(
        [event(number, level="error" if number % 3 == 0 else "info") for number in range(30)]
        + [
            event(number, bot=f"bot-{number}", data={"symbol": f"S{number}"}, kind="trade")
            for number in range(100, 130)
        ]
    )
    counts = await store.count(EventQuery(start=NOW, end=NOW + 200), NOW + 1000, most=5)
    assert (counts.total, counts.complete) == (60, True)
    assert counts.facets["level"] == Facet((("info", 50), ("error", 10)))
    assert counts.facets["kind"] == Facet((("log", 30), ("trade", 30)))
    assert counts.facets["bot"].values[0] == ("alpha", 30)
    assert (len(counts.facets["bot"].values), counts.facets["bot"].more) == (5, 26)
    assert counts.facets["symbol"].more == 25
    assert counts.width == 5
    assert counts.buckets[0] == (NOW, {"info": 3, "error": 2})
    assert {begin for begin, _ in counts.buckets} == {NOW + 5 * n for n in (*range(6), *range(20, 26))}


async def test_counts_over_days_are_those_of_the_events(store: EventStore) -> None:
    """A range of many hours counts whole hours and what is at its edges, also of what comes late."""
    hours = [event(number, time=NOW + number * 600, level="warning") for number in range(900)]
    await store.append(hours)
    query = EventQuery(start=NOW + 4000, end=NOW + 400_000)
    wanted = sum(NOW + 4000 <= one.time <= NOW + 400_000 for one in hours)
    assert (await store.count(query, NOW)).total == wanted
    await store.append([event(5000, time=NOW + 100_000), event(5001, time=NOW + 399_999)])
    counts = await store.count(query, NOW)
    assert (counts.total, counts.width) == (wanted + 2, 7200)
    assert sum(sum(levels.values()) for _, levels in counts.buckets) == wanted + 2
    assert (await store.count(EventQuery(level="warning"), NOW + 1_000_000)).total == 900


async def test_nothing_to_count(store: EventStore) -> None:
    """An empty store, and a range without events, count nothing."""
    assert (await store.count(EventQuery(), NOW)).total == 0
    await store.append([event(1)])
    assert (await store.count(EventQuery(start=NOW + 100, end=NOW + 200), NOW)).buckets == ()
    assert (await store.count(EventQuery(text="nothing"), NOW + 10)).total == 0


async def test_a_bot_with_too_many_symbols_and_kinds_is_found_all_the_same(store: EventStore) -> None:
    """What a bot has too many of is counted together, and still found by its name."""
    many = [
        event(number, kind=f"kind_{number}", data={"symbol": f"S{number}"}, level="info")
        for number in range(2100)
    ]
    await store.append(many)
    assert await found(store, symbols=("S2050",)) == ["line 2050"]
    assert await found(store, kinds=("kind_2099", "kind_3")) == ["line 2099", "line 3"]
    assert "line 2099" not in await found(store, without=("kind_2099",), limit=5)
    assert dict((await store.count(EventQuery(), NOW + 3000, most=3)).facets["symbol"].values)["…"] == 100
