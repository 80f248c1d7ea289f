"""Filling an empty git remote of ours with a folder, as its first revision."""

import os
import subprocess
import tempfile
from pathlib import Path

from gitops.process import git_environment
from schemas.errors import UsageError

AUTHOR = {"GIT_AUTHOR_NAME": "herdsman", "GIT_AUTHOR_EMAIL": "herdsman@localhost"}
COMMITTER = {"GIT_COMMITTER_NAME": "herdsman", "GIT_COMMITTER_EMAIL": "herdsman@localhost"}


def seed(repository: Path, folder: Path, branch: str) -> bool:
    """Commit the folder's files to the branch; False where the branch exists, which is left alone."""
    if _git(repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        extra = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), "GIT_WORK_TREE": str(folder.resolve())}
        _git(repository, "add", "--all", ".", extra=extra)
        tree = _git(repository, "write-tree", extra=extra)
    commit = _git(repository, "commit-tree", tree, "-m", f"Seed from {folder.name}", extra=AUTHOR | COMMITTER)
    _git(repository, "update-ref", f"refs/heads/{branch}", commit)
    return True


def _git(repository: Path, *arguments: str, extra: dict[str, str] | None = None, check: bool = True) -> str:
    environment = git_environment(extra or {})
    where = (extra or {}).get("GIT_WORK_TREE", os.fspath(repository))
    done = subprocess.run(
        ["git", "--git-dir", str(repository.resolve()), *arguments],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode and check:
        raise UsageError(f"the folder cannot be committed as the first revision: {done.stderr.strip()}")
    return done.stdout.strip()
