"""The Scheduler over this machine: jobs on disk, one driver a bot, launchers as children."""

import asyncio
import json
import logging
import os
import platform
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.launcher.reporting import Reports
from controller.records import OtherJob, Rules
from controller.rules import decode_rules, encode_rules
from controller.schedulers.local import leftovers
from controller.schedulers.local.allocations import bot_of, delete, last_words, placements_of, read_order
from controller.schedulers.local.announcements import Announcements
from controller.schedulers.local.asking import ask
from controller.schedulers.local.boxes import Boxes
from controller.schedulers.local.child import Child
from controller.schedulers.local.claim import Claim
from controller.schedulers.local.driver import Driver
from controller.schedulers.local.folders import Folders
from controller.schedulers.local.holding import LocalHold, hold, recall
from controller.schedulers.local.orders import Orders, base_python, bundles_of, new_token
from controller.schedulers.local.registry import Job, Registry, write_durably
from controller.schedulers.local.starting import Starting, mark_of
from controller.schedulers.protocol import (
    Launch,
    NodeReport,
    Observation,
    ObservedBot,
    Placed,
    Question,
    SchedulerEvent,
)
from gitops.runtimes import offered
from schemas.errors import (
    Conflict,
    NotFound,
    QueryRefused,
    SchedulerRefused,
    SchedulerUnavailable,
    UsageError,
)
from schemas.state import StatePlace

_LOG = logging.getLogger(__name__)
_SLACK = 5.0
_REPORTED_SLOTS = 20


class LocalScheduler:
    """Runs a fleet's bots as children of this process; see `Scheduler`.

    `root` is its own folder (`<data>/local`: jobs, allocations, state, leases), `cache` holds unpacked
    bundles (`<data>/cache`, by digest), `fleet` is the fleet id. `python(launch)` names the interpreter
    that runs a bot (also Node's); it may raise SchedulerRefused or RuntimeMissing. `environment` is where
    `env:NAME` secrets are looked up; `secrets_key` closes the boxes of the secrets that are handed over.
    Everything happens on the event loop that calls `open`; files are written and unpacked in threads.

    Memory and CPU limits of the manifest are observed by telemetry, and not enforced: that takes a cgroup,
    which an ordinary user of a machine does not have.
    """

    def __init__(
        self,
        root: Path,
        fleet: str,
        *,
        cache: Path,
        python: Callable[[Launch], str] = base_python,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        secrets_key: bytes = b"",
    ) -> None:
        self.node = platform.node() or "local"
        self._fleet = fleet
        self._folders = Folders(root.resolve(), cache.resolve(), fleet)
        self._registry = Registry(self._folders.jobs)
        self._orders = Orders(self._folders, self.node, python, clock)
        self._boxes = Boxes(self._folders.secrets, secrets_key)
        looked_up = os.environ if environment is None else environment
        self._starting = Starting(self._folders, self._boxes, looked_up)
        self._clock = clock
        self._drivers: dict[str, Driver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._announcements = Announcements()
        self._claim = Claim(self._folders)
        self._opened = False
        self._rules: Rules | None = None

    @property
    def kind(self) -> str:
        """Return "local"."""
        return "local"

    @property
    def allocations(self) -> Path:
        """The folder that the telemetry agent reads: `<allocation>/alloc/logs/`."""
        return self._folders.allocations

    # Opening and closing

    async def open(self) -> None:
        """End what an earlier herdsman left behind, then start all its bots again.

        Raises UsageError where another herdsman uses the same folder, or a copy of it.
        """
        self._folders.make()
        self._claim.take()
        self._rules = await asyncio.to_thread(self._load_rules)
        jobs = await asyncio.to_thread(self._registry.load, self._fleet)
        grace = max((job.kill_timeout for job in jobs), default=0.0) + _SLACK
        await asyncio.to_thread(leftovers.end, f"{self._fleet}/", grace)
        await asyncio.to_thread(self._starting.tidy, {item.digest for job in jobs for item in job.bundles})
        for job in jobs:
            self._drive(job)
        self._opened = True

    async def close(self) -> None:
        """End every bot as at a stop; the next `open` starts them again."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
        self._claim.release()

    def _drive(self, job: Job) -> None:
        driver = Driver(job, self)
        self._drivers[job.name] = driver
        self._tasks[job.name] = asyncio.create_task(driver.drive(), name=f"bot {job.name}")
        self.changed(job)

    # The Protocol

    async def observe(self) -> Observation:
        """Return every bot of this fleet."""
        bots = {name: driver.observed() for name, driver in self._drivers.items()}
        return Observation(bots, self._announcements.count)

    async def nodes(self) -> list[NodeReport]:
        """Return this machine, with the interpreters that were found on it."""
        return [NodeReport(self.node, "ready", await asyncio.to_thread(offered))]

    async def observe_bot(self, name: str) -> ObservedBot | None:
        """Return one bot."""
        driver = self._drivers.get(name)
        return driver.observed() if driver else None

    async def events(self) -> AsyncIterator[SchedulerEvent]:
        """Yield moves as they happen."""
        async for event in self._announcements.listen():
            yield event

    async def apply(self, launch: Launch, expected: str | None) -> str:
        """Accept a job if its token is the expected one; its driver ends the old copy, then starts a new."""
        name = launch.spec.name
        async with self._locks.setdefault(name, asyncio.Lock()):
            self._check(name, expected)
            await self._starting.unpack(bundles_of(launch))
            before = self._drivers.get(name)
            job = self._orders.job(launch, before.job if before else None)
            if launch.secrets is not None:
                await asyncio.to_thread(self._boxes.put, name, launch.secrets)
            await asyncio.to_thread(self._registry.save, job)
            driver = self._drivers.get(name)
            if driver is None:
                self._drive(job)
            else:
                driver.ask(job)
            return job.token

    async def outdated(self, launch: Launch) -> tuple[str, ...]:
        """Compare a bot's order with what it would be now."""
        job = self._own(launch.spec.name).job
        order = json.loads(json.dumps(self._orders.order(launch, job.allocation).document()))
        kept = dict(job.order)  # it may come from its file
        return tuple(sorted(key for key in order.keys() | kept.keys() if order.get(key) != kept.get(key)))

    async def stop(self, name: str, expected: str | None, reason: str, rule: str = "") -> None:
        """Mark a bot as stopped; its driver ends it."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            driver = self._own(name)
            if driver.job.stopped is not None:
                return
            if expected is not None and expected != driver.job.token:
                raise Conflict(f"{name} was changed by somebody else in between; observe it again")
            job = replace(driver.job, stopped=reason, rule=rule, token=new_token())
            await asyncio.to_thread(self._registry.save, job)
            driver.ask(job)

    async def others(self) -> list[OtherJob]:
        """Return nothing: what runs here is herdsman's own, or no job of anybody's."""
        return []

    async def rehearse(self, launch: Launch) -> None:
        """Raise nothing: no bot takes a job's place here, so what is refused is refused as it is applied."""

    async def end_other(self, job: str, expected: str) -> bool:
        """Refuse: there are no jobs on this machine."""
        del expected
        raise SchedulerRefused(f"on this machine there is no job {job}: end its process where it was started")

    async def rules(self) -> Rules | None:
        """Return what was read at the start, or kept since."""
        return self._rules

    async def keep_rules(self, rules: Rules) -> None:
        """Have every driver look, so that who may not run gets SIGTERM at once; then write the file."""
        before, self._rules = self._rules, rules
        if rules.kills != (before.kills if before else ()):
            for driver in self._drivers.values():
                driver.rules_changed()
        await asyncio.to_thread(write_durably, self._folders.rules, encode_rules(rules))

    def _load_rules(self) -> Rules | None:
        try:
            return decode_rules(self._folders.rules.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UsageError(
                f"{self._folders.rules} cannot be read ({error}), and it may say that bots must not run: "
                "mend it, or delete it where you know that no kill switch is on"
            ) from error

    def killed(self, job: Job) -> str:
        """Return by which kill switch a job may not run."""
        found = next(iter(self._rules.over(job.scopes)), None) if self._rules and self._rules.rules else None
        return found.reason if found is not None and found.kill else ""

    async def restart(self, name: str, reason: str) -> None:  # noqa: ARG002 - told by the controller's audit
        """End the bot's process as at a stop and start it again."""
        driver = self._own(name)
        if not driver.running:
            raise Conflict(f"{name} does not run now, so there is nothing to restart; look at its status")
        driver.restart()

    async def query(self, name: str, question: Question) -> str:
        """Ask what runs, or for a scheduled bot what was applied, by a process of its own."""
        driver = self._own(name)
        job = driver.job if driver.job.schedule else driver.begun
        if job is None:
            raise QueryRefused(f"{name} does not run now, so that nobody can answer; look at its status")
        await self._starting.unpack(job.bundles)
        values = await asyncio.to_thread(self._starting.values, job)
        return await ask(job, question, self._starting.environment(job), values)

    async def remove(self, name: str) -> None:
        """Forget a stopped bot's job and its log files; Conflict while it is not stopped."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            driver = self._drivers.get(name)
            if driver is None:
                return
            if driver.running or driver.job.stopped is None:
                raise Conflict(f"{name} has not stopped yet, so its job cannot be forgotten")
            await asyncio.to_thread(self._registry.forget, name)
            await asyncio.to_thread(self._boxes.forget, name)
            del self._drivers[name]
            await self._cancel(name)
            await asyncio.to_thread(delete, placements_of(self._folders, name))
        self.changed(driver.job)

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is, from the orders that we wrote. Raises SchedulerUnavailable."""
        if not self._opened:
            raise SchedulerUnavailable("the bots of this machine are not known yet")
        name = bot_of(allocation)
        driver = self._drivers.get(name)
        if driver is not None and driver.job.allocation == allocation:
            return _placed(driver.job.order)
        known = await asyncio.to_thread(read_order, self._folders, allocation)
        return _placed(known) if known is not None and known.get("bot") == name else None

    async def recall_state(self, name: str, place: StatePlace) -> None:
        """Write it into the bot's lock file, where that says nothing and nobody holds it.

        A state folder that is there is the newest: it came with this data folder, as from a backup.
        """
        folder = self._folders.state(name)
        here = await asyncio.to_thread(lambda: folder.is_dir() and any(folder.iterdir()))
        own = replace(place, node=self.node) if here else place
        await asyncio.to_thread(recall, self._folders.lease(name), own)

    def hold_state(self, name: str) -> AbstractAsyncContextManager[LocalHold]:
        """Hold the bot's lock file."""
        return hold(name, self._folders.lease(name))

    async def _cancel(self, name: str) -> None:
        task = self._tasks.pop(name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def _own(self, name: str) -> Driver:
        if name not in self._drivers:
            raise NotFound(f"the bot {name} has no job on this machine")
        return self._drivers[name]

    def _check(self, name: str, expected: str | None) -> None:
        driver = self._drivers.get(name)
        if driver is None:
            if expected is not None:
                raise Conflict(f"{name} has no job any more; observe it again")
            return
        if expected != driver.job.token:
            raise Conflict(f"{name} was changed by somebody else in between; observe it again")
        if driver.job.stopped is not None and driver.running:
            raise Conflict(f"the last copy of {name} has not ended yet; it is started again once it has")

    # What the drivers ask (see `driver.Host`)

    def now(self) -> float:
        """Return Unix seconds."""
        return self._clock()

    async def start(self, job: Job, slot: float | None) -> Child:
        """Start a launcher with its order."""
        return await self._starting.start(job, slot)

    def concealed(self, bot: str, known: object) -> tuple[object, list[tuple[str, str]]]:
        """Return what to conceal in a bot's output, by name, after a stamp; nothing where that is `known`."""
        driver = self._drivers.get(bot)
        stamp = (self._boxes.stamp(bot), driver.job.token if driver else "")
        if stamp == known:
            return stamp, []
        return stamp, [*self._boxes.all_of(bot), *(self._starting.own_values(driver.job) if driver else ())]

    async def end_leftovers(self, job: Job) -> None:
        """Kill what is left of a bot whose launcher was killed."""
        await asyncio.to_thread(leftovers.end, mark_of(job), 0.0)

    async def record(self, job: Job) -> None:
        """Store a job unless a newer one has taken its place."""
        async with self._locks.setdefault(job.name, asyncio.Lock()):
            driver = self._drivers.get(job.name)
            if driver is not None and driver.job.token == job.token:
                await asyncio.to_thread(self._registry.save, job)

    async def skipped(self, job: Job, reason: str, slots: tuple[float, ...]) -> None:
        """Report slots that were not run, the newest of them one by one, in the bot's own record."""
        try:
            await asyncio.to_thread(_report_skipped, job, reason, slots)
        except OSError as error:  # a report that is lost costs no run
            _LOG.warning("bot %s: %d %s slots could not be reported: %s", job.name, len(slots), reason, error)

    def last_words(self, job: Job) -> str:
        """Return the last line of the launcher's own log."""
        return last_words(self._folders, job)

    def changed(self, job: Job) -> None:
        """Announce that a bot moved."""
        self._announcements.announce(job.name, job.allocation)


def _placed(order: Mapping[str, Any]) -> Placed:
    """Return whose an order is."""
    return Placed(order["bot"], order["former_state"].rpartition("/")[2])


def _report_skipped(job: Job, reason: str, slots: tuple[float, ...]) -> None:
    reports = Reports(dict(job.order), 0)
    more = f" (with {len(slots) - _REPORTED_SLOTS} more before)" if len(slots) > _REPORTED_SLOTS else ""
    message = "herdsman did not run then" if reason == "missed" else "the run before it had not ended"
    for slot in slots[-_REPORTED_SLOTS:]:
        run = f"{job.allocation}-{reason}-{slot:.0f}"
        reports.write("skipped", run=run, reason=reason, message=message + more, started_at=slot)
    reports.close()
