"""The kill switch at work: every bot under it is stopped, before and beside everything else.

The rules kept beside the jobs reach the bots by themselves (see `Scheduler.keep_rules`); here each job is
stopped as well, so that the stop outlasts everything, and it is found out who is dead. Nothing of it waits
for a source, a pass, a build, a backoff or a recovery, and what fails with one bot is tried again.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from controller.agenda import sleep_or
from controller.clock import Clock
from controller.compare import is_ours, suspension_reason
from controller.database import Database
from controller.database.inventory import save_entries
from controller.fleet import Fleet
from controller.process import Stage
from controller.records import Fate, Halt, KillProgress, Survivor, Suspension
from controller.rulebook import Rulebook
from controller.schedulers.protocol import ObservedBot, Phase, Scheduler
from controller.watch import Watch
from schemas.bot import BotSpec, Lease
from schemas.errors import HerdsmanError

_LOG = logging.getLogger(__name__)
AT_ONCE = 16
"""Jobs that are being stopped at once."""
_AGAIN = 1.0
"""Seconds between two looks while somebody under a kill switch is not known to be dead."""
_CALM = 30.0
_DATABASE_PATIENCE = 2.0
"""Seconds that the database may take to note that bots are stopped: it keeps no bot alive."""
_TOLD = 200
_GONE = frozenset({Phase.STOPPED, Phase.IDLE})


class Killing:
    """Carries the kill switches in force out. `attend` once something moved."""

    def __init__(
        self,
        fleet: Fleet,
        scheduler: Scheduler,
        database: Database,
        watch: Watch,
        rulebook: Rulebook,
        clock: Clock,
        touch_all: Callable[[Iterable[str]], None],
    ) -> None:
        self._fleet = fleet
        self._scheduler = scheduler
        self._database = database
        self._watch = watch
        self._rulebook = rulebook
        self._clock = clock
        self._touch_all = touch_all
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._found: dict[str, set[str]] = {}
        """The bots that each switch in force found alive, by its key."""
        self._accepted: dict[str, str] = {}
        """The token of each job whose stop was accepted."""
        self._failed: dict[str, str] = {}
        self._lost_at: dict[str, float] = {}
        self._blind = ""
        """Why it is not known what runs, "" where it is."""

    def attend(self) -> None:
        """Look at once: a switch was turned on or off, or bots moved while one is on."""
        self._news.set()

    async def run(self) -> None:
        """Carry out for ever."""
        while True:
            self._news.clear()
            wait: float | None = None
            if self._fleet.rules.kills or not self._rulebook.kept:
                try:
                    wait = _CALM if await self._sweep() else _AGAIN
                except Exception:  # noqa: BLE001 - whatever it is, the switch goes on
                    _LOG.exception("the kill switch met something that nobody foresaw; it goes on")
                    wait = _AGAIN
            self._forget_released()
            if wait is None:
                await self._news.wait()
            else:
                await sleep_or(self._clock, wait, self._news)

    def concerns(self, name: str) -> bool:
        """Say whether a bot that moved is one that a kill switch has to stop yet."""
        return bool(self._fleet.rules.kills) and self._open(name) and self._fleet.killed(name) is not None

    def progress(self) -> list[KillProgress]:
        """Return how far each kill switch in force has come, the oldest first."""
        return [self._progress_of(rule) for rule in self._fleet.rules.kills]

    async def _sweep(self) -> bool:
        """Stop whoever is under a kill switch and alive; say whether nothing is left to do."""
        if not self._rulebook.kept:
            await self._rulebook.keep()
        await self._observe()
        alive = self._alive()
        await self._note_halted(alive)
        await asyncio.gather(*(self._stop(name, rule) for name, rule in alive.items() if self._open(name)))
        self._touch_all(alive)
        return self._rulebook.kept and not self._blind and not self._alive()

    async def _observe(self) -> None:
        try:
            await self._watch.observe()
            self._blind = ""
        except HerdsmanError as error:
            self._blind = str(error)

    def _alive(self) -> dict[str, Suspension]:
        """Return the bots under a switch that are not known to be dead, or whose jobs are not stopped."""
        fleet, now = self._fleet, self._clock.time()
        found = {}
        for name, seen in fleet.observed.items():
            rule = fleet.killed(name) if is_ours(seen, fleet.id, fleet.inventory.get(name)) else None
            if rule is None:
                continue
            if not self._is_dead(name):
                self._note_found(name)
            if seen.phase is Phase.LOST:
                self._lost_at.setdefault(name, now)
            else:
                self._lost_at.pop(name, None)
            if not self._is_dead(name) or not self._is_stopped(seen):
                found[name] = rule
        return found

    def _note_found(self, name: str) -> None:
        for rule in self._fleet.suspended(name):
            if rule.kill:
                self._found.setdefault(rule.key, set()).add(name)

    @staticmethod
    def _is_stopped(seen: ObservedBot) -> bool:
        """Say whether the job itself says that it was stopped: that outlasts the switch's own mark."""
        return seen.phase in (Phase.STOPPED, Phase.STOPPING) and seen.suspended is not None

    def _is_dead(self, name: str) -> bool:
        """Say whether no process of a bot is left: as its node reported it, or its launcher."""
        seen, process = self._fleet.observed.get(name), self._fleet.processes.get(name)
        if seen is None or self._is_gone(name):
            return True
        refused = process is not None and process.stage is Stage.WAITING and process.reason == "kill_switch"
        return refused and process is not None and process.allocation == seen.allocation and seen.copies <= 1

    def _is_gone(self, name: str) -> bool:
        """Say whether a bot's placement has ended as well."""
        seen = self._fleet.observed.get(name)
        return seen is None or seen.phase in _GONE

    def _open(self, name: str) -> bool:
        """Say whether a bot's job is still to be stopped."""
        seen = self._fleet.observed.get(name)
        return (
            seen is not None
            and seen.phase is not Phase.LOST
            and not self._is_stopped(seen)
            and self._accepted.get(name) != seen.token
        )

    async def _note_halted(self, names: Iterable[str]) -> None:
        """Write that bots are stopped by us before the scheduler is asked, in one transaction."""
        inventory = self._fleet.inventory
        entries = [
            replace(entry, halted=Halt.SUSPENDED, intent="")
            for name in names
            if (entry := inventory.get(name)) is not None and entry.halted is Halt.NONE
        ]
        if not entries:
            return
        inventory.update({entry.bot: entry for entry in entries})
        try:
            async with asyncio.timeout(_DATABASE_PATIENCE):
                await self._database.run(lambda connection: save_entries(connection, entries))
        except (HerdsmanError, TimeoutError) as error:
            _LOG.error("the database did not note that %d bots are stopped: %s", len(entries), error)

    async def _stop(self, name: str, rule: Suspension) -> None:
        own = self._fleet.suspensions.get(name)
        reason = suspension_reason(own or rule)
        async with self._slots:
            seen = self._fleet.observed.get(name)
            if seen is None or self._fleet.killed(name) is None:
                return
            try:
                with self._watch.changing(name):
                    token = None if seen.fleet else seen.token  # a job that lost its mark is known by that
                    await self._scheduler.stop(name, token, reason, "" if own else rule.key)
            except Exception as error:  # noqa: BLE001 - one bot keeps no other alive
                _LOG.warning("bot %s: its job could not be stopped: %s", name, error)
                self._failed[name] = str(error) or type(error).__name__
            else:
                self._failed.pop(name, None)
                self._accepted[name] = seen.token

    def _forget_released(self) -> None:
        keys = {rule.key for rule in self._fleet.rules.kills}
        self._found = {key: names for key, names in self._found.items() if key in keys}
        if not keys:
            self._accepted, self._failed, self._lost_at, self._blind = {}, {}, {}, ""

    # What is told

    def _progress_of(self, rule: Suspension) -> KillProgress:
        names = sorted(self._found.get(rule.key, ()))
        survivors = [self._survivor(name) for name in names if not self._is_dead(name)]
        waiting = sum(one.fate is Fate.WAITING for one in survivors)
        unknown = sum(one.fate is Fate.UNKNOWN for one in survivors)
        return KillProgress(
            rule,
            total=len(names),
            asked=len(names) - waiting - unknown,
            dead=len(names) - len(survivors),
            survivors=tuple(survivors[:_TOLD]),
            patience=max((self._spec_of(name)[0] for name in names), default=0.0),
            problem="; ".join(text for text in (self._rulebook.problem, self._unsure()) if text),
            stopping=sum(self._is_dead(name) and not self._is_gone(name) for name in names),
        )

    def _unsure(self) -> str:
        if self._blind:
            return f"what runs is not known now: {self._blind}"
        return "" if self._watch.observed_at is not None else "what runs has not been looked at yet"

    def _survivor(self, name: str) -> Survivor:
        seen = self._fleet.observed[name]
        if seen.phase is Phase.LOST:
            return Survivor(name, Fate.UNKNOWN, self._lost_text(name, seen), seen.node)
        asked = seen.phase is Phase.STOPPING or self._accepted.get(name) == seen.token
        failed = self._failed.get(name, "")
        return Survivor(name, Fate.ASKED if asked else Fate.WAITING, failed, seen.node)

    def _lost_text(self, name: str, seen: ObservedBot) -> str:
        ends = self._lost_at.get(name, self._clock.time()) + self._spec_of(name)[1].kill_after
        moment = f"{datetime.fromtimestamp(ends, UTC):%H:%M:%S} UTC"
        over = "ran out" if ends <= self._clock.time() else "ends"
        return (
            f"may still run on node {seen.node or '?'}, which does not answer: its lease {over} at {moment}, "
            "by which its launcher there has to end it"
        )

    def _spec_of(self, name: str) -> tuple[float, Lease]:
        """Return a bot's kill_timeout and lease, as it was applied."""
        entry = self._fleet.inventory.get(name)
        wanted = self._fleet.desired.bots.get(name) if self._fleet.desired else None
        spec: BotSpec | None = entry.spec if entry is not None and entry.spec is not None else wanted
        return (spec.kill_timeout, spec.lease) if spec is not None else (30.0, Lease())
