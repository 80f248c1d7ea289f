"""A push to our own remote, and who decides about it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gitops.reading import CommitReader
from gitops.tree import NO_OBJECT

Say = Callable[[str], Awaitable[None]]
"""Shows a line to the person who pushes (as `remote: ...`), at once; does nothing once they have left."""


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref that a push moves; `old` or `new` is 40 zeros where it is created or deleted."""

    old: str
    new: str
    ref: str

    @property
    def deletes(self) -> bool:
        """Whether the ref is taken away."""
        return self.new == NO_OBJECT

    @property
    def creates(self) -> bool:
        """Whether the ref was not there before."""
        return self.old == NO_OBJECT


@dataclass(frozen=True, slots=True)
class Push:
    """What somebody pushes: the refs, their push options (`git push -o`), and the name of the user.

    `branch` is the deployed branch. `environment` lets git read objects that are not let in yet.
    """

    updates: tuple[RefUpdate, ...]
    options: tuple[str, ...]
    user: str
    repository: Path
    branch: str
    environment: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    """The scope of the user's token."""

    @property
    def deployed(self) -> RefUpdate | None:
        """Return the update of the deployed branch, or None where the push leaves it alone."""
        ref = f"refs/heads/{self.branch}"
        return next((update for update in self.updates if update.ref == ref), None)

    def reader(self, commit: str, subfolder: str = "") -> CommitReader:
        """Return a reader of one of its commits; close it before the push is answered."""
        return CommitReader(
            self.repository, commit, subfolder=subfolder, environment=self.environment, branch=self.branch
        )


class PushGate(Protocol):
    """Decides about pushes, and follows up on those that were let in."""

    async def check(self, push: Push, say: Say) -> bool:
        """Return whether the push may be let in; the objects it brings are readable by `push.reader`.

        Yes is not yet an update: git may still refuse, or the client leave.
        """
        ...

    async def accepted(self, push: Push, say: Say) -> None:
        """Follow a push whose refs have moved; runs to its end also when the client has left."""
        ...
