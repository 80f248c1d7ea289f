"""One bot's life on this machine: a coroutine that makes what runs follow what its job asks for.

There is never more than one launcher of a bot: the next is started by the same coroutine that saw the last
one end.
"""

import asyncio
import logging
import signal
from dataclasses import replace
from typing import Any, Protocol

from controller.schedulers.local.calendar import Due, due, passed
from controller.schedulers.local.child import Child
from controller.schedulers.local.registry import Job
from controller.schedulers.protocol import ObservedBot, Phase
from schemas.errors import HerdsmanError

_LOG = logging.getLogger(__name__)
_SLACK = 5.0
"""Seconds beyond its own kill_timeout after which a launcher is killed itself."""
_LONG_LIFE = 60.0
_LONGEST_PAUSE = 60.0
_LONGEST_SLEEP = 60.0
"""So often the wall clock is looked at while a slot is waited for: somebody may have set it."""


class Host(Protocol):
    """What a driver needs of the scheduler around it."""

    node: str

    def now(self) -> float:
        """Return Unix seconds."""
        ...

    async def start(self, job: Job, slot: float | None) -> Child:
        """Start the job's launcher (`slot`: the moment a scheduled run is due). Raises HerdsmanError."""
        ...

    def killed(self, job: Job) -> str:
        """Return why a kill switch keeps the job from running, "" where none does."""
        ...

    async def end_leftovers(self, job: Job) -> None:
        """End what a launcher that was killed left behind."""
        ...

    async def record(self, job: Job) -> None:
        """Store the job durably."""
        ...

    async def skipped(self, job: Job, reason: str, slots: tuple[float, ...]) -> None:
        """Report slots that were not run."""
        ...

    def last_words(self, job: Job) -> str:
        """Return the last line that the job's launcher printed, which it does only in trouble."""
        ...

    def changed(self, job: Job) -> None:
        """Tell everybody that the bot moved."""
        ...


class Driver:
    """Drives one job; `job` is what is asked for now, everything else what is."""

    def __init__(self, job: Job, host: Host) -> None:
        self.job = job
        self._host = host
        self._child: Child | None = None
        self._begun: Job | None = None
        self._started_at: float | None = None
        self._next_run: float | None = None
        self._trouble = ("starting", "")
        self._deaths = 0
        self._restart = False
        self._wake = asyncio.Event()

    def ask(self, job: Job) -> None:
        """Ask for something else from now on."""
        self.job = job
        self._trouble = ("starting", "")
        self._deaths = 0
        self._notify()

    def rules_changed(self) -> None:
        """Look anew whether the bot may run; what may not is asked to end right here, not a turn later."""
        if self._child is not None and self._halted:
            self._child.send(signal.SIGTERM)
        self._notify()

    def restart(self) -> None:
        """Ask for the running launcher's end and a new one."""
        self._restart = self._child is not None
        self._notify()

    def _notify(self) -> None:
        self._wake.set()
        self._host.changed(self.job)

    @property
    def running(self) -> bool:
        """Whether its launcher runs."""
        return self._child is not None

    @property
    def begun(self) -> Job | None:
        """The job that its launcher runs, None where none runs."""
        return self._begun if self.running else None

    def observed(self) -> ObservedBot:
        """Return the bot as it is now."""
        phase, (reason, message) = self._phase()
        job, child = self.job, self._child
        return ObservedBot(
            name=job.name,
            fleet=job.fleet,
            spec=job.spec,
            revision=job.revision,
            token=job.token,
            phase=phase,
            allocation=(self._begun or job).allocation,
            node=self._host.node,
            started_at=self._started_at if child else None,
            copies=1 if child else 0,
            reason=reason,
            message=message,
            scheduled=bool(job.schedule),
            next_run=None if self._halted else self._next_run,
            suspended=self._marks(),
            scopes=job.scopes,
        )

    def _marks(self) -> dict[str, str] | None:
        job = self.job
        return {"reason": job.stopped} | ({"rule": job.rule} if job.rule else {}) if job.stopped else None

    @property
    def _halted(self) -> bool:
        """Whether nothing of it may run: its job is stopped, or it is under a kill switch."""
        return self.job.stopped is not None or bool(self._host.killed(self.job))

    def _phase(self) -> tuple[Phase, tuple[str, str]]:
        if self._halted:
            return (Phase.STOPPING if self.running else Phase.STOPPED), ("", "")
        if self.running:
            if self._outdated:
                return Phase.PENDING, ("replacing", "the old copy is ending")
            return Phase.RUNNING, ("", "")
        if self.job.schedule and self._trouble[0] == "starting":
            return Phase.IDLE, ("", "")
        return Phase.PENDING, self._trouble

    @property
    def _outdated(self) -> bool:
        """Whether what runs is not what is asked for: every apply and stop makes a new token."""
        moved = self._begun is not None and self._begun.token != self.job.token
        return self._restart or moved or self._halted

    async def drive(self) -> None:
        """Live until cancelled; what runs then is ended first."""
        try:
            while True:
                await self._try_step()
        finally:
            await asyncio.shield(self._end())

    async def _try_step(self) -> None:
        """Take a step; what nobody foresaw (a full disk) is said and waited out: driving never ends by it."""
        try:
            await self._step()
        except Exception as error:  # noqa: BLE001
            _LOG.warning("bot %s: %s; tried again", self.job.name, error, exc_info=True)
            self._trouble = ("setup", f"{type(error).__name__}: {error}")
            await self._pause()

    async def _step(self) -> None:
        if self._child is not None:
            await self._attend(self._child)
        elif self._halted:
            await self._sleep(None)
        elif self.job.schedule:
            await self._keep_schedule()
        else:
            await self._start(None)

    # A launcher's life

    async def _start(self, slot: float | None) -> None:
        job = self.job
        self._restart = False
        try:
            self._child = await self._host.start(job, slot)
        except HerdsmanError as error:
            self._trouble = ("setup", str(error))
            await self._pause()
            return
        self._begun, self._started_at = job, self._host.now()
        self._trouble = ("starting", "")
        self._host.changed(job)

    async def _attend(self, child: Child) -> None:
        """Stay with a launcher until it ends, or until it is not the one that is wanted."""
        if not self._outdated:
            await self._either(child.ended)
        if self._outdated and not child.ended.done():
            await self._end()
        elif child.ended.done():
            await self._ended(child)

    async def _end(self) -> None:
        """End the launcher as at a stop; it ends its bot in the bot's own time."""
        child = self._child
        if child is None:
            return
        child.send(signal.SIGTERM)
        grace = (self._begun or self.job).kill_timeout + _SLACK
        done, _ = await asyncio.wait({child.ended}, timeout=grace)
        if not done:
            child.send(signal.SIGKILL)
            await child.ended
        await self._clear(child)
        self._host.changed(self.job)

    async def _clear(self, child: Child) -> None:
        """Make sure that nothing of the bot is left, then count it as ended."""
        if child.ended.result() != 0:
            await self._host.end_leftovers(self._begun or self.job)
        self._child = None

    async def _ended(self, child: Child) -> None:
        """See to a launcher that ended by itself: a scheduled run's end, or an accident."""
        begun, lived = self._begun or self.job, self._host.now() - (self._started_at or 0)
        await self._clear(child)
        if begun.schedule:
            await self._account_overlap()
        elif not self._outdated:
            self._deaths = 0 if lived > _LONG_LIFE else self._deaths
            code = child.ended.result()
            said = self._host.last_words(begun) if code > 0 else ""
            cause = f"the bot's launcher ended unasked ({code})"
            self._trouble = ("launcher_died", f"{cause}: {said}" if said else cause)
            await self._pause()
        self._host.changed(self.job)

    async def _pause(self) -> None:
        """Wait before another attempt: not at all the first time, then ever longer."""
        self._host.changed(self.job)
        delay = 0.0 if self._deaths == 0 else min(2.0 ** (self._deaths - 1), _LONGEST_PAUSE)
        self._deaths += 1
        await self._sleep(delay)

    # A schedule

    async def _keep_schedule(self) -> None:
        """Wait for the next slot, and run it."""
        job = self.job
        moment = self._host.now()
        asked = due(job.schedule, job.timezone, job.last_slot, moment, catch_up=job.catch_up)
        if self._next_run != asked.following:
            self._next_run = asked.following
            self._host.changed(job)
        if asked.last_slot != job.last_slot:
            await self._take(asked)
        else:
            await self._sleep(min(asked.following - moment, _LONGEST_SLEEP))

    async def _take(self, asked: Due) -> None:
        """Account for the slots that came: run one, report the others."""
        await self._account(asked.last_slot)
        if asked.missed:
            await self._host.skipped(self.job, "missed", asked.missed)
        if asked.slot is not None:
            await self._start(asked.slot)

    async def _account_overlap(self) -> None:
        """Report the slots that came while the run went on: they are not run late."""
        job, moment = self.job, self._host.now()
        slots = passed(job.schedule, job.timezone, job.last_slot, moment) if job.schedule else ()
        if slots:
            await self._account(moment)
            await self._host.skipped(self.job, "overlap", slots)

    async def _account(self, moment: float) -> None:
        """Account for all slots up to a moment; what was not stored is not accounted for."""
        before = self.job.last_slot
        self.job = replace(self.job, last_slot=moment)
        try:
            await self._host.record(self.job)
        except Exception:
            self.job = replace(self.job, last_slot=before)
            raise

    # Waiting

    async def _sleep(self, seconds: float | None) -> None:
        """Wait so long, or until something else is asked for."""
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({waking}, timeout=seconds)
        finally:
            waking.cancel()
        self._wake.clear()

    async def _either(self, other: "asyncio.Future[Any]") -> None:
        """Wait for the other, or until something else is asked for."""
        waking: asyncio.Future[Any] = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({waking, other}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
        self._wake.clear()
