"""The Protocol of what keeps error groups; `embedded.errors` fulfils it, proven by a contract test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from telemetry.errors.groups import ErrorGroup, State
from telemetry.errors.occurrence import Occurrence


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """Which groups; newest seen first. `states` () for every one; `now` tells new from ongoing."""

    now: float
    bot: str = ""
    program: str = ""
    states: tuple[State, ...] = ()
    since: float | None = None
    """Only those seen at this Unix time or after it."""
    limit: int = 200


class ErrorStore(Protocol):
    """Keeps error groups. Recording an event again changes nothing."""

    async def record(self, occurrences: Sequence[Occurrence]) -> list[ErrorGroup]:
        """Count occurrences, each event once; return the groups that changed. Raises StoreUnavailable.

        The events of one stream come in its order: one that lies before another that was recorded counts as
        recorded.
        """
        ...

    async def groups(self, query: GroupQuery) -> list[ErrorGroup]:
        """Return the matching groups, those seen last first."""
        ...

    async def group(self, identity: str) -> ErrorGroup:
        """Return one group. Raises NotFound."""
        ...

    async def resolve(self, identity: str, at: float, by: str, reason: str) -> ErrorGroup:
        """Mark a group as resolved and return it. Raises NotFound."""
        ...

    async def reopen(self, identity: str) -> ErrorGroup:
        """Take back that a group is resolved, and return it. Raises NotFound."""
        ...

    async def close(self) -> None:
        """Flush and let go."""
        ...
