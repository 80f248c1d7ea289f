"""Desired states of a source's revisions and of a folder, with the history of programs at hand."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gitops.build import build_desired_state
from gitops.desired import DesiredState
from gitops.environments import only
from gitops.history import ProgramHistory
from gitops.index import ProgramKey
from gitops.mirror import tells_of_damage
from gitops.process import CommandTimedOut, git_environment, run
from gitops.reading import CommitReader, FolderReader
from gitops.revision import Revision
from gitops.secrets.values import FleetSecrets
from gitops.sources import Source
from schemas.errors import NotFound, SourceUnavailable

_PATIENCE = 30.0
"""Seconds that a thread waits for the loop to tell what is known."""


def nothing_ran() -> Mapping[ProgramKey, str]:
    """Return the record of a fleet of which nothing ever ran."""
    return {}


def nothing_applied() -> Mapping[str, ProgramKey]:
    """Return what the bots run of a fleet that has none."""
    return {}


@dataclass(frozen=True, slots=True)
class Known:
    """What has been deployed so far: trees by (program, version), and the (program, version) of each bot."""

    ran: Mapping[ProgramKey, str]
    applied: Mapping[str, ProgramKey]


class FleetStates:
    """Builds the desired states of one source, for the loop and for the gate of our remote.

    `ran` returns what ran so far: (program, version) -> git tree id; `applied` the (program, version) that
    each bot runs. They are called on the loop that runs when this is made, since what they read changes
    there. `secrets` finds the values that bots refer to. Where `environments` are named, only their bots are
    asked for.
    """

    def __init__(
        self,
        source: Source,
        ran: Callable[[], Mapping[ProgramKey, str]] = nothing_ran,
        *,
        applied: Callable[[], Mapping[str, ProgramKey]] = nothing_applied,
        development: bool = False,
        secrets: FleetSecrets | None = None,
        environments: Collection[str] = (),
    ) -> None:
        self._source = source
        self._ran = ran
        self._applied = applied
        self._development = development
        self._secrets = secrets or FleetSecrets(b"")
        self._environments = frozenset(environments)
        self._history = ProgramHistory()
        self._loop = _running_loop()

    async def build(self, revision: Revision, previous: DesiredState | None) -> DesiredState:
        """Return what a fetched revision asks for. Raises SourceUnavailable where git cannot read it."""
        return await asyncio.to_thread(self._build, revision, previous)

    async def rebuild(self, revision: Revision, current: DesiredState | None) -> DesiredState:
        """Return what an earlier revision asked for; whether bots may move to it is for others to say."""
        return await asyncio.to_thread(self._build, revision, current, consented=True)

    def _build(
        self, revision: Revision, previous: DesiredState | None, *, consented: bool = False
    ) -> DesiredState:
        try:
            reader = CommitReader(
                self._source.repository,
                revision.id,
                subfolder=self._source.subfolder,
                branch=revision.branch,
                source=revision.source,
            )
        except NotFound as error:
            self._source.distrust()
            raise SourceUnavailable(f"Revision {revision.short} is not in the repository") from error
        with reader:
            state = self.build_from(reader, previous, consented=consented)
        if state.index is None and any(tells_of_damage(error.message) for error in state.errors):
            self._source.distrust()
        return replace(state, revision=revision)

    def build_from(
        self, reader: CommitReader, previous: DesiredState | None, *, consented: bool = False
    ) -> DesiredState:
        """Return what the commit that is read asks for; blocks, and may be called in any thread.

        It is read in the source's subfolder, whatever the reader was made for. `consented`: bots may move to
        other major versions without a word in their manifests.
        """
        reader.enter(self._source.subfolder)
        state = self._state_of(reader, previous, self._history, consented=consented)
        return only(self._secrets.attach(reader, state), self._environments)

    def build_aside(self, reader: CommitReader, previous: DesiredState | None) -> DesiredState:
        """Return what a commit asks for that may never be deployed; otherwise as `build_from`."""
        reader.enter(self._source.subfolder)
        state = self._state_of(reader, previous, self._history.aside())
        return only(self._secrets.attach(reader, state, aside=True), self._environments)

    def _state_of(
        self,
        reader: CommitReader,
        previous: DesiredState | None,
        history: ProgramHistory,
        *,
        consented: bool = False,
    ) -> DesiredState:
        known = self._known_so_far()
        return build_desired_state(
            reader,
            previous,
            history.at(reader),
            ran=known.ran,
            applied={} if consented else known.applied,
            development=self._development,
        )

    def _known_so_far(self) -> Known:
        if self._loop is None or self._loop is _running_loop():
            return Known(self._ran(), self._applied())
        return asyncio.run_coroutine_threadsafe(self._ask(), self._loop).result(_PATIENCE)

    async def _ask(self) -> Known:
        return Known(self._ran(), self._applied())


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def state_of_folder(path: Path) -> DesiredState:
    """Return what a folder on disk asks for; in a git work tree, older versions come from its history.

    Raises NotFound where there is no such folder.
    """
    reader = FolderReader(path)
    checked_out = _checked_out(path)
    if checked_out is None:
        return build_desired_state(reader)
    with checked_out:
        return build_desired_state(reader, history=ProgramHistory().at(checked_out))


def _checked_out(path: Path) -> CommitReader | None:
    """Return a reader of the commit that a folder is checked out from, None where there is none."""
    command = ["git", "rev-parse", "--absolute-git-dir", "--show-prefix"]
    try:
        asked = run(command, cwd=path, environment=git_environment())
        if asked.code != 0:
            return None
        folder, prefix = asked.stdout.decode().split("\n")[:2]
        return CommitReader(Path(folder), "HEAD", subfolder=prefix)
    except (OSError, CommandTimedOut, UnicodeDecodeError, NotFound):
        return None
