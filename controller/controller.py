"""The controller as its users have it: what people, the API and the push ask of it, and its answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from controller.adopting import Adopting
from controller.consent import NO_CONSENT, Consent
from controller.database.attempts import load_attempts
from controller.database.audit import add_audit, load_audit
from controller.database.deployments import bundle_keys
from controller.database.revisions import (
    find_past_bot,
    find_revision,
    load_revisions,
    save_revision,
)
from controller.database.runs import load_runs
from controller.drifts import Drifts
from controller.listing import MOST, listed
from controller.loop import Loop
from controller.passes import NO_WISHES, Pass, Work
from controller.plan import Plan
from controller.preview import Preview
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
from controller.reports import Reported
from controller.rollback.operating import Rollbacks
from controller.schedulers.protocol import NodeReport, Placed
from controller.state.changing import StateChange, change_state
from controller.status import BotStatus
from gitops.desired import DesiredState
from gitops.merging import Owner
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import ManifestError, NotFound, UsageError
from schemas.fleet import Watching
from schemas.log_rules import LogRule
from schemas.state import StateVersion


class Controller:
    """Keeps a fleet as git asks for. `run` is its life; everything else may be called while it runs."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._fleet, self._scheduler, self._database = loop.fleet, loop.scheduler, loop.database
        self._clock, self._reconciler = loop.clock, loop.reconciler

    async def run(self) -> None:
        """Live until cancelled. Raises what kept it from living; see `Loop.run`."""
        await self._loop.run()

    async def ready(self) -> None:
        """Return once the statuses of the earlier life are loaded. Raises what ended `run` before that."""
        await self._loop.ready()

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
        await self._loop.reports.record(reports)

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
        await self._loop.operator.suspend(name, by, reason, until, token)

    async def resume(self, name: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End a suspension. Raises NotFound, UsageError."""
        await self._loop.operator.resume(name, by, reason, token)

    async def restart(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Restart a bot's process. Raises NotFound, UsageError, Conflict, SchedulerUnavailable."""
        await self._loop.operator.restart(name, by, reason, token)

    async def outdated(self, names: Sequence[str] = ()) -> list[str]:
        """Return the bots (of all, where none are named) whose jobs would be rendered otherwise now.

        Raises NotFound, SchedulerUnavailable, BuildFailed.
        """
        return await self._loop.operator.outdated(names or sorted(self._fleet.inventory))

    async def refresh(self, name: str, by: str, reason: str = "", *, token: str = "") -> bool:
        """Apply a bot's job as it is rendered now; say whether it changed. Raises as `restart` does."""
        return await self._loop.operator.refresh(name, by, reason, token)

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is, None where the scheduler knows nothing of it any more.

        Raises SchedulerUnavailable.
        """
        return await self._scheduler.placed(allocation)

    async def suspend_scope(
        self, scope: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Stop every bot of a scope, also those to come. Raises UsageError."""
        await self._loop.ruling.suspend(scope, by, reason, until, token)

    async def resume_scope(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End the suspension of exactly this scope. Raises UsageError."""
        await self._loop.ruling.resume(scope, by, reason, token)

    async def kill(self, scope: str, by: str, reason: str, *, token: str = "") -> KillProgress:
        """Turn the kill switch of a scope on; return how far it has come. Raises UsageError."""
        return await self._loop.ruling.kill(scope, by, reason, token)

    async def release(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """Turn the kill switch of a scope off. Raises UsageError."""
        await self._loop.ruling.release(scope, by, reason, token)

    def kills(self) -> list[KillProgress]:
        """Return how far each kill switch that is on has come."""
        return self._loop.killing.progress()

    def suspensions(self) -> list[Suspension]:
        """Return everything that keeps bots from running: kill switches, rules of scopes, single bots."""
        own = sorted(self._fleet.suspensions.values(), key=lambda one: one.bot)
        rules = sorted(self._fleet.rules.rules, key=lambda one: (not one.kill, one.since))
        return [*rules, *own]

    def held_scopes(self) -> frozenset[str]:
        """Return the scopes of which every bot is suspended until somebody ends that."""
        return frozenset(one.scope for one in self._fleet.rules.rules if one.holds)

    def behind(self) -> float | None:
        """Return how many seconds late suspensions are told: none; None before all were taken up."""
        return 0.0 if self._loop.rulebook.opened else None

    def suspended(self, name: str) -> tuple[Suspension, ...]:
        """Return everything that keeps one bot from running, kill switches first."""
        return self._fleet.suspended(name)

    async def change_state(
        self, name: str, change: StateChange, by: str, reason: str, *, token: str = ""
    ) -> StateVersion:
        """Change a bot's saved state while no copy of it runs. Raises Conflict, NotFound and others."""
        if self._loop.saved_states is None:
            raise UsageError("this herdsman keeps no saved states")
        version = await change_state(self._loop.saved_states, self._scheduler, name, change, by, reason)
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
        return self._loop.drifts

    @property
    def adopting(self) -> Adopting:
        """Return what has bots take the place of jobs that herdsman did not start."""
        return self._loop.adopting

    @property
    def rollbacks(self) -> Rollbacks:
        """Return what holds bots at other revisions than git's newest."""
        return self._loop.rollbacks

    async def recover(self, by: str, reason: str = "", *, token: str = "") -> list[str]:
        """Take over jobs that the database does not know; return their bots. Raises UsageError."""
        return await self._loop.operator.recover(by, reason, token)

    async def query(self, name: str, path: str, params: Mapping[str, Any]) -> str:
        """Return what a bot's query program answers, as JSON text; see `Queries.ask` for the errors."""
        return await self._loop.queries.ask(name, path, params)

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
            self._loop.listener.revision_changed(record)

    @property
    def fleet_id(self) -> str:
        """Return the fleet id, "" before `ready`."""
        return self._fleet.id

    @property
    def environments(self) -> tuple[str, ...]:
        """Return the environments that this service runs the bots of; none where it runs all."""
        return self._loop.settings.environments

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
        if not self._loop.source.announce(source):
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
        ended = f"the controller has ended: {self._loop.failure}" if self._loop.failure else ""
        passes = (self._reconciler.problem, self._reconciler.watch_problem, *self._loop.source.problems())
        unkept = self._loop.rulebook.problem
        rules = f"kill switches and suspensions in force are not kept yet: {unkept}" if unkept else ""
        found = (ended, self._fleet.recovery, self._fleet.unavailable, rules, *passes, self._reconciler.held)
        return list(dict.fromkeys(text for text in found if text))

    def troubles(self) -> dict[str, str]:
        """Return what is wrong with each part that can be in trouble, "" where nothing is."""
        problem = "" if self._fleet.unavailable else self._reconciler.problem
        return {
            "scheduler": self._fleet.unavailable,
            "source": "; ".join(dict.fromkeys(filter(None, (problem, *self._loop.source.problems())))),
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
        observed = self._loop.watch.observed_at
        return Work(
            last=self._reconciler.last,
            passing=self._reconciler.passing,
            changing=self._loop.followed.waiting,
            synced_at=self._reconciler.synced_at,
            next_look_at=self._reconciler.next_look_at,
            observed_ago=None if observed is None else self._clock.monotonic() - observed,
        )

    def revision(self) -> RevisionRecord | None:
        """Return the newest revision's record as it stands now."""
        return self._loop.followed.current()

    async def revisions(self, limit: int = 50, *, before: str = "", bot: str = "") -> list[RevisionRecord]:
        """Return revisions newest first, with the first of their changes (all counted) and no fields.

        `before` a revision's id: those that came before it; `bot`: those that changed it. Raises NotFound.
        """
        mark = (await self.find_revision(before)).revision.key if before else ""
        found = await self._database.run(
            lambda connection: load_revisions(connection, limit, before=mark, bot=bot, most=MOST)
        )
        current = {record.revision.key: record for record in self._loop.followed.every()}
        return [
            listed(now, bot) if (now := current.get(one.revision.key)) is not None else one for one in found
        ]

    async def past(self, name: str) -> PastBot | None:
        """Return what is remembered of a bot that may be gone, None where no kept revision changed it."""
        return await self._database.run(lambda connection: find_past_bot(connection, name))

    async def find_revision(self, revision: str) -> RevisionRecord:
        """Return one revision by its id or the first digits of it. Raises NotFound."""
        for current in self._loop.followed.every():
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
