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
    rewritten: str = ""
    """The commit that it replaces without following it: somebody rewrote history. "" where nobody did."""
    origin: str = ""
    """The name of its source, where a fleet has several; "" where it has one."""

    signature: str = ""
    """What its signature is worth: good, none, unknown, bad, expired, revoked; "" where nobody asked."""
    signer: str = ""
    """Who signed it, and with which key; "" where nobody did who is known."""

    @property
    def key(self) -> str:
        """What tells it from every other revision: two sources may be at the same commit."""
        return f"{self.id}@{self.origin}" if self.origin else self.id

    @property
    def short(self) -> str:
        """The first 7 digits, as people read it."""
        return self.id[:7]
