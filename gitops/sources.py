"""Where a fleet's revisions come from: the remote that we serve ourselves, or any git URL, polled."""

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from gitops.process import CommandTimedOut, Finished, git_environment, run_async
from gitops.reading import CommitReader
from gitops.repository import KEEP_OBJECTS, make_bare
from gitops.revision import Revision
from schemas.errors import NotFound, SourceUnavailable, UsageError

HOSTED_BRANCH = "main"
"""The branch of our own remote that is deployed."""

POLL_INTERVAL = 30.0
"""Seconds between two looks at a source where nothing else says that it moved."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SCHEMES = frozenset({"", "file", "http", "https", "ssh"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# A shell's `printf` is built in: the token is in no process's arguments, only in the environment of git's.
_ANSWER = """!f() { test "$1" = get || exit 0;
printf 'username=%s\\npassword=%s\\n' "$HERDSMAN_SOURCE_USER" "$HERDSMAN_SOURCE_TOKEN"; }; f"""

_HINTS = (
    ("could not read Username", "set a token for the source"),
    ("Authentication failed", "check the source's token"),
    ("403", "the source's token may not read this repository"),
    ("not found", "check the URL, and that the token may read it"),
    ("does not appear to be a git repository", "check the path"),
    ("dubious ownership", "the repository belongs to another user of this machine"),
    ("certificate", "name the authority that signed the server's certificate as the source's CA file"),
    ("Host key verification failed", "add the server's key to known_hosts"),
)


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
        """Return the deployed branch; "" until the remote's default branch is known."""
        ...

    @property
    def interval(self) -> float:
        """Return the seconds between two polls, before jitter."""
        ...

    async def fetch(self) -> Revision:
        """Return the branch's newest revision, with its objects in `repository`. Raises SourceUnavailable."""
        ...


class NothingPushed(SourceUnavailable):
    """The repository is sound, and has no revision yet."""


@dataclass(frozen=True, slots=True)
class HostedSource:
    """Our own remote: its repository is here, so that fetching is reading one ref."""

    repository: Path
    branch: str = HOSTED_BRANCH
    subfolder: str = ""
    interval: float = POLL_INTERVAL

    async def fetch(self) -> Revision:
        """Return what the branch points to. Raises NothingPushed before the first push."""
        try:
            return await asyncio.to_thread(
                _describe, self.repository, f"refs/heads/{self.branch}", self.branch
            )
        except NotFound as error:
            raise NothingPushed(f"nothing was pushed to the branch {self.branch} yet") from error


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to sign in at a git server: a token in a file (read at each use, since it may change) or given."""

    user: str = "git"
    token: str = field(default="", repr=False)
    token_file: Path | None = None

    def read(self) -> str:
        """Return the token, "" for none. Raises SourceUnavailable where its file cannot be read."""
        if self.token_file is None:
            return self.token
        try:
            return self.token_file.read_text().strip()
        except OSError as error:
            raise SourceUnavailable(f"The token file {self.token_file} cannot be read: {error}") from error


class GitSource:
    """A branch of any git URL (https, ssh, file, a path), mirrored into a bare repository of ours.

    An idle look costs one `git ls-remote`. A rewritten branch is followed; the mirror keeps what it held.
    `branch` "" is the remote's own default. `ca_file` is the authority to trust for this server.
    """

    def __init__(
        self,
        url: str,
        branch: str = "",
        subfolder: str = "",
        *,
        mirror: Path,
        credentials: Credentials = Credentials(),
        ca_file: Path | None = None,
        interval: float = POLL_INTERVAL,
        timeout: float = 60.0,
    ) -> None:
        _check_url(url, credentials)
        self.url = url
        self.repository = mirror
        self.branch = branch
        self.subfolder = subfolder.strip("/")
        self.interval = interval
        self._wanted = branch
        self._credentials = credentials
        self._ca_file = ca_file
        self._timeout = timeout
        self._last: Revision | None = None
        self._made = False
        self._lock = asyncio.Lock()

    async def fetch(self) -> Revision:
        """Return the branch's newest revision, fetched where it is new. Raises SourceUnavailable."""
        async with self._lock:
            await self._make_mirror()
            branch, tip = await self._look()
            if self._last is None or self._last.id != tip:
                await self._fetch(branch)
                self._last = await self._newest(branch)
            self.branch = branch
            return self._last

    async def _make_mirror(self) -> None:
        if self._made:
            return
        remote = {"url": self.url, "tagOpt": "--no-tags"}
        settings = {**KEEP_OBJECTS, 'remote "origin"': remote, "fetch": {"unpackLimit": "100"}}
        await asyncio.to_thread(make_bare, self.repository, self._wanted or HOSTED_BRANCH, settings)
        self._made = True

    async def _look(self) -> tuple[str, str]:
        """Return the branch's name and the commit that it is at on the server."""
        wanted = f"refs/heads/{self._wanted}" if self._wanted else "HEAD"
        listed = await self._git("ls-remote", "--symref", "origin", wanted)
        branch, tip = self._wanted, ""
        for line in listed.stdout.decode(errors="replace").splitlines():
            value, _, ref = line.partition("\t")
            if value.startswith("ref: refs/heads/") and ref == "HEAD":
                branch = value.removeprefix("ref: refs/heads/")
            elif ref == wanted and _COMMIT.fullmatch(value):
                tip = value
        if not tip or not branch:
            name = f'branch "{self._wanted}"' if self._wanted else "default branch"
            raise SourceUnavailable(
                f"{self.url} has no {name}: it was deleted or renamed, or nothing was pushed to it yet"
            )
        return branch, tip

    async def _fetch(self, branch: str) -> None:
        ref = f"refs/heads/{branch}"
        await self._git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", f"+{ref}:{ref}")

    async def _newest(self, branch: str) -> Revision:
        try:
            return await asyncio.to_thread(
                _describe, self.repository, f"refs/heads/{branch}", branch, self.url
            )
        except NotFound as error:
            raise SourceUnavailable(
                f"The branch {branch} of {self.url} was not fetched; trying again"
            ) from error

    async def _git(self, *arguments: str) -> Finished:
        command = ["git", "--git-dir", str(self.repository), *arguments]
        try:
            finished = await run_async(command, environment=self._environment(), timeout=self._timeout)
        except (CommandTimedOut, OSError) as error:
            self._made = False  # what was killed may have left locks
            raise SourceUnavailable(f"Cannot read {self.url}: {error}") from error
        if finished.code != 0:
            text = _reason(finished.text)
            hint = next((f"; {hint}" for sign, hint in _HINTS if sign.lower() in text.lower()), "")
            raise SourceUnavailable(f"Cannot read {self.url}: {text}{hint}")
        return finished

    def _environment(self) -> dict[str, str]:
        extra = {
            "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=15",
            "GIT_HTTP_LOW_SPEED_LIMIT": "1",
            "GIT_HTTP_LOW_SPEED_TIME": str(max(1, int(self._timeout))),
        }
        if agent := os.environ.get("SSH_AUTH_SOCK"):
            extra["SSH_AUTH_SOCK"] = agent
        if self._ca_file:
            extra["GIT_SSL_CAINFO"] = str(self._ca_file)
        if token := self._credentials.read():
            extra |= _answering(self.url, self._credentials.user, token)
        return git_environment(extra)


def _answering(url: str, user: str, token: str) -> Mapping[str, str]:
    """Return an environment in which git asks our helper, and only for this server."""
    parts = urlsplit(url)
    return {
        "HERDSMAN_SOURCE_USER": user,
        "HERDSMAN_SOURCE_TOKEN": token,
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": "",
        "GIT_CONFIG_KEY_1": f"credential.{parts.scheme}://{parts.netloc}.helper",
        "GIT_CONFIG_VALUE_1": _ANSWER,
    }


def _reason(text: str) -> str:
    """Return the first thing that git complains of; the rest is advice to somebody at a terminal."""
    complaints = [line for line in text.splitlines() if line.startswith(("fatal:", "error:", "remote:"))]
    return next(iter(complaints), text).partition(": ")[2] or text


def _check_url(url: str, credentials: Credentials) -> None:
    parts = urlsplit(url)
    is_path = "://" not in url
    if url.startswith("-") or "::" in url.partition("/")[0] or (not is_path and parts.scheme not in _SCHEMES):
        raise UsageError(
            f"{parts.scheme or url}: not a kind of URL that a source may have; use https, ssh or file"
        )
    if not is_path and (parts.password or (parts.username and parts.scheme in ("http", "https"))):
        raise UsageError("The source's URL holds a user name or password; put the token into a file instead")
    has_token = bool(credentials.token or credentials.token_file)
    if has_token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError("A token is not sent over http, where anyone could read it; use an https URL")


def _describe(repository: Path, ref: str, branch: str, source: str = "") -> Revision:
    with CommitReader(repository, ref, branch=branch, source=source) as reader:
        return reader.revision
