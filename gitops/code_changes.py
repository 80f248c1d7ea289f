"""How many files of a program differ between two of its contents, for people who look at a plan."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops.process import git
from schemas.errors import SourceUnavailable

SHOWN = 20
"""Files that are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class CodeChange:
    """The files of a program that differ, counted; `paths` are the first of them, in the program's folder."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    paths: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """Return how many there are in all."""
        return self.added + self.changed + self.removed


def code_change(
    repository: Path, environment: Mapping[str, str], before: str, after: str
) -> CodeChange | None:
    """Return what differs between two trees; None where git cannot tell. Blocks."""
    try:
        output = git(
            repository,
            *("diff-tree", "-r", "-z", "--name-status", "--no-renames", "--end-of-options", before, after),
            environment=environment,
        )
    except SourceUnavailable:
        return None
    fields = output.decode(errors="backslashreplace").split("\0")[:-1]
    marks, paths = fields[::2], fields[1::2]
    counted = Counter(marks)
    changed = len(marks) - counted["A"] - counted["D"]
    return CodeChange(counted["A"], changed, counted["D"], tuple(paths[:SHOWN]))
