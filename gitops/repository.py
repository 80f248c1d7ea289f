"""Bare repositories on our own disk: making them, their settings, their one remote.

GitPython does this well, since it only writes files and runs `git init`; what talks to another machine or may
take long is run as a child of ours (`process.py`), whose time-out ends its whole process group.
"""

from collections.abc import Mapping
from pathlib import Path

from git import Repo

from gitops.process import git_environment

Settings = Mapping[str, Mapping[str, str]]
"""Settings of a repository: section, then key, then value."""

KEEP_OBJECTS: Settings = {"gc": {"auto": "0"}, "maintenance": {"auto": "false"}}
"""A running bot's content may belong to no branch any more (after a force-push): nothing is collected."""


def make_bare(path: Path, branch: str, settings: Settings) -> None:
    """Make a bare repository, or bring the settings of one that is there up to date."""
    if not (path / "HEAD").is_file():
        path.mkdir(parents=True, exist_ok=True)
        empty = git_environment({"GIT_TEMPLATE_DIR": ""})
        Repo.init(path, bare=True, initial_branch=branch, env=empty).close()
    clear_locks(path)
    with Repo(path) as repository:
        if not repository.heads:
            repository.git.update_environment(**git_environment())
            repository.git.symbolic_ref("HEAD", f"refs/heads/{branch}")
        with repository.config_writer() as config:
            for section, values in settings.items():
                for key, value in values.items():
                    config.set_value(section, key, value)


def clear_locks(path: Path) -> None:
    """Remove the lock files of git processes that were killed, which would block every later one.

    Only for a repository of our own on which no git is at work.
    """
    for lock in (*path.glob("*.lock"), *(path / "refs").rglob("*.lock")):
        lock.unlink(missing_ok=True)
