"""The controller: everything that its users call, and the tasks that it lives by."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from controller.adopting import Adopting
from controller.apply import Applier, LogsAcknowledged
from controller.backoff import delay
from controller.clock import Clock, WatchedClock
from controller.consent import NO_CONSENT, Consent
from controller.content import Contents
from controller.database import Database
from controller.database.attempts import load_attempts
from controller.database.audit import add_audit, load_audit
from controller.database.deployments import bundle_keys
from controller.database.revisions import (
    find_past_bot,
    find_revision,
    load_revisions,
    open_changes,
    save_revision,
)
from controller.database.rollouts import load_rollouts
from controller.database.runs import load_runs
from controller.drifts import Drifts
from controller.fleet import Fleet
from controller.follow import Followed
from controller.killing import Killing
from controller.listing import MOST, listed
from controller.markets import Markets
from controller.operator import Operator
from controller.passes import NO_WISHES, Pass, Work
from controller.plan import Plan
from controller.ports import BundleSource, ControllerListener, DesiredStates, NoListener, RevisionSource
from controller.preview import Preview
from controller.queries import Queries
from controller.reconcile import Reconciler
from controller.records import (
    Attempt,
    AuditEntry,
    InventoryEntry,
    KillProgress,
    PastBot,
    RevisionRecord,
    RevisionState,
    RunRecord,
    Suspension,
    Wishes,
)
from controller.recovery import unheard_of
from controller.refreshing import Refresher
from controller.reports import Reported, Reports
from controller.restoring import restore
from controller.rollback.operating import Rollbacks
from controller.rollback.watching import FlapGuard
from controller.rulebook import Rulebook
from controller.ruling import Ruling
from controller.schedulers.protocol import NodeReport, Phase, Placed, Scheduler
from controller.secrets.handing import Handing
from controller.settings import Settings
from controller.state.changing import StateChange, change_state
from controller.state.recalling import recall
from controller.state.retention import forget_removed
from controller.state.saved import SavedStates
from controller.status import BotStatus
from controller.telling import Telling
from controller.turns import Turns
from controller.ushering import Usher
from controller.watch import Watch
from gitops.desired import DesiredState
from gitops.merging import Owner
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import ManifestError, NotFound, SchedulerRefused, SchedulerUnavailable, UsageError
from schemas.fleet import Watching
from schemas.log_rules import LogRule
from schemas.state import StateVersion

_LOG = logging.getLogger(__name__)


async def _at_once(_bot: str) -> bool:
    return True


async def _nothing_to_hand(_spec: BotSpec, _revision: str) -> None:
    return None


class Controller:
    """Keeps a fleet as git asks for. `run` is its life; everything else may be called while it runs.

    `states` builds desired states, `logs_acknowledged` says whether a stopped bot's last log lines have
    arrived (its job is purged then), `name` begins the fleet id at the very first start.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        source: RevisionSource,
        states: DesiredStates,
        bundles: BundleSource,
        database: Database,
        clock: Clock,
        settings: Settings | None = None,
        listener: ControllerListener | None = None,
        *,
        name: str = "fleet",
        logs_acknowledged: LogsAcknowledged = _at_once,
        saved_states: SavedStates | None = None,
        secrets: Handing | None = None,
    ) -> None:
        settings, listener = settings or Settings(), listener or NoListener()
        clock = WatchedClock(clock, self._clock_stepped)
        self._name, self._scheduler, self._database, self._clock = name, scheduler, database, clock
        self._settings, self._listener, self._source = settings, listener, source
        self._fleet = fleet = Fleet()
        self._restored = asyncio.Event()
        self._failure: BaseException | None = None
        self._secrets = secrets
        hand = secrets.of if secrets is not None else _nothing_to_hand
        self._followed = Followed(fleet, clock, settings)
        self._guard = FlapGuard(fleet, database, clock, lambda bot: self._telling.touch(bot), self._take_back)
        self._drifts = Drifts(fleet, database, clock, settings, lambda bot: self._telling.touch(bot))
        self._telling = Telling(
            *(fleet, self._followed, database, clock, settings, listener),
            self._guard.look,
            self._drifts.look,
        )
        self._watch = Watch(fleet, scheduler, clock, settings, self._moved, self._availability_changed)
        self._contents = Contents(
            bundles, lambda: source.repository, settings.python, settings.build_concurrency
        )
        self._adopting = Adopting(fleet, scheduler, database, clock)
        self._applier = Applier(
            fleet,
            scheduler,
            self._contents,
            database,
            self._watch,
            clock,
            settings,
            self._telling.touch,
            logs_acknowledged,
            lambda spec, placed: recall(saved_states, scheduler, spec, placed=placed),
            hand,
            self._drifts,
            self._adopting.make_room,
        )
        turns = Turns(fleet, clock, settings, lambda: self._markets.sessions)
        self._usher = Usher(fleet, turns, database, clock, self._applier.attend, self._telling)
        self._markets = Markets(clock, self._usher.look_again)
        self._usher.want_markets = self._markets.want
        fleet.ask, fleet.leans_on = turns.ask, turns.leans_on
        self._followed.rollout_of = turns.view
        self._telling.told = self._usher.told
        self._reconciler = Reconciler(
            fleet,
            source,
            states,
            scheduler.kind,
            database,
            self._watch,
            self._applier,
            self._followed,
            self._telling,
            clock,
            settings,
            self._usher,
        )
        self._operator = Operator(
            fleet,
            database,
            self._applier,
            Refresher(
                fleet,
                scheduler,
                self._contents,
                database,
                self._watch,
                settings.python,
                self._telling.touch,
                hand,
            ),
            self._telling,
            clock,
            scheduler.kind,
            self._sync,
        )
        self._rollbacks = Rollbacks(fleet, states, database, clock, self._go_back)
        self._rulebook = Rulebook(fleet, scheduler, database, lambda: self._ruling.rules_changed())
        self._killing = Killing(
            fleet, scheduler, database, self._watch, self._rulebook, clock, self._telling.touch_all
        )
        self._ruling = Ruling(fleet, self._rulebook, self._killing, self._applier, self._telling, clock)
        self._queries = Queries(fleet, scheduler)
        self._saved_states = saved_states
        self._reports = Reports(
            fleet, database, clock, settings, listener, self._telling.touch, self._drifts.killed
        )

    async def run(self) -> None:
        """Live until cancelled: restore, open the scheduler, then passes, events and timers.

        Raises what kept it from living, such as UsageError where another herdsman holds the same folder.
        """
        try:
            await self._live()
        except BaseExceptionGroup as group:
            self._failure = _first(group)
            raise self._failure from None
        except Exception as error:
            self._failure = error
            raise
        finally:
            self._restored.set()
            self._reconciler.close()
            await self._contents.close()
            await self._scheduler.close()

    async def _live(self) -> None:
        earlier = await self._restore()
        async with asyncio.TaskGroup() as group:
            self._applier.start(group)
            group.create_task(self._telling.run())
            group.create_task(self._operator.run())
            group.create_task(self._rollbacks.run())
            group.create_task(self._guard.run())
            group.create_task(self._drifts.run())
            group.create_task(self._usher.run())
            group.create_task(self._markets.run())
            group.create_task(self._ruling.run())
            if self._saved_states is not None:
                group.create_task(forget_removed(self._saved_states, self._bots, self._clock))
            await self._open_scheduler()
            group.create_task(self._killing.run())
            group.create_task(self._watch.run())
            group.create_task(self._reconciler.run(earlier))
            if self._secrets is not None:
                group.create_task(self._watch_secrets(self._secrets))

    async def _watch_secrets(self, secrets: Handing) -> None:
        def specs() -> Iterable[BotSpec]:
            return self._fleet.desired.bots.values() if self._fleet.desired else ()

        every, news = self._settings.secrets_interval, self._reconciler.look_anew
        await secrets.watch(specs, self._clock, every, news)

    async def ready(self) -> None:
        """Return once the statuses of the earlier life are loaded. Raises what ended `run` before that."""
        await self._restored.wait()
        if self._failure is not None:
            raise self._failure

    def request_pass(
        self, trigger: str, *, by: str = "", consent: Consent = NO_CONSENT, wishes: Wishes = NO_WISHES
    ) -> Pass:
        """Ask for a pass now and return it at once; see `Pass` for how to follow it.

        `trigger`: push, webhook, operator, poll, timer or scheduler.
        """
        return self._reconciler.request(trigger, by, consent=consent, wishes=wishes)

    async def record(self, reports: Sequence[Reported]) -> None:
        """Take launcher reports in; return once they are kept. The same one again changes nothing."""
        await self.ready()
        await self._reports.record(reports)

    async def plan(self) -> Plan:
        """Return what a pass would do now. Raises SourceUnavailable."""
        return (await self._reconciler.preview()).plan

    async def preview(self) -> Preview:
        """Return what a pass would do now, with every bot's details. Raises SourceUnavailable."""
        return await self._reconciler.preview()

    def preview_of(self, desired: DesiredState) -> Preview:
        """Return what a pass would do for a desired state, such as that of a branch."""
        return self._reconciler.preview_of(desired)

    async def suspend(
        self, name: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Stop a bot until it is resumed or until a Unix time. Raises NotFound, UsageError."""
        await self._operator.suspend(name, by, reason, until, token)

    async def resume(self, name: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End a suspension. Raises NotFound, UsageError."""
        await self._operator.resume(name, by, reason, token)

    async def restart(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Restart a bot's process. Raises NotFound, UsageError, Conflict, SchedulerUnavailable."""
        await self._operator.restart(name, by, reason, token)

    async def outdated(self, names: Sequence[str] = ()) -> list[str]:
        """Return the bots (of all, where none are named) whose jobs would be rendered otherwise now.

        Raises NotFound, SchedulerUnavailable, BuildFailed.
        """
        return await self._operator.outdated(names or sorted(self._fleet.inventory))

    async def refresh(self, name: str, by: str, reason: str = "", *, token: str = "") -> bool:
        """Apply a bot's job as it is rendered now; say whether it changed. Raises as `restart` does."""
        return await self._operator.refresh(name, by, reason, token)

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is, None where the scheduler knows nothing of it any more.

        Raises SchedulerUnavailable.
        """
        return await self._scheduler.placed(allocation)

    async def suspend_scope(
        self, scope: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Stop every bot of a scope, also those to come. Raises UsageError."""
        await self._ruling.suspend(scope, by, reason, until, token)

    async def resume_scope(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End the suspension of exactly this scope. Raises UsageError."""
        await self._ruling.resume(scope, by, reason, token)

    async def kill(self, scope: str, by: str, reason: str, *, token: str = "") -> KillProgress:
        """Turn the kill switch of a scope on; return how far it has come. Raises UsageError."""
        return await self._ruling.kill(scope, by, reason, token)

    async def release(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """Turn the kill switch of a scope off. Raises UsageError."""
        await self._ruling.release(scope, by, reason, token)

    def kills(self) -> list[KillProgress]:
        """Return how far each kill switch that is on has come."""
        return self._killing.progress()

    def suspensions(self) -> list[Suspension]:
        """Return everything that keeps bots from running: kill switches, rules of scopes, single bots."""
        own = sorted(self._fleet.suspensions.values(), key=lambda one: one.bot)
        rules = sorted(self._fleet.rules.rules, key=lambda one: (not one.kill, one.since))
        return [*rules, *own]

    def behind(self) -> float | None:
        """Return how many seconds late suspensions are told: none; None before all were taken up."""
        return 0.0 if self._rulebook.opened else None

    def suspended(self, name: str) -> tuple[Suspension, ...]:
        """Return everything that keeps one bot from running, kill switches first."""
        return self._fleet.suspended(name)

    async def change_state(
        self, name: str, change: StateChange, by: str, reason: str, *, token: str = ""
    ) -> StateVersion:
        """Change a bot's saved state while no copy of it runs. Raises Conflict, NotFound and others."""
        if self._saved_states is None:
            raise UsageError("this herdsman keeps no saved states")
        version = await change_state(self._saved_states, self._scheduler, name, change, by, reason)
        entry = AuditEntry(self._clock.time(), by, "state", name, reason, token, {"version": version.number})
        await self._database.run(lambda connection: add_audit(connection, entry))
        return version

    async def inventory(self, name: str) -> InventoryEntry | None:
        """Return what we own of a bot and what was applied last, None where nothing ever was."""
        return self._fleet.inventory.get(name)

    def watching(self) -> Watching | None:
        """Return what the fleet looks out for in all bots, None before the first revision was read."""
        desired = self._fleet.desired
        return desired.settings.watching if desired is not None else None

    @property
    def drifts(self) -> Drifts:
        """Return what was done to bots behind our back, counted."""
        return self._drifts

    @property
    def adopting(self) -> Adopting:
        """Return what has bots take the place of jobs that herdsman did not start."""
        return self._adopting

    @property
    def rollbacks(self) -> Rollbacks:
        """Return what holds bots at other revisions than git's newest."""
        return self._rollbacks

    async def recover(self, by: str, reason: str = "", *, token: str = "") -> list[str]:
        """Take over jobs that the database does not know; return their bots. Raises UsageError."""
        return await self._operator.recover(by, reason, token)

    async def query(self, name: str, path: str, params: Mapping[str, Any]) -> str:
        """Return what a bot's query program answers, as JSON text; see `Queries.ask` for the errors."""
        return await self._queries.ask(name, path, params)

    async def record_refusal(
        self,
        revision: Revision,
        errors: tuple[ManifestError, ...],
        by: str = "",
        *,
        trigger: str = "push",
    ) -> None:
        """Keep a revision that was refused, at its push or as a source shows it, for the history."""
        now = self._clock.time()
        record = RevisionRecord(
            revision, RevisionState.REFUSED, now, finished_at=now, trigger=trigger, by=by, errors=errors
        )
        if revision.id not in self._fleet.revisions:
            await self._database.run(lambda connection: save_revision(connection, record))
            self._listener.revision_changed(record)

    @property
    def fleet_id(self) -> str:
        """Return the fleet id, "" before `ready`."""
        return self._fleet.id

    @property
    def environments(self) -> tuple[str, ...]:
        """Return the environments that this service runs the bots of; none where it runs all."""
        return self._settings.environments

    @property
    def synced_at(self) -> float | None:
        """Return when the source was last seen, in Unix seconds."""
        return self._reconciler.synced_at

    def statuses(self) -> list[BotStatus]:
        """Return the status of every bot, sorted by name."""
        return [self._fleet.statuses[name] for name in sorted(self._fleet.statuses)]

    def status(self, name: str) -> BotStatus:
        """Return one bot's status. Raises NotFound."""
        found = self._fleet.statuses.get(name)
        if found is None:
            raise NotFound(f"there is no bot {name} in this fleet")
        return found

    def desired(self) -> DesiredState | None:
        """Return the desired state that holds now, None before the first revision was read."""
        return self._fleet.desired

    @property
    def log_rules(self) -> tuple[LogRule, ...] | None:
        """Return the log rules that hold now, None before the first revision was read."""
        return self._fleet.desired.log_rules if self._fleet.desired else None

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be, else what was applied last; None where neither is known."""
        wanted = self._fleet.wanted.bots.get(name) if self._fleet.wanted else None
        entry = self._fleet.inventory.get(name)
        return wanted or (entry.spec if entry else None)

    async def bundle_keys(self) -> set[str]:
        """Return the keys of the bundles that our bots run on or may be rolled back to: they must be kept."""
        entries = self._fleet.inventory.values()
        used = {key for entry in entries for key in (entry.code, entry.dependencies) if key}
        return used | await self._database.run(bundle_keys)

    def announce(self, source: str) -> None:
        """Look at a source soon, since somebody said that it moved. Raises NotFound."""
        if not self._source.announce(source):
            self.request_pass("webhook")

    def programs_ran(self, source: str = "") -> dict[tuple[str, str], str]:
        """Return the git tree that ran under each (program, version): its content must not change.

        `source` is the name of the programs' source, where the fleet has several.
        """
        ran, mark = self._fleet.programs, f"{source}/"
        if not source:
            return {key: tree for key, tree in ran.items() if "/" not in key[0]}
        return {(name[len(mark) :], v): tree for (name, v), tree in ran.items() if name.startswith(mark)}

    def versions_applied(self, source: str = "") -> dict[str, tuple[str, str]]:
        """Return the (program, version) of each bot; `source` as in `programs_ran`."""
        return self._fleet.versions(source)

    def owners(self) -> dict[str, Owner]:
        """Return which source has each bot that we own."""
        return {name: Owner(entry.source, entry.path) for name, entry in self._fleet.inventory.items()}

    def problems(self) -> list[str]:
        """Return what keeps the controller from doing its work, in words."""
        ended = f"the controller has ended: {self._failure}" if self._failure else ""
        passes = (self._reconciler.problem, self._reconciler.watch_problem, *self._source.problems())
        unkept = self._rulebook.problem
        rules = f"kill switches and suspensions in force are not kept yet: {unkept}" if unkept else ""
        found = (ended, self._fleet.recovery, self._fleet.unavailable, rules, *passes, self._reconciler.held)
        return list(dict.fromkeys(text for text in found if text))

    def troubles(self) -> dict[str, str]:
        """Return what is wrong with each part that can be in trouble, "" where nothing is."""
        problem = "" if self._fleet.unavailable else self._reconciler.problem
        return {
            "scheduler": self._fleet.unavailable,
            "source": "; ".join(dict.fromkeys(filter(None, (problem, *self._source.problems())))),
            "recovery": self._fleet.recovery,
            "held": self._reconciler.held,
        }

    async def nodes(self) -> list[NodeReport]:
        """Return the machines that bots may run on. Raises SchedulerUnavailable."""
        return await self._scheduler.nodes()

    def scheduler_problem(self) -> str:
        """Return why the scheduler cannot be used now, "" where it can."""
        return self._fleet.unavailable

    def work(self) -> Work:
        """Return what was done last and is being done now."""
        observed = self._watch.observed_at
        return Work(
            last=self._reconciler.last,
            passing=self._reconciler.passing,
            changing=self._followed.waiting,
            synced_at=self._reconciler.synced_at,
            next_look_at=self._reconciler.next_look_at,
            observed_ago=None if observed is None else self._clock.monotonic() - observed,
        )

    def revision(self) -> RevisionRecord | None:
        """Return the newest revision's record as it stands now."""
        return self._followed.current()

    async def revisions(self, limit: int = 50, *, before: str = "", bot: str = "") -> list[RevisionRecord]:
        """Return revisions newest first, with the first of their changes (all counted) and no fields.

        `before` a revision's id: those that came before it; `bot`: those that changed it. Raises NotFound.
        """
        mark = (await self.find_revision(before)).revision.key if before else ""
        found = await self._database.run(
            lambda connection: load_revisions(connection, limit, before=mark, bot=bot, most=MOST)
        )
        current = {record.revision.key: record for record in self._followed.every()}
        return [
            listed(now, bot) if (now := current.get(one.revision.key)) is not None else one for one in found
        ]

    async def past(self, name: str) -> PastBot | None:
        """Return what is remembered of a bot that may be gone, None where no kept revision changed it."""
        return await self._database.run(lambda connection: find_past_bot(connection, name))

    async def find_revision(self, revision: str) -> RevisionRecord:
        """Return one revision by its id or the first digits of it. Raises NotFound."""
        for current in self._followed.every():
            if revision and current.revision.key.startswith(revision):
                return current
        found = await self._database.run(lambda connection: find_revision(connection, revision))
        if found is None:
            raise NotFound(f"revision {revision} has never been seen here")
        return found

    async def runs(self, bot: str, limit: int = 50) -> list[RunRecord]:
        """Return a bot's newest runs, newest first."""
        return await self._database.run(lambda connection: load_runs(connection, bot, limit))

    async def attempts(self, bot: str) -> list[Attempt]:
        """Return a bot's last applies, newest first."""
        return await self._database.run(lambda connection: load_attempts(connection, bot))

    async def audit(self, limit: int = 100) -> list[AuditEntry]:
        """Return what was done by whom, newest first."""
        return await self._database.run(lambda connection: load_audit(connection, limit))

    async def _restore(self) -> dict[str, RevisionRecord]:
        now = self._clock.time()
        earlier = await self._database.run(
            lambda connection: restore(connection, self._fleet, self._name, now)
        )
        kept = await self._database.run(
            lambda connection: load_rollouts(connection, [one.revision.key for one in earlier.values()])
        )
        self._followed.take_up(await self._database.run(open_changes))
        self._usher.turns.restore(
            {
                source: (record.revision.key, kept[record.revision.key])
                for source, record in earlier.items()
                if record.revision.key in kept
            }
        )
        self._restored.set()
        return earlier

    async def _open_scheduler(self) -> None:
        failures = 0
        while True:
            try:
                await self._scheduler.open()
                await self._rulebook.open()
            except (SchedulerUnavailable, SchedulerRefused) as error:
                failures += 1
                _LOG.warning("the scheduler cannot be opened: %s", error)
                self._fleet.unavailable = str(error)
                self._telling.touch_all(self._fleet.names())
                await self._clock.sleep(delay(failures, self._settings.backoff_first, 30.0))
            else:
                return

    def _clock_stepped(self, step: float, now: float) -> None:
        """Judge nobody by a clock that was set: what lasted so long before has lasted as long now."""
        moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        _LOG.warning("the wall clock was set by %+.0f s, to %s", step, moment)
        fleet = self._fleet
        fleet.set_clock(step, fleet.trials.keys() | self._usher.turns.set_clock(step))
        self._telling.touch_all(fleet.names())

    def _moved(self, names: Iterable[str]) -> None:
        """Take note of bots whose jobs moved: tell of them, and correct what drifted."""
        ended = False
        for name in names:
            seen = self._fleet.observed.get(name)
            ended = ended or seen is None or seen.phase is Phase.STOPPED
            if seen is not None and unheard_of(seen, self._fleet.id, self._fleet.revisions):
                self._check_recovery()
            self._drifts.note(name, self._fleet.difference(name))
            self._telling.touch(name)
            self._applier.attend(name)
            if self._killing.concerns(name):
                self._killing.attend()
        if ended:
            self._applier.bot_ended()

    def _bots(self) -> set[str] | None:
        """Return the names of all bots there are or should be; None while that is not known for sure."""
        fleet = self._fleet
        return None if fleet.desired is None or fleet.recovery else set(fleet.names())

    def _check_recovery(self) -> None:
        fleet = self._fleet
        if fleet.recovery or fleet.desired is None:
            return
        fleet.recovery = fleet.needs_recovery()
        if fleet.recovery:
            _LOG.error("%s", fleet.recovery)
            self._telling.touch_all(fleet.names())

    def _availability_changed(self) -> None:
        self._telling.touch_all(self._fleet.names())
        if not self._fleet.unavailable and self._fleet.desired is not None:
            self.request_pass("scheduler")

    def _go_back(self, consent: Consent) -> Pass:
        return self.request_pass("rollback", consent=consent)

    def _take_back(self) -> None:
        self.request_pass("guard")

    def _sync(self, by: str) -> None:
        self.request_pass("operator", by=by)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a task group that is no group itself."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
