"""One commit of a fleet's source, as everything above git speaks of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit: full id, author ("Name <mail>"), first line of its message, Unix time of the commit."""

    id: str
    author: str = ""
    message: str = ""
    committed_at: float = 0.0
    branch: str = ""
    source: str = ""

    @property
    def short(self) -> str:
        """The first 7 digits, as people read it."""
        return self.id[:7]
