"""The intake: the only writer to the stores. Agents' batches become events, samples, reports and live values.

A batch is acknowledged once its reports were taken and its events and samples are stored. Each stream's end
is remembered, so that a batch that comes again (a lost answer, an agent's restart) changes nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from schemas.errors import HerdsmanError
from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport
from telemetry.bot_lines import BotLines
from telemetry.bot_series import BotSeries, base_labels
from telemetry.errors.occurrence import ErrorReader, Occurrence, is_suspect
from telemetry.gaps import still_missed
from telemetry.intake_memory import START, AgentHeard, TakenAllocation, TakenStream, Work
from telemetry.names import Health
from telemetry.reading import AllocationReader, Output
from telemetry.records import Event, Sample
from telemetry.stores import EventStore, OutputStore, Position
from telemetry.wire import KEPT, TOLD, WIRE_VERSION, Batch, Chunk, Use, decode_batch

_log = logging.getLogger("herdsman.intake")
T = TypeVar("T")
_RETRY_AFTER = 0.5
_FORGET_AFTER = 3600.0
_AGENTS_SPEAK_WITHIN = 60.0
"""Seconds in which every agent tells which allocations it has read to their ends (it says so every 30 s)."""
_REFUSED_FOR = 120.0
"""Seconds for which one agent's batches are not taken while others' are, until it is that agent's trouble."""
_HELD_UP = 2.0
"""Seconds in which an agent's batch is not taken after which its bots' silence is no bot's own."""
_TRIES_WITHIN = 60.0
"""Seconds in which an agent that lives sends again what was not taken."""


@dataclass(frozen=True, slots=True)
class IngestAnswer:
    """The answer to a batch, as HTTP has it; `retry_after` in seconds, 0 where it was taken."""

    status: int
    retry_after: float = 0.0
    message: str = ""


class ErrorSink(Protocol):
    """Where errors are counted; `telemetry.errors.desk.ErrorDesk` fulfils it."""

    async def record(self, occurrences: Sequence[Occurrence]) -> None:
        """Count occurrences, each event once. Raises StoreUnavailable."""
        ...


class IntakeListener(Protocol):
    """Is told what bots print, at once (before it is stored) and each thing once."""

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        """Take new samples of a bot."""
        ...

    def events(self, bot: str, events: Sequence[Event]) -> None:
        """Take new events of a bot."""
        ...

    async def reports(self, reports: Sequence[tuple[AllocationLabels, LauncherReport]]) -> None:
        """Take launchers' reports, durably: an error makes the agent send them again."""
        ...


class Intake:
    """Takes the batches of agents; says 429 where more than `most_waiting` bytes wait for the stores."""

    def __init__(
        self,
        events: EventStore,
        listener: IntakeListener,
        output: OutputStore,
        health: Health | None = None,
        *,
        fleet: str = "",
        errors: ErrorSink | None = None,
        most_waiting: int = 32 << 20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._events = events
        self._listener = listener
        self.health = health or Health()
        self._fleet = fleet
        self._errors = errors
        self._output = output
        self._error_reader = ErrorReader()
        self._most_waiting = most_waiting
        self._clock = clock
        self._born_at = self._forget_at = clock()
        self._waiting = 0
        self.agents: dict[str, AgentHeard] = {}
        self._allocations: dict[str, TakenAllocation] = {}
        self._bots: dict[str, BotSeries] = {}
        self._lines: dict[str, BotLines] = {}
        self._heard_by: dict[str, AgentHeard] = {}
        """Bot -> the agent that spoke of it last."""
        self._heard_out: set[str] = set()
        """Bots whose agent had read all there was, and had it taken, at least once."""
        self._pushed_back_since: float | None = None
        """When the first batch was asked to come later since one was taken."""
        self._mistakes: set[type[Exception]] = set()
        """What went wrong where the listener was told, each kind of it logged once."""
        self._taken_at = 0.0
        """When a batch of any agent was taken last."""
        self.health.gauge("herdsman_intake_waiting_bytes").read = lambda: float(self._waiting)

    async def accept(self, body: bytes) -> IngestAnswer:
        """Take one batch; the answer is 204 once it is stored, 429 or 503 where it must come again."""
        answer = await self._answer(body)
        self.health.count("herdsman_intake_batches_total", status=str(answer.status))
        return answer

    def drained(self, bot: str) -> bool:
        """Tell whether all log files of all known allocations of a bot are acknowledged to their ends.

        A bot that no agent spoke of may have files that no agent came to yet, while this intake is young.
        """
        own = [one for one in self._allocations.values() if one.reader.labels.bot == bot]
        if not own:
            return self._clock() >= self._born_at + _AGENTS_SPEAK_WITHIN
        return all(one.drained for one in own)

    def allocation_drained(self, allocation: str) -> bool:
        """Tell whether all log files of an allocation are acknowledged to their ends; False if unknown."""
        known = self._allocations.get(allocation)
        return known is not None and known.drained

    def heard_out(self, bot: str) -> bool:
        """Tell whether everything was taken that a bot printed before this intake's start."""
        return bot in self._heard_out

    def held_up(self, bot: str) -> bool:
        """Tell whether a bot cannot be heard for now: the stores do not take its agent's batches."""
        now = self._clock()
        back = self._pushed_back_since
        if back is not None and self._waiting and abs(now - back) >= _HELD_UP:
            return True
        heard = self._heard_by.get(bot)
        if heard is None or heard.untaken_since is None:
            return False
        if self._taken_at >= heard.untaken_since + _REFUSED_FOR:
            return False  # others are taken: nothing is known of this agent's bots, which is to be said
        return abs(now - heard.untaken_since) >= _HELD_UP and abs(now - heard.at) < _TRIES_WITHIN

    async def _answer(self, body: bytes) -> IngestAnswer:
        if self._waiting + len(body) > self._most_waiting and self._waiting:
            if self._pushed_back_since is None:
                self._pushed_back_since = self._clock()
            return IngestAnswer(429, _RETRY_AFTER, "the stores are slow: send it again later")
        try:
            batch = decode_batch(body)
        except msgspec.MsgspecError as error:
            return IngestAnswer(400, 0.0, f"this is no batch of an agent: {error}")
        if batch.version != WIRE_VERSION:
            return IngestAnswer(
                400,
                0.0,
                f"the agent speaks version {batch.version}, this is version {WIRE_VERSION}: update it",
            )
        self._waiting += len(body)
        heard = self.agents.setdefault(batch.agent, AgentHeard(self._clock()))
        heard.at, heard.release = self._clock(), batch.release
        if heard.untaken_since is None:
            heard.untaken_since = heard.at
        try:
            async with AsyncExitStack() as turns:
                for turn in self._turns(batch, heard):
                    await turns.enter_async_context(turn)
                await self._take(batch, heard)
            heard.untaken_since = self._pushed_back_since = None
            self._taken_at = self._clock()
        except HerdsmanError as error:
            heard.refused += 1
            self.health.count("herdsman_store_errors_total", store="intake")
            return IngestAnswer(503, _RETRY_AFTER, str(error))
        except Exception:  # noqa: BLE001
            # A listener's mistake must cost neither the batch nor the agent: it comes again.
            heard.refused += 1
            _log.exception("a batch could not be taken")
            return IngestAnswer(503, _RETRY_AFTER, "the intake failed; its log says why")
        finally:
            self._waiting -= len(body)
        return IngestAnswer(204)

    def _turns(self, batch: Batch, heard: AgentHeard) -> list[asyncio.Lock]:
        """Return what a batch waits for: those of its agent, and of another that speaks of the same bots."""
        found = {id(heard.turn): heard.turn}
        for labels in batch.allocations:
            before = self._heard_by.get(labels.bot, heard)
            found[id(before.turn)] = before.turn
            self._heard_by[labels.bot] = heard
        return [found[number] for number in sorted(found)]

    async def _take(self, batch: Batch, heard: AgentHeard) -> None:
        allocations = [self._allocation(labels) for labels in batch.allocations]
        work = Work()
        for chunk in batch.chunks:
            allocation = allocations[chunk.allocation]
            if allocation is not None:
                stream = await self._stream(allocation, chunk.stream)
                self._read(allocation, stream, chunk, work)
        for number, uses in _by_allocation(batch.uses).items():
            allocation = allocations[number]
            if allocation is not None:
                self._use(allocation, uses, work)
        if batch.chunks:
            newest = max(chunk.time for chunk in batch.chunks)
            heard.lag = max(self._clock() - newest, 0.0)
            self.health.gauge("herdsman_intake_lag_seconds").set(heard.lag)
        await self._store(work)
        heard.lines += work.lines
        if batch.unread is not None:
            behind = {batch.allocations[number].bot for number in batch.unread}
            self._heard_out.update(one.bot for one in batch.allocations if one.bot not in behind)
        for index in batch.drained:
            allocation = allocations[index]
            if allocation is not None:
                allocation.drained = True

    def _allocation(self, labels: AllocationLabels) -> TakenAllocation | None:
        """Return what is known of an allocation, None where it belongs to another fleet."""
        if self._fleet and labels.fleet != self._fleet:
            return None
        known = self._allocations.get(labels.allocation)
        if known is None or known.reader.labels != labels:
            streams = known.streams if known else {}
            known = TakenAllocation(
                AllocationReader(
                    labels, self._series_of(labels), self._lines.setdefault(labels.bot, BotLines())
                ),
                streams,
            )
            self._allocations[labels.allocation] = known
            self._forget_old()
        known.seen_at = self._clock()
        return known

    def _series_of(self, labels: AllocationLabels) -> BotSeries:
        base = base_labels(labels)
        known = self._bots.get(labels.bot)
        if known is None or known.base != base:
            known = self._bots[labels.bot] = BotSeries(base)
        return known

    def _forget_old(self) -> None:
        now = self._clock()
        if now < self._forget_at:
            return
        self._forget_at = now + _FORGET_AFTER / 60
        self._heard_by = {bot: one for bot, one in self._heard_by.items() if one.at >= now - _FORGET_AFTER}
        self._heard_out &= self._heard_by.keys()
        before = now - _FORGET_AFTER
        for name in [name for name, one in self._allocations.items() if one.seen_at < before and one.drained]:
            del self._allocations[name]

    async def _stream(self, allocation: TakenAllocation, name: str) -> TakenStream:
        stream = allocation.streams.get(name)
        if stream is None:
            end = await self._events.end_of(allocation.reader.labels.allocation, name) or START
            stream = allocation.streams.setdefault(name, TakenStream(end, end))
        return stream

    def _read(self, allocation: TakenAllocation, stream: TakenStream, chunk: Chunk, work: Work) -> None:
        allocation.drained = False
        end = Position(chunk.index, chunk.offset + len(chunk.data) + chunk.dropped)
        chunk = still_missed(chunk, stream.stored)
        if end <= stream.stored and not chunk.missed:
            self.health.count("herdsman_intake_repeated_lines_total", chunk.data.count(b"\n"))
            return
        output = allocation.reader.read(chunk, _after(stream.stored, chunk.index))
        self._tell(allocation, stream, chunk, output)
        stream.told = max(stream.told, end)
        labels = allocation.reader.labels
        work.events += output.events
        if self._errors is not None:
            work.errors += self._errors_in(output.events, labels)
        work.samples += output.samples
        work.reports += [(labels, report) for report in output.reports]
        work.ends.append((stream, end))
        work.lines += output.lines
        if output.repeated:
            self.health.count("herdsman_intake_repeated_events_total", output.repeated)
        if output.gaps:
            self.health.count("herdsman_intake_seq_gaps_total", output.gaps)
        if output.refused:
            self.health.count("herdsman_intake_refused_values_total", output.refused)

    def _use(self, allocation: TakenAllocation, uses: Sequence[Use], work: Work) -> None:
        """Take the uses of an allocation, but what an earlier try at the same batch told or stored."""
        reader = allocation.reader
        for use in uses:
            samples = reader.use(use.time, use.values)
            if use.way != KEPT and use.time not in allocation.uses_told:
                self._follow(self._listener.samples, reader.labels.bot, samples)
            if use.way != TOLD and use.time not in allocation.uses_stored:
                work.samples += samples
        allocation.uses_told = {use.time for use in uses if use.way != KEPT}
        work.uses.append((allocation, {use.time for use in uses if use.way != TOLD}))

    def _errors_in(self, events: Sequence[Event], labels: AllocationLabels) -> list[Occurrence]:
        """Return the errors among events; ordinary ones cost a look at their level."""
        suspects = [event for event in events if is_suspect(event)]
        found = [self._error_in(event, labels) for event in suspects]
        return [one for one in found if one is not None]

    def _error_in(self, event: Event, labels: AllocationLabels) -> Occurrence | None:
        try:
            return self._error_reader.read(event, labels)
        except Exception:  # noqa: BLE001 - what a bot printed must cost neither its batch nor the agent
            _log.exception("the error in an event of %s could not be read", event.bot)
            return None

    def _tell(self, allocation: TakenAllocation, stream: TakenStream, chunk: Chunk, output: Output) -> None:
        """Tell the listener what it was not told by an earlier try at the same batch."""
        if stream.told > Position(chunk.index, chunk.offset):
            rest = msgspec.structs.replace(chunk, missed="", gap=None)
            output = allocation.reader.read(rest, _after(stream.told, chunk.index))
        bot = allocation.reader.labels.bot
        if output.events:
            self._follow(self._listener.events, bot, output.events)
        if output.samples:
            self._follow(self._listener.samples, bot, output.samples)

    def _follow(self, tell: Callable[[str, Sequence[T]], None], bot: str, what: Sequence[T]) -> None:
        """Tell a listener; who only follows what bots print cannot hold up that it is stored."""
        try:
            tell(bot, what)
        except Exception as error:  # noqa: BLE001 - whatever it is: each kind is logged once
            if type(error) not in self._mistakes:
                _log.exception("what %s printed could not be followed; said once", bot)
            self._mistakes.add(type(error))

    async def _store(self, work: Work) -> None:
        if work.reports:
            await self._listener.reports(work.reports)
        # Before the events: once those are stored the lines come no more, also after a kill in between, while
        # an error counts but once.
        if work.errors and self._errors is not None:
            await self._errors.record(work.errors)
        if work.events or work.samples:
            await self._output.keep(work.events, work.samples)
        for stream, end in work.ends:
            stream.stored = max(stream.stored, end)
        for allocation, times in work.uses:
            allocation.uses_stored = times
        self.health.count("herdsman_intake_lines_total", work.lines)
        self.health.count("herdsman_intake_samples_total", len(work.samples))
        self.health.count("herdsman_events_stored_total", len(work.events))
        # What is kept is safe. To acknowledge it only once it is where it belongs is what pushes back.
        await self._output.deliver()


def _by_allocation(uses: Sequence[Use]) -> dict[int, list[Use]]:
    found: dict[int, list[Use]] = {}
    for use in uses:
        found.setdefault(use.allocation, []).append(use)
    return found


def _after(position: Position, index: int) -> int:
    """Return the offset in the file `index` from which on lines are new."""
    if position.index == index:
        return position.offset
    return 0 if position.index < index else 1 << 62
