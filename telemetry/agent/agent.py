"""The agent's loop: notice changes, collect what is new, send it, remember what was acknowledged.

One batch is under way at a time. While it is, nothing is read: the files are the queue.
"""

import asyncio
import heapq
import itertools
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from schemas.reports import LAUNCHER_STREAM
from telemetry.agent import checkpoint
from telemetry.agent.allocation import Allocation, Ready, Stream
from telemetry.agent.concealing import Concealed, Concealer, no_values
from telemetry.agent.discovery import Discovery
from telemetry.agent.inotify import Inotify, LimitReached, Polling, Watcher
from telemetry.agent.resources import Target, is_alive
from telemetry.agent.sampling import Sampling
from telemetry.agent.sinks import Sink
from telemetry.agent.states.caretaker import Caretaker
from telemetry.names import Health
from telemetry.wire import WIRE_VERSION, Batch, Chunk, Use, encode_batch

_BATCH_BYTES = 256 << 10
_TICK = 0.25
_POLL = 0.5
_SAVE_EVERY = 1.0
_log = logging.getLogger("herdsman.agent")


@dataclass(slots=True)
class _Collected:
    """A batch, and what its acknowledgement means."""

    batch: Batch
    pieces: list[tuple[Allocation, Ready]] = field(default_factory=list)
    size: int = 0
    numbers: dict[str, int] = field(default_factory=dict)

    def number_of(self, allocation: Allocation) -> int:
        """Return the allocation's index in the batch."""
        labels = allocation.labels
        number = self.numbers.get(labels.allocation)
        if number is None:
            number = self.numbers[labels.allocation] = len(self.batch.allocations)
            self.batch.allocations.append(labels)
        return number


class Agent:
    """Follows every allocation below `alloc_root` (of the fleet `fleet`, where that is given).

    `linger` (seconds) is how long a quiet agent waits for company before it sends a line;
    `sample_every` (seconds) is the least time between two measurements of the bots' resources. After
    `speak_every` (seconds) with nothing to tell it tells that, so that it is known to live. `states`
    cares for the bots' state folders meanwhile. `release` is what the service is told of our own version.
    `concealed` tells which values must not leave the node; `clock` (monotonic seconds) how
    long lines were held back.
    """

    def __init__(
        self,
        alloc_root: Path,
        sink: Sink,
        checkpoint: Path,
        *,
        fleet: str = "",
        name: str = "",
        health: Health | None = None,
        linger: float = 0.008,
        sample_every: float = 1.0,
        speak_every: float = 30.0,
        watcher: Watcher | None = None,
        states: Caretaker | None = None,
        release: str = "",
        concealed: Concealed = no_values,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._states = states
        self._concealer = Concealer(concealed)
        self._checkpoint = checkpoint
        self._name = name or socket.gethostname()
        self._linger = linger
        self._speak_every = speak_every
        self._clock = clock
        self._spoke_at = clock()
        self._health = health or Health()
        self._given_watcher = watcher
        self._alloc_root = alloc_root
        self._fleet = fleet
        self._release = release
        self._found: Discovery | None = None
        self._wanted: dict[tuple[str, str], tuple[Allocation, Stream]] = {}
        self._due: list[tuple[float, int, Allocation, Stream]] = []
        self._order = itertools.count()
        self._awake = asyncio.Event()
        self._sampling = Sampling(self._awake.set, self._health, sample_every)
        self._finishing = False
        self._ended = asyncio.Event()
        self._saved_at = 0.0
        self._unsaved = False
        self._save_failed = False
        self._save_task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Follow until cancelled, or until `finish` was called and everything is acknowledged."""
        watcher = self._given_watcher or _watcher()
        places = await asyncio.to_thread(checkpoint.load, self._checkpoint)
        self._found = Discovery(self._alloc_root, watcher, self._fleet, places)
        self._declare_health(self._found)
        beside = [asyncio.create_task(self._sampling.run(self._targets), name="resources")]
        if self._states is not None:
            beside.append(asyncio.create_task(self._states.run(self._followed), name="states"))
        try:
            await self._follow(self._found, watcher)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._save(self._found, wait=True)
            self._found.close()
            watcher.close()
            self._ended.set()

    async def finish(self) -> None:
        """Save the states, send everything that is in the files, unfinished lines too, and end `run`."""
        if self._states is not None:
            await self._states.finish(self._followed)
        self._sampling.end()
        self._finishing = True
        self._awake.set()
        await self._ended.wait()

    def _followed(self) -> list[Allocation]:
        return list(self._found.allocations.values()) if self._found else []

    def drained(self, allocation: str) -> bool:
        """Tell whether all log files of an allocation are acknowledged to their ends (as they are now)."""
        if self._found is None:
            return False
        followed = self._found.allocations.get(allocation)
        if followed is None:
            return not self._found.is_waiting(allocation)
        self._found.discover(followed)
        return not followed.unread()

    async def _follow(self, found: Discovery, watcher: Watcher) -> None:
        looked_at = -_POLL
        while True:
            now = self._clock()
            changes = watcher.changes()
            missed = changes.missed and (now >= looked_at + _POLL or not isinstance(watcher, Polling))
            if missed or self._finishing or looked_at < 0:
                looked_at = now
                found.look_at_all()
            else:
                found.look(changes, now)
            self._want(found, now)
            collected = self._collect(found, now)
            if collected is not None:
                await self._send(found, collected)
                await asyncio.sleep(0 if collected.size >= _BATCH_BYTES // 4 else self._linger)
            elif self._finishing:
                return
            else:
                await self._wait(watcher, now)

    def _want(self, found: Discovery, now: float) -> None:
        """Note the streams that must be read: those that changed, and those whose held lines are due."""
        for allocation, stream in found.take_changed():
            self._wanted[allocation.labels.allocation, stream.name] = (allocation, stream)
        while self._due and self._due[0][0] <= now:
            _, _, allocation, stream = heapq.heappop(self._due)
            self._wanted[allocation.labels.allocation, stream.name] = (allocation, stream)

    def _collect(self, found: Discovery, now: float) -> _Collected | None:
        """Read from the wanted streams in turn until a batch is full; None where there is nothing to send."""
        collected = _Collected(Batch(WIRE_VERSION, self._name, [], [], release=self._release))
        # Launchers first: their lines tell which run the bots' lines belong to.
        for key in sorted(self._wanted, key=lambda key: key[1] != LAUNCHER_STREAM):
            if collected.size >= _BATCH_BYTES:
                break
            allocation, stream = self._wanted.pop(key)
            try:
                ready = stream.next(now, last=self._finishing)
            except OSError as error:  # a broken disk under one bot's files is no reason to leave the others
                _log.warning("a log file of %s cannot be read: %s", allocation.labels.bot, error)
                continue
            if ready is not None:
                self._wanted[key] = (allocation, stream)  # at the end of the line, for its next piece
                self._add(collected, allocation, ready)
            elif (wake_at := stream.wake_at()) is not None:
                heapq.heappush(self._due, (wake_at, next(self._order), allocation, stream))
        self._add_uses(found, collected)
        self._concealer.keep_only(found.allocations)
        for allocation in found.newly_drained(now, _is_over):
            collected.batch.drained.append(collected.number_of(allocation))
        batch = collected.batch
        batch.unread = self._unread(collected)
        silent = not self._finishing and found.allocations and now >= self._spoke_at + self._speak_every
        if not (batch.chunks or batch.uses or batch.drained or silent):
            return None
        self._spoke_at = now
        return collected

    def _unread(self, collected: _Collected) -> list[int]:
        """Return which allocations of a batch are of bots of which something is still to be read."""
        given = {(allocation.labels.allocation, ready.stream) for allocation, ready in collected.pieces}
        bots = {
            allocation.labels.bot
            for key, (allocation, stream) in self._wanted.items()
            if key not in given or _has_more(stream)
        }
        labels = collected.batch.allocations
        return [number for number, one in enumerate(labels) if one.bot in bots]

    def _add(self, collected: _Collected, allocation: Allocation, ready: Ready) -> None:
        piece = ready.piece
        if ready.stream == LAUNCHER_STREAM:
            allocation.note_reports(piece.data)
        chunk = Chunk(
            collected.number_of(allocation),
            ready.stream,
            ready.index,
            piece.offset,
            min(piece.time, time.time()),
            self._concealer.conceal(allocation.folder, allocation.labels, piece.data),
            allocation.run,
            piece.joins,
            piece.dropped,
            ready.missed,
            ready.gap,
        )
        if ready.gap is not None:
            self._health.count("herdsman_agent_missed_files_total", max(ready.gap.files, 1))
        collected.batch.chunks.append(chunk)
        collected.pieces.append((allocation, ready))
        collected.size += len(piece.data)
        allocation.in_flight += 1
        allocation.said_drained = False

    def _add_uses(self, found: Discovery, collected: _Collected) -> None:
        for use in self._sampling.take():
            if use.allocation in found.allocations:
                number = collected.number_of(found.allocations[use.allocation])
                collected.batch.uses.append(Use(number, use.time, use.values, use.way))

    def _targets(self) -> list[Target]:
        """Return what to measure: while a launcher waits to start its bot again, the bot is down."""
        return [_target(one) for one in self._followed() if one.launcher_pid and one.pid]

    async def _send(self, found: Discovery, collected: _Collected) -> None:
        await self._sink.send(encode_batch(collected.batch))
        for allocation, ready in collected.pieces:
            allocation.acknowledge(ready.stream, ready.index, ready.piece.place)
            allocation.in_flight -= 1
        self._health.count("herdsman_agent_batches_total")
        self._unsaved = self._unsaved or bool(collected.pieces)
        await self._save(found)

    async def _wait(self, watcher: Watcher, now: float) -> None:
        """Wait for a change, for held lines that get due, or for the next tick."""
        until = now + _TICK
        if self._due:
            until = min(until, self._due[0][0])
        loop = asyncio.get_running_loop()
        loop.add_reader(watcher.fileno(), self._awake.set)
        try:
            async with asyncio.timeout(max(until - now, 0.001)):
                await self._awake.wait()
            await asyncio.sleep(self._linger)
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(watcher.fileno())
            self._awake.clear()

    async def _save(self, found: Discovery, *, wait: bool = False) -> None:
        """Save the places behind the loop's back, now and then; at the end, wait for it."""
        now = time.monotonic()
        if self._save_task is not None and (wait or self._save_task.done()):
            await self._save_task
            self._save_task = None
        if (
            not self._unsaved
            or self._save_task is not None
            or (not wait and now < self._saved_at + _SAVE_EVERY)
        ):
            return
        self._saved_at, self._unsaved = now, False
        self._save_task = asyncio.create_task(self._write_checkpoint(found.places()))
        if wait:
            await self._save_task

    async def _write_checkpoint(self, places: checkpoint.Places) -> None:
        try:
            await asyncio.to_thread(checkpoint.save, self._checkpoint, places)
        except OSError as error:
            self._unsaved = True
            if not self._save_failed:
                _log.warning("%s cannot be written (lines may be sent again): %s", self._checkpoint, error)
            self._save_failed = True
        else:
            self._save_failed = False

    def _declare_health(self, found: Discovery) -> None:
        allocations = found.allocations
        self._health.gauge("herdsman_agent_allocations").read = lambda: float(len(allocations))
        self._health.gauge("herdsman_agent_files").read = lambda: float(
            sum(len(stream.tails) for one in allocations.values() for stream in one.streams.values())
        )


def _has_more(stream: Stream) -> bool:
    try:
        return stream.unread()
    except OSError:  # a broken disk under one bot's files, as where they are read
        return True


def _is_over(allocation: Allocation) -> bool:
    """Tell whether nobody is left who could print into an allocation's files."""
    return not is_alive(allocation.launcher_pid)


def _target(allocation: Allocation) -> Target:
    labels = allocation.labels
    return Target(
        labels.allocation,
        allocation.launcher_pid,
        allocation.launcher_seen_at,
        labels.memory_limit,
        labels.cpu_limit,
    )


def _watcher() -> Watcher:
    try:
        return Inotify()
    except LimitReached as error:
        _log.warning("%s. Until then the log files are polled every %s s", error.strerror, _POLL)
        return Polling()
