"""How herdsman itself is: its parts, its own log, the route and the stream."""

import asyncio
import json
import logging
from pathlib import Path

from telemetry.names import Health
from tests.fakes.web import Running, running
from web.access.scopes import Scope
from web.documents.system import SystemFact, SystemPart
from web.system.health import SystemHealth, worst
from web.system.notes import RecentNotes
from web.system.own import count_process, live_probe, process_probe, web_probe
from web.system.rates import Rate


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def well() -> SystemPart:
    return SystemPart("intake", "ok", "what bots print arrives", facts=[SystemFact("lines", 5.0)])


async def broken() -> SystemPart:
    raise OSError("disk full")


async def silent() -> SystemPart:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_part_that_fails_or_is_silent_is_told_and_hides_no_other():
    """The page that shows what is wrong must not go wrong with it."""
    health = SystemHealth(
        {"intake": well, "events": broken, "source": silent}, version="1.2.3", patience=0.05
    )
    document = await health.document()
    states = {part.name: part.state for part in document.parts}
    assert states == {"intake": "ok", "events": "failing", "source": "failing"}
    assert "disk full" in document.parts[1].message
    assert "did not say" in document.parts[2].message
    assert (document.state, document.version) == ("failing", "1.2.3")


def test_the_worst_state_is_that_of_the_whole():
    """One part that fails counts more than any that warn; no part at all is well."""
    assert worst(["ok", "warning", "ok"]) == "warning"
    assert worst(["warning", "failing"]) == "failing"
    assert worst([]) == "ok"


def test_notes_count_what_comes_again_and_forget_the_oldest():
    """The newest stand first; the same warning again counts up; only so many are kept."""
    clock = Clock()
    notes = RecentNotes(most=3, clock=clock)
    log = logging.Logger("herdsman.test")
    log.addHandler(notes)
    log.info("never mind")
    for number in range(4):
        clock.now += 1
        log.warning("trouble %d", number)
    clock.now += 1
    log.warning("trouble 2")
    log.error("it\nfailed", exc_info=ValueError("boom"))
    assert [(note.message, note.times, note.level) for note in notes.newest()] == [
        ("it failed (ValueError: boom)", 1, "error"),
        ("trouble 2", 2, "warning"),
        ("trouble 3", 1, "warning"),
    ]
    assert notes.newest()[1].first == 1003.0


def test_a_rate_is_worked_out_from_two_looks():
    """At first there is no rate; looks within a second say the last one again."""
    clock, number = Clock(), [10.0]
    rate = Rate(lambda: number[0], clock)
    assert rate() is None
    clock.now, number[0] = 1002.0, 30.0
    assert rate() == 10.0
    clock.now, number[0] = 1002.5, 1000.0
    assert rate() == 10.0


async def test_every_process_tells_of_itself_its_answers_and_its_streams():
    """Memory and open files are real numbers; failed answers and slow readers are counted."""
    health = Health()
    health.count("herdsman_http_requests_total", 3, method="GET", route="/livez", status="200")
    health.count("herdsman_http_requests_total", method="GET", route="/livez", status="503")
    health.histogram("herdsman_http_request_seconds").observe(0.4, route="/livez")
    health.count("herdsman_live_resets_total", 2, reason="slow")

    async def facts(probe: object) -> dict[str, object]:
        part = await probe()
        assert part.state == "ok"
        return {fact.name: fact.value for fact in part.facts}

    own = await facts(process_probe(0.0))
    assert own["memory"] > 1 << 20
    assert own["open files"] >= 3
    web = await facts(web_probe(health))
    assert (web["failed"], web["mean time"]) == (1.0, 0.1)
    assert (await facts(live_probe(health)))["dropped"] == 2.0


def test_metrics_tell_of_the_process():
    """Memory, CPU time and open files are read when they are asked for."""
    health = Health()
    count_process(health)
    assert health.value("herdsman_process_memory_bytes") > 1 << 20
    assert health.value("herdsman_process_open_files") >= 3
    before = health.value("herdsman_process_cpu_seconds_total")
    sum(range(10**6))
    assert health.value("herdsman_process_cpu_seconds_total") > before


async def test_the_route_tells_every_part(tmp_path: Path):
    """The document names each part with its facts; it takes the scope read."""
    async with running(tmp_path, system=SystemHealth({"intake": well}, fleet="desk")) as web:
        async with web.client(Scope.READ) as client:
            document = (await client.get("/api/v1/system")).json()
        async with web.client(None) as nobody:
            assert (await nobody.get("/api/v1/system")).status_code == 401
    (part,) = document["parts"]
    assert (document["state"], document["fleet"]) == ("ok", "desk")
    assert part["facts"] == [{"name": "lines", "value": 5.0, "unit": "", "hint": ""}]


async def test_the_stream_tells_it_while_somebody_reads(tmp_path: Path):
    """Each look is sent to those who follow the topic, and nothing is asked once nobody does."""
    asked = []

    async def probe() -> SystemPart:
        asked.append(1)
        return await well()

    system = SystemHealth({"intake": probe}, every=0.02)
    async with running(tmp_path, system=system) as web:
        async with web.client(Scope.READ) as client:
            found = await read_events(client, 3)
        assert [event for event, _ in found] == ["system"] * 3
        assert found[0][1]["parts"][0]["name"] == "intake"
        await asyncio.wait_for(system._telling, 60)


async def read_events(client: object, most: int) -> list[tuple[str, dict]]:
    found: list[tuple[str, dict]] = []
    event = ""
    async with client.stream("GET", "/api/v1/stream?topics=system") as answer:
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                found.append((event, json.loads(line[6:])))
                if len(found) == most:
                    return found
    return found


async def test_requests_are_counted_by_the_routes_template(web: Running):
    """Figures of requests stand under the template, also of refused ones; made-up addresses make no label."""
    async with web.client(Scope.READ) as client:
        await client.get("/api/v1/bots/sma-btc")
        await client.get("/api/v1/bots/nobody")
        await client.get("/api/v1/made-up/12345")
        text = (await client.get("/metrics")).text
    route = "/api/v1/bots/{name}"
    assert f'herdsman_http_requests_total{{method="GET",route="{route}",status="200"}} 1.0' in text
    assert f'herdsman_http_requests_total{{method="GET",route="{route}",status="404"}} 1.0' in text
    assert f'herdsman_http_request_seconds_count{{route="{route}"}} 2' in text
    assert f'herdsman_http_request_seconds_bucket{{route="{route}",le="+Inf"}} 2' in text
    assert "12345" not in text


async def test_large_documents_are_compressed_and_small_ones_are_not(web: Running):
    """JSON of a kilobyte and more is packed for those who take it; streams and small answers are not."""
    async with web.client(Scope.READ) as client:
        large = await client.get("/api/openapi.json")
        small = await client.get("/api/v1/whoami")
        plain = await client.get("/api/openapi.json", headers={"Accept-Encoding": "identity"})
        async with client.stream("GET", "/api/v1/stream") as stream:
            assert "content-encoding" not in stream.headers
    assert large.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in large.headers["vary"]
    assert int(large.headers["content-length"]) < len(plain.content) / 3
    assert large.json() == plain.json()
    assert "content-encoding" not in small.headers
    assert "content-encoding" not in plain.headers


async def test_a_tokens_use_is_kept_at_most_once_a_minute(web: Running):
    """Many requests of one token write its last use once; the list shows it."""
    store = web.services.access.tokens._store
    async with web.client(Scope.ADMIN) as client:
        for _ in range(5):
            listed = (await client.get("/api/v1/tokens")).json()
    used = {one["name"]: one["last_used_at"] for one in listed}
    assert used["admin"] is not None
    assert used["ingest"] is None
    assert len(store.touched) == 1
