"""The desk of errors: the intake hands them in, and whoever looks at a group hears that it changed."""

from collections.abc import Callable, Sequence

from telemetry.errors.groups import ErrorGroup
from telemetry.errors.occurrence import Occurrence
from telemetry.errors.store import ErrorStore

Told = Callable[[Sequence[ErrorGroup]], None]


class ErrorDesk:
    """Counts errors in a store; `tell` hears of the groups that changed."""

    def __init__(self, store: ErrorStore, tell: Told) -> None:
        self._store = store
        self._tell = tell

    async def record(self, occurrences: Sequence[Occurrence]) -> None:
        """Count occurrences, each event once. Raises StoreUnavailable."""
        changed = await self._store.record(occurrences)
        if changed:
            self._tell(changed)
