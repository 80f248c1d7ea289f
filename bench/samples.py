"""Charts over many stored samples: one bot's, a thousand at once, two revisions; in both stores.

The store's answer stands beside the least that fetches the same numbers (see bare_series.py). Into the
embedded store samples go through its own writer, ten minutes of every bot at a time; into VictoriaMetrics by
its way for imports, which leaves the same files once they are merged.
"""

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import httpx

from bench.bare_series import BareRequests, BareStatements, Floor
from bench.figures import Figure, quantile, spread
from bench.walks import BOTS, FLEET, NAMES, SERIES, STEPS, Walks, as_printed, import_all
from telemetry.embedded import EmbeddedSeriesStore, Retention, TelemetryDatabase
from telemetry.stores import SeriesQuery, SeriesStore
from telemetry.victoriametrics import VictoriaMetricsStore
from tests.engines.ports import free_ports
from tests.engines.victoriametrics import VERSIONS, VictoriaMetrics
from web.moments import nice_step
from web.queries import ChartQuery, chart_query, thinned

TIMES = 20
"""How often each question is asked."""
_ONE = "bot-0500"
_DAY = 86400.0
_RANGES = {"1 h": 3600.0, "24 h": _DAY, "7 d": 7 * _DAY}


def measure() -> list[Figure]:
    """Return the figures; `BENCH_SAMPLES` makes it smaller, `BENCH_SAMPLES_FOLDER` keeps what was stored."""
    kept = os.environ.get("BENCH_SAMPLES_FOLDER")
    if kept:
        return _measured(Path(kept))
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        return _measured(Path(folder))


def _measured(folder: Path) -> list[Figure]:
    folder.mkdir(exist_ok=True)
    end = folder / "end"
    if not end.exists():
        end.write_text(str(time.time()))
    walks = Walks.until(float(end.read_text()))
    return [*_embedded(folder / "telemetry.db", walks), *_victoriametrics(folder / "series", walks)]


def _embedded(path: Path, walks: Walks) -> list[Figure]:
    done = path.with_name("telemetry.done")
    how = "stored before"
    if not done.exists():
        began = time.monotonic()
        asyncio.run(_write(path, walks))
        how = f"stored by its own writer in {time.monotonic() - began:.0f} s"
        done.touch()
    found = [_kept("embedded", path.stat().st_size, f"steps of 10 s and 1 min are in it; {how}")]
    with closing(sqlite3.connect(path)) as connection:
        return found + asyncio.run(_asked_embedded(path, BareStatements(connection), walks.end))


async def _write(path: Path, walks: Walks) -> None:
    """Store everything, and wait until every series has its steps up to its end."""
    database = _database(path)
    store = EmbeddedSeriesStore(database)
    for batch in as_printed(walks):
        await store.write(batch)
    for bot in range(BOTS):
        await store.query(SeriesQuery(f"bot-{bot:04}", NAMES[0], walks.end - 60, walks.end, 60.0))
    await database.close()


async def _asked_embedded(path: Path, floor: Floor, now: float) -> list[Figure]:
    database = _database(path)
    store = EmbeddedSeriesStore(database)
    await store.query(SeriesQuery(_ONE, "", now - 60, now, 60.0))  # what a start does
    try:
        return await _asked("embedded", store, floor, now)
    finally:
        await database.close()


def _database(path: Path) -> TelemetryDatabase:
    return TelemetryDatabase(path, Retention(raw_days=1e4, rollup_10s_days=1e4, most_bytes=1 << 40))


def _victoriametrics(folder: Path, walks: Walks) -> list[Figure]:
    done = folder.with_name("series.done")
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    server = VictoriaMetrics(VERSIONS[-1], address, folder, port, folder.with_name("series.log"))
    server.start()
    how = "imported before"
    try:
        with httpx.Client(base_url=address, timeout=120) as client:
            if not done.exists():
                began = time.monotonic()
                import_all(client, walks)
                server.flush()
                client.get("/internal/force_merge").raise_for_status()
                how = f"imported in {time.monotonic() - began:.0f} s"
                done.touch()
            found = asyncio.run(_asked_victoriametrics(address, BareRequests(client), walks.end))
    finally:
        server.stop()
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return [_kept("VictoriaMetrics", size, f"its data folder; {how}"), *found]


async def _asked_victoriametrics(address: str, floor: Floor, now: float) -> list[Figure]:
    store = VictoriaMetricsStore(address, fleet=FLEET)
    try:
        return await _asked("VictoriaMetrics", store, floor, now)
    finally:
        await store.close()


async def _asked(kind: str, store: SeriesStore, floor: Floor, now: float) -> list[Figure]:
    """Return the figures of one store that holds everything."""
    found = []
    for words, seconds in _RANGES.items():
        chart = _chart(_ONE, now, seconds)
        taken = await _timed(lambda chart=chart: _drawn(store, chart))  # type: ignore[misc]
        bare = _timed_bare(lambda chart=chart: floor.chart(chart.query))  # type: ignore[misc]
        found.append(_figure(f"{kind}: one bot's chart of {words}", taken, bare, floor))
    sides = _sides(now)
    taken = await _timed(lambda: _together(store, sides))
    bare = _timed_bare(lambda: _each(floor, sides))
    found.append(_figure(f"{kind}: two revisions' series, half a week each", taken, bare, floor))
    fleet = [_chart(f"bot-{bot:04}", now, 3600.0) for bot in range(BOTS)]
    taken = await _timed(lambda: _all_drawn(store, fleet), 3)
    bare = _timed_bare(lambda: _each(floor, [one.query for one in fleet]), 3)
    found.append(_figure(f"{kind}: charts of 1 h of {BOTS:,} bots at once, the last", taken, bare, floor))
    taken = await _timed(lambda: store.newest(now - 3600), 5)
    bare = _timed_bare(lambda: floor.newest(now - 3600), 5)
    found.append(_figure(f"{kind}: newest values of {len(SERIES):,} series", taken, bare, floor))
    return found


def _chart(bot: str, now: float, seconds: float) -> ChartQuery:
    """Return what the dashboard asks for a chart."""
    return chart_query(bot, NAMES[0], f"{now - seconds:.3f}", f"{now:.3f}", "", now)


def _sides(now: float) -> list[SeriesQuery]:
    """Return what `herdsman compare` asks of two revisions' series."""
    length = 3.5 * _DAY
    step = nice_step(length / 500)
    return [SeriesQuery(_ONE, "", end - length, end, step) for end in (now - length, now)]


async def _drawn(store: SeriesStore, chart: ChartQuery) -> None:
    series = await store.query(chart.query)
    assert sum(len(thinned(one, chart.most)) for one in series) > 0, "there is nothing to draw"


async def _together(store: SeriesStore, queries: list[SeriesQuery]) -> None:
    await asyncio.gather(*(store.query(one) for one in queries))


def _each(floor: Floor, queries: list[SeriesQuery]) -> None:
    for one in queries:
        floor.chart(one)


async def _all_drawn(store: SeriesStore, charts: list[ChartQuery]) -> None:
    await asyncio.gather(*(_drawn(store, chart) for chart in charts))


async def _timed(ask: Callable[[], Awaitable[object]], times: int = TIMES) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _timed_bare(ask: Callable[[], object], times: int = 5) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _figure(name: str, taken: list[float], bare: list[float], floor: Floor) -> Figure:
    return Figure(
        f"{name}, p50", quantile(taken, 0.5), "ms", quantile(bare, 0.5), floor.name, "", spread(taken)
    )


def _kept(kind: str, size: int, how: str) -> Figure:
    count = STEPS * len(SERIES)
    return Figure(
        f"{kind}: bytes kept per sample",
        size / count,
        "bytes",
        16,
        "a bare time and value",
        detail=f"{count:,} samples, {size / 2**30:.2f} GiB, {how}",
    )
