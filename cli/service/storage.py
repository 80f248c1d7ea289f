"""What everything in the data folder takes, how fast it grows, and when there is no more room."""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cli.service.keeping import kept_words
from schemas.errors import HerdsmanError
from telemetry.embedded.database import TelemetryDatabase
from telemetry.embedded.sizes import SizeBook
from telemetry.growth import Growth, growth
from telemetry.victoriametrics import VictoriaMetricsStore
from web.documents.system import SystemFact, SystemPart, SystemTable
from web.system.health import Probe

_EVERY = 600.0
_FIRST = 30.0
_DAY = 86400.0
SOON = 7 * _DAY
"""Seconds before a disk is full from which that is told as a warning."""
_LEAST_FREE = 1 << 30
_log = logging.getLogger("herdsman.storage")

TELEMETRY, SERIES, DISK = "telemetry.db", "VictoriaMetrics", "disk"
_FOLDERS = {
    "herdsman.db": "for good; runs, applies and revisions by number",
    "git": "for good",
    "bundles": "while a bot, or a rollback, needs it",
    "states": "the newest of each bot; earlier ones for 30 d",
    "local/allocations": "10 files of 10 MB for each stream of a bot",
    "local/state": "for good: the bots' own",
    "cache": "what bots of this machine use",
}
"""What lies in the data folder -> how long it is kept."""


@dataclass(frozen=True, slots=True)
class Room:
    """One thing's size in bytes, now and earlier, and how much more it may take (None: not bounded)."""

    size: float
    growth: Growth


@dataclass(slots=True)
class Storage:
    """What was measured last."""

    at: float = 0.0
    free: float = 0.0
    rooms: dict[str, Room] = field(default_factory=dict)
    disk: Growth = field(default_factory=lambda: Growth(None))


class StorageWatch:
    """Measures every ten minutes, whether somebody looks or not: a growth needs a past."""

    def __init__(self, data: Path, database: TelemetryDatabase, series: VictoriaMetricsStore | None) -> None:
        self._data = data
        self._database = database
        self._series = series
        self._book = SizeBook(database)
        self.newest = Storage()

    async def run(self) -> None:
        """Measure until cancelled."""
        await asyncio.sleep(_FIRST)
        while True:
            try:
                await self.measure(time.time())
            except HerdsmanError as error:
                _log.warning("what herdsman keeps could not be measured: %s", error)
            except Exception:  # noqa: BLE001 - nobody would begin this task again
                _log.exception("what herdsman keeps could not be measured")
            await asyncio.sleep(_EVERY)

    async def measure(self, now: float) -> Storage:
        """Measure all sizes and note them. Raises StoreUnavailable."""
        sizes = await asyncio.to_thread(sizes_in, self._data)
        if self._series is not None and self._series.size is not None:
            sizes[SERIES] = self._series.size
        usage = await asyncio.to_thread(shutil.disk_usage, self._data)
        past = await self._book.note({**sizes, DISK: float(usage.used)}, now)
        bound = {
            TELEMETRY: self._database.retention.most_bytes - sizes.get(TELEMETRY, 0.0),
            SERIES: self._series.free if self._series is not None else None,
        }
        rooms = {
            name: Room(size, growth(past.get(name, []), bound.get(name), now)) for name, size in sizes.items()
        }
        disk = growth(past.get(DISK, []), float(usage.free), now)
        self.newest = Storage(now, float(usage.free), rooms, disk)
        return self.newest


def sizes_in(data: Path) -> dict[str, float]:
    """Return the bytes on disk of everything in a data folder that there is, by its name in it."""
    found = {name: float(sum(_bytes_at(data / name))) for name in (TELEMETRY, *_FOLDERS)}
    for name in (TELEMETRY, "herdsman.db"):
        found[name] += sum(map(float, _bytes_at(data / f"{name}-wal")))
    return {name: size for name, size in found.items() if size}


def _bytes_at(path: Path) -> Iterator[int]:
    try:
        status = path.lstat()
    except OSError:
        return
    yield status.st_blocks * 512
    if not path.is_dir() or path.is_symlink():
        return
    for folder, folders, files in os.walk(path, onerror=None):
        for name in (*folders, *files):
            try:
                yield os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118 - ten thousands
            except OSError:
                continue


def storage_probe(watch: StorageWatch, database: TelemetryDatabase) -> Probe:
    """Return what tells of all that is kept."""
    data = database.path.parent

    async def probe() -> SystemPart:
        now = time.time()
        seen = watch.newest if watch.newest.at else await watch.measure(now)
        free = (await asyncio.to_thread(shutil.disk_usage, data)).free
        full_at = seen.disk.full_at
        said, to_do = "there is room", ""
        if full_at is not None and full_at < now + SOON:
            days = max(full_at - now, 0.0) / _DAY
            said = f"the disk of the data folder is full in {days:.1f} days as it grows"
            to_do = "keep less (--keep, docs/retention.md), or give it a larger disk"
        if free < _LEAST_FREE:
            said, to_do = "the disk of the data folder is nearly full", f"make room on the disk of {data}"
        kept = kept_words(database.retention)
        return SystemPart(
            "storage",
            "warning" if to_do else "ok",
            said,
            to_do,
            facts=[
                SystemFact("measured", seen.at, "at"),
                SystemFact("disk free", float(free), "bytes"),
                SystemFact("disk grows a day", seen.disk.per_day, "bytes", "known after an hour"),
                SystemFact("disk full", full_at, "at", "as it grows now; none where it is not foreseen"),
                *(SystemFact(f"{name} kept", words) for name, words in kept.items() if name != "size"),
                SystemFact("telemetry.db at most", float(database.retention.most_bytes), "bytes"),
            ],
            table=storage_table(seen, kept),
        )

    return probe


def storage_table(seen: Storage, kept: dict[str, str]) -> SystemTable:
    """Return a line for each thing that is kept, the largest first."""
    how = {
        **_FOLDERS,
        TELEMETRY: f"by age; in all at most {kept['size']}",
        SERIES: "by its own retention period",
    }
    rows = sorted(seen.rooms.items(), key=lambda pair: -pair[1].size)
    return SystemTable(
        ["what", "size", "a day", "full", "kept"],
        ["", "bytes", "bytes", "at", ""],
        [[name, one.size, one.growth.per_day, one.growth.full_at, how.get(name, "")] for name, one in rows],
    )
