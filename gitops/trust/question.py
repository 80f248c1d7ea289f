"""What is asked of the trust policy about a revision, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitops.trust.signatures import Signed, Standing
from schemas.errors import ManifestError


@dataclass(frozen=True, slots=True)
class Pusher:
    """Who pushes to our own remote: the token's name and its scope."""

    token: str
    role: str


@dataclass(frozen=True, slots=True)
class Question:
    """A revision to be judged. `branch` is the followed branch or tag, `source` "" where the fleet has one.

    `environment` lets git read objects that are not let in yet. `environments` returns those of which the
    revision changes a bot; it is only called where a rule asks for it, and may block.
    """

    repository: Path
    tip: str
    branch: str = ""
    source: str = ""
    subfolder: str = ""
    tag: bool = False
    at: str = ""
    """What our own branch is at, where a push wants to move it."""
    pusher: Pusher | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    environments: Callable[[], frozenset[str]] = frozenset


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a revision may be deployed: `refusals` is empty then. `advice`: what to do about them."""

    refusals: tuple[ManifestError, ...] = ()
    advice: str = ""
    signed: Signed = Signed("", Standing.UNCHECKED)
    rewritten: str = ""
    """The trusted commit that the revision does not follow, where the policy lets that through."""

    @property
    def trusted(self) -> bool:
        """Whether the revision may be deployed."""
        return not self.refusals


def refusal(commit: str, message: str) -> ManifestError:
    """Return what is wrong with a commit as errors are told everywhere."""
    return ManifestError(f"commit {commit[:7]}", 0, 0, "", message)
