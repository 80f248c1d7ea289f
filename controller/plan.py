"""The plan of one pass: what will be done, in which order, and what is held back for a person to confirm.

Pure. Removals come first, and new bots start only after the old ones are dead; a bot that another one
was renamed to waits for that one without a limit.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from controller.compare import Difference, Kind
from controller.consent import NO_CONSENT, Consent
from controller.pruning import begun, find_prunes, holds_of, source_of
from controller.records import Adoption, InventoryEntry
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.errors import ManifestError


class ActionKind(StrEnum):
    """What is done to a bot."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a plan. `after` names bots that must be dead first, `renamed_from` one of them.

    `held`: it waits for a person; `blocked`: why it cannot be done yet ("" where it can).
    """

    bot: str
    kind: ActionKind
    summary: str
    reason: str = ""
    after: tuple[str, ...] = ()
    renamed_from: str = ""
    held: bool = False
    blocked: str = ""
    drift: bool = False
    """It repairs what was done behind our back; git did not ask for it."""
    source: str = ""
    """The name of the bot's source, where the fleet has several."""
    back: bool = False
    """It brings the bot back to what another revision than git's newest says."""
    priority: int = 50
    waits: str = ""
    """What it waits for by itself: a wave, a window, another bot; "" where it goes now."""
    wave: int = 0
    """Its wave, from 1; 0 where it is in none."""
    lasting: bool = False
    """Nobody should wait for it now: a window is closed, or the rollout was halted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a pass would do for one revision; `total` counts the revision's sound bots."""

    revision: Revision
    actions: tuple[Action, ...] = ()
    errors: tuple[ManifestError, ...] = ()
    held: str = ""
    total: int = 0
    holds: Mapping[str, str] = field(default_factory=dict)
    """Why prunes are held, by source ("" where the fleet has one)."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """What a consent to each of them names it by, by source; see `Prune.code`."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """To what all bots of a source are held, by source: its newest revision changes nothing."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Why bots stay at another revision though git asks for something else, by bot."""
    waves: tuple[int, ...] = ()
    """How many bots each wave of this revision has, () where it goes without waves."""

    def held_for(self, source: str) -> str:
        """Return why changes of one source are held, "" where they are not."""
        # The revision of a fleet's one source answers also for the sources that there were before.
        whole = "" if self.holds and self.revision.origin else self.held
        return self.holds.get(source, whole) or self.pinned.get(source, "")

    def summary(self) -> str:
        """Return `3 of 214 bots change`: what is held does not, and what goes counts among all."""
        changing = sum(not action.held for action in self.actions)
        removed = sum(action.kind is ActionKind.REMOVE for action in self.actions)
        waiting = len(self.actions) - changing
        held = f", {waiting} {'is' if waiting == 1 else 'are'} held" if waiting else ""
        return f"{changing} of {self.total + removed} bots change{held}"


KINDS = {
    Kind.CREATE: ActionKind.CREATE,
    Kind.UPDATE: ActionKind.UPDATE,
    Kind.DRIFTED: ActionKind.UPDATE,
    Kind.REMOVE: ActionKind.REMOVE,
    Kind.STOP: ActionKind.STOP,
}
_NONE: Mapping[str, Any] = MappingProxyType({})
_ORDER = (ActionKind.REMOVE, ActionKind.STOP, ActionKind.UPDATE, ActionKind.CREATE)


def make_plan(
    desired: DesiredState,
    differences: Sequence[Difference],
    inventory: Mapping[str, InventoryEntry],
    *,
    consent: Consent = NO_CONSENT,
    allowed: Mapping[str, frozenset[str]] = _NONE,
    undecided: Set[str] = frozenset(),
) -> Plan:
    """Order the differences into actions, and hold a prune that may not be meant.

    `consent` lets through what somebody agreed to, `allowed` the bots of which it was decided before (by
    `prune_key`). `undecided`: see `find_prunes`.
    """
    wanted = [one for one in differences if one.wants]
    renames = _renames(wanted, inventory)
    prunes = find_prunes(desired, wanted, set(renames.values()), inventory, undecided)
    held = holds_of(prunes, desired, consent, allowed)
    holds = {source: one.text for source, one in held.items()}
    sources = {one.bot: source_of(one, inventory) for one in wanted}
    ending = tuple(
        one.bot
        for one in wanted
        if one.kind in (Kind.REMOVE, Kind.STOP)
        and not one.blocked
        and not _holds(one, inventory, holds, sources[one.bot], desired)
    )
    leaning = _leaning(ending, inventory)
    actions = [
        _action(one, ending, leaning, renames, holds, sources[one.bot], desired, inventory) for one in wanted
    ]
    actions.sort(key=lambda action: (_ORDER.index(action.kind), -action.priority, action.bot))
    return Plan(
        desired.revision,
        tuple(actions),
        desired.errors,
        "; ".join(dict.fromkeys(holds.values())),
        len(desired.bots),
        holds,
        {source: one.code for source, one in held.items()},
    )


def in_place_of(plan: Plan, adoptions: Mapping[str, Adoption]) -> Plan:
    """Return a plan that says which new bots take the place of which jobs."""
    if not adoptions:
        return plan
    return replace(
        plan,
        actions=tuple(
            replace(one, summary=f"{one.summary}, {_place_of(adoptions[one.bot])}")
            if one.bot in adoptions and one.kind is ActionKind.CREATE
            else one
            for one in plan.actions
        ),
    )


def _place_of(adoption: Adoption) -> str:
    job = adoption.job
    return f"once the job {job} has ended" if adoption.apart else f"in place of the job {job}"


def _action(
    one: Difference,
    ending: tuple[str, ...],
    leaning: Mapping[str, tuple[str, ...]],
    renames: Mapping[str, str],
    holds: Mapping[str, str],
    source: str,
    desired: DesiredState,
    inventory: Mapping[str, InventoryEntry],
) -> Action:
    created = one.kind is Kind.CREATE
    old = renames.get(one.bot, "")
    after = ending if created else leaning.get(one.bot, ())
    summary = f"renamed from {old}, {one.summary}" if old else one.summary
    back = _goes_back(one, desired, inventory)
    return Action(
        bot=one.bot,
        kind=KINDS[one.kind],
        summary=f"back to {desired.overlaid[one.bot].short}: {summary}" if back else summary,
        reason=one.reason,
        after=after if not old or old in after else (*after, old),
        renamed_from=old,
        held=_holds(one, inventory, holds, source, desired),
        source=source,
        blocked=one.blocked,
        drift=one.kind is Kind.DRIFTED,
        back=back,
        priority=one.spec.priority if one.spec is not None else 50,
    )


def _leaning(ending: tuple[str, ...], inventory: Mapping[str, InventoryEntry]) -> dict[str, tuple[str, ...]]:
    """Return, of the bots that end, which others of them depend on each: those end first."""
    leaning: dict[str, tuple[str, ...]] = {}
    names = frozenset(ending)
    for bot in ending:
        entry = inventory.get(bot)
        for other in entry.spec.depends_on if entry is not None and entry.spec is not None else ():
            if other in names:
                leaning[other] = (*leaning.get(other, ()), bot)
    return leaning


def _goes_back(one: Difference, desired: DesiredState, inventory: Mapping[str, InventoryEntry]) -> bool:
    """Say whether an action brings a bot to what it is held at, and not only starts or repairs it."""
    if one.spec is None or one.bot not in desired.overlaid:
        return False
    entry = inventory.get(one.bot)
    return entry is None or entry.digest != one.spec.digest


def _holds(
    one: Difference,
    inventory: Mapping[str, InventoryEntry],
    holds: Mapping[str, str],
    source: str,
    desired: DesiredState,
) -> bool:
    """Say whether a held prune keeps this one: new bots, and removals that have not begun.

    Where several sources became one, a new bot may be one of a dropped source under another name.
    """
    if one.kind is Kind.CREATE:
        return bool(holds) if not desired.several else source in holds
    return one.kind is Kind.REMOVE and source in holds and not begun(one.bot, inventory)


def _renames(wanted: Sequence[Difference], inventory: Mapping[str, InventoryEntry]) -> dict[str, str]:
    """Return new name -> old name, where the old bot is ours and is being removed."""
    removed = {one.bot for one in wanted if one.kind is Kind.REMOVE}
    return {
        one.bot: one.spec.renamed_from
        for one in wanted
        if one.kind is Kind.CREATE and one.spec and one.spec.renamed_from in removed & inventory.keys()
    }
