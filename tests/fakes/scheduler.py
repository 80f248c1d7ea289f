"""An in-memory Scheduler, with the troubles of a real one on demand: conflicts, delays, lost nodes."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from controller.records import STOPPED, OtherJob, Rules
from controller.schedulers.protocol import (
    Launch,
    NodeReport,
    Observation,
    ObservedBot,
    Phase,
    Placed,
    Question,
    SchedulerEvent,
)
from schemas.bot import BotType
from schemas.errors import BotRuns, Conflict, NotFound, SchedulerRefused, SchedulerUnavailable
from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport, Outcome, ReportKind
from schemas.state import StatePlace

Reported = tuple[AllocationLabels, LauncherReport]


@dataclass
class FakeJob:
    """One job: what is observed of it, what it was launched with, and its runs so far."""

    seen: ObservedBot
    launch: Launch | None
    attempt: int = 0


@dataclass
class FakeHold:
    """A held lease: its place is kept by the scheduler."""

    scheduler: "FakeScheduler"
    name: str

    @property
    def place(self) -> StatePlace:
        return self.scheduler.places.get(self.name, StatePlace())

    async def record(self, place: StatePlace) -> None:
        self.scheduler.places[self.name] = place


class FakeScheduler:
    """Fulfils `Scheduler`. By default a bot runs, and its launcher reports, as soon as it is applied.

    `calls` counts the calls of each method; `refused` and `conflicts` hold bots whose next applies fail;
    `slow_stops` keeps stopping bots alive until `finish_stop`; `silent` launchers report nothing.
    `applied` lists every accepted apply. `report` takes launcher reports, as the intake would.
    """

    kind = "fake"

    def __init__(self, fleet: str, now: Callable[[], float], *, silent: bool = False) -> None:
        self.fleet = fleet
        self.now = now
        self.silent = silent
        self.jobs: dict[str, FakeJob] = {}
        self.places: dict[str, StatePlace] = {}
        self.placements: dict[str, Placed] = {}
        """Whose allocations are, for `placed`."""
        self.kept_rules: Rules | None = None
        self.strangers: dict[str, OtherJob] = {}
        """Jobs that are not this fleet's, by id."""
        self.listing: asyncio.Event | None = None
        """Where set, the listing of those jobs waits for it."""
        self.calls: Counter[str] = Counter()
        self.asked: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Set once a method was called."""
        self.applied: list[tuple[str, str]] = []
        self.log: list[tuple[str, str]] = []
        self.refused: dict[str, str] = {}
        self.conflicts: Counter[str] = Counter()
        self.older: set[str] = set()
        """Bots whose jobs an older herdsman rendered."""
        self.slow_stops = False
        self.down = False
        self.opened = False
        self.closed = False
        self.gate: asyncio.Event | None = None
        """Where set, applies wait for it (after the scheduler was called)."""
        self.answer: str | Exception = "null"
        self.questions: list[tuple[str, Question]] = []
        self.report: Callable[[list[Reported]], None] = lambda _reports: None
        self.most_at_once = 0
        self._at_once = 0
        self._tokens = 0
        self._queues: list[asyncio.Queue[SchedulerEvent]] = []

    async def placed(self, allocation: str) -> Placed | None:
        self._call("placed")
        return self.placements.get(allocation)

    async def others(self) -> list[OtherJob]:
        self._call("others")
        if self.listing is not None:
            await self.listing.wait()
        return sorted(self.strangers.values(), key=lambda one: one.id)

    async def end_other(self, job: str, expected: str) -> bool:
        self._call("end_other")
        found = self.strangers.get(job)
        if found is None:
            raise Conflict(f"{job} was purged before the end of its copies was seen")
        if found.status != STOPPED:
            if found.token != expected:
                raise Conflict(f"{job} was changed in between")
            self.log.append(("end", job))
            found = self.strangers[job] = replace(found, status=STOPPED)
        if not self.slow_stops:
            found = self.strangers[job] = replace(found, copies=0)
        return not found.copies

    async def recall_state(self, name: str, place: StatePlace) -> None:
        self._call("recall_state")
        self.places.setdefault(name, place)

    @asynccontextmanager
    async def hold_state(self, name: str) -> AsyncIterator["FakeHold"]:
        self._call("hold_state")
        if name in self.jobs and self.jobs[name].seen.phase is Phase.RUNNING:
            raise BotRuns(f"{name} runs, and its state is not changed under it")
        yield FakeHold(self, name)

    async def open(self) -> None:
        self._call("open")
        self.opened = True

    async def close(self) -> None:
        self.closed = True

    async def observe(self) -> Observation:
        self._call("observe")
        return Observation({name: job.seen for name, job in self.jobs.items()}, self._tokens)

    async def nodes(self) -> list[NodeReport]:
        self._call("nodes")
        return [NodeReport("here", "ready", ("python 3.11",))]

    async def observe_bot(self, name: str) -> ObservedBot | None:
        self._call("observe_bot")
        job = self.jobs.get(name)
        return job.seen if job else None

    async def query(self, name: str, question: Question) -> str:
        self._call("query")
        self.questions.append((name, question))
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def apply(self, launch: Launch, expected: str | None) -> str:
        self._call("apply")
        name = launch.spec.name
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            else:
                await asyncio.sleep(0)
        finally:
            self._at_once -= 1
        if name in self.refused:
            raise SchedulerRefused(self.refused[name])
        if self.conflicts[name]:
            self.conflicts[name] -= 1
            raise Conflict(f"{name} was changed in between")
        self._check(name, expected)
        self.older.discard(name)
        return self._accept(launch)

    async def rehearse(self, launch: Launch) -> None:
        self._call("rehearse")
        if launch.spec.name in self.refused:
            raise SchedulerRefused(self.refused[launch.spec.name])

    async def outdated(self, launch: Launch) -> tuple[str, ...]:
        self._call("outdated")
        self._own(launch.spec.name)
        return ("Priority 70 (ours: 50)",) if launch.spec.name in self.older else ()

    async def rules(self) -> Rules | None:
        self._call("rules")
        return self.kept_rules

    async def keep_rules(self, rules: Rules) -> None:
        self._call("keep_rules")
        self.kept_rules = rules

    async def stop(self, name: str, expected: str | None, reason: str, rule: str = "") -> None:
        self._call("stop")
        await asyncio.sleep(0)
        job = self._own(name)
        if job.seen.phase in (Phase.STOPPED, Phase.STOPPING):
            return
        if expected is not None and expected != job.seen.token:
            raise Conflict(f"{name} was changed in between")
        self.log.append(("stop", name))
        marks = {"reason": reason, "rule": rule}
        self.show(name, phase=Phase.STOPPING, token=self._token(), suspended=marks)
        if not self.slow_stops:
            self.finish_stop(name)

    async def restart(self, name: str, reason: str) -> None:
        self._call("restart")
        job = self._own(name)
        self.show(name, token=self._token())
        if not self.silent:
            self._start(job)

    async def remove(self, name: str) -> None:
        self._call("remove")
        job = self.jobs.get(name)
        if job is None:
            return
        if job.seen.phase is not Phase.STOPPED:
            raise Conflict(f"{name} has not stopped yet")
        self.log.append(("remove", name))
        del self.jobs[name]
        self._announce(name)

    async def events(self) -> AsyncIterator[SchedulerEvent]:
        queue: asyncio.Queue[SchedulerEvent] = asyncio.Queue()
        self._queues.append(queue)
        queue.put_nowait(SchedulerEvent(None))
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.remove(queue)

    # What tests do behind the controller's back

    def show(self, name: str, *, quietly: bool = False, **fields: object) -> None:
        """Change what is observed of a bot, and announce it."""
        job = self.jobs[name]
        job.seen = replace(job.seen, **fields)  # type: ignore[arg-type]
        if not quietly:
            self._announce(name)

    def stop_behind_our_back(self, name: str) -> None:
        self.show(name, phase=Phase.STOPPED, copies=0, token=self._token())

    def change_behind_our_back(self, name: str) -> None:
        self.show(name, token=self._token())

    def purge_behind_our_back(self, name: str) -> None:
        del self.jobs[name]
        self._announce(name)

    def end_stranger(self, job: str) -> None:
        """Let the last copy of another's job end."""
        self.strangers[job] = replace(self.strangers[job], copies=0)

    def add_foreign(self, name: str, fleet: str) -> None:
        seen = ObservedBot(name, fleet, "foreign", "other", self._token(), Phase.RUNNING)
        self.jobs[name] = FakeJob(seen, None)

    def lose_node(self, name: str) -> None:
        self.show(name, phase=Phase.LOST)

    def finish_stop(self, name: str) -> None:
        """Let a stopping bot's last allocation end."""
        self.log.append(("dead", name))
        self.show(name, phase=Phase.STOPPED, copies=0)

    def crash(self, name: str, message: str = "ValueError: no", restart_in: float | None = 1.0) -> None:
        """Let a bot's process end as a crash."""
        job = self.jobs[name]
        self._report(
            job,
            ReportKind.EXITED,
            outcome=Outcome.CRASHED,
            exit_code=1,
            message=message,
            restart_in=restart_in,
        )

    def kill(self, name: str) -> None:
        """Let somebody kill a bot's process."""
        self._report(
            self.jobs[name],
            ReportKind.EXITED,
            outcome=Outcome.CRASHED,
            signal=9,
            message="ended by signal 9",
            restart_in=1.0,
        )

    def start_process(self, name: str) -> None:
        """Let a bot's launcher start the bot (again)."""
        self._start(self.jobs[name])

    def send_gap(self) -> None:
        """Tell that events may have been missed."""
        for queue in self._queues:
            queue.put_nowait(SchedulerEvent(None))

    def labels(self, name: str) -> AllocationLabels:
        job = self.jobs[name]
        seen = job.seen
        return AllocationLabels(
            fleet=self.fleet,
            bot=name,
            program="",
            version="",
            type="",
            mode="dry",
            revision=seen.revision,
            spec=seen.spec,
            allocation=seen.allocation,
            node=seen.node,
        )

    def _accept(self, launch: Launch) -> str:
        spec = launch.spec
        token = self._token()
        self.applied.append((spec.name, spec.digest))
        self.log.append(("apply", spec.name))
        scheduled = spec.type is BotType.SCHEDULED
        seen = ObservedBot(
            name=spec.name,
            fleet=self.fleet,
            spec=spec.digest,
            revision=launch.revision,
            token=token,
            phase=Phase.IDLE if scheduled else Phase.RUNNING,
            allocation="" if scheduled else f"{spec.name}-{token}",
            node="node-1",
            started_at=self.now(),
            copies=0 if scheduled else 1,
            scheduled=scheduled,
        )
        job = FakeJob(seen, launch)
        self.jobs[spec.name] = job
        self._announce(spec.name)
        if not scheduled and not self.silent:
            self._start(job)
        return token

    def _start(self, job: FakeJob) -> None:
        job.attempt += 1
        self._report(job, ReportKind.STARTED, started_at=self.now())

    def _report(self, job: FakeJob, kind: ReportKind, **fields: object) -> None:
        name = job.seen.name
        report = LauncherReport(
            t=self.now() + job.attempt * 1e-6,
            kind=kind,
            run=f"{job.seen.allocation}-{job.attempt}",
            attempt=job.attempt,
            **fields,  # type: ignore[arg-type]
        )
        self.report([(self.labels(name), report)])

    def _check(self, name: str, expected: str | None) -> None:
        job = self.jobs.get(name)
        found = job.seen.token if job else None
        if found != expected:
            raise Conflict(f"{name} has token {found}, not {expected}")
        if job is not None and job.seen.phase is Phase.STOPPING:
            raise Conflict(f"the last copy of {name} has not ended yet")

    def _own(self, name: str) -> FakeJob:
        if name not in self.jobs:
            raise NotFound(f"no job {name}")
        return self.jobs[name]

    def _token(self) -> str:
        self._tokens += 1
        return str(self._tokens)

    def _announce(self, name: str) -> None:
        for queue in self._queues:
            queue.put_nowait(SchedulerEvent(name))

    def _call(self, method: str) -> None:
        self.calls[method] += 1
        self.asked[method].set()
        if self.down:
            raise SchedulerUnavailable("the fake scheduler is down")
