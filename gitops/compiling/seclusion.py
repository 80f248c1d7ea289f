"""What a build does not see, where the machine lets us hide it: processes, network, our files.

Namespaces of a user's own (`unshare`) do it. Many containers and some systems forbid them; builds run there
all the same, with the clean environment and the limits that they have everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitops.process import CommandTimedOut, plain_environment, run

_OWN = ("unshare", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
_TRY = "mount -t tmpfs none /tmp && mkdir /tmp/x && mount --bind /usr /tmp/x"
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Seclusion:
    """Folders that are hidden from builds, and those within them that builds need."""

    hidden: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()

    def command(self, *, online: bool) -> Sequence[str]:
        """Return what a command is started with, to see nothing but its own; nothing where that cannot be."""
        if not possible():
            return ()
        return _OWN if online else (*_OWN, "--net")

    def order(self, workshop: Path) -> Mapping[str, list[str]]:
        """Return what the guard is told to hide, and to keep, for a build in this folder."""
        if not possible():
            return {}
        hidden = _outermost([path.resolve() for path in self.hidden])
        kept = [path.resolve() for path in (workshop, *self.kept)]
        return {"hide": list(map(str, hidden)), "keep": list(map(str, kept))}


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Return the folders that lie in none of the others; never one without which nothing runs."""
    there = [path for path in paths if path.is_dir() and not Path("/usr").is_relative_to(path)]
    return [
        path
        for path in dict.fromkeys(there)
        if not any(path != other and path.is_relative_to(other) for other in there)
    ]


@cache
def possible() -> bool:
    """Return whether this user may make namespaces on this machine; tried out once in a process."""
    try:
        tried = run([*_OWN, "--net", "sh", "-c", _TRY], environment=plain_environment(), timeout=_PATIENCE)
    except (OSError, CommandTimedOut):
        return False
    return tried.code == 0
