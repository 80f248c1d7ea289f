"""All that the controller knows now, in one place; only the event loop's thread touches it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from controller.compare import Difference, Kind, Known, compare_bot, drift_of
from controller.delays import Delay
from controller.doing import Operation
from controller.plan import Plan
from controller.process import ProcessState
from controller.records import Adoption, Halt, InventoryEntry, Rules, Suspension
from controller.recovery import ended_suspensions, needs_recovery, recovered_entries, recovered_suspensions
from controller.rollback.holding import hold_of
from controller.rollback.overlay import Overlays, overlaid
from controller.rollback.records import Trial
from controller.schedulers.protocol import ObservedBot, Phase
from controller.standing import Standing
from controller.status import BotStatus, Drift, Hold, Reason
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec

_NOTHING = DesiredState(Revision(""), complete=False)


@dataclass(slots=True)
class Fleet:
    """What git asks for, what the scheduler shows, what we own, and what was reported; by bot name.

    `desired` is what git asks for, `wanted` what the bots should be, which `overlays` may hold elsewhere.
    `held` says why a bot's change is held back; `after` names the bots that must be dead before a new one
    starts; `trouble` is what keeps everything from being changed, in a constant and in words.
    """

    id: str = ""
    desired: DesiredState | None = None
    observed: dict[str, ObservedBot] = field(default_factory=dict)
    inventory: dict[str, InventoryEntry] = field(default_factory=dict)
    suspensions: dict[str, Suspension] = field(default_factory=dict)
    adoptions: dict[str, Adoption] = field(default_factory=dict)
    """Bots that are to take the place of jobs which herdsman did not start."""
    rules: Rules = Rules()
    processes: dict[str, ProcessState] = field(default_factory=dict)
    statuses: dict[str, BotStatus] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    drifts: dict[str, Drift] = field(default_factory=dict)
    """The newest drift of each bot that ever had one."""
    since: float = 0.0
    """When this life of the controller began, by the wall clock as it is set now."""
    looked: bool = False
    """Whether the scheduler was looked at in this life: before that nothing of a bot that runs is known."""
    revisions: set[str] = field(default_factory=set)
    programs: dict[tuple[str, str], str] = field(default_factory=dict)
    """(program, version) -> the git tree that ran under it; a program of several sources is `source/name`."""
    overlays: Overlays = Overlays()
    asked_overlays: Overlays = Overlays()
    """What holds bots from the next pass on, which plans (and may hold) what that changes."""
    trials: dict[str, Trial] = field(default_factory=dict)
    proven: dict[str, str] = field(default_factory=dict)
    """The digests that are applied now and got healthy."""
    spared: dict[str, str] = field(default_factory=dict)
    """Why an update that does not get healthy is not taken back."""
    held: dict[str, str] = field(default_factory=dict)
    after: dict[str, tuple[str, ...]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    recovery: str = ""
    """Why we only observe until an operator recovers, "" where we act."""
    restored: float | None = None
    """When the backup was taken that the database was restored from, until it is known what ran on since."""
    ask: Callable[[str, Difference], Delay | None] = lambda _name, _difference: None
    """Says what a bot's change waits for (a wave, a window, another bot), None where it may go now."""
    leans_on: Callable[[str], str] = lambda _name: ""
    """Says why a bot that one depends on is not healthy, "" where all are."""
    unavailable: str = ""
    """Why the scheduler's state is not known now, "" where it is."""
    _overlaid: tuple[DesiredState, Overlays, DesiredState] | None = field(default=None, repr=False)

    @property
    def wanted(self) -> DesiredState | None:
        """Return what the bots should be: what git asks for, but for what is held elsewhere."""
        desired, overlays, known = self.desired, self.overlays, self._overlaid
        if desired is None:
            return None
        if known is None or known[0] is not desired or known[1] is not overlays:
            known = self._overlaid = (desired, overlays, overlaid(desired, overlays))
        return known[2]

    @property
    def known(self) -> Known:
        """Return what a comparison reads; it follows every later change."""
        return Known(self.id, self.observed, self.inventory, self.suspensions, self.rules)

    def set_clock(self, step: float, names: Iterable[str]) -> None:
        """Keep true how long ago it is what we measured ourselves, after the wall clock was set by so much.

        `names` are the bots of whom it counts since when their spec is applied.
        """
        self.since += step
        for name, process in self.processes.items():
            if process.alive_since is not None:
                self.processes[name] = replace(process, alive_since=process.alive_since + step)
        for name in names:
            entry = self.inventory.get(name)
            if entry is not None and entry.applied_at is not None:
                self.inventory[name] = replace(entry, applied_at=entry.applied_at + step)

    def recovered(self, scheduler: str, now: float) -> Known:
        """Return what a comparison would read after a recovery."""
        entries = recovered_entries(self.id, self.observed, self.inventory, self.wanted, scheduler)
        back = recovered_suspensions(self.id, self.observed, self.suspensions, now)
        over = ended_suspensions(self.id, self.observed, self.inventory, self.suspensions)
        suspensions = {name: one for name, one in self.suspensions.items() if name not in over}
        return Known(
            self.id,
            self.observed,
            self.inventory | {entry.bot: entry for entry in entries},
            suspensions | {one.bot: one for one in back},
            self.rules,
        )

    def needs_recovery(self) -> str:
        """Return why only to observe, "" where the database knows of everything that runs."""
        return needs_recovery(self.id, self.observed, self.inventory, self.revisions, self.restored)

    def forget(self, name: str) -> None:
        """Forget all that is ours of a bot that is gone."""
        for kept in (self.inventory, self.suspensions, self.operations, self.trials, self.proven):
            kept.pop(name, None)
        self.forget_refusals(name)

    def forget_refusals(self, name: str) -> None:
        """Refuse nothing of a bot any more."""
        if name not in self.asked_overlays.refusals:
            return
        same = self.overlays is self.asked_overlays
        self.asked_overlays = self.asked_overlays.without_refusals(name)
        self.overlays = self.asked_overlays if same else self.overlays.without_refusals(name)

    def difference(self, name: str) -> Difference:
        """Return how one bot differs now; nothing acts before a revision and the jobs are known.

        A bot whose change waits is kept running as it was last applied.
        """
        found = self.asked_difference(name)
        if found.kind is Kind.UPDATE and self.ask(name, found) is not None:
            return drift_of(name, self.known) or found
        return found

    def asked_difference(self, name: str) -> Difference:
        """Return how one bot differs from what git asks for, whether or not that has to wait."""
        return compare_bot(name, self.wanted or _NOTHING, self.known)

    def keeps_old(self, name: str) -> bool:
        """Say whether a bot is to be kept as it was last applied, since its change has to wait."""
        found = self.asked_difference(name)
        return found.kind is Kind.UPDATE and self.ask(name, found) is not None

    def delay(self, name: str) -> Delay | None:
        """Return what a bot's change waits for, None where it may go or there is none."""
        found = self.difference(name)
        return self.ask(name, found) if found.wants else None

    def may_act(self, name: str) -> bool:
        """Say whether a bot may be changed at all now (a held prune does not keep an operator's stop).

        Nothing is done for a revision that is not in the database yet. Bots under a kill switch are the
        switch's alone (see `killing.py`).
        """
        if self.killed(name):
            return False
        if self.desired is None or self.recovery or self.desired.revision.id not in self.revisions:
            return False
        difference = self.difference(name)
        if name in self.held and difference.kind in (Kind.CREATE, Kind.REMOVE):
            return False
        return not difference.wants or self.ask(name, difference) is None

    def suspended(self, name: str) -> tuple[Suspension, ...]:
        """Return everything that keeps a bot from running, kill switches first."""
        return self.known.suspended(name, self.desired.bots.get(name) if self.desired else None)

    def killed(self, name: str) -> Suspension | None:
        """Return the kill switch that a bot is under, None where it is under none."""
        if not self.rules.kills:
            return None
        return next((one for one in self.suspended(name) if one.kill), None)

    def revision_of(self, name: str) -> Revision:
        """Return the revision that says what a bot is: that of its own source."""
        desired, entry = self.wanted or _NOTHING, self.inventory.get(name)
        return desired.revision_of(name, entry.source if entry else "")

    def standing(self, name: str) -> Standing | None:
        """Return everything known of one bot, None where it is neither wanted nor ours."""
        owned = self.inventory.get(name)
        wanted = self.wanted.bots.get(name) if self.wanted else None
        spec = wanted or (owned.spec if owned else None)
        if spec is None:
            return None
        trouble, text = self._trouble()
        return Standing(
            name=name,
            spec=spec,
            difference=self.difference(name),
            seen=self.observed.get(name),
            owned=owned,
            process=self.processes.get(name, ProcessState()),
            suspended=self.suspended(name),
            operation=self.operations.get(name),
            held=self.held.get(name, ""),
            delay=self.delay(name),
            leans_on=self.leans_on(name) if spec.depends_on else "",
            trouble=trouble,
            trouble_text=text,
            certain=self.desired is not None,
            hold=self._hold(name, spec),
            spared=self.spared.get(name, ""),
            drift=self.drifts.get(name),
            observed=self.looked,
        )

    def _hold(self, name: str, spec: BotSpec) -> Hold | None:
        """Return what keeps a bot from being what git asks for."""
        overlays, desired = self.overlays, self.desired
        git = desired.bots.get(name) if desired else None
        source = git.source if git else spec.source
        pin = overlays.pin_of(name, source)
        refusal = overlays.refusal_of(git) if pin is None else None
        if pin is None and refusal is None:
            return None
        revision = desired.revision_of(name, source) if desired else Revision("")
        return hold_of(pin, refusal, spec, git, revision)

    def _trouble(self) -> tuple[Reason | None, str]:
        if self.recovery:
            return Reason.RECOVERY_NEEDED, self.recovery
        if self.unavailable:
            return Reason.SCHEDULER_UNAVAILABLE, self.unavailable
        return None, ""

    def versions(self, source: str) -> dict[str, tuple[str, str]]:
        """Return the (program, version) of each bot of a source: moving to another major one needs consent.

        Of a bot that is held elsewhere what git asked for last, which was consented to.
        """
        held, bots = self.asked_overlays, self.desired.bots if self.desired else {}
        found = {}
        for name, entry in self.inventory.items():
            spec = entry.spec
            if (held.pins and held.pin_of(name, entry.source)) or name in held.refusals:
                spec = bots.get(name)
            if spec is not None and entry.source == source:
                found[name] = (spec.program.name, spec.program.version)
        return found

    def is_used(self, name: str) -> bool:
        """Say whether a name's bot is wanted, or ours and not being removed, or not known to be dead."""
        seen, entry = self.observed.get(name), self.inventory.get(name)
        return (
            (self.wanted is not None and name in self.wanted.bots)
            or (entry is not None and entry.halted is not Halt.REMOVED)
            or (seen is not None and seen.phase is not Phase.STOPPED)
        )

    def names(self) -> set[str]:
        """Return every bot that is wanted or ours."""
        wanted = self.wanted.bots.keys() if self.wanted else set()
        return set(wanted) | self.inventory.keys()

    def take_plan(self, plan: Plan) -> set[str]:
        """Hold and order bots as a plan says; return those whose hold has changed."""
        before = self.held
        self.held = {one.bot: plan.held_for(one.source) for one in plan.actions if one.held}
        self.after = {action.bot: action.after for action in plan.actions if action.after}
        self.renamed = {action.bot: action.renamed_from for action in plan.actions if action.renamed_from}
        return before.keys() ^ self.held.keys()

    def protected(self) -> set[str]:
        """Return our bots whose manifests did not load."""
        desired = self.wanted
        if desired is None or not (desired.several or desired.failed_paths or desired.failed_bots):
            return set()
        return {
            name
            for name, entry in self.inventory.items()
            if entry.source in desired.unread or desired.fails(entry.source, entry.path, name)
        }

    def adopted(self, differences: Iterable[Difference], scheduler: str) -> list[InventoryEntry]:
        """Return the entries of bots that run as they should without the inventory saying so."""
        adopted = []
        for one in differences:
            seen = self.observed.get(one.bot)
            if one.kind is Kind.ADOPT and seen is not None and one.spec is not None:
                fresh = InventoryEntry(one.bot, one.spec.path, seen.revision, one.spec, seen.token, scheduler)
                fresh = replace(fresh, source=one.spec.source)
                before = self.inventory.get(one.bot, fresh)
                adopted.append(
                    replace(fresh, code=before.code, dependencies=before.dependencies, node=seen.node)
                )
        return adopted


def qualify(program: str, source: str) -> str:
    """Return a program's name in the whole fleet: each of several sources has programs of its own."""
    return f"{source}/{program}" if source else program
