"""Which removals wait until a person agrees to them, and why, in words. Pure.

A removal is what git is meant to say; a fleet that is lost by accident looks just the same. So what is large,
what leaves nothing, and what a rewritten history brings is held, each source by itself.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from controller.compare import Difference, Kind
from controller.consent import Consent
from controller.records import Halt, InventoryEntry
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.fleet import FleetSettings

REMOVAL = "would be removed"
"""What every text about a held removal says, and none about anything else that is held."""
_NAMED = 5
"""Bots whose names are told; the others are counted."""


@dataclass(frozen=True, slots=True)
class Prune:
    """What one source would remove and has not begun to; `owned` counts our bots of it.

    `revision` is the commit that asks for it. `why` it is held unless somebody agrees, "" where nobody needs
    to.
    """

    source: str
    revision: str
    names: frozenset[str]
    owned: int
    why: str = ""

    @property
    def code(self) -> str:
        """What tells exactly these removals from any others, in 8 characters."""
        text = "\0".join([self.source, *sorted(self.names)])
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def text(self) -> str:
        """Why it is held, of which bots, and what to do."""
        return (
            f"{self.why}: {named(self.names)}. Held, and no new bot starts, until it is confirmed "
            f"(herdsman sync --confirm-prune {self.code}, or git push -o confirm-prune with a next commit); "
            "if it is not meant, bring the files back"
        )


def find_prunes(
    desired: DesiredState,
    wanted: Sequence[Difference],
    renamed: set[str],
    inventory: Mapping[str, InventoryEntry],
    undecided: Set[str],
) -> list[Prune]:
    """Return what each source would remove; `renamed` bots go on under another name and do not count.

    `undecided` are bots whose removal was held before, and about which nobody has decided since.
    """
    names: defaultdict[str, set[str]] = defaultdict(set)
    for one in wanted:
        removed = one.kind is Kind.REMOVE and one.bot not in renamed
        if removed and ran(inventory.get(one.bot)) and not begun(one.bot, inventory):
            names[source_of(one, inventory)].add(one.bot)
    return [_judged(source, frozenset(of), desired, inventory, undecided) for source, of in names.items()]


def holds_of(
    prunes: Sequence[Prune],
    desired: DesiredState,
    consent: Consent,
    allowed: Mapping[str, frozenset[str]],
) -> dict[str, Prune]:
    """Return the prunes that are held, by source.

    `allowed` are the bots of which was decided before that they may go, by `prune_key`.
    """
    return {
        one.source: one
        for one in prunes
        if one.why
        and not consent.covers(one.code, one.revision)
        and not one.names <= allowed.get(prune_key(desired, one.source), frozenset())
    }


def prune_key(desired: DesiredState, source: str) -> str:
    """Return what a decided prune of a source is remembered by: for one revision, or one going back."""
    part = _part(desired, source)
    if part is None:
        return f"@{source}"
    return f"{part.held_at.key} held" if part.held_at is not None else part.revision.key


def source_of(one: Difference, inventory: Mapping[str, InventoryEntry]) -> str:
    """Return the source that a difference belongs to; "" where the fleet has one.

    In a fleet of one source what another one declared before is still that one's, unless it moved.
    """
    entry = inventory.get(one.bot)
    return one.spec.source if one.spec is not None else entry.source if entry is not None else ""


def begun(name: str, inventory: Mapping[str, InventoryEntry]) -> bool:
    """Say whether a bot's removal is under way."""
    entry = inventory.get(name)
    return entry is not None and entry.halted is Halt.REMOVED


def ran(entry: InventoryEntry | None) -> bool:
    """Say whether a bot was ever applied: only such a one can be lost."""
    return entry is not None and (entry.spec is not None or bool(entry.token))


def named(names: frozenset[str]) -> str:
    """Return some names and how many more there are."""
    first = sorted(names)[:_NAMED]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def _part(desired: DesiredState, source: str) -> DesiredState | None:
    """Return what a source asks for, None where it is no longer configured, or has not been read."""
    return desired.of_source(source) if desired.several or not source else None


def _judged(
    source: str,
    names: frozenset[str],
    desired: DesiredState,
    inventory: Mapping[str, InventoryEntry],
    undecided: Set[str],
) -> Prune:
    part = _part(desired, source)
    # What is ending already will not be left, and stands for nothing that stays.
    staying = [one for one in inventory.values() if ran(one) and one.halted is not Halt.REMOVED]
    owned = sum(entry.source == source for entry in staying)
    if part is None:
        return Prune(source, desired.revision.id, names, owned, _orphaned(source, len(names)))
    revision = part.held_at or part.revision
    why = (
        _nothing_left(part, len(names), owned)
        or (_leaped(revision, len(names), owned) if part.held_at is None else "")
        or _too_many(part.settings, len(names), owned)
        or (_waiting(len(names), owned) if names & undecided else "")
    )
    return Prune(source, revision.id, names, owned, why)


def _nothing_left(part: DesiredState, count: int, owned: int) -> str:
    if count < owned or part.settings.prune_share >= 1:
        return ""
    if not part.bots and not part.failed_bots:
        return (
            f"the revision has no bot at all (an emptied or moved folder, another branch?), so "
            f"{_of(count, owned)} would be removed"
        )
    return f"{_of(count, owned)} would be removed, so none that runs would be left" if count > 1 else ""


def _leaped(revision: Revision, count: int, owned: int) -> str:
    if not revision.rewritten:
        return ""
    return (
        "history was rewritten, or another branch is followed "
        f"({revision.short} does not follow {revision.rewritten[:7]}), "
        f"and {_of(count, owned)} would be removed"
    )


def _too_many(settings: FleetSettings, count: int, owned: int) -> str:
    if count <= settings.prune_least or count <= settings.prune_share * owned:
        return ""
    return f"{_of(count, owned)} would be removed, more than {settings.prune_share:.0%}"


def _waiting(count: int, owned: int) -> str:
    return f"removals that were held wait for a decision, and {_of(count, owned)} would be removed"


def _orphaned(source: str, count: int) -> str:
    gone = f"the source {source} is" if source else "the one source of before is"
    return f"{gone} no longer configured, so {count} {'bot' if count == 1 else 'bots'} of it would be removed"


def _of(count: int, owned: int) -> str:
    return f"{count} of {owned} {'bot' if owned == 1 else 'bots'}"
