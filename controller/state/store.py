"""The Protocol of a store for saved states: immutable objects by key, each created whole or not at all."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in a listing; `modified` in Unix seconds."""

    key: str
    size: int
    modified: float


class StateStore(Protocol):
    """Keeps objects. Keys are parts of letters, digits, `.`, `_`, `~`, `%` and `-`, joined by `/`.

    Every method may raise StoreUnavailable. One contract suite runs over every implementation.
    """

    async def create(self, key: str, data: bytes) -> bool:
        """Store an object, durable when this returns; False, and no change, where the key is taken."""
        ...

    async def read(self, key: str) -> bytes | None:
        """Return an object, None where there is none."""
        ...

    async def find(self, prefix: str) -> list[Stored]:
        """Return all objects whose key begins with `prefix` (which ends with `/`), sorted by key."""
        ...

    async def delete(self, key: str) -> None:
        """Delete an object; nothing where there is none."""
        ...
