"""When what stopped bots counts as ended by an operator: what is not seen may only not be seen yet. Pure."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Absences(Generic[K]):
    """Follows things that are there until somebody ends them.

    `behind` returns how many seconds late it is seen what there is, None while that is not known at all;
    `clock` counts seconds and is never set.
    """

    def __init__(self, behind: Callable[[], float | None], clock: Callable[[], float]) -> None:
        self._behind, self._clock = behind, clock
        self.seen: set[K] = set()
        """What was seen in this life."""
        self._missing: dict[K, float] = {}
        """Since when something was looked for, and never seen."""

    def see(self, key: K) -> None:
        """Take that something is there."""
        self.seen.add(key)
        self._missing.pop(key, None)

    def is_gone(self, key: K) -> bool:
        """Say whether something that is not there now was ended, after which it is forgotten.

        What was seen has ended; what never was, once it had the time to be seen.
        """
        late, now = self._behind(), self._clock()
        if late is None:
            self._missing.pop(key, None)
            return False
        if key not in self.seen and now < self._missing.setdefault(key, now) + late:
            return False
        self.forget(key)
        return True

    def forget(self, key: K) -> None:
        """Follow something no more."""
        self.seen.discard(key)
        self._missing.pop(key, None)
