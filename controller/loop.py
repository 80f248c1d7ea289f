"""The loop: the parts of a controller, put together, and the tasks that they live by."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from controller.adopting import Adopting
from controller.apply import Applier
from controller.backoff import delay
from controller.clock import Clock, WatchedClock
from controller.consent import Consent
from controller.content import Contents
from controller.database import Database
from controller.database.revisions import (
    open_changes,
)
from controller.database.rollouts import load_rollouts
from controller.drifts import Drifts
from controller.fleet import Fleet
from controller.follow import Followed
from controller.killing import Killing
from controller.markets import Markets
from controller.operator import Operator
from controller.passes import Pass
from controller.ports import (
    BundleSource,
    ControllerListener,
    DesiredStates,
    LogsAcknowledged,
    NoListener,
    RevisionSource,
)
from controller.queries import Queries
from controller.reconcile import Reconciler
from controller.records import (
    RevisionRecord,
)
from controller.recovery import unheard_of
from controller.refreshing import Refresher
from controller.reports import Reports
from controller.restoring import restore
from controller.rollback.operating import Rollbacks
from controller.rollback.watching import FlapGuard
from controller.rulebook import Rulebook
from controller.ruling import Ruling
from controller.schedulers.protocol import Phase, Scheduler
from controller.secrets.handing import Handing
from controller.settings import Settings
from controller.state.recalling import recall
from controller.state.retention import forget_removed
from controller.state.saved import SavedStates
from controller.telling import Telling
from controller.turns import Turns
from controller.ushering import Usher
from controller.watch import Watch
from schemas.bot import BotSpec
from schemas.errors import SchedulerRefused, SchedulerUnavailable

_LOG = logging.getLogger(__name__)


async def _at_once(_bot: str) -> bool:
    return True


async def _nothing_to_hand(_spec: BotSpec, _revision: str) -> None:
    return None


class Loop:
    """Keeps a fleet as git asks for, for as long as `run` is awaited; `Controller` is what others call.

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
        self._name, self.scheduler, self.database, self.clock = name, scheduler, database, clock
        self.settings, self.listener, self.source = settings, listener, source
        self.fleet = fleet = Fleet()
        self._restored = asyncio.Event()
        self.failure: BaseException | None = None
        """What ended `run`, None while nothing has."""
        self._secrets = secrets
        hand = secrets.of if secrets is not None else _nothing_to_hand
        self.followed = Followed(fleet, clock, settings)
        self._guard = FlapGuard(fleet, database, clock, lambda bot: self._telling.touch(bot), self._take_back)
        self.drifts = Drifts(fleet, database, clock, settings, lambda bot: self._telling.touch(bot))
        self._telling = Telling(
            *(fleet, self.followed, database, clock, settings, listener),
            self._guard.look,
            self.drifts.look,
        )
        self.watch = Watch(fleet, scheduler, clock, settings, self._moved, self._availability_changed)
        self._contents = Contents(
            bundles, lambda: source.repository, settings.python, settings.build_concurrency
        )
        self.adopting = Adopting(fleet, scheduler, database, clock)
        self.applier = Applier(
            fleet,
            scheduler,
            self._contents,
            database,
            self.watch,
            clock,
            settings,
            self._telling.touch,
            logs_acknowledged,
            lambda spec, placed: recall(saved_states, scheduler, spec, placed=placed),
            hand,
            self.drifts,
            self.adopting.make_room,
        )
        turns = Turns(fleet, clock, settings, lambda: self._markets.sessions)
        self.usher = Usher(fleet, turns, database, clock, self.applier.attend, self._telling)
        self._markets = Markets(clock, self.usher.look_again)
        self.usher.want_markets = self._markets.want
        fleet.ask, fleet.leans_on = turns.ask, turns.leans_on
        self.followed.rollout_of = turns.view
        self._telling.told = self.usher.told
        self.reconciler = Reconciler(
            fleet,
            source,
            states,
            scheduler.kind,
            database,
            self.watch,
            self.applier,
            self.followed,
            self._telling,
            clock,
            settings,
            self.usher,
        )
        self.operator = Operator(
            fleet,
            database,
            self.applier,
            Refresher(
                fleet,
                scheduler,
                self._contents,
                database,
                self.watch,
                settings.python,
                self._telling.touch,
                hand,
            ),
            self._telling,
            clock,
            scheduler.kind,
            self._sync,
        )
        self.rollbacks = Rollbacks(fleet, states, database, clock, self._go_back)
        self.rulebook = Rulebook(fleet, scheduler, database, lambda: self.ruling.rules_changed())
        self.killing = Killing(
            fleet, scheduler, database, self.watch, self.rulebook, clock, self._telling.touch_all
        )
        self.ruling = Ruling(fleet, self.rulebook, self.killing, self.applier, self._telling, clock)
        self.queries = Queries(fleet, scheduler)
        self.saved_states = saved_states
        self.reports = Reports(
            fleet, database, clock, settings, listener, self._telling.touch, self.drifts.killed
        )

    async def run(self) -> None:
        """Live until cancelled: restore, open the scheduler, then passes, events and timers.

        Raises what kept it from living, such as UsageError where another herdsman holds the same folder.
        """
        try:
            await self._live()
        except BaseExceptionGroup as group:
            self.failure = _first(group)
            raise self.failure from None
        except Exception as error:
            self.failure = error
            raise
        finally:
            self._restored.set()
            self.reconciler.close()
            await self._contents.close()
            await self.scheduler.close()

    async def _live(self) -> None:
        earlier = await self._restore()
        async with asyncio.TaskGroup() as group:
            self.applier.start(group)
            group.create_task(self._telling.run())
            group.create_task(self.operator.run())
            group.create_task(self.rollbacks.run())
            group.create_task(self._guard.run())
            group.create_task(self.drifts.run())
            group.create_task(self.usher.run())
            group.create_task(self._markets.run())
            group.create_task(self.ruling.run())
            if self.saved_states is not None:
                group.create_task(forget_removed(self.saved_states, self._bots, self.clock))
            await self._open_scheduler()
            group.create_task(self.killing.run())
            group.create_task(self.watch.run())
            group.create_task(self.reconciler.run(earlier))
            if self._secrets is not None:
                group.create_task(self._watch_secrets(self._secrets))

    async def _watch_secrets(self, secrets: Handing) -> None:
        def specs() -> Iterable[BotSpec]:
            return self.fleet.desired.bots.values() if self.fleet.desired else ()

        every, news = self.settings.secrets_interval, self.reconciler.look_anew
        await secrets.watch(specs, self.clock, every, news)

    async def ready(self) -> None:
        """Return once the statuses of the earlier life are loaded. Raises what ended `run` before that."""
        await self._restored.wait()
        if self.failure is not None:
            raise self.failure

    async def _restore(self) -> dict[str, RevisionRecord]:
        now = self.clock.time()
        earlier = await self.database.run(lambda connection: restore(connection, self.fleet, self._name, now))
        kept = await self.database.run(
            lambda connection: load_rollouts(connection, [one.revision.key for one in earlier.values()])
        )
        self.followed.take_up(await self.database.run(open_changes))
        self.usher.turns.restore(
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
                await self.scheduler.open()
                await self.rulebook.open()
            except (SchedulerUnavailable, SchedulerRefused) as error:
                failures += 1
                _LOG.warning("the scheduler cannot be opened: %s", error)
                self.fleet.unavailable = str(error)
                self._telling.touch_all(self.fleet.names())
                await self.clock.sleep(delay(failures, self.settings.backoff_first, 30.0))
            else:
                return

    def _clock_stepped(self, step: float, now: float) -> None:
        """Judge nobody by a clock that was set: what lasted so long before has lasted as long now."""
        moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        _LOG.warning("the wall clock was set by %+.0f s, to %s", step, moment)
        fleet = self.fleet
        fleet.set_clock(step, fleet.trials.keys() | self.usher.turns.set_clock(step))
        self._telling.touch_all(fleet.names())

    def _moved(self, names: Iterable[str]) -> None:
        """Take note of bots whose jobs moved: tell of them, and correct what drifted."""
        ended = False
        for name in names:
            seen = self.fleet.observed.get(name)
            ended = ended or seen is None or seen.phase is Phase.STOPPED
            if seen is not None and unheard_of(seen, self.fleet.id, self.fleet.revisions):
                self._check_recovery()
            self.drifts.note(name, self.fleet.difference(name))
            self._telling.touch(name)
            self.applier.attend(name)
            if self.killing.concerns(name):
                self.killing.attend()
        if ended:
            self.applier.bot_ended()

    def _bots(self) -> set[str] | None:
        """Return the names of all bots there are or should be; None while that is not known for sure."""
        fleet = self.fleet
        return None if fleet.desired is None or fleet.recovery else set(fleet.names())

    def _check_recovery(self) -> None:
        fleet = self.fleet
        if fleet.recovery or fleet.desired is None:
            return
        fleet.recovery = fleet.needs_recovery()
        if fleet.recovery:
            _LOG.error("%s", fleet.recovery)
            self._telling.touch_all(fleet.names())

    def _availability_changed(self) -> None:
        self._telling.touch_all(self.fleet.names())
        if not self.fleet.unavailable and self.fleet.desired is not None:
            self.reconciler.request("scheduler", "")

    def _go_back(self, consent: Consent) -> Pass:
        return self.reconciler.request("rollback", "", consent=consent)

    def _take_back(self) -> None:
        self.reconciler.request("guard", "")

    def _sync(self, by: str) -> None:
        self.reconciler.request("operator", by)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a task group that is no group itself."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
