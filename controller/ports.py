"""What the controller needs of the world around it, beside the scheduler and the clock."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from controller.records import RevisionRecord, RunRecord
from controller.schedulers.protocol import HandedSecrets
from controller.status import BotStatus
from gitops.bundle import Bundle
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec, ProgramVersion

LogsAcknowledged = Callable[[str], Awaitable[bool]]
RecallState = Callable[[BotSpec, bool], Awaitable[None]]
"""Has the lease's store know of a bot's saved state before it is applied; the flag: it has a job already."""
MakeRoom = Callable[[str], Awaitable[bool]]
"""Ends what a bot takes the place of; False while that may still live."""
HandSecrets = Callable[[BotSpec, str], Awaitable[HandedSecrets | None]]
"""Finds the values of a spec's secrets; the text: the revision that the spec comes from."""


class RevisionSource(Protocol):
    """Where revisions come from; every git source fulfils it."""

    @property
    def repository(self) -> Path:
        """Return the bare repository that holds the objects of every revision fetched."""
        ...

    async def fetch(self) -> Revision:
        """Return the newest revision, its objects in `repository`. Raises SourceUnavailable."""
        ...

    async def look(self) -> None:
        """Have the next `fetch` know of what is new now, where it does not look by itself; bounded."""
        ...

    async def watch(self, news: Callable[[str], None]) -> None:
        """Call `news` with a trigger whenever something may be new; returns where nothing is watched."""
        ...

    def announce(self, name: str) -> bool:
        """Look soon at one of several sources, and say so; False where there is one. Raises NotFound."""
        ...

    def problems(self) -> Sequence[str]:
        """Return what is wrong with sources though `fetch` succeeds, in words."""
        ...


class DesiredStates(Protocol):
    """Builds the desired state of a revision, from the previous one where that saves work."""

    async def build(self, revision: Revision, previous: DesiredState | None) -> DesiredState:
        """Return what a revision asks for. Raises SourceUnavailable or InvalidManifests."""
        ...

    async def rebuild(self, revision: Revision, current: DesiredState | None) -> DesiredState:
        """Return what an earlier revision asked for, by itself: of its own source, where there are several.

        `current` saves work. Raises SourceUnavailable where its objects are gone.
        """
        ...


class BundleSource(Protocol):
    """Hands out bundles, building each once. Raises BuildFailed or SourceUnavailable."""

    async def code(self, repository: Path, program: ProgramVersion) -> Bundle:
        """Return a program's folder."""
        ...

    async def dependencies(
        self, repository: Path, program: ProgramVersion, python: str, progress: Callable[[str], None]
    ) -> Bundle | None:
        """Return its dependency layer for an interpreter's minor version, None where it has none.

        A compiled program's layer is its binary, whose build may take minutes: `progress` hears of it.
        """
        ...


class ControllerListener(Protocol):
    """Hears of transitions, on the event loop, and must not block it."""

    def status_changed(self, status: BotStatus) -> None:
        """Take a bot's new status."""
        ...

    def bot_removed(self, name: str) -> None:
        """Take note that a bot is gone."""
        ...

    def revision_changed(self, record: RevisionRecord) -> None:
        """Take a revision's new state."""
        ...

    def run_changed(self, bot: str, run: RunRecord) -> None:
        """Take a run that began or ended."""
        ...


class NoListener:
    """Hears and does nothing."""

    def status_changed(self, status: BotStatus) -> None:
        """Ignore it."""

    def bot_removed(self, name: str) -> None:
        """Ignore it."""

    def revision_changed(self, record: RevisionRecord) -> None:
        """Ignore it."""

    def run_changed(self, bot: str, run: RunRecord) -> None:
        """Ignore it."""
