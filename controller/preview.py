"""What a pass would do for a desired state, bot by bot, in what a person must know of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controller.compare import Difference, Kind
from controller.field_changes import field_changes
from controller.plan import Plan
from controller.records import FieldChange, InventoryEntry
from gitops.desired import DesiredState
from schemas.bot import BotSpec


@dataclass(frozen=True, slots=True)
class Detail:
    """One bot's change: the fields of its manifest that differ, and what it is before and after."""

    fields: tuple[FieldChange, ...] = ()
    before: BotSpec | None = None
    """As it was applied last, None where it never was."""
    after: BotSpec | None = None
    """As it should be, None where it should not run."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with the details of its actions; `kept` says why bots stay as they are though they differ."""

    desired: DesiredState
    plan: Plan
    details: Mapping[str, Detail] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)


def make_preview(
    desired: DesiredState,
    plan: Plan,
    differences: Iterable[Difference],
    inventory: Mapping[str, InventoryEntry],
) -> Preview:
    """Return a plan with what a person needs to judge it."""
    by_bot = {one.bot: one for one in differences}
    details = {}
    for action in plan.actions:
        after = by_bot[action.bot].spec
        entry = inventory.get(action.bot)
        before = entry.spec if entry is not None else None
        fields = () if action.drift else field_changes(before, after)
        details[action.bot] = Detail(fields, before, after)
    kept = {one.bot: one.reason for one in by_bot.values() if one.kind is Kind.PROTECTED}
    return Preview(desired, plan, details, kept)
