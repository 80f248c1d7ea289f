"""Finding logs over HTTP: what is asked for, downloads, and tails, on a real socket and the real store."""

import asyncio
import csv
import io
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.errors import TooBusy
from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.live import Broadcaster
from telemetry.records import Event
from telemetry.stores import EventQuery
from tests.fakes.telemetry import MemoryEvents
from tests.fakes.web import Running, running
from tests.unit.controller.examples import desired, spec
from tests.unit.web.test_http_stream import open_stream
from web.access.scopes import Scope
from web.tails import MOST_OF_ONE, MOST_TAILS, Tails

NOW = 1_790_000_000.0


def event(number: int, **parts: object) -> Event:
    plain = {"bot": "sma-btc", "level": "info", "kind": "log", "message": f"line {number}", **parts}
    return Event(f"a/stdout/0/{number}", time=NOW + number, program="sma", **plain)  # type: ignore[arg-type]


@asynccontextmanager
async def on_store(folder: Path) -> AsyncIterator[Running]:
    """Run the service on an event store."""
    store = EmbeddedEventStore(TelemetryDatabase(folder / "telemetry.db"))
    try:
        async with running(folder, events=store, clock=lambda: NOW + 10_000) as web:
            yield web
    finally:
        await store.close()


async def test_every_filter_reaches_the_store(web: Running):
    """What the address asks for is what the store is asked, for lines, events, counts and downloads."""
    asked = {
        "start": "5",
        "text": "refused",
        "level": "warning",
        "levels": "error,critical",
        "kind": "trade,order",
        "without": "log",
        "bot": "a,b",
        "program": "sma",
        "symbol": "BTC/USDT,ETH",
        "revision": "abc",
        "run": "r-1",
        "stream": "stderr",
        "order": "oldest",
        "limit": "7",
    }
    async with web.client(Scope.READ) as client:
        for path in ("logs", "events", "logs/counts", "logs/export"):
            assert (await client.get(f"/api/v1/{path}", params=asked)).status_code == 200
    events = web.services.events
    assert isinstance(events, MemoryEvents)
    for query in events.queries:
        assert (query.start, query.text, query.level) == (5.0, "refused", "warning")
        assert (query.levels, query.kinds) == (("error", "critical"), ("trade", "order"))
        assert (query.bots, query.programs) == (("a", "b"), ("sma",))
        assert (query.symbols, query.revisions, query.runs) == (("BTC/USDT", "ETH"), ("abc",), ("r-1",))
        assert (query.streams, query.forward, query.without) == (("stderr",), True, ("log",))
    assert [query.limit for query in events.queries] == [7, 7, 7, 1000]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"levels": "error,loud"}, '"loud" is not a level'),
        ({"order": "sideways"}, "is no order"),
        ({"text": "x" * 401}, "at most 400 letters"),
        ({"cursor": "nonsense"}, "is no cursor"),
    ],
)
async def test_a_search_that_makes_no_sense_is_refused_in_words(
    tmp_path: Path, asked: dict[str, str], said: str
):
    """The person hears what is wrong with the search."""
    async with on_store(tmp_path) as web, web.client(Scope.READ) as client:
        answer = await client.get("/api/v1/logs", params=asked)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


async def test_a_label_means_its_bots(web: Running):
    """`label` narrows to the bots that have it; a label that no bot has finds nothing."""
    web.controller.state = desired([spec("sma-btc", labels={"team": "arb"})])
    async with web.client(Scope.READ) as client:
        for label in ("team", "team=arb", "team=other", "none"):
            assert (await client.get("/api/v1/logs", params={"label": label})).status_code == 200
    events = web.services.events
    assert isinstance(events, MemoryEvents)
    assert [query.bots for query in events.queries] == [("sma-btc",), ("sma-btc",), ("",), ("",)]


async def test_counts_are_answered_with_their_buckets_and_facets(tmp_path: Path):
    """The histogram and the facets of a search are one document."""
    async with on_store(tmp_path) as web, web.client(Scope.READ) as client:
        await web.services.events.append(
            [event(n, level="error" if n % 2 else "info", message=f"line {n}") for n in range(10)]
        )
        asked = {"start": str(NOW), "end": str(NOW + 60), "text": "line"}
        answer = (await client.get("/api/v1/logs/counts", params=asked)).json()
    assert (answer["total"], answer["complete"], answer["width"]) == (10, True, 1.0)
    assert answer["facets"]["level"] == {"values": [["error", 5], ["info", 5]], "more": 0}
    assert answer["facets"]["program"]["values"] == [["sma", 10]]
    assert answer["buckets"][0] == [NOW, {"info": 1}]


async def test_a_download_holds_every_event_once(tmp_path: Path):
    """More events than a page come as JSON lines and as CSV, whole, oldest first where asked for."""
    async with on_store(tmp_path) as web, web.client(Scope.READ) as client:
        await web.services.events.append([event(n) for n in range(2500)])
        lines = await client.get("/api/v1/logs/export", params={"order": "oldest"})
        table = await client.get("/api/v1/logs/export", params={"format": "csv", "most": "1200"})
    found = [json.loads(line) for line in lines.text.splitlines()]
    assert [one["message"] for one in found] == [f"line {n}" for n in range(2500)]
    assert found[0]["time"] == "2026-09-21T14:13:20.000000Z"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["message"] for row in rows] == [f"line {n}" for n in range(2499, 1299, -1)]
    assert "attachment" in table.headers["content-disposition"]


async def test_a_download_never_becomes_a_formula(tmp_path: Path):
    """A cell that a spreadsheet would obey has a quote before it; all else is as the bot printed it."""
    texts = [
        '=HYPERLINK("http://x")',
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        'a "quoted", cell\nof two lines',
        "x=1",
    ]
    async with on_store(tmp_path) as web, web.client(Scope.READ) as client:
        await web.services.events.append(
            [event(n, message=text, data={"symbol": text}) for n, text in enumerate(texts)]
        )
        answer = await client.get("/api/v1/logs/export", params={"format": "csv", "order": "oldest"})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["message"] for row in rows] == [f"'{text}" for text in texts[:5]] + texts[5:]
    assert [row["symbol"] for row in rows] == [f"'{text}" for text in texts[:5]] + texts[5:]


async def test_a_tail_gets_what_passes_its_filter_and_goes_on_where_it_was_cut(web: Running):
    """Every line that matches comes once, in order, also those printed while the reader was away."""
    topic = "logs:bot=sma-btc%2Cgrid&level=warning&text=ref"
    tails = web.services.tails
    async with open_stream(web, topic) as reader:
        await reader.opened()
        tails.events([event(1), event(2, level="error", message="refused"), event(3, level="error")])
        tails.events([event(4, level="error", message="Refund", bot="other")])
        name, document = await reader.next()
        assert (name, document["message"], document["program"]) == ("log", "refused", "sma")
        last = reader.last_id
    tails.events([event(5, level="warning", message="ref one"), event(6, message="ref two")])
    async with open_stream(web, topic, header=last) as reader:
        assert (await reader.next())[1]["message"] == "ref one"
        tails.events([event(7, level="critical", message="ref three", bot="grid")])
        assert (await reader.next())[1]["message"] == "ref three"


async def test_a_tail_that_was_let_go_says_that_lines_may_be_missed(web: Running):
    """Who comes with a place to a filter that nobody followed is told to fetch what is missing."""
    place = web.services.live.position()
    async with open_stream(web, "logs:level=error", header=place) as reader:
        assert (await reader.next())[0] == "reset"
        web.services.tails.events([event(1, level="error")])
        assert (await reader.next())[1]["message"] == "line 1"


async def test_a_filter_that_is_none_is_refused(web: Running):
    """An unknown filter, and one filter too many, are answered in words."""
    async with web.client(Scope.READ) as client:
        answer = await client.get("/api/v1/stream", params={"topics": "logs:limit=5"})
        assert (answer.status_code, '"limit" is no filter' in answer.json()["detail"]) == (400, True)
        answer = await client.get("/api/v1/stream", params={"topics": "logs:nonsense"})
        assert answer.status_code == 400
    live = Broadcaster()
    tails = Tails(live)
    for number in range(MOST_TAILS):
        tails.open([f"logs:text={number}"], "", lambda _: EventQuery(), f"reader-{number // MOST_OF_ONE}")
        live.subscribe([f"logs:text={number}"])
    with pytest.raises(TooBusy):
        tails.open(["logs:text=more"], "", lambda _: EventQuery())
    live.close()


async def test_one_reader_cannot_take_all_tails():
    """Who follows as many searches as one may is refused another one, and nobody else is."""
    live = Broadcaster()
    tails = Tails(live)
    for number in range(MOST_OF_ONE):
        tails.open([f"logs:text={number}"], "", lambda _: EventQuery(), "greedy")
        live.subscribe([f"logs:text={number}"])
    with pytest.raises(TooBusy, match="you follow 10 different searches"):
        tails.open(["logs:text=more"], "", lambda _: EventQuery(), "greedy")
    tails.open(["logs:text=0"], "", lambda _: EventQuery(), "greedy")
    tails.open(["logs:text=more"], "", lambda _: EventQuery(), "other")
    live.close()


async def test_a_burst_is_told_in_slices_and_in_order():
    """Thousands of lines for many tails leave others their turns, and none is left out."""
    told: list[bytes] = []

    class Noted(Broadcaster):
        def publish(self, topic: str, event: str, data: bytes) -> None:
            told.append(data)

    live = Noted()
    tails = Tails(live)
    for number in range(MOST_OF_ONE):
        tails.open([f"logs:text={number}"], "", lambda _: EventQuery(text="liné"))
        live.subscribe([f"logs:text={number}"])
    tails.events([event(number) for number in range(3000)])
    tails.events([event(3000)])
    counts = [len(told)]
    async with asyncio.timeout(90):
        while len(told) < 3001 * MOST_OF_ONE:
            await asyncio.sleep(0)
            counts.append(len(told))
    assert max(after - before for before, after in itertools.pairwise(counts)) <= 2000
    assert told == [one for one in told[::MOST_OF_ONE] for _ in range(MOST_OF_ONE)]
    assert [json.loads(one)["message"] for one in told[::MOST_OF_ONE]] == [f"line {n}" for n in range(3001)]
    live.close()
