"""Series in VictoriaMetrics, over its HTTP API.

Measured of it: a hard death forgets the last 10 s, so what was given is kept and given again once it answers
anew; it takes rubbish in silence, so samples are checked here and its own counters of dropped rows watched;
new samples can be read after seconds only, so queries add what was given meanwhile.
"""

import asyncio
import contextlib
import logging
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec

from schemas.errors import StoreUnavailable
from telemetry.embedded.series import fold, whole_steps
from telemetry.giving import give
from telemetry.names import Health
from telemetry.prometheus import escaped
from telemetry.recent import RecentSamples
from telemetry.records import Sample, Series
from telemetry.series_key import SeriesKeys
from telemetry.stores import SeriesQuery

_KEEP = 60.0
"""Seconds that samples are kept while the store lives on with them, none of them doubtful."""
_WATCH_EVERY = 5.0
_TIMEOUT = 10.0
_AT_ONCE = 20_000
_MOST_POINTS = 11_000
"""At most so many steps in one question; a longer range is asked in parts."""
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,199}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")
_STARTED = re.compile(r"^(?:process_start_time_seconds|vm_app_start_timestamp) (\S+)", re.MULTILINE)
_DROPPED = re.compile(
    r"^(?:vm_rows_ignored_total|vm_rows_invalid_total|vm_too_long_item\w*)(?:\{[^}]*\})? (\S+)", re.MULTILINE
)
_SIZE = re.compile(r"^vm_data_size_bytes(?:\{[^}]*\})? (\S+)", re.MULTILINE)
_FREE = re.compile(r"^vm_free_disk_space_bytes(?:\{[^}]*\})? (\S+)", re.MULTILINE)
_log = logging.getLogger("herdsman.series")


class VictoriaMetricsStore:
    """The SeriesStore on a VictoriaMetrics at `url`; with `fleet`, only that fleet's series are read."""

    def __init__(
        self,
        url: str,
        *,
        fleet: str = "",
        health: Health | None = None,
        keep: float = _KEEP,
        watch_every: float = _WATCH_EVERY,
    ) -> None:
        self.url = url.rstrip("/")
        self._fleet = fleet
        self._health = health or Health()
        self._keep = keep
        self._watch_every = watch_every
        self._client = httpx.AsyncClient(base_url=self.url, timeout=_TIMEOUT)
        self._heads: SeriesKeys[str] = SeriesKeys()
        self._recent = RecentSamples()
        self._pending: list[Sample] = []
        self._written: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._started = ""
        self.size: float | None = None
        """Bytes of its data, as it said last; None before it was asked."""
        self.free: float | None = None
        """Bytes free on its disk."""
        self._sound_since = time.monotonic()
        """Since when it has not been given anything again."""
        self._safe_before = -math.inf
        self._doubtful = True
        """It may have forgotten what it was given; so may one that was never looked at."""
        self._doubts = 0
        """How often that was noticed."""
        self._dropped_rows: float | None = None
        self._health.gauge("herdsman_store_waiting_samples").read = lambda: float(len(self._pending))

    async def write(self, samples: Sequence[Sample]) -> None:
        """Return once VictoriaMetrics took the samples; those that it would drop are left out and counted."""
        sound = [sample for sample in samples if self._is_sound(sample)]
        if len(sound) < len(samples):
            self._health.count("herdsman_intake_refused_values_total", len(samples) - len(sound))
        self._start_watching()
        self._pending += sound
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        written = self._written
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_pending(), name="series-writer")
        await asyncio.shield(written)

    @property
    def safe_before(self) -> float:
        """What was written before this monotonic time cannot be forgotten any more."""
        return self._safe_before

    def restore(self, samples: Sequence[Sample]) -> None:
        """Take what an earlier process wrote and cannot know to be kept; it is written again soon."""
        self._recent.add([sample for sample in samples if self._is_sound(sample)], time.monotonic())
        self._doubt()
        self._start_watching()

    async def query(self, query: SeriesQuery) -> list[Series]:
        """Return the matching series: what the store shows, and what it was given in the last minute."""
        step = round(query.step * 1000)
        start, end = whole_steps(query.start, query.end, step)
        if step:
            found = await self._ranges(query, start - 1, end, step)
        else:
            found = await self._export(query, start, end)
        return self._with_recent(query, found, start, end, step)

    async def metrics(self, bot: str) -> list[str]:
        """Return the names of a bot's series, sorted."""
        values = await self._data(
            "/api/v1/label/__name__/values",
            {"match[]": self._selector(SeriesQuery(bot, "", 0, 0)), "start": "0", "nocache": "1"},
        )
        return sorted(set(values) | self._recent.names(bot))

    async def newest(self, since: float) -> list[Sample]:
        """Return the newest sample of every series, where it is not older than `since`."""
        selector = f'{{__name__=~"bot_.*"{self._fleet_match()}}}'
        seconds = max(math.ceil(time.time() - since), 1)
        values: dict[Any, list[float]] = {}
        for function in ("last_over_time", "tlast_over_time"):
            parameters = {"query": f"{function}({selector}[{seconds}s]) keep_metric_names", "nocache": "1"}
            data = await self._data("/api/v1/query", parameters)
            for one in data["result"]:
                key = tuple(sorted(one["metric"].items()))
                values.setdefault(key, []).append(float(one["value"][1]))
        newest = {
            key: Sample(dict(key)["__name__"], _own(dict(key)), pair[1], pair[0])
            for key, pair in values.items()
            if len(pair) == 2
        }
        for sample in self._recent.all():
            key = tuple(sorted({**sample.labels, "__name__": sample.name}.items()))
            if sample.time >= since and (key not in newest or sample.time >= newest[key].time):
                newest[key] = sample
        return list(newest.values())

    async def close(self) -> None:
        """Finish writing and close the connections."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
        if self._writer is not None:
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._client.aclose()

    async def check(self) -> None:
        """Look whether the store restarted or dropped rows; gives it the last samples again where it did."""
        text = (await self._get("/metrics", {})).text
        started = _STARTED.search(text)
        if started is not None and started[1] != self._started:
            self._doubt()
            self._started = started[1]
        if self._doubtful:
            await self._replay()
        elif (now := time.monotonic()) >= self._sound_since + self._keep:
            self._safe_before = now - self._keep
            self._recent.drop_before(self._safe_before)
        self.size = sum(map(float, _SIZE.findall(text)))
        self.free = min(map(float, _FREE.findall(text)), default=None)
        self._count_dropped(sum(float(number) for number in _DROPPED.findall(text)))

    def _is_sound(self, sample: Sample) -> bool:
        labels = sample.labels
        return (
            math.isfinite(sample.value)
            and 0 < sample.time < 1e11
            and _NAME.fullmatch(sample.name) is not None
            and len(labels) <= 25
            and (self._heads.get(sample) is not None or all(map(_LABEL.fullmatch, labels)))
        )

    async def _write_pending(self) -> None:
        """Write what waits, and what comes while it is written, until nothing does."""
        while self._written is not None:
            samples, self._pending = self._pending, []
            written, self._written = self._written, None
            try:
                for start in range(0, len(samples), _AT_ONCE):
                    await self._import(samples[start : start + _AT_ONCE])
            except Exception as error:  # noqa: BLE001 - whoever waits must be told, whatever it is
                self._doubt()
                self._health.count("herdsman_store_errors_total", store="series")
                if not written.cancelled():
                    written.set_exception(error)
                    written.exception()  # nobody may be waiting any more: that is no second mistake
            else:
                if not written.cancelled():
                    written.set_result(None)

    async def _import(self, samples: Sequence[Sample]) -> None:
        if self._doubtful:
            await self.check()
        await self._post(samples)
        self._recent.add(samples, time.monotonic())

    async def _replay(self) -> None:
        """Give the store everything again that it may have forgotten."""
        count, doubts = 0, self._doubts
        for samples in self._recent.pages(_AT_ONCE):
            await self._post(samples)
            count += len(samples)
        self._doubtful = self._doubts != doubts  # what came to doubt meanwhile is not among these pages
        if not count:
            return
        self._sound_since = time.monotonic()
        self._health.count("herdsman_store_replays_total")
        _log.warning("%s was away: the last %d samples were written again", self.url, count)

    def _doubt(self) -> None:
        self._doubtful = True
        self._doubts += 1

    async def _post(self, samples: Sequence[Sample]) -> None:
        head = self._heads.get
        # Of several samples in a millisecond it would keep the largest, and not the last.
        last = {
            (head(sample) or self._head(sample), round(sample.time * 1000)): sample.value
            for sample in samples
        }
        lines = [f"{series} {value!r} {moment}\n" for (series, moment), value in last.items()]
        for line, why in (await give(self._client, lines, self._unavailable)).items():
            self._health.count("herdsman_intake_refused_values_total")
            _log.error("%s refuses a sample, which is left out (%s): %s", self.url, why, line[:500].rstrip())

    def _head(self, sample: Sample) -> str:
        labels = ",".join(f'{name}="{escaped(value)}"' for name, value in sample.labels.items())
        head = f"{sample.name}{{{labels}}}"
        self._heads.put(sample, head)
        return head

    def _start_watching(self) -> None:
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch(), name="series-watch")

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self.check()
            await asyncio.sleep(self._watch_every)

    def _count_dropped(self, total: float) -> None:
        """Count the rows that the store dropped since the last look; its own counters begin anew with it."""
        before, self._dropped_rows = self._dropped_rows, total
        if before is not None and total > before:
            self._health.count("herdsman_store_rejected_rows_total", total - before)
            _log.error("%s dropped %d rows, by its own account", self.url, total - before)

    async def _ranges(
        self, query: SeriesQuery, start: int, end: int, step: int
    ) -> dict[Any, dict[int, float]]:
        """Return labels -> step's end in ms -> last value."""
        found: dict[Any, dict[int, float]] = {}
        expression = f"last_over_time({self._selector(query)}[{step}ms]) keep_metric_names"
        length = step * _MOST_POINTS
        for first in range(start + step, end + 1, length):
            last = min(first + length - step, end)
            parameters = {
                "query": expression,
                "start": f"{first / 1000:.3f}",
                "end": f"{last / 1000:.3f}",
                "step": f"{step}ms",
                "nocache": "1",
            }
            for one in (await self._data("/api/v1/query_range", parameters))["result"]:
                points = found.setdefault(tuple(sorted(one["metric"].items())), {})
                points.update((round(moment * 1000), float(value)) for moment, value in one["values"])
        return found

    async def _export(self, query: SeriesQuery, start: int, end: int) -> dict[Any, dict[int, float]]:
        """Return labels -> time in ms -> value, of every raw sample."""
        parameters = {
            "match[]": self._selector(query),
            "start": f"{start / 1000:.3f}",
            "end": f"{end / 1000:.3f}",
        }
        answer = await self._get("/api/v1/export", parameters)
        found: dict[Any, dict[int, float]] = {}
        for line in answer.text.splitlines():
            one = msgspec.json.decode(line)
            points = found.setdefault(tuple(sorted(one["metric"].items())), {})
            points.update(zip(one["timestamps"], one["values"], strict=True))
        return found

    def _with_recent(
        self, query: SeriesQuery, found: dict[Any, dict[int, float]], start: int, end: int, step: int
    ) -> list[Series]:
        for series in self._recent.matching(query):
            key = tuple(sorted({**series.labels, "__name__": series.name}.items()))
            points = found.setdefault(key, {})
            for moment, value in _steps(series.times, series.values, start, end, step).items():
                points[moment] = value
        answer = []
        for key in sorted(found):
            ordered = sorted(found[key].items())
            if ordered:
                points_of = (
                    fold(ordered, step, query.end) if step else [(at / 1000, value) for at, value in ordered]
                )
                answer.append(Series(dict(key), points_of))
        return answer

    def _selector(self, query: SeriesQuery) -> str:
        name = f'__name__="{escaped(query.metric)}"' if query.metric else '__name__=~"bot_.*"'
        labels = {"bot": query.bot, **(query.labels or {})}
        own = "".join(f',{label}="{escaped(value)}"' for label, value in labels.items())
        return f"{{{name}{own}{self._fleet_match()}}}"

    def _fleet_match(self) -> str:
        return f',fleet="{escaped(self._fleet)}"' if self._fleet else ""

    async def _data(self, path: str, parameters: Mapping[str, str]) -> Any:
        return (await self._get(path, parameters)).json()["data"]

    async def _get(self, path: str, parameters: Mapping[str, str]) -> httpx.Response:
        try:
            answer = await self._client.get(path, params=dict(parameters))
        except httpx.HTTPError as error:
            raise self._unavailable(f"{type(error).__name__} {error}".strip()) from error
        if answer.status_code >= 300:
            raise self._unavailable(f"it answered {answer.status_code}: {answer.text[:300]}")
        return answer

    def _unavailable(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"VictoriaMetrics at {self.url} does not answer ({why}); bots run on, their output waits"
        )


def _own(labels: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "__name__"}


def _steps(
    times: Sequence[float], values: Sequence[float], start: int, end: int, step: int
) -> dict[int, float]:
    """Return the recent samples in a range: by step's end the newest, or each by its own time."""
    found: dict[int, tuple[int, float]] = {}
    for time_, value in zip(times, values, strict=True):
        moment = round(time_ * 1000)
        if start <= moment <= end:
            place = -(-moment // step) * step if step else moment
            if place not in found or moment >= found[place][0]:
                found[place] = (moment, value)
    return {place: value for place, (_, value) in found.items()}
