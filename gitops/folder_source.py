"""A folder on this machine that somebody works in, watched and read as it is: for development.

What is in the folder becomes a commit in a repository of ours, without touching the folder or its own
repository: where it equals what is checked out, that commit itself, else one of the uncommitted content.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from watchfiles import Change, awatch

from gitops.process import CommandTimedOut, git_environment, run
from gitops.repository import KEEP_OBJECTS, make_bare
from gitops.revision import Revision
from gitops.sources import HOSTED_BRANCH, POLL_INTERVAL, News, OneSource, describe
from schemas.errors import NotFound, SourceUnavailable

SETTLED = 0.5
"""Seconds without any change after which a folder is taken: until then somebody may be writing."""

UNSETTLED_MOST = 30.0
"""Seconds after which a folder that changes all the time is given up until the next look."""

TIMEOUT = 60.0
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "-c", "core.quotePath=false")
_HEAD_FILES = ("HEAD", "packed-refs")


def is_work_folder(url: str) -> bool:
    """Say whether a source's URL is a folder that people work in: a path here, and no bare repository."""
    if "://" in url:
        return False
    folder = Path(url)
    return folder.is_dir() and not ((folder / "HEAD").is_file() and (folder / "objects").is_dir())


class FolderSource(OneSource):
    """The files below a folder. What git ignores is left out; a symbolic link is never followed."""

    def __init__(
        self,
        folder: Path,
        subfolder: str = "",
        *,
        mirror: Path,
        interval: float = POLL_INTERVAL,
        settled: float = SETTLED,
    ) -> None:
        self.folder = folder.absolute()
        self.url = str(self.folder)
        self.repository = mirror
        self.subfolder = subfolder.strip("/")
        self.branch = ""
        self.interval = interval
        self._settled = settled
        self._made = False
        self._last: Revision | None = None
        self._lock = asyncio.Lock()

    @property
    def follows(self) -> str:
        """Return what is followed, in words."""
        return "its files, as they are"

    def concerns(self, ref: str) -> bool:
        """Return False: what a server says moves nothing in a folder."""
        del ref
        return False

    def distrust(self) -> None:
        """Read everything anew at the next look."""
        self._made, self._last = False, None
        (self.repository / "index").unlink(missing_ok=True)

    async def bring(self, ref: str, environment: Mapping[str, str]) -> str:
        """Bring a branch, tag or commit of the folder's own repository. Raises NotFound."""
        return await asyncio.to_thread(self._bring, ref, environment)

    def _bring(self, ref: str, environment: Mapping[str, str]) -> str:
        if not self._made:
            make_bare(self.repository, HOSTED_BRANCH, KEEP_OBJECTS)
            self._made = True
        if not (self.folder / ".git").exists():
            raise NotFound(f"{self.folder} is no git repository, so it has no {ref}")
        find = ["git", *_QUIET, "-C", self.url, "rev-parse", "--verify", "--quiet", "--end-of-options"]
        found = run([*find, f"{ref}^{{commit}}"], environment=git_environment(), timeout=TIMEOUT)
        if found.code != 0:
            raise NotFound(f"there is no branch, tag or commit {ref} in {self.folder}")
        commit = found.stdout.decode().strip()
        fetch = ["git", *_QUIET, "--git-dir", str(self.repository), "fetch", "--quiet", "--no-tags"]
        taken = run(
            [*fetch, "--no-write-fetch-head", self.url, commit],
            environment=git_environment(environment),
            timeout=TIMEOUT,
        )
        if taken.code != 0:
            raise SourceUnavailable(f"Cannot read {self.folder}: {taken.text}")
        return commit

    async def fetch(self) -> Revision:
        """Return what the folder holds, once nobody is writing in it. Raises SourceUnavailable."""
        async with self._lock:
            await self._wait_settled()
            revision = await asyncio.to_thread(self._read)
            if self._last is not None and self._last.id == revision.id:
                return self._last
            self._last, self.branch = revision, revision.branch
            return revision

    async def watch(self, news: News) -> None:
        """Give word whenever something in the folder changes."""
        async for _ in awatch(self.folder, watch_filter=self._matters, debounce=400, step=100):
            news("watch")

    def _matters(self, _change: Change, path: str) -> bool:
        """Say whether a changed path may change what is read: of git's own, only what is checked out."""
        below = Path(path).relative_to(self.folder).parts if path.startswith(self.url) else ()
        if ".git" not in below:
            return True
        inside = below[below.index(".git") + 1 :]
        return below[0] == ".git" and bool(inside) and (inside[-1] in _HEAD_FILES or inside[0] == "refs")

    async def _wait_settled(self) -> None:
        """Return once nothing changes any more: a file that is being replaced is not a removed bot."""
        deadline = time.monotonic() + UNSETTLED_MOST
        while True:
            newest = await asyncio.to_thread(self._newest_change)
            left = newest + self._settled - time.time()
            if left <= 0:
                return
            if time.monotonic() > deadline:
                raise SourceUnavailable(f"{self.folder} changes all the time; it is read once it rests")
            await asyncio.sleep(min(left, self._settled))

    def _newest_change(self) -> float:
        """Return when something was written last, in Unix seconds; times to come are left out."""
        if not self.folder.is_dir():
            raise SourceUnavailable(f"The folder {self.folder} is gone; what runs goes on")
        now = time.time()
        if (self.folder / ".git" / "index.lock").exists():
            return now  # git is checking something out
        newest = (moment for moment in _changes(self.folder) if moment <= now + self._settled)
        return max(newest, default=0.0)

    def _read(self) -> Revision:
        if not self._made:
            make_bare(self.repository, HOSTED_BRANCH, KEEP_OBJECTS)
            self._made = True
        self._git("add", "--all", ".")
        tree = self._git("write-tree").strip()
        head, head_tree, branch = self._checked_out()
        if head and head_tree == tree:
            return replace(self._commit(head), branch=branch, source=self.url)
        return self._uncommitted(tree, head, branch)

    def _uncommitted(self, tree: str, head: str, branch: str) -> Revision:
        """Return a revision of the content: always the same for the same content on the same commit."""
        parent = ("-p", head) if head else ()
        message = f"uncommitted changes in {self.folder}" if head else f"files in {self.folder}"
        commit = self._git("commit-tree", tree, *parent, "-m", message).strip()
        found = describe(self.repository, commit, f"{branch}-dirty" if branch else "working-tree", self.url)
        return replace(found, author="", committed_at=self._newest_change())

    def _commit(self, head: str) -> Revision:
        try:
            return describe(self.repository, head, "", self.url)
        except NotFound as error:
            raise SourceUnavailable(f"{self.folder} was changed while it was read; trying again") from error

    def _has(self, commit: str) -> bool:
        command = ["git", "--git-dir", str(self.repository), "cat-file", "-e", f"{commit}^{{commit}}"]
        return run(command, environment=git_environment(), timeout=TIMEOUT).code == 0

    def _checked_out(self) -> tuple[str, str, str]:
        """Return the commit that is checked out, its tree and its branch; "" where the folder has none."""
        if not (self.folder / ".git").exists():
            return "", "", ""
        command = ["git", *_QUIET, "-C", self.url, "rev-parse", "HEAD", "HEAD^{tree}"]
        asked = run(command, environment=git_environment(), timeout=TIMEOUT)
        if asked.code != 0:
            return "", "", ""
        head, tree = asked.stdout.decode().split()
        named = run(
            ["git", *_QUIET, "-C", self.url, "symbolic-ref", "--short", "-q", "HEAD"],
            environment=git_environment(),
            timeout=TIMEOUT,
        )
        if not self._has(head):
            self._git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.url, "HEAD")
        return head, tree, named.stdout.decode(errors="replace").strip() or head[:7]

    def _git(self, *arguments: str) -> str:
        """Run git on our repository, with the folder as its work tree and an index of ours."""
        exclude = self.folder / ".git" / "info" / "exclude"
        settings = (*_QUIET, "-c", f"core.excludesFile={exclude}")
        command = ["git", *settings, "--git-dir", str(self.repository), "--work-tree", self.url, *arguments]
        environment = git_environment(
            {
                "GIT_INDEX_FILE": str(self.repository / "index"),
                **{f"GIT_{who}_NAME": "herdsman" for who in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{who}_EMAIL": "herdsman@localhost" for who in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{who}_DATE": "@0 +0000" for who in ("AUTHOR", "COMMITTER")},
            }
        )
        try:
            finished = run(command, cwd=self.folder, environment=environment, timeout=TIMEOUT)
        except (CommandTimedOut, OSError) as error:
            self._made = False  # what was killed may have left locks
            raise SourceUnavailable(f"Cannot read {self.folder}: {error}") from error
        if finished.code != 0:
            raise SourceUnavailable(f"Cannot read {self.folder}: {finished.text}")
        return finished.stdout.decode(errors="replace")


def _changes(folder: Path) -> Iterator[float]:
    """Yield when each file and folder was changed, git's own left out."""
    waiting: list[str] = [str(folder)]
    while waiting:
        place = waiting.pop()
        try:
            yield Path(place).stat().st_mtime
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name == ".git":
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry.stat(follow_symlinks=False).st_mtime
        except OSError:
            continue  # it went while we looked
