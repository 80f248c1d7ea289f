"""What is written of a pass before anything of it is done: its revision, its intents, who asked."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from controller.clock import Clock
from controller.compare import differs
from controller.database import Database
from controller.database.audit import add_audit
from controller.database.deployments import note_deployment
from controller.database.inventory import save_entries
from controller.database.revisions import credit_revision, end_revision, save_revision, trim_changes
from controller.database.rollbacks import save_trials
from controller.database.rollouts import save_rollout
from controller.fleet import Fleet
from controller.follow import Followed
from controller.passes import AT_HAND, CALM, Pass
from controller.plan import ActionKind, Plan
from controller.records import (
    AuditEntry,
    Change,
    ChangeState,
    InventoryEntry,
    RevisionRecord,
    RevisionState,
)
from controller.rollback.records import Trial
from controller.rollback.trial import begun_trial
from controller.settings import Settings
from controller.ushering import Usher
from gitops.desired import DesiredState
from gitops.revision import Revision


class PassRecords:
    """Writes what each pass is about to do, in one transaction: the next life goes on from there."""

    def __init__(
        self,
        fleet: Fleet,
        scheduler: str,
        database: Database,
        followed: Followed,
        usher: Usher,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._fleet = fleet
        self._scheduler = scheduler
        self._database = database
        self._followed = followed
        self._usher = usher
        self._clock = clock
        self._settings = settings
        self.earlier: dict[str, RevisionRecord] = {}
        """The newest record of each source that an earlier life left, until this life has one of its own."""

    async def write(
        self,
        asked: Pass,
        plan: Plan,
        entries: list[InventoryEntry],
        adopted: Sequence[InventoryEntry],
        before: DesiredState | None,
    ) -> RevisionRecord | None:
        """Write the revision and every intent before anything is done; return a new revision's record."""
        new = before is None or before.revision.key != plan.revision.key
        earlier = self.earlier.get(plan.revision.origin)
        record = self._record(asked, plan, before, earlier) if new else None
        replaced = self._replaced(plan.revision, earlier) if new else None
        intents = self._intents(plan)
        trials = self._begun_trials(intents)
        now = self._clock.time()
        ran = [(entry, self._fleet.revision_of(entry.bot)) for entry in adopted]
        credit = not new and self._brings(asked)
        rollouts = self._usher.unsaved()
        audit = audit_entry(asked, plan, now)

        def write(connection: Connection) -> None:
            save_entries(connection, [*entries, *intents])
            save_trials(connection, trials)
            for entry, revision in ran:
                note_deployment(connection, entry, revision, now, self._settings.deployments_kept)
            if replaced is not None:
                end_revision(connection, replaced, now)
            if record is not None:
                save_revision(connection, record)
                trim_changes(connection, self._settings.revisions_kept)
            for one in rollouts:
                save_rollout(connection, one)
            if credit:
                credit_revision(connection, plan.revision.key, asked.trigger, asked.by)
            if audit is not None:
                add_audit(connection, audit)

        if entries or intents or record or credit or audit or rollouts:
            await self._database.run(write)
        self.earlier.pop(plan.revision.origin, None)
        self._usher.saved(rollouts)
        if credit:
            self._followed.credit(asked.trigger, asked.by)
        self._fleet.inventory.update({entry.bot: entry for entry in (*entries, *intents)})
        self._fleet.trials.update({trial.bot: trial for trial in trials})
        self._fleet.revisions.add(plan.revision.id)
        return record

    def _brings(self, asked: Pass) -> bool:
        """Say whether this pass names who brought a revision that a poll had seen before."""
        record = self._followed.record
        return asked.trigger == "push" and bool(asked.by) and record is not None and not record.by

    def _replaced(self, revision: Revision, earlier: RevisionRecord | None) -> RevisionRecord | None:
        """Return the record of the revision, of an earlier life too, that a new one takes the place of."""
        known = self._followed.record_of(revision.origin) or earlier
        return known if known is not None and known.revision.id != revision.id else None

    def _record(
        self, asked: Pass, plan: Plan, before: DesiredState | None, earlier: RevisionRecord | None
    ) -> RevisionRecord:
        """Return the record of a revision: a new one, or an earlier life's taken up again."""
        origin = plan.revision.origin
        desired, held = self._fleet.desired, plan.held_for(origin)
        errors = desired.errors_of(origin) if desired is not None else plan.errors
        if earlier is not None and earlier.revision.id == plan.revision.id:
            return replace(earlier, held=held, errors=errors)
        return RevisionRecord(
            revision=plan.revision,
            state=RevisionState.PENDING if held else RevisionState.RUNNING,
            received_at=self._clock.time(),
            trigger=asked.trigger,
            by=asked.by,
            held=held,
            errors=errors,
            changes=self._kept_changes(plan, before),
        )

    def _kept_changes(self, plan: Plan, before: DesiredState | None) -> tuple[Change, ...]:
        """Return what a revision asks of bots that stay at another one."""
        desired = self._fleet.desired
        if desired is None or plan.pinned.get(plan.revision.origin):
            return ()
        return tuple(
            Change(name, "update", "stays as it is", ChangeState.UNCHANGED, text)
            for name, text in plan.kept.items()
            if (spec := desired.bots.get(name)) is not None
            and spec.source == plan.revision.origin
            and (before is None or differs(spec, before.bots.get(name)))
        )

    def _intents(self, plan: Plan) -> list[InventoryEntry]:
        """Return the entries of all bots about to be applied, marked with what is about to be."""
        intents = []
        for action in plan.actions:
            if action.held or action.waits or action.kind not in (ActionKind.CREATE, ActionKind.UPDATE):
                continue
            spec = self._fleet.difference(action.bot).spec
            entry = self._fleet.inventory.get(action.bot)
            if spec is not None and (entry is None or entry.intent != spec.digest):
                fresh = InventoryEntry(
                    action.bot,
                    spec.path,
                    self._fleet.revision_of(action.bot).id,
                    None,
                    "",
                    self._scheduler,
                    source=spec.source,
                )
                intents.append(replace(entry or fresh, intent=spec.digest))
        return intents

    def _begun_trials(self, intents: Sequence[InventoryEntry]) -> list[Trial]:
        """Return the updates among these that are to be watched."""
        now = self._clock.time()
        found = (begun_trial(self._fleet, entry.bot, now, self._settings) for entry in intents)
        return [trial for trial in found if trial is not None]


def audit_entry(asked: Pass, plan: Plan, now: float) -> AuditEntry | None:
    """Return the audit entry of a pass that somebody asked for by name, None for any other."""
    if not asked.by or asked.trigger in CALM | AT_HAND:
        return None
    wishes = asked.wishes
    details = {
        "trigger": asked.trigger,
        "confirm_prune": asked.consent.words(),
        "no_waves": wishes.no_waves,
        "continue": wishes.go_on,
        "override_window": wishes.override_window is not None,
    }
    return AuditEntry(now, asked.by, "sync", plan.revision.id, wishes.override_window or "", details=details)
