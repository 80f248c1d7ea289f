"""The Scheduler over a Nomad cluster: decisions of when a call may be made, and the calls themselves.

Two rules keep copies from meeting, besides the lease: a bot on a node that does not answer is left alone,
and a stopped bot is registered again only when its node reported its last allocation's end.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Any

from controller.records import OtherJob, Rules
from controller.schedulers.nomad.api import KindChanged, NomadApi
from controller.schedulers.nomad.asking import ask_running, ask_scheduled
from controller.schedulers.nomad.events import Gap, NomadEvent, stream
from controller.schedulers.nomad.handing import hand_over
from controller.schedulers.nomad.holding import NomadHold, hold
from controller.schedulers.nomad.job import (
    job_id,
    lease_path,
    render,
    state_path,
)
from controller.schedulers.nomad.knowledge import Knowledge
from controller.schedulers.nomad.node import node_report
from controller.schedulers.nomad.observing import (
    check_reachable,
    is_ours,
    lost_its_mark,
    lost_sight_of,
    may_fail_over,
    may_live,
    observed,
    schedule_of,
)
from controller.schedulers.nomad.others import OtherInstallations
from controller.schedulers.nomad.ownership import placed_by
from controller.schedulers.nomad.purging import clear_away, purge, stop_runs
from controller.schedulers.nomad.reading import (
    META_BOT,
    META_FLEET,
    META_RULE,
    META_STOPPED,
    TASK,
    JobRecord,
    NodeRecord,
    Placement,
    job_record,
)
from controller.schedulers.nomad.rules_variable import read_rules, write_rules
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.nomad.silences import Silences
from controller.schedulers.nomad.strangers import end_other, list_others
from controller.schedulers.protocol import (
    Launch,
    NodeReport,
    Observation,
    ObservedBot,
    Placed,
    Question,
    SchedulerEvent,
)
from gitops.bundle import Bundle
from schemas.errors import Conflict, HerdsmanError, NotFound
from schemas.state import StatePlace

_LOG = logging.getLogger(__name__)
_NODES_AT_ONCE = 8
_TOKEN = re.compile(r"(\d+)(s?)")


class NomadScheduler:
    """Runs a fleet's bots as Nomad jobs; see `Scheduler`.

    `launcher` is the launcher's own archive and `url_of` names where nodes fetch a bundle: a read-only
    address that they can reach. `next_slot(schedule, timezone, after)` names a scheduled bot's next run.
    """

    def __init__(
        self,
        settings: NomadSettings,
        launcher: Bundle,
        url_of: Callable[[Bundle], str],
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        next_slot: Callable[[str, str, float], float | None] = lambda *_: None,
    ) -> None:
        self._settings = settings
        self._launcher = launcher
        self._url_of = url_of
        self._clock = clock
        self._silences = Silences(steady)
        self._next_slot = next_slot
        self._api = NomadApi(settings)
        self._known = Knowledge(settings.prefix)
        self._others = OtherInstallations(self._api, settings.fleet)

    @property
    def kind(self) -> str:
        """Return "nomad"."""
        return "nomad"

    async def open(self) -> None:
        """Check that Nomad answers and lets us list; what runs there runs on."""
        await self._api.nodes()
        await self._others.open()

    async def close(self) -> None:
        """Close the connections; bots run on."""
        self._api.close()

    async def observe(self) -> Observation:
        """Return every bot of this fleet: one call while events flow, else one more for each listing."""
        jobs = await self._api.jobs(self._settings.prefix)
        known = self._known if self._known.complete else await self._listed()
        ours = [job for job in jobs if self._is_bot(job)]
        known.forget(job.id for job in jobs)
        known.check(jobs)
        bots = [self._observed(job, known) for job in ours]
        index = max((job.modify_index for job in ours), default=0)
        return Observation({bot.name: bot for bot in bots}, index)

    async def nodes(self) -> list[NodeReport]:
        """Return the cluster's nodes: one call for each of them beside the listing."""
        slots = asyncio.Semaphore(_NODES_AT_ONCE)

        async def whole(record: NodeRecord) -> NodeReport:
            async with slots:
                return node_report(await self._api.node(record.id))

        reports = await asyncio.gather(*(whole(record) for record in await self._api.nodes()))
        return sorted(reports, key=lambda report: report.name)

    async def observe_bot(self, name: str) -> ObservedBot | None:
        """Return one bot as Nomad has it now: without any call while events flow, but for a stopped one."""
        job = self._known.jobs.get(job_id(self._settings.fleet, name)) if self._known.complete else None
        if job is None or job.stopped:
            job = await self._record(name)
        if job is None or not self._is_bot(job):
            return None
        known = self._known if self._known.complete else await self._listed(job.id)
        return self._observed(job, known)

    async def apply(self, launch: Launch, expected: str | None) -> str:
        """Register the bot's job if its token is still the expected one."""
        identity = job_id(self._settings.fleet, launch.spec.name)
        index, stopped = _parsed(expected)
        if expected is None:
            await self._others.refuse_a_second(launch.spec.name)
        job = render(launch, self._settings, self._launcher, self._url_of, self._clock())
        left = None if expected is None else await self._guard(identity, launch.spec.name, ended=stopped)
        if launch.secrets is not None:
            await hand_over(self._api, self._settings.fleet, launch.spec.name, launch.secrets)
        try:
            registered = await self._api.register(job, index)
        except Conflict as error:
            raise Conflict(f"{launch.spec.name}: {error}") from None
        except KindChanged:
            await self._clear_for_other_kind(launch.spec.name, index, stopped=stopped)
            registered = await self._api.register(job, 0)
        # Events of older changes may still be on their way: they must not tell of the job as it was.
        self._known.take(job_record({**job, "JobModifyIndex": registered}))
        if left is not None:  # of a job that has not changed, Nomad would keep it
            with suppress(NotFound):  # Nomad has forgotten it with a job that somebody purged
                await self._api.move(left.id)
        return str(registered)

    async def rehearse(self, launch: Launch) -> None:
        """Render the job and have Nomad plan it, which checks it and our token as a registration does."""
        name = launch.spec.name
        await self._others.refuse_a_second(name)
        job = render(launch, self._settings, self._launcher, self._url_of, self._clock())
        if await self._api.job(job["ID"]) is not None:
            raise Conflict(f"{name}: there is a job {job['ID']} in Nomad already")
        if launch.secrets is not None:
            await hand_over(self._api, self._settings.fleet, name, launch.secrets)
        await self._api.differences(job)

    async def outdated(self, launch: Launch) -> tuple[str, ...]:
        """Have Nomad compare the bot's job with what would be registered now."""
        await self._own_job(launch.spec.name)
        job = render(launch, self._settings, self._launcher, self._url_of, self._clock())
        return await self._api.differences(job)

    async def _clear_for_other_kind(self, name: str, index: int, *, stopped: bool) -> None:
        """Purge a stopped job that stands in the way of one of another kind; Conflict until it has ended."""
        job = await self._own_job(name)
        if int(job["JobModifyIndex"]) != index:
            raise Conflict(f"{name}: the job changed in Nomad since it was read")
        if not stopped:
            await self.stop(name, str(index), "it changes between realtime and scheduled")
            raise Conflict(f"{name} changes between realtime and scheduled: its old copy is stopped first")
        await purge(self._api, job["ID"])

    async def stop(self, name: str, expected: str | None, reason: str, rule: str = "") -> None:
        """Register the bot's job as stopped, by compare-and-set, and stop its runs."""
        job = await self._own_job(name, expected)
        identity, index = job["ID"], int(job["JobModifyIndex"])
        if not job.get("Stop") or META_FLEET not in (job.get("Meta") or {}):
            wanted = index if expected is None else _parsed(expected)[0]
            await self._guard(identity, name)
            marks = {META_FLEET: self._settings.fleet, META_BOT: name, META_STOPPED: reason}
            marks |= {META_RULE: rule} if rule else {}
            meta = {**(job.get("Meta") or {}), **marks}
            stopped = {**job, "Stop": True, "Meta": meta}
            registered = await self._api.register(stopped, wanted)
            self._known.take(job_record({**stopped, "JobModifyIndex": registered}))
        if job.get("Periodic"):
            await stop_runs(self._api, identity)

    async def rules(self) -> Rules | None:
        """Read the variable that every launcher watches."""
        return await read_rules(self._api, self._settings.fleet)

    async def keep_rules(self, rules: Rules) -> None:
        """Write the variable: the launchers of all bots hear of it at once, and end those that are meant."""
        await write_rules(self._api, self._settings.fleet, rules)

    async def restart(self, name: str, reason: str) -> None:
        """Restart the bot's task in its allocation: SIGTERM and its time, then a new launcher."""
        job = await self._own_job(name)
        current = await self._current(name, job["ID"])
        if current is None:
            raise Conflict(f"{name} does not run now, so there is nothing to restart; look at its status")
        _LOG.info("restarting %s: %s", name, reason)
        await self._api.restart(current.id, TASK)

    async def query(self, name: str, question: Question) -> str:
        """Ask a realtime bot in its allocation, a scheduled one by a short job beside it."""
        job = await self._own_job(name)
        if job.get("Periodic"):
            return await ask_scheduled(self._settings, self._api, job, name, question)
        current = await self._current(name, job["ID"])
        return await ask_running(self._settings, name, current, question)

    async def remove(self, name: str) -> None:
        """Purge a stopped bot's job, its runs' and their logs. Conflict while a copy may live."""
        identity = job_id(self._settings.fleet, name)
        job = await self._record(name)
        if job is None or not is_ours(job, self._settings.fleet):
            return
        known = await self._listed(identity)
        if not job.stopped or any(may_live(item, known.nodes) for item in known.of(identity)):
            raise Conflict(f"{name} has not stopped yet, so its job cannot be forgotten")
        endings = await self._api.placements(f"{identity}/") + await self._api.job_placements(identity)
        await purge(self._api, identity)
        await clear_away(self._api, self._settings.fleet, name, endings)

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is, by the job that Nomad keeps with it."""
        found = await self._api.allocation(allocation)
        return placed_by(found, self._settings) if found is not None else None

    async def others(self) -> list[OtherJob]:
        """List every job of the namespace but those with an id of ours, runs left out."""
        return await list_others(self._api, self._settings.prefix)

    async def end_other(self, job: str, expected: str) -> bool:
        """Register a job as stopped by compare-and-set, stop its runs, look whether its copies have ended."""
        return await end_other(self._api, job, expected)

    async def recall_state(self, name: str, place: StatePlace) -> None:
        """Write it into the bot's variable, where there is none yet."""
        path = state_path(self._settings.fleet, name)
        if not (await self._api.variable(path)).index:
            with suppress(Conflict):  # a launcher was quicker, and knows better
                await self._api.write_variable(path, {"node": place.node, "token": str(place.token)}, 0)

    def hold_state(self, name: str) -> AbstractAsyncContextManager[NomadHold]:
        """Hold the lock of the bot's lease."""
        fleet = self._settings.fleet
        return hold(name, self._api, lease_path(fleet, name), state_path(fleet, name))

    async def events(self) -> AsyncIterator[SchedulerEvent]:
        """Yield moves from Nomad's event stream; after each connection everything is listed anew."""
        try:
            async for event in stream(self._settings, note=_LOG.warning):
                if isinstance(event, Gap):
                    self._known.complete = False
                    await self._relist()
                    yield SchedulerEvent(None)
                else:
                    for bot, allocation in self._moved(event):
                        yield SchedulerEvent(bot, allocation)
        finally:
            self._known.complete = False

    def _moved(self, event: NomadEvent) -> list[tuple[str, str]]:
        prefix = self._settings.prefix
        return [(job.removeprefix(prefix), item) for job, item in self._known.fold(event)]

    async def _relist(self) -> None:
        delay = 0.2
        while not self._known.complete:
            try:
                fresh = await self._listed()
                for job in await self._api.jobs(self._settings.prefix):
                    fresh.take(replace(job, active=0, queued=0))
            except HerdsmanError as error:  # also a token refused for now: events never end by themselves
                _LOG.warning("%s", error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 10.0)
            else:
                self._known = replace(fresh, complete=True)

    async def _listed(self, identity: str = "") -> Knowledge:
        """Read placements, nodes and blockages afresh, of all bots or of one."""
        prefix = self._settings.prefix
        known = Knowledge(prefix)
        placements, nodes, blockages = await asyncio.gather(
            self._api.placements(identity or prefix),
            self._api.nodes(),
            self._api.blockages(identity or prefix),
        )
        known.fill(placements, nodes, blockages)
        return known

    def _observed(self, job: JobRecord, known: Knowledge) -> ObservedBot:
        slot = self._next_slot(*schedule_of(job), self._clock()) if job.periodic else None
        placements, blocked = known.of(job.id), known.blockages.get(job.id)
        silent_for = self._silences.lasts(job.id, lost_sight_of(placements, known.nodes))
        if (told := known.jobs.get(job.id)) is not None and told.modify_index == job.modify_index:
            job = replace(job, count=told.count)
        name = job.id.removeprefix(self._settings.prefix)
        return observed(job, placements, known.nodes, blocked, slot, silent_for, name)

    async def _record(self, name: str) -> JobRecord | None:
        identity = job_id(self._settings.fleet, name)
        for job in await self._api.jobs(identity):
            if job.id == identity and self._is_bot(job):
                return job
        return None

    def _is_bot(self, job: JobRecord) -> bool:
        """Say whether a job is a bot of ours by its mark, or may be one by its id alone."""
        return is_ours(job, self._settings.fleet) or lost_its_mark(job, self._settings.prefix)

    async def _own_job(self, name: str, expected: str | None = None) -> dict[str, Any]:
        """Return a bot's whole job. Without any mark it is ours for who gives its token."""
        identity = job_id(self._settings.fleet, name)
        job = await self._api.job(identity)
        if job is None:
            raise NotFound(f"Nomad has no job of the bot {name}")
        meta: Mapping[str, str] = job.get("Meta") or {}
        known = expected is not None and _parsed(expected)[0] == int(job["JobModifyIndex"])
        lost = META_FLEET not in meta and known
        if not lost and (meta.get(META_FLEET), meta.get(META_BOT)) != (self._settings.fleet, name):
            raise Conflict(
                f"the job {identity} does not carry this fleet's mark, so herdsman leaves it alone"
            )
        return job

    async def _current(self, name: str, identity: str) -> Placement | None:
        """Return where a bot runs now, None where it does not. Raises SchedulerUnavailable."""
        known = await self._listed(identity)
        placements = known.of(identity)
        check_reachable(name, placements, known.nodes)
        return next((item for item in placements if not item.ended), None)

    async def _guard(self, identity: str, name: str, *, ended: bool | None = None) -> Placement | None:
        """Raise where a change now could make two copies, or could not be carried out.

        `ended` is None for a stop, else whether the last copy must have ended. Returns the placement on a
        silent node that a new one takes over from.
        """
        fresh = ended or not self._known.complete
        known = await self._listed(identity) if fresh else self._known
        placements = known.of(identity)
        if ended is False and (left := await self._left(name, placements, known)):
            return left
        check_reachable(name, placements, known.nodes)
        if ended and any(may_live(item, known.nodes) for item in placements):
            raise Conflict(f"the last copy of {name} has not ended yet; it is started again once it has")
        return None

    async def _left(self, name: str, placements: list[Placement], known: Knowledge) -> Placement | None:
        """Return where a bot was, if its node has been silent for long enough to place it elsewhere."""
        lost = lost_sight_of(placements, known.nodes)
        job = await self._record(name) if lost is not None else None
        if job is None or not may_fail_over(job, self._silences.lasts(job.id, lost)):
            return None
        return lost


def _parsed(token: str | None) -> tuple[int, bool]:
    """Return a token's modify index and whether it is that of a stopped job; 0 for "must not exist"."""
    if token is None:
        return 0, False
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise Conflict(f"{token!r} is no token of Nomad's jobs: observe the bot again")
    return int(match[1]), bool(match[2])
