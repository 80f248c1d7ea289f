"""The copy of another repository that we keep: made, checked, made anew where it broke, packed now and then.

What was followed is remembered in a small file beside it (`<mirror>.json`), so that a tag that moves and a
history that is rewritten are seen also across restarts, and where the mirror itself was lost.
"""

import json
import logging
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gitops.process import CommandTimedOut, git_environment, run
from gitops.repository import KEEP_OBJECTS, make_bare
from gitops.revision import Revision

_LOG = logging.getLogger(__name__)
_BROKEN = (
    *("bad object", "missing blob", "missing tree", "missing commit", "is corrupt", "unable to read"),
    *("loose object", "packfile", "not a git repository", "did not send all necessary objects"),
    *("bad tree object", "unable to find", "Could not read", "invalid sha1 pointer", "unresolved delta"),
    *("is missing from the repository", "not a tree object", "bad config", "inflate:"),
)
_REMOTE = ("could not read Username", "Could not read from remote", "could not read Password")


@dataclass(frozen=True, slots=True)
class Followed:
    """What was followed last: the reference in words, the branch or tag, its commit."""

    reference: str
    name: str
    commit: str
    replaced: str = ""
    """The commit that it replaced without following it."""


class Mirror:
    """A bare repository of ours that another one is fetched into."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self._url = url
        self._memory = path.with_name(f"{path.name}.json")

    def make(self, branch: str) -> None:
        """Make it, or bring one that is there up to date; blocks. Raises SourceUnavailable."""
        settings = {
            **KEEP_OBJECTS,
            'remote "origin"': {"url": self._url, "tagOpt": "--no-tags"},
            "fetch": {"unpackLimit": "100"},
        }
        try:
            make_bare(self.path, branch, settings)
        except Exception as error:  # noqa: BLE001 - GitPython raises many kinds for a folder that is broken
            self.set_aside(f"it cannot be opened ({type(error).__name__})")
            make_bare(self.path, branch, settings)

    def is_whole(self, commit: str, timeout: float) -> bool:
        """Say whether every file of a commit is here; blocks."""
        command = [
            "git",
            "--git-dir",
            str(self.path),
            "rev-list",
            "--objects",
            "--no-walk",
            "--missing=print",
        ]
        try:
            listed = run([*command, commit, "--"], environment=git_environment(), timeout=timeout)
        except (OSError, CommandTimedOut):
            return True  # nothing is known, and a copy is not thrown away for that
        return listed.code == 0 and not any(line.startswith(b"?") for line in listed.stdout.splitlines())

    def is_sound(self, timeout: float) -> bool:
        """Say whether git finds nothing wrong with any object here; blocks, and may take long."""
        command = ["git", "--git-dir", str(self.path), "fsck", "--full", "--no-dangling", "--no-progress"]
        try:
            return run(command, environment=git_environment(), timeout=timeout).code == 0
        except (OSError, CommandTimedOut):
            return True

    def set_aside(self, reason: str) -> None:
        """Move what is broken out of the way (to `<mirror>.broken`), so that it is made anew; blocks."""
        broken = self.path.with_name(f"{self.path.name}.broken")
        _LOG.warning(
            "the mirror %s is made anew, since %s; the old one is kept in %s", self.path, reason, broken
        )
        shutil.rmtree(broken, ignore_errors=True)
        self.path.rename(broken)

    def rewritten(self, old: str, new: str) -> bool:
        """Say whether history was rewritten: the old commit is here, and the new one does not follow it."""
        command = ["git", "--git-dir", str(self.path), "merge-base", "--is-ancestor", old, new]
        return run(command, environment=git_environment()).code == 1

    def remembered(self) -> Followed | None:
        """Return what was followed last, None where that is not known."""
        try:
            return Followed(**json.loads(self._memory.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def followed_on(self, revision: Revision, reference: str, *, fixed: bool = False) -> Revision:
        """Return a revision with what it replaces where it does not follow what was followed before; blocks.

        It is remembered as what is followed now. A `fixed` reference (a tag, a commit) moves without a mark.
        """
        before, replaced = self.remembered(), ""
        if before is not None and before.commit == revision.id:
            replaced = before.replaced
        elif before is not None and not (fixed and before.reference == reference):
            replaced = before.commit if self.rewritten(before.commit, revision.id) else ""
        followed = Followed(reference, revision.branch, revision.id, replaced)
        if followed != before:
            self.remember(followed)
        return replace(revision, rewritten=replaced)

    def remember(self, followed: Followed) -> None:
        """Keep what is followed now; blocks."""
        part = self._memory.with_name(f"{self._memory.name}.part")
        try:
            part.write_text(json.dumps(asdict(followed)) + "\n")
            part.replace(self._memory)
        except OSError as error:
            _LOG.warning("what is followed cannot be kept: %s", error)


def tells_of_damage(text: str) -> bool:
    """Say whether a complaint of git's may come from a repository on our own disk that is damaged."""
    own = "\n".join(line for line in text.splitlines() if not line.startswith("remote:"))
    return any(sign in own for sign in _BROKEN) and not any(sign in own for sign in _REMOTE)
