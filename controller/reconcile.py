"""Passes: fetch, build, compare, plan, and hand each bot that differs to its own task."""

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace

from controller.apply import Applier
from controller.backoff import spread
from controller.clock import Clock
from controller.compare import Difference, compare, differs, moved_manifests
from controller.consent import NO_CONSENT, Consent
from controller.database import Database
from controller.database.audit import add_audit
from controller.fleet import Fleet
from controller.follow import Followed
from controller.pass_records import PassRecords
from controller.passes import AT_HAND, CALM, NO_WISHES, Pass, PassReport
from controller.plan import Plan, in_place_of, make_plan
from controller.ports import DesiredStates, RevisionSource
from controller.preview import Preview, make_preview
from controller.prune_decisions import PruneDecisions
from controller.records import (
    RECOVER,
    AuditEntry,
    InventoryEntry,
    RevisionRecord,
    Wishes,
)
from controller.rollback.holding import kept_back, pinned_texts
from controller.rollback.overlay import Overlays, overlaid
from controller.settings import Settings
from controller.telling import Telling
from controller.ushering import Usher
from controller.watch import Watch
from gitops.desired import DesiredState
from gitops.sources import NothingPushed
from schemas.errors import HerdsmanError, SchedulerUnavailable, SourceUnavailable

_LOG = logging.getLogger(__name__)
_LOOKING = frozenset({"start", "operator", "push"})
"""Triggers of passes that are to know of what is new right now."""


class Reconciler:
    """Carries out one pass at a time; what is asked for meanwhile is one more pass after it."""

    def __init__(
        self,
        fleet: Fleet,
        source: RevisionSource,
        states: DesiredStates,
        scheduler: str,
        database: Database,
        watch: Watch,
        applier: Applier,
        followed: Followed,
        telling: Telling,
        clock: Clock,
        settings: Settings,
        usher: Usher,
    ) -> None:
        self._usher = usher
        self._fleet = fleet
        self._source = source
        self._states = states
        self._scheduler = scheduler
        self._database = database
        self._watch = watch
        self._applier = applier
        self._followed = followed
        self._telling = telling
        self._clock = clock
        self._settings = settings
        self._queued: Pass | None = None
        self._stale = False
        self._news = asyncio.Event()
        self._prunes = PruneDecisions()
        self._held_codes: frozenset[str] = frozenset()
        self._records = PassRecords(fleet, scheduler, database, followed, usher, clock, settings)
        self._started = False
        self.synced_at: float | None = None
        """Unix time of the last successful look at the source, None before the first."""
        self.next_look_at: float | None = None
        """Unix time of the next look at the source, where nothing announces a push before."""
        self.last: PassReport | None = None
        """How the pass before went."""
        self._passing = False
        self.problem = ""
        """What keeps passes from succeeding, "" where nothing does."""
        self.held = ""
        """Why changes of the last plan wait for a person, "" where none do."""
        self.watch_problem = ""
        """What keeps the source from being watched, "" where nothing does."""

    def look_anew(self) -> None:
        """Have the next pass build the newest revision anew: a secret outside git has changed."""
        self._stale = True
        self.request("timer", "")

    def request(
        self, trigger: str, by: str, *, consent: Consent = NO_CONSENT, wishes: Wishes = NO_WISHES
    ) -> Pass:
        """Ask for a pass; while one is waiting to begin, that one serves every asker."""
        at_hand = trigger in AT_HAND
        if self._queued is None:
            self._queued = Pass(trigger, by, asked_at=self._clock.monotonic())
            self._queued.at_hand = at_hand
        elif trigger not in CALM and not (at_hand and self._queued.trigger not in CALM):
            self._queued.trigger, self._queued.by = trigger, by or self._queued.by
        self._queued.at_hand = self._queued.at_hand and at_hand
        self._queued.consent = self._queued.consent.joined(consent.taken(self._held_codes))
        self._queued.wishes = self._queued.wishes.joined(wishes)
        self._news.set()
        return self._queued

    async def run(self, earlier: dict[str, RevisionRecord]) -> None:
        """Carry out passes for ever; `earlier` are the records that an earlier life left, by source."""
        self._records.earlier = earlier
        self._prunes.take_up(earlier, self._fleet.inventory)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll())
            group.create_task(self._watch_source())
            group.create_task(self._carry_out_all())

    def close(self) -> None:
        """End the passes that somebody may still follow: their end can no longer be seen."""
        error = HerdsmanError("herdsman is stopping; the bots' own tasks go on when it starts again")
        if self._queued is not None:
            self._queued.fail(error)
        self._followed.close(error)

    async def preview(self) -> Preview:
        """Return what a pass would do now, and do nothing."""
        await self._source.look()
        revision = await self._source.fetch()
        desired = self._fleet.desired
        if desired is None or desired.revision.key != revision.key:
            desired = await self._states.build(revision, desired)
        return self.preview_of(desired)

    def preview_of(self, desired: DesiredState) -> Preview:
        """Return what a pass would do for a desired state, by what is known now.

        Where only a recovery lets it be done, that is thought of as having been.
        """
        fleet = self._fleet
        known = fleet.recovered(self._scheduler, self._clock.time()) if fleet.recovery else fleet.known
        wanted = overlaid(desired, fleet.asked_overlays)
        differences = compare(wanted, known)
        plan = self._plan(wanted, differences, known.inventory, NO_CONSENT)
        if not fleet.recovery:
            plan = self._usher.turns.preview(desired, wanted, plan)
        preview = make_preview(wanted, plan, differences, known.inventory)
        return replace(preview, kept={**preview.kept, **kept_back(desired, wanted, fleet.asked_overlays)})

    async def _poll(self) -> None:
        self.request("start", "")
        while True:
            wait = spread(self._settings.poll_interval, self._settings.poll_jitter, random.random())  # noqa: S311
            self.next_look_at = self._clock.time() + wait
            await self._clock.sleep(wait)
            self.request("poll", "")

    async def _watch_source(self) -> None:
        """Ask for a pass whenever the source itself says that it moved; a failing watch is begun again."""

        def news(trigger: str) -> None:
            self.request(trigger, "")

        while True:
            try:
                await self._source.watch(news)
            except Exception as error:  # noqa: BLE001 - the source is polled all the same
                _LOG.exception("the source is not watched")
                self.watch_problem = f"the source is only polled: {type(error).__name__}: {error}"
            else:
                return
            await self._clock.sleep(self._settings.poll_interval)
            self.watch_problem = ""

    async def _carry_out_all(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._queued is not None:
                await self._carry_out_next(self._queued)

    async def _carry_out_next(self, asked: Pass) -> None:
        """Carry out the pass that waits; it is held here no longer, since it keeps every step of each bot."""
        self._queued = None
        began = self._clock.monotonic()
        self._passing = True
        await self._carry_out(asked)
        self._passing = False
        self.last = self._report(asked, self._clock.monotonic() - began)

    @property
    def passing(self) -> bool:
        """Say whether a pass is being carried out, or waits to be."""
        return self._passing or self._queued is not None

    def _report(self, asked: Pass, seconds: float) -> PassReport:
        return PassReport(
            id=asked.id,
            trigger=asked.trigger,
            by=asked.by,
            at=self._clock.time(),
            seconds=seconds,
            bots=len(asked.changes),
            error=self.problem,
        )

    async def _carry_out(self, asked: Pass) -> None:
        """Carry out one pass; what goes wrong with it is told to those who follow it."""
        try:
            await self._pass(asked)
            self.problem = ""
        except asyncio.CancelledError:
            asked.fail(HerdsmanError("herdsman is stopping"))
            raise
        except NothingPushed as error:
            self.problem = ""  # an empty repository is how every fleet begins
            asked.fail(error)
        except HerdsmanError as error:
            self.problem = str(error)
            _LOG.warning("%s (%s): %s", asked.id, asked.trigger, error)
            asked.fail(error)
        except Exception as error:  # noqa: BLE001 - one pass that fails does not end the loop
            _LOG.exception("%s (%s) failed", asked.id, asked.trigger)
            self.problem = f"unexpected {type(error).__name__}: {error}"
            asked.fail(HerdsmanError(self.problem))

    async def _pass(self, asked: Pass) -> None:
        fleet = self._fleet
        if asked.trigger in _LOOKING:
            await self._source.look()
        try:
            desired = (self._fleet.desired if asked.at_hand else None) or await self._fetch()
        except HerdsmanError:
            await self._resync_if_due()
            known = None if fleet.overlays is fleet.asked_overlays else await self._known_state()
            if known is None:
                raise
            desired = known  # to go back needs nothing new of the source
        before = fleet.desired
        news = before is None or desired is not before
        held = fleet.overlays is not fleet.asked_overlays
        if not news and not held and asked.trigger in CALM and not self._resync_due():
            asked.begin(Plan(desired.revision, errors=desired.errors, total=len(desired.bots)), ())
            return
        try:
            if self._resync_due():
                await self._watch.observe()
        except SchedulerUnavailable:
            if before is None or not news:
                raise
            # What is new in git is taken all the same: else bots whose turn comes once the scheduler is back
            # would be brought to a revision that was overtaken meanwhile.
        await self._check_recovery()
        await self._reconcile(asked, desired, before)

    async def _known_state(self) -> DesiredState | None:
        """Return what git asked for last: in this life, else at the last revision of the life before.

        None where neither is known any more, or cannot be read whole from what is kept of the source here.
        """
        earlier = self._records.earlier.get("")
        if self._fleet.desired is not None or earlier is None:
            return self._fleet.desired
        try:
            state = await self._states.build(earlier.revision, None)
        except HerdsmanError:
            return None
        return state if state.complete else None

    async def _fetch(self) -> DesiredState:
        """Return the newest desired state: the very same object where nothing is new."""
        revision = await self._source.fetch()
        desired = self._fleet.desired
        current = desired is not None and desired.revision.key == revision.key and desired.complete
        if desired is None or not current or self._stale:
            desired = await self._states.build(revision, desired)
            self._stale = False
            if not desired.complete and not desired.bots:
                said = desired.errors[0].message if desired.errors else "no reason was given"
                raise SourceUnavailable(f"revision {revision.short} could not be read: {said}")
        self.synced_at = self._clock.time()
        return desired

    def _resync_due(self) -> bool:
        at = self._watch.observed_at
        return at is None or self._clock.monotonic() - at >= self._settings.resync_interval

    async def _resync_if_due(self) -> None:
        """Observe the fleet though the source does not answer: drift is still corrected."""
        if self._fleet.desired is not None and self._resync_due():
            await self._watch.observe()

    async def _check_recovery(self) -> None:
        """Only observe, where the first look shows jobs that the database has not heard of."""
        fleet = self._fleet
        if not self._started and not fleet.recovery:
            fleet.recovery = fleet.needs_recovery()
            if fleet.restored is not None and not fleet.recovery:
                why = "every bot is as the restored database has it"
                entry = AuditEntry(self._clock.time(), "herdsman", RECOVER, "fleet", why)
                await self._database.run(lambda connection: add_audit(connection, entry))
                fleet.restored = None
            self._started = True

    def _plan(
        self,
        desired: DesiredState,
        differences: list[Difference],
        inventory: Mapping[str, InventoryEntry],
        consent: Consent,
    ) -> Plan:
        plan = make_plan(
            desired,
            differences,
            inventory,
            consent=consent,
            allowed=self._prunes.allowed,
            undecided=self._prunes.undecided,
        )
        plan = replace(plan, pinned=pinned_texts(self._fleet.asked_overlays, desired))
        plan = in_place_of(plan, self._fleet.adoptions)
        recovery = self._fleet.recovery
        if not recovery:
            return plan
        return replace(
            plan,
            held=recovery,
            holds={},
            codes={},
            actions=tuple(replace(one, held=True) for one in plan.actions),
        )

    async def _reconcile(self, asked: Pass, desired: DesiredState, before: DesiredState | None) -> None:
        fleet = self._fleet
        protected, wanted_before, held_before = fleet.protected(), fleet.wanted, fleet.overlays
        fleet.desired, fleet.overlays = desired, fleet.asked_overlays
        wanted = fleet.wanted or desired
        moved = {entry.bot: entry for entry in moved_manifests(wanted, fleet.inventory)}
        fleet.inventory.update(moved)
        differences = compare(wanted, fleet.known)
        plan = self._plan(wanted, differences, fleet.inventory, asked.consent)
        plan = replace(plan, kept=kept_back(desired, wanted, fleet.overlays))
        if not fleet.recovery:
            self._prunes.learn(wanted, plan, fleet.inventory)
            plan = self._usher.take(desired, wanted, plan, asked)
        released = fleet.take_plan(plan)
        adopted = [] if fleet.recovery else fleet.adopted(differences, self._scheduler)
        try:
            record = await self._records.write(asked, plan, [*moved.values(), *adopted], adopted, before)
        except BaseException:
            # Nothing was begun, so the next pass begins anew.
            fleet.desired, fleet.overlays = before, held_before
            self._usher.take_back()
            raise
        self.held, self._held_codes = plan.held, frozenset(plan.codes.values())
        self._followed.begin(asked, plan, record)
        for action in plan.actions:
            self._applier.attend(action.bot)
        self._applier.attend_deferred()
        others = (protected ^ fleet.protected()) | released
        if desired is not before or fleet.overlays is not held_before:
            others |= self._held_bots(held_before) | self._held_bots(fleet.overlays)
        self._touch(plan, differences, wanted, wanted_before, others)

    def _held_bots(self, overlays: Overlays) -> set[str]:
        """Return the bots of which is told that they are held at another revision."""
        whole = self._fleet.names() if overlays.wholes else set[str]()
        return (
            whole | {name for name, pin in overlays.pins.items() if not pin.whole} | overlays.refusals.keys()
        )

    def _touch(
        self,
        plan: Plan,
        differences: Iterable[Difference],
        desired: DesiredState,
        before: DesiredState | None,
        others: set[str],
    ) -> None:
        """Have the bots told of that this pass may have changed, and only those."""
        touch = self._telling.touch_all
        if before is None:
            touch(self._fleet.names() | self._fleet.statuses.keys())
            return
        touch(action.bot for action in plan.actions)
        touch(one.bot for one in differences)
        touch(others)
        if desired is not before:
            touch(name for name, spec in desired.bots.items() if differs(spec, before.bots.get(name)))
            touch(before.bots.keys() - desired.bots.keys())
        self._telling.touch_changes()
