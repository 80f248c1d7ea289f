"""The commits between two revisions, as the trust policy asks for them; every function blocks."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitops.process import git, run
from gitops.trust.signatures import Signed, signatures
from schemas.errors import SourceUnavailable

MOST = 5_000
"""Commits that are looked at for one revision."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Commits:
    """A repository, with the environment in which git checks signatures by the policy's keys."""

    repository: Path
    environment: Mapping[str, str]

    def has(self, commit: str) -> bool:
        """Say whether a commit is here."""
        return self._ask("cat-file", "-e", f"{commit}^{{commit}}")

    def follows(self, new: str, old: str) -> bool:
        """Say whether the new commit has the old one before it."""
        return self._ask("merge-base", "--is-ancestor", old, new)

    def between(self, old: str, new: str) -> list[Signed]:
        """Return the commits since the old one, the newest first. Raises SourceUnavailable for too many."""
        found = signatures(self.repository, self.environment, [new, f"^{old}"], MOST + 1)
        if len(found) > MOST:
            raise SourceUnavailable(
                f"there are more than {MOST:,} commits between {old[:7]} and {new[:7]}, too many to check: "
                "name the last one that is taken as it is with `first` in the trust policy"
            )
        return found

    def these(self, wanted: Sequence[str]) -> dict[str, Signed]:
        """Return the commits of these ids."""
        found: dict[str, Signed] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            for one in signatures(self.repository, self.environment, ["--no-walk", *some], len(some)):
                found[one.commit] = one
        return found

    def is_clean_merge(self, merge: Signed) -> bool:
        """Say whether git makes the same files of a merge's two parents by itself."""
        if len(merge.parents) != 2:
            return False
        command = ["git", "--git-dir", str(self.repository), "merge-tree", "--write-tree", *merge.parents]
        made = run(command, environment=self.environment)
        tree = git(self.repository, "rev-parse", f"{merge.commit}^{{tree}}", environment=self.environment)
        return made.code == 0 and made.stdout.split(b"\n")[0] == tree.strip()

    def changed(self, old: str, new: str) -> list[str]:
        """Return the paths of all files that differ."""
        options = ("-r", "-z", "--no-renames", "--name-only")
        output = git(self.repository, "diff-tree", *options, old, new, environment=self.environment)
        return [path.decode(errors="backslashreplace") for path in output.split(b"\0")[:-1]]

    def touching(self, old: str, new: str) -> dict[str, list[str]]:
        """Return, by path, the commits of the main line since the old one that changed it.

        A merge stands for everything that it brings: whoever merges answers for it.
        """
        mark = f"\x01{secrets.token_hex(8)} "  # a file's name cannot be taken for it
        how = ("--first-parent", "-m", "-z", "--no-renames", "--name-only", f"--max-count={MOST}")
        output = git(
            self.repository,
            *("log", "--no-show-signature", *how, f"--format={mark}%H", new, f"^{old}", "--"),
            environment=self.environment,
        )
        found: dict[str, list[str]] = {}
        commit = ""
        for record in output.decode(errors="backslashreplace").split("\0"):
            text = record.removeprefix("\n")
            if text.startswith(mark):
                commit = text.removeprefix(mark)
            elif text:
                found.setdefault(text, []).append(commit)
        return found

    def content(self, commit: str, path: str) -> bytes | None:
        """Return a file's content at a commit, None where it is not there."""
        command = ["git", "--git-dir", str(self.repository), "cat-file", "blob", f"{commit}:{path}"]
        done = run(command, environment=self.environment)
        return done.stdout if done.code == 0 else None

    def _ask(self, *arguments: str) -> bool:
        command = ["git", "--git-dir", str(self.repository), *arguments]
        return run(command, environment=self.environment).code == 0
