"""Where a fleet's revisions come from: what every source does, and the remote that we serve ourselves."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gitops.mirror import Mirror
from gitops.reading import CommitReader, find_commit
from gitops.revision import Revision
from schemas.errors import NotFound, SourceUnavailable

HOSTED_BRANCH = "main"
"""The branch of our own remote that is deployed."""

POLL_INTERVAL = 30.0
"""Seconds between two looks at a source where nothing else says that it moved."""

News = Callable[[str], None]
"""Takes word that something may be new; its argument is what brought it (poll, watch, webhook)."""


class Source(Protocol):
    """Yields the revision that is to be deployed, and holds the objects to read it."""

    @property
    def repository(self) -> Path:
        """Return the bare repository that holds every fetched revision."""
        ...

    @property
    def subfolder(self) -> str:
        """Return the fleet's folder in the repository; "" for the whole."""
        ...

    @property
    def branch(self) -> str:
        """Return the deployed branch or tag; "" until it is known."""
        ...

    @property
    def interval(self) -> float:
        """Return the seconds between two polls, before jitter."""
        ...

    async def fetch(self) -> Revision:
        """Return the newest revision, with its objects in `repository`. Raises SourceUnavailable."""
        ...

    def distrust(self) -> None:
        """Take word that objects could not be read: the next fetch checks and mends what is kept here."""
        ...


class NothingPushed(SourceUnavailable):
    """The repository is sound, and has no revision yet."""


class OneSource:
    """What a controller asks of where revisions come from, for a source that is only polled."""

    @property
    def follows_tags(self) -> bool:
        """Say whether a tag is followed, and no branch."""
        return False

    async def look(self) -> None:
        """Look now though it is not due: a fetch of a single source always does."""

    async def watch(self, news: News) -> None:
        """Give word of what may be new for as long as that is watched: nothing watches, we are polled."""
        del news

    def announce(self, name: str) -> bool:
        """Look soon at the source of a name; False: there is one alone, at which every pass looks."""
        del name
        return False

    def problems(self) -> Sequence[str]:
        """Return what is wrong though `fetch` succeeds."""
        return ()


@dataclass(slots=True, eq=False)
class HostedSource(OneSource):
    """Our own remote: its repository is here, so that fetching is reading one ref.

    What was deployed last is kept beside the repository, so that a revision which does not follow it (a
    forced push, another branch to deploy) is marked as such.
    """

    repository: Path
    branch: str = HOSTED_BRANCH
    subfolder: str = ""
    interval: float = POLL_INTERVAL
    _last: Revision | None = field(default=None, repr=False)

    async def fetch(self) -> Revision:
        """Return what the branch points to. Raises NothingPushed before the first push."""
        return await asyncio.to_thread(self._newest)

    def _newest(self) -> Revision:
        try:
            found = describe(self.repository, f"refs/heads/{self.branch}", self.branch)
        except NotFound as error:
            raise NothingPushed(f"nothing was pushed to the branch {self.branch} yet") from error
        if self._last is None or self._last.id != found.id:
            self._last = Mirror(self.repository, "").followed_on(found, self.branch)
        return self._last

    async def bring(self, ref: str, environment: Mapping[str, str]) -> str:
        """Return the commit of a branch, tag or commit that was pushed. Raises NotFound."""
        return await asyncio.to_thread(find_commit, self.repository, ref, environment)

    def distrust(self) -> None:
        """Do nothing: this repository is the only one, there is nothing to mend it from."""


def describe(repository: Path, ref: str, branch: str, source: str = "") -> Revision:
    """Return the facts of a ref's commit. Raises NotFound."""
    with CommitReader(repository, ref, branch=branch, source=source) as reader:
        return reader.revision
