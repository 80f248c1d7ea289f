"""Allocations on disk and a listener that remembers, for tests of the agent and the intake."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport
from telemetry.agent import Agent, DirectSink
from telemetry.embedded import EmbeddedEventStore, EmbeddedSeriesStore, TelemetryDatabase
from telemetry.embedded.output import EmbeddedOutput
from telemetry.intake import Intake
from telemetry.records import Event, Sample
from telemetry.stores import EventQuery


async def eventually(true: Callable[[], object]) -> None:
    """Return once `true()` is: for what nobody tells of."""
    async with asyncio.timeout(90):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def labels_of(allocation: str, bot: str = "", **parts: object) -> AllocationLabels:
    fixed = {
        "fleet": "desk-abc123",
        "bot": bot or f"bot-{allocation}",
        "program": "sma",
        "version": "1.0.0",
        "type": "realtime",
        "mode": "dry",
        "revision": "0123abc",
        "spec": "digest",
        "allocation": allocation,
    }
    return AllocationLabels(**{**fixed, **parts})  # type: ignore[arg-type]


class BotFiles:
    """One allocation's folder, written as a scheduler and a bot write it."""

    def __init__(self, root: Path, allocation: str, **labels: object) -> None:
        self.labels = labels_of(allocation, **labels)  # type: ignore[arg-type]
        self.folder = root / allocation
        self.logs = self.folder / "alloc" / "logs"
        self.logs.mkdir(parents=True)
        (self.folder / "alloc" / "herdsman.json").write_bytes(msgspec.json.encode(self.labels))

    def path(self, stream: str = "stdout", index: int = 0) -> Path:
        return self.logs / f"bot.{stream}.{index}"

    def print(self, text: str | bytes, stream: str = "stdout", index: int = 0) -> None:
        with self.path(stream, index).open("ab") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    def report(self, **parts: object) -> None:
        self.print(json.dumps({"t": 1_790_000_000.0, **parts}) + "\n", "launcher")


@dataclass
class Told:
    """An IntakeListener that keeps everything; a test waits for what it expects."""

    seen: list[Event] = field(default_factory=list)
    values: list[Sample] = field(default_factory=list)
    heard: list[tuple[AllocationLabels, LauncherReport]] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        self.values += samples
        self._more.set()

    def events(self, bot: str, events: Sequence[Event]) -> None:
        self.seen += events
        self._more.set()

    async def reports(self, reports: Sequence[tuple[AllocationLabels, LauncherReport]]) -> None:
        self.heard += reports
        self._more.set()

    @property
    def messages(self) -> list[str]:
        return [event.message for event in self.seen]

    async def until(self, true: Callable[["Told"], object]) -> None:
        """Return once `true(self)` is; whatever comes in between is looked at."""
        async with asyncio.timeout(90):
            while not true(self):
                self._more.clear()
                await self._more.wait()


class Writing(Protocol):
    """As much of a SeriesStore as a batch needs."""

    async def write(self, samples: Sequence[Sample]) -> None:
        """Store samples."""
        ...


class OneAfterTheOther:
    """The OutputStore of two stores that know nothing of each other: one may fail alone."""

    def __init__(self, series: Writing, events: EmbeddedEventStore) -> None:
        self._series = series
        self._events = events

    async def keep(self, events: Sequence[Event], samples: Sequence[Sample]) -> None:
        if samples:
            await self._series.write(samples)
        if events:
            await self._events.append(events)

    async def deliver(self) -> None:
        """Do nothing: what is kept is where it belongs."""


class Node:
    """An allocation root with an agent, an intake and embedded stores, all in this process."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "alloc"
        self.root.mkdir(exist_ok=True)
        self.checkpoint = folder / "agent.checkpoint"
        self.database = TelemetryDatabase(folder / "telemetry.db")
        self.series = EmbeddedSeriesStore(self.database)
        self.events = EmbeddedEventStore(self.database)
        self.told = Told()
        self.output = EmbeddedOutput(self.database, self.events, self.series)
        self.intake = Intake(self.events, self.told, self.output)

    def bot(self, allocation: str = "a1", **labels: object) -> BotFiles:
        return BotFiles(self.root, allocation, **labels)

    def agent(self, **settings: object) -> Agent:
        sink = settings.pop("sink", None) or DirectSink(self.intake)
        return Agent(self.root, sink, self.checkpoint, **settings)  # type: ignore[arg-type]

    async def read_out(self, **settings: object) -> None:
        """Run an agent until everything in the files is acknowledged."""
        agent = self.agent(**settings)
        running = asyncio.create_task(agent.run())
        await agent.finish()
        await running

    async def stored(self, **query: object) -> list[Event]:
        await eventually(lambda: not self.intake._waiting)  # told already, and still on its way to the store
        page = await self.events.search(EventQuery(forward=True, limit=1_000_000, **query))  # type: ignore[arg-type]
        return page.events

    async def close(self) -> None:
        await self.database.close()
