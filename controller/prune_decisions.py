"""What was decided about removals, and what still waits for a decision, from one pass to the next. Pure."""

from collections import defaultdict
from collections.abc import Mapping

from controller.plan import ActionKind, Plan
from controller.pruning import REMOVAL, prune_key
from controller.records import InventoryEntry, RevisionRecord
from gitops.desired import DesiredState

Inventory = Mapping[str, InventoryEntry]


class PruneDecisions:
    """Remembers which bots may go, and of which a person has yet to say so."""

    def __init__(self) -> None:
        self.allowed: dict[str, frozenset[str]] = {}
        """The bots of which was decided that they may go, by `prune_key`."""
        self.undecided: frozenset[str] = frozenset()
        """Bots whose removal was held: it stays so until somebody decides, whatever is pushed on top."""

    def take_up(self, earlier: Mapping[str, RevisionRecord], inventory: Inventory) -> None:
        """Go on where an earlier life ended; `earlier` are the records that it left, by source."""
        held = {source for source, record in earlier.items() if REMOVAL in record.held}
        self.undecided = frozenset(entry.bot for entry in inventory.values() if entry.source in held)

    def learn(self, desired: DesiredState, plan: Plan, inventory: Inventory) -> None:
        """Remember what a plan lets go, and what it holds."""
        self.allowed = self._leaves(desired, plan, inventory)
        self.undecided = self._still_undecided(desired, plan, inventory)

    def _leaves(self, desired: DesiredState, plan: Plan, inventory: Inventory) -> dict[str, frozenset[str]]:
        """Return the bots of which was decided that they may go, by `prune_key`, those of before included."""
        leaves: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
        for action in plan.actions:
            if action.kind is ActionKind.REMOVE and not action.held:
                leaves[prune_key(desired, action.source)] |= {action.bot}
        for source in {*desired.parts, *(entry.source for entry in inventory.values()), ""}:
            key = prune_key(desired, source)
            leaves[key] |= self.allowed.get(key, frozenset())
        return dict(leaves)

    def _still_undecided(self, desired: DesiredState, plan: Plan, inventory: Inventory) -> frozenset[str]:
        """Return the bots whose removal was held, now or before, and that nobody has decided about since."""
        removals = [action for action in plan.actions if action.kind is ActionKind.REMOVE]
        waiting = self.undecided | {action.bot for action in removals if action.held}
        let_go = {action.bot for action in removals if not action.held}
        return (waiting & inventory.keys()) - desired.bots.keys() - let_go
