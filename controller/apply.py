"""Bringing bots to what they should be: one task a bot, sequential inside, parallel across.

A bot's task looks at the difference anew at every step, so that a newer revision overtakes whatever was
being done, and what somebody else did meanwhile is seen. It ends when nothing is left to do.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from controller.agenda import sleep_or
from controller.clock import Clock
from controller.compare import Difference, Kind
from controller.content import Contents
from controller.database import Database
from controller.database.attempts import add_attempt
from controller.database.deployments import note_deployment
from controller.database.inventory import drop_entries, save_entries
from controller.database.programs import save_program
from controller.database.rollbacks import drop_refusals, drop_trial, save_trials
from controller.database.statuses import drop_status
from controller.database.suspensions import drop_suspension
from controller.doing import Operation, reason_of
from controller.drift import named
from controller.drifts import Drifts
from controller.fleet import Fleet, qualify
from controller.next_step import (
    halt_for,
    is_overtaken,
    is_stopping,
    origin_of,
    placing,
    revision_for,
    rule_for,
    was_asked_to_stop,
    with_state,
)
from controller.ports import HandSecrets, LogsAcknowledged, MakeRoom, RecallState
from controller.records import BUILDING, Attempt, Halt, InventoryEntry
from controller.rollback.trial import begun_trial
from controller.schedulers.protocol import Launch, Phase, Scheduler
from controller.settings import Settings
from controller.status import DriftKind
from controller.waits import Effort, Waits
from controller.watch import Watch
from gitops.revision import Revision
from schemas.bot import BotSpec, BotType
from schemas.errors import BuildFailed, Conflict, HerdsmanError

_LOG = logging.getLogger(__name__)


class Applier:
    """The bots that are being changed. `attend` starts or wakes a bot's task."""

    def __init__(
        self,
        fleet: Fleet,
        scheduler: Scheduler,
        contents: Contents,
        database: Database,
        watch: Watch,
        clock: Clock,
        settings: Settings,
        touch: Callable[[str], None],
        logs_acknowledged: LogsAcknowledged,
        recall_state: RecallState,
        hand: HandSecrets,
        drifts: Drifts,
        make_room: MakeRoom,
    ) -> None:
        self._fleet = fleet
        self._scheduler = scheduler
        self._contents = contents
        self._database = database
        self._watch = watch
        self._clock = clock
        self._settings = settings
        self._touch = touch
        self._logs_acknowledged = logs_acknowledged
        self._recall_state = recall_state
        self._hand = hand
        self._drifts = drifts
        self._make_room = make_room
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._workers: dict[str, Effort] = {}
        self._waits = Waits(fleet, clock, settings)
        self._deferred: set[str] = set()
        self._group: asyncio.TaskGroup | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run all further tasks in this group."""
        self._group = group

    def attend(self, name: str) -> None:
        """Look after a bot: wake its task, or start one where there is something to do."""
        worker = self._workers.get(name)
        if worker is not None:
            worker.woken.set()
        elif not self._fleet.may_act(name):
            self._deferred.add(name)
        elif self._group is not None and self._fleet.difference(name).wants:
            self._workers[name] = Effort()
            self._group.create_task(self._look_after(name), name=f"bot {name}")

    def attend_deferred(self) -> None:
        """Look after the bots that could not be attended, and those whose build may no longer be wanted."""
        names, self._deferred = self._deferred, set()
        for name in (*names, *(name for name, one in self._fleet.operations.items() if one.building)):
            self.attend(name)

    def bot_ended(self) -> None:
        """Wake the new bots that wait for others to be dead."""
        for name in self._waits.for_others:
            self._workers[name].woken.set()

    def busy(self, name: str) -> bool:
        """Say whether a bot's task is under way."""
        return name in self._workers

    async def restart(self, name: str, reason: str) -> None:
        """Restart a bot by the scheduler, and take its job's new token for ours."""
        self._drifts.expect_restart(name)
        with self._watch.changing(name):
            await self._scheduler.restart(name, reason)
            seen = await self._scheduler.observe_bot(name)
            entry = self._fleet.inventory.get(name)
            if entry is None or seen is None or seen.spec != entry.digest:
                return
            self._fleet.inventory[name] = replace(entry, token=seen.token)
            self._watch.expect(seen)
        self._touch(name)
        await self._save(self._fleet.inventory[name])

    async def _look_after(self, name: str) -> None:
        worker = self._workers[name]
        try:
            while True:
                worker.woken.clear()
                difference = self._fleet.difference(name)
                if not difference.wants or not self._fleet.may_act(name):
                    break
                wait = self._waits.before(name, difference, worker)
                if wait is not None:
                    await self._pause(name, wait, worker)
                    continue
                await self._try(name, difference, worker)
        finally:
            del self._workers[name]
            self._waits.for_others.discard(name)
            operation = self._fleet.operations.pop(name, None)
            if operation is not None or name not in self._fleet.inventory:
                self._touch(name)
            self.bot_ended()

    async def _pause(self, name: str, seconds: float, worker: Effort) -> None:
        """Wait, and look at a stopping bot now and then in case no event comes."""
        stopping = is_stopping(self._fleet, name)
        await sleep_or(
            self._clock, min(seconds, self._settings.stop_poll) if stopping else seconds, worker.woken
        )
        if stopping and not worker.woken.is_set():
            await self._watch.try_look_at(name)

    async def _try(self, name: str, difference: Difference, worker: Effort) -> None:
        """Take one step, and turn whatever goes wrong into this bot's own failure."""
        started = self._clock.time()
        self._operate(name, Operation(revision_for(self._fleet, name), busy=True))
        try:
            if difference.kind is Kind.REMOVE:
                await self._remove(name, worker)
            elif difference.kind is Kind.STOP:
                await self._stop(name, halt_for(self._fleet, name), difference.reason, worker)
            elif difference.spec is not None:
                await self._apply(name, difference, difference.spec, started)
            worker.failures = worker.conflicts = 0
        except Conflict as error:
            await self._conflicted(name, worker, difference, error, started)
        except HerdsmanError as error:
            await self._failed(name, worker, difference, error, started)
        except Exception as error:  # noqa: BLE001 - a bad bot never stops the others
            _LOG.exception("bot %s: unexpected error", name)
            unexpected = HerdsmanError(f"unexpected {type(error).__name__}: {error}")
            await self._failed(name, worker, difference, unexpected, started)

    async def _apply(self, name: str, difference: Difference, spec: BotSpec, started: float) -> None:
        revision, origin = revision_for(self._fleet, name), origin_of(self._fleet, name)
        self._drifts.note(name, difference)
        content = await self._contents.unless(
            spec.program,
            lambda text: self._operate(name, Operation(revision, busy=True, building=f"{BUILDING}{text}")),
            self._workers[name].woken,
            lambda: is_overtaken(self._fleet, name, spec),
        )
        if content is None or is_overtaken(self._fleet, name, spec):
            return
        code, dependencies = content
        entry = await self._intend(name, spec, revision)
        if is_overtaken(self._fleet, name, spec):
            return
        seen = self._fleet.observed.get(name)
        python = self._settings.python if dependencies else ""
        launched = with_state(self._fleet, spec, difference)
        await self._recall_state(launched, seen is not None)
        secrets = await self._hand(launched, revision)
        launch = Launch(launched, revision, code, dependencies, python, secrets=secrets)
        if difference.drift is DriftKind.CHANGED:
            await self._name_changes(name, difference, launch)
        if seen is None and name in self._fleet.adoptions:  # no job ends for a bot that cannot start
            await self._scheduler.rehearse(launch)
            if is_overtaken(self._fleet, name, spec):
                return
        if not await self._make_room(name):
            await sleep_or(self._clock, self._settings.stop_poll, self._workers[name].woken)
            return
        async with self._slots:
            if is_overtaken(self._fleet, name, spec):
                return
            with self._watch.changing(name):
                token = await self._scheduler.apply(launch, seen.token if seen else None)
                self._watch.expect(placing(seen, spec, self._fleet.id, revision, token))
        if difference.kind is Kind.DRIFTED:
            self._waits.note_correction(name)
            self._drifts.put_right(name, f"herdsman registered it again as {revision[:7]} has it")
        applied = replace(
            entry,
            path=spec.path,
            source=spec.source,
            revision=revision,
            spec=spec,
            token=token,
            intent="",
            halted=Halt.NONE,
            code=code.key,
            dependencies=dependencies.key if dependencies else "",
            applied_at=self._clock.time(),
        )
        self._fleet.inventory[name] = applied
        self._fleet.operations.pop(name, None)
        self._touch(name)
        attempt = Attempt(name, revision, spec.digest, started, self._clock.time(), ok=True)
        await self._record(applied, spec, origin, attempt)
        if spec.type is BotType.SCHEDULED:
            await self._watch.try_look_at(name)

    async def _name_changes(self, name: str, difference: Difference, launch: Launch) -> None:
        """Say what of a job was changed behind our back, as far as the scheduler tells."""
        try:
            names = await self._scheduler.outdated(launch)
        except HerdsmanError as error:
            _LOG.info("bot %s: what was changed of its job is not known: %s", name, error)
            return
        if names:
            self._drifts.note(name, replace(difference, reason=f"{difference.reason}: {named(names)}"))

    async def _intend(self, name: str, spec: BotSpec, revision: str) -> InventoryEntry:
        """Write what is about to be applied before the scheduler is asked."""
        entry = self._fleet.inventory.get(name)
        if entry is not None and entry.intent == spec.digest:
            return entry
        if entry is None:
            kind = self._scheduler.kind
            entry = InventoryEntry(name, spec.path, revision, None, "", kind, source=spec.source)
        entry = replace(entry, intent=spec.digest)
        trial = begun_trial(self._fleet, name, self._clock.time(), self._settings)

        def write(connection: Connection) -> None:
            save_entries(connection, [entry])
            save_trials(connection, [trial] if trial else [])

        await self._database.run(write)
        self._fleet.inventory[name] = entry
        if trial is not None:
            self._fleet.trials[name] = trial
        return entry

    async def _stop(self, name: str, halt: Halt, reason: str, worker: Effort) -> None:
        """Ask a bot to stop, and give the scheduler time to show that it does."""
        entry = self._fleet.inventory.get(name)
        if entry is not None and entry.halted is not halt:
            await self._save(replace(entry, halted=halt, intent=""))
        seen = self._fleet.observed.get(name)
        if seen is None or self._fleet.difference(name).kind not in (Kind.STOP, Kind.REMOVE):
            return
        async with self._slots:
            with self._watch.changing(name):
                await self._scheduler.stop(name, seen.token, reason, rule_for(self._fleet, name))
        now = await self._watch.try_look_at(name)
        if now is not None and now.phase not in (Phase.STOPPING, Phase.STOPPED):
            await sleep_or(self._clock, self._settings.stop_poll, worker.woken)

    async def _remove(self, name: str, worker: Effort) -> None:
        seen = self._fleet.observed.get(name)
        if seen is None:
            await self._drop(name)
        elif seen.phase is Phase.STOPPING:
            await self._pause(name, self._settings.stop_poll, worker)
        elif seen.phase is Phase.STOPPED and was_asked_to_stop(self._fleet, name):
            await self._forget_job(name, worker)
        else:
            await self._stop(name, Halt.REMOVED, "removed from git", worker)

    async def _forget_job(self, name: str, worker: Effort) -> None:
        """Purge a dead bot's job once its logs are acknowledged, or once that took too long."""
        now = self._clock.monotonic()
        worker.ending_since = now if worker.ending_since is None else worker.ending_since
        self.bot_ended()
        acknowledged = await self._logs_acknowledged(name)
        left = worker.ending_since + self._settings.logs_patience - self._clock.monotonic()
        if not acknowledged and left > 0:
            await sleep_or(self._clock, min(1.0, left), worker.woken)
            return
        if not acknowledged:
            _LOG.warning("bot %s: its last log lines were not acknowledged in time", name)
        with self._watch.changing(name):
            await self._scheduler.remove(name)
            self._watch.expect_gone(name)
        await self._drop(name)

    async def _drop(self, name: str) -> None:
        def forget(connection: Connection) -> None:
            drop_entries(connection, [name])
            drop_status(connection, name)
            drop_suspension(connection, name)
            drop_trial(connection, name)
            drop_refusals(connection, name)

        await self._database.run(forget)
        self._fleet.forget(name)
        self._waits.forget(name)
        self._drifts.forget(name)
        self._touch(name)

    async def _conflicted(
        self, name: str, worker: Effort, difference: Difference, error: Conflict, started: float
    ) -> None:
        """Look again and go on at once the first time; a second conflict in a row waits."""
        worker.conflicts += 1
        await self._watch.try_look_at(name)
        if worker.conflicts > 1:
            await self._failed(name, worker, difference, error, started)

    async def _failed(
        self, name: str, worker: Effort, difference: Difference, error: HerdsmanError, started: float
    ) -> None:
        wait = self._waits.after(error, worker)
        _LOG.warning("bot %s: %s; tried again in %.0f s", name, error, wait)
        revision = revision_for(self._fleet, name)
        log = error.log if isinstance(error, BuildFailed) else ""
        self._operate(
            name, Operation(revision, reason_of(error), str(error), log=log, transient=error.transient)
        )
        if difference.spec is not None:
            digest = difference.spec.digest
            said = f"{error}\n{log}" if log else str(error)
            attempt = Attempt(name, revision, digest, started, self._clock.time(), False, said)
            await self._note_failure(attempt)

    async def _note_failure(self, attempt: Attempt) -> None:
        try:
            await self._database.run(lambda db: add_attempt(db, attempt, self._settings.attempts_kept))
        except HerdsmanError as error:
            _LOG.warning("bot %s: the attempt was not recorded: %s", attempt.bot, error)

    async def _record(
        self, entry: InventoryEntry, spec: BotSpec, revision: Revision, attempt: Attempt
    ) -> None:
        program = spec.program
        qualified = qualify(program.name, spec.source)
        new = self._fleet.programs.get((qualified, program.version)) != program.tree
        self._fleet.programs[qualified, program.version] = program.tree
        now = self._clock.time()

        def write(connection: Connection) -> None:
            save_entries(connection, [entry])
            note_deployment(connection, entry, revision, now, self._settings.deployments_kept)
            add_attempt(connection, attempt, self._settings.attempts_kept)
            if new:
                save_program(connection, replace(program, name=qualified), attempt.ended_at)

        await self._database.run(write)

    async def _save(self, entry: InventoryEntry) -> None:
        await self._database.run(lambda connection: save_entries(connection, [entry]))
        self._fleet.inventory[entry.bot] = entry

    def _operate(self, name: str, operation: Operation) -> None:
        if operation.busy:
            before = self._fleet.operations.get(name)
            if before is not None and before.failed and before.revision == operation.revision:
                return
            if operation == before:
                return
        self._fleet.operations[name] = operation
        self._touch(name)
