"""Building desired states with `gitops`, in a thread, since reading a repository blocks."""

import asyncio
from collections.abc import Callable, Mapping

from gitops.build import build_desired_state
from gitops.desired import DesiredState
from gitops.history import ProgramHistory
from gitops.reading import CommitReader
from gitops.revision import Revision
from gitops.sources import Source


class GitStates:
    """Builds the desired states of a source's revisions; see `DesiredStates`.

    `ran` returns the git tree that ran under each (program, version), such as `Controller.programs_ran`.
    """

    def __init__(
        self,
        source: Source,
        ran: Callable[[], Mapping[tuple[str, str], str]] = dict,
        *,
        development: bool = False,
    ) -> None:
        self._source = source
        self._ran = ran
        self._development = development
        self._history = ProgramHistory()

    async def build(self, revision: Revision, previous: DesiredState | None) -> DesiredState:
        """Return what a revision asks for. Raises SourceUnavailable or NotFound where it is not there."""
        return await asyncio.to_thread(self._build, revision, previous, dict(self._ran()))

    def _build(
        self, revision: Revision, previous: DesiredState | None, ran: Mapping[tuple[str, str], str]
    ) -> DesiredState:
        source = self._source
        reader = CommitReader(
            source.repository,
            revision.id,
            subfolder=source.subfolder,
            branch=revision.branch,
            source=revision.source,
        )
        with reader:
            history = self._history.at(reader)
            return build_desired_state(reader, previous, history, ran=ran, development=self._development)
