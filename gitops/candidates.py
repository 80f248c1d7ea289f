"""Revisions that are only looked at: a branch, tag or commit of a source, or a pack that somebody sends.

Their objects come into a folder of their own, which is gone once they were looked at: no ref of ours moves,
so that nothing of it is ever deployed, and nothing has to be swept.
"""

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from gitops.desired import DesiredState
from gitops.process import CommandTimedOut, git, git_environment, run
from gitops.reading import CommitReader
from gitops.revision import Revision
from gitops.sources import News
from gitops.states import FleetStates
from schemas.errors import Conflict, NotFound, SourceUnavailable, TooBusy, UsageError

LARGEST_PACK = 64 * 1024 * 1024
"""Bytes of the largest pack that is taken to be looked at."""
AT_ONCE = 2
PACK_TIMEOUT = 120.0
_LEFTOVER_AFTER = 3600.0
_OBJECT = re.compile(r"[0-9a-f]{40}")
_US = {
    **{f"GIT_{who}_NAME": "herdsman" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "herdsman@localhost" for who in ("AUTHOR", "COMMITTER")},
}


@dataclass(frozen=True, slots=True)
class Packed:
    """What somebody sends: a pack, and which commit in it is meant.

    `tree` in place of `commit` where the sender's clone is too shallow to tell what comes before: it is taken
    for the successor of what is deployed. `name` is what people call it, such as its branch.
    """

    pack: bytes
    commit: str = ""
    tree: str = ""
    name: str = ""
    message: str = ""


class Lookable(Protocol):
    """What is needed of a source, to look at what it does not deploy."""

    @property
    def repository(self) -> Path:
        """Return the bare repository with its objects."""
        ...

    @property
    def subfolder(self) -> str:
        """Return the fleet's folder in the repository."""
        ...

    @property
    def branch(self) -> str:
        """Return the deployed branch or tag."""
        ...

    @property
    def interval(self) -> float:
        """Return the seconds between two polls."""
        ...

    async def fetch(self) -> Revision:
        """Return the newest revision."""
        ...

    async def watch(self, news: News) -> None:
        """Give word of what may be new, where that is watched."""
        ...

    def problems(self) -> Sequence[str]:
        """Return what is wrong though `fetch` succeeds."""
        ...

    async def bring(self, ref: str, environment: Mapping[str, str]) -> str:
        """Bring a branch, tag or commit, new objects to where `environment` says; return the commit's id.

        Raises NotFound, SourceUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """One source of the fleet, by its name ("" where the fleet has one)."""

    name: str
    source: Lookable
    states: FleetStates


@dataclass(frozen=True, slots=True)
class Candidate:
    """A revision that was looked at, with the desired state of its source, and how to read its objects."""

    place: Place
    state: DesiredState
    environment: Mapping[str, str]

    @property
    def revision(self) -> Revision:
        """Return the revision."""
        return self.state.revision


class Candidates:
    """Looks at revisions of a fleet's sources, two at once; `folder` is for their objects meanwhile."""

    def __init__(self, places: Sequence[Place], folder: Path) -> None:
        self._places = {place.name: place for place in places}
        self._folder = folder
        self._slots = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def look(
        self, asked: str | Packed, source: str, before: DesiredState | None
    ) -> AsyncIterator[Candidate]:
        """Yield what a ref, or a pack, holds; `before` is the source's state that holds now.

        Raises NotFound, UsageError, SourceUnavailable, and TooBusy where others are being looked at.
        """
        place = self._place(source)
        if self._slots.locked():
            raise TooBusy("other plans are being made right now; ask again in a moment")
        async with self._slots:
            with tempfile.TemporaryDirectory(prefix="look-", dir=self._ready()) as folder:
                objects = Path(folder) / "objects"
                (objects / "pack").mkdir(parents=True)
                environment = {
                    "GIT_OBJECT_DIRECTORY": str(objects),
                    "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((place.source.repository / "objects").absolute()),
                }
                if isinstance(asked, str):
                    commit, name = await place.source.bring(asked, environment), asked
                else:
                    deployed = before.revision.id if before is not None else ""
                    commit = await asyncio.to_thread(_unpack, place, asked, deployed, environment)
                    name = asked.name
                state = await asyncio.to_thread(
                    _build, place, commit, name or commit[:7], environment, before
                )
                yield Candidate(place, state, environment)

    def _place(self, source: str) -> Place:
        if source in self._places or (not source and len(self._places) == 1):
            return self._places.get(source) or next(iter(self._places.values()))
        names = ", ".join(sorted(self._places))
        if not source:
            raise UsageError(f"this fleet has several sources; say which one is meant: {names}")
        raise NotFound(f"there is no source {source}; there are: {names or 'none by name'}")

    def _ready(self) -> Path:
        """Return the folder, without what a process that was killed left in it."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._folder.glob("look-*"):
            if left.stat().st_mtime < time.time() - _LEFTOVER_AFTER:
                shutil.rmtree(left, ignore_errors=True)
        return self._folder


def _unpack(place: Place, sent: Packed, deployed: str, environment: Mapping[str, str]) -> str:
    """Take a pack in and return the commit that is meant; blocks."""
    for oid in (sent.commit, sent.tree):
        if oid and not _OBJECT.fullmatch(oid):
            raise UsageError(f"{oid} is no object id")
    if bool(sent.commit) == bool(sent.tree):
        raise UsageError("a pack is sent with the commit or the tree that is meant, one of the two")
    repository = place.source.repository
    if sent.pack:
        _index(repository, sent.pack, environment)
    if sent.commit:
        return sent.commit
    parent = ("-p", deployed) if deployed else ()
    message = sent.message.strip() or "what was sent"
    made = git(
        repository,
        *("commit-tree", sent.tree, *parent),
        environment={**environment, **_US},
        stdin=message.encode(),
    )
    return made.decode().strip()


def _index(repository: Path, pack: bytes, environment: Mapping[str, str]) -> None:
    command = [
        *("git", "--git-dir", str(repository), "index-pack", "--stdin", "--fix-thin", "--fsck-objects"),
        f"--max-input-size={LARGEST_PACK}",
    ]
    try:
        done = run(command, environment=git_environment(environment), stdin=pack, timeout=PACK_TIMEOUT)
    except (OSError, CommandTimedOut) as error:
        raise SourceUnavailable(f"the pack could not be read: {error}") from error
    if done.code != 0:
        said = done.text.splitlines()[-1].removeprefix("fatal: ") if done.text else "git gave no reason"
        raise Conflict(f"the pack is not sound, or builds on commits that are not here: {said}")


def _build(
    place: Place, commit: str, name: str, environment: Mapping[str, str], before: DesiredState | None
) -> DesiredState:
    reader = CommitReader(place.source.repository, commit, environment=environment, branch=name)
    with reader:
        state = place.states.build_aside(reader, before)
    if not state.complete and not state.bots:
        said = state.errors[0].message if state.errors else "no reason was given"
        raise SourceUnavailable(f"{commit[:7]} could not be read: {said}")
    return replace(state, revision=replace(state.revision, origin=place.name))
