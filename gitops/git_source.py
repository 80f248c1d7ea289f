"""A branch, tag, range of versions or commit of a repository elsewhere, mirrored into one of ours."""

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path

from gitops.mirror import Followed, Mirror, tells_of_damage
from gitops.process import CommandTimedOut, Finished, run_async
from gitops.reading import find_commit
from gitops.references import (
    DEFAULT_BRANCH,
    Kind,
    Listing,
    Reference,
    Tip,
    choose,
    is_commit,
    is_older,
    parse_listing,
)
from gitops.revision import Revision
from gitops.sources import HOSTED_BRANCH, POLL_INTERVAL, OneSource, describe
from gitops.transport import Transport
from schemas.errors import NotFound, SourceUnavailable

_LOG = logging.getLogger(__name__)
TIMEOUT = 60.0
"""Seconds that a git server has to list its refs, and that a transfer may stand still."""

FETCH_TIMEOUT = 600.0
"""Seconds that fetching may take where data comes in; by http, one that stands still ends much earlier."""

CHECK_TIMEOUT = 300.0
"""Seconds that checking a mirror of ours may take."""

RENEW_INTERVAL = 600.0
"""Seconds between two times that a mirror is made anew."""

_ACCEPT = "accept it (--accept-moved-tags; accept_moved_tags in the sources' file)"


class Damaged(SourceUnavailable):
    """Our own copy of the repository lacks what it should hold."""


class GitSource(OneSource):
    """What a reference names in a repository elsewhere (https, ssh, file, a path).

    An idle look costs one `git ls-remote`. A rewritten branch is followed, and the revision says so; a tag
    that moves, and a followed tag that is gone, are refused unless `moved_tags` are accepted. The mirror
    keeps what it held, and is made anew where it broke.
    """

    def __init__(
        self,
        transport: Transport,
        reference: Reference = DEFAULT_BRANCH,
        subfolder: str = "",
        *,
        mirror: Path,
        interval: float = POLL_INTERVAL,
        timeout: float = TIMEOUT,
        moved_tags: bool = False,
    ) -> None:
        self.url = transport.url
        self.repository = mirror
        self.branch = reference.value if reference.kind is Kind.BRANCH else ""
        self.subfolder = subfolder.strip("/")
        self.interval = interval
        self._transport = transport
        self._reference = reference
        self._timeout = timeout
        self._moved_tags = moved_tags
        self._mirror = Mirror(mirror, transport.url)
        self._last: Revision | None = None
        self._made = False
        self._doubted = False
        self._renewed_at = 0.0
        self._lock = asyncio.Lock()

    @property
    def follows(self) -> str:
        """Return what is followed, in words."""
        return str(self._reference)

    @property
    def follows_tags(self) -> bool:
        """Say whether a tag is followed."""
        return self._reference.kind in (Kind.TAG, Kind.SEMVER)

    def concerns(self, ref: str) -> bool:
        """Say whether a ref that moved on the server may be the one that is followed."""
        return self._reference.concerns(ref, self.branch)

    def distrust(self) -> None:
        """Check the mirror at the next fetch, and make it anew where something is missing."""
        self._doubted = True

    async def bring(self, ref: str, environment: Mapping[str, str]) -> str:
        """Bring a branch, tag or commit of the server, its objects to where `environment` says.

        Returns the commit's id. Raises NotFound, SourceUnavailable.
        """
        async with self._lock:
            await self._make_mirror()
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        if not is_commit(ref):
            forms = Reference(Kind.BRANCH, ref), Reference(Kind.TAG, ref)
            patterns = [pattern for form in forms for pattern in form.patterns()]
            listing = parse_listing((await self._git("ls-remote", "origin", *patterns)).stdout)
            tip = choose(forms[0], listing) or choose(forms[1], listing)
            if tip is None:
                raise NotFound(
                    f"{self.url} has no branch or tag {ref}; push it there, or send it from a clone"
                )
            await self._git("fetch", *options, "origin", tip.ref, objects=environment)
            return tip.commit
        try:
            await self._git("fetch", *options, "origin", ref, objects=environment)
        except SourceUnavailable as error:
            try:  # some servers give out no commit by its id: it may be here all the same
                return await asyncio.to_thread(find_commit, self.repository, ref, environment)
            except NotFound:
                raise NotFound(f"{self.url} gives out no commit {ref}: {error}") from error
        return ref

    async def fetch(self) -> Revision:
        """Return the newest revision, fetched where it is new. Raises SourceUnavailable."""
        async with self._lock:
            await self._make_mirror()
            if self._doubted:
                await self._check_mirror()
            try:
                return await self._newest()
            except Damaged as error:
                # Where the other side is the broken one, a new copy would be as bad: not one after another.
                if self._renewed_at and time.monotonic() - self._renewed_at < RENEW_INTERVAL:
                    raise
                await self._renew(str(error))
                return await self._newest()

    async def _make_mirror(self) -> None:
        if not self._made:
            await asyncio.to_thread(self._mirror.make, self.branch or HOSTED_BRANCH)
            self._made = True

    async def _check_mirror(self) -> None:
        """Look through the whole mirror; called where something in it could not be read."""
        self._doubted = False
        if not await asyncio.to_thread(self._mirror.is_sound, CHECK_TIMEOUT):
            await self._renew("objects in it are missing or damaged")

    async def _renew(self, reason: str) -> None:
        """Begin with an empty mirror; the broken one is kept aside."""
        await asyncio.to_thread(self._mirror.set_aside, reason)
        self._made, self._last, self._renewed_at = False, None, time.monotonic()
        await self._make_mirror()

    async def _newest(self) -> Revision:
        last = self._last
        if last is not None and self._reference.kind is Kind.COMMIT:
            return last
        tip = await self._look()
        if last is not None and last.id == tip.commit and last.branch == tip.name:
            return last
        before = await asyncio.to_thread(self._before)
        self._check_moved(tip, before)
        await self._fetch(tip)
        revision = await asyncio.to_thread(
            self._mirror.followed_on,
            await self._describe(tip),
            str(self._reference),
            fixed=self._reference.fixed,
        )
        if revision.rewritten:
            _LOG.warning(
                "%s: %s does not follow %s, which it replaces", self.url, tip.commit, revision.rewritten
            )
        self._last, self.branch = revision, tip.name
        return revision

    def _before(self) -> Followed | None:
        """Return what was followed last under the same reference."""
        found = self._mirror.remembered()
        return found if found and found.reference == str(self._reference) else None

    async def _look(self) -> Tip:
        """Return what the reference names on the server now."""
        if self._reference.kind is Kind.COMMIT:
            listing = Listing()
        else:
            listed = await self._git("ls-remote", "--symref", "origin", *self._reference.patterns())
            listing = parse_listing(listed.stdout)
        tip = choose(self._reference, listing)
        if tip is None:
            raise SourceUnavailable(
                f"{self.url} has no {self._reference}: it was deleted or renamed, or nothing was pushed to "
                "it yet; what runs goes on"
            )
        before = self._mirror.remembered() if self._reference.chooses and not self._moved_tags else None
        if before and before.reference == str(self._reference) and before.name != tip.name:
            self._check_gone(before, tip, listing)
        return tip

    def _check_gone(self, before: Followed, tip: Tip, listing: Listing) -> None:
        """Refuse to fall back to an older tag because the one that is followed was deleted."""
        gone = f"refs/tags/{before.name}" not in listing.commits
        if gone and is_older(self._reference, tip.name, before.name):
            raise SourceUnavailable(
                f"{self.url} has no tag {before.name} any more, which is deployed; {tip.name} would be next, "
                f"and nothing is rolled back on its own: what runs goes on. Push a newer tag, or {_ACCEPT}"
            )

    def _check_moved(self, tip: Tip, before: Followed | None) -> None:
        tag = self._reference.kind in (Kind.TAG, Kind.SEMVER)
        if not tag or before is None or before.name != tip.name or before.commit == tip.commit:
            return
        if self._moved_tags:
            _LOG.warning("%s: the tag %s moved from %s to %s", self.url, tip.name, before.commit, tip.commit)
            return
        raise SourceUnavailable(
            f"The tag {tip.name} of {self.url} was moved from {before.commit[:7]} to {tip.commit[:7]}; a tag "
            f"should never move, so what runs goes on. Make a new tag, or {_ACCEPT}"
        )

    async def _fetch(self, tip: Tip) -> None:
        fixed = self._reference.kind is Kind.COMMIT
        if fixed and await asyncio.to_thread(self._mirror.is_whole, tip.commit, self._timeout):
            return
        wanted = tip.commit if fixed else f"+{tip.ref}:{tip.ref}"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        try:
            await self._git("fetch", *options, "origin", wanted)
        except Damaged:
            raise
        except SourceUnavailable:
            if not fixed:
                raise
            # Some servers give out no commit by its id: then everything is fetched, and it is there or not.
            await self._git(
                "fetch", *options, "origin", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"
            )

    async def _describe(self, tip: Tip) -> Revision:
        """Return the fetched revision, once all of it is seen to be here."""
        if not await asyncio.to_thread(self._mirror.is_whole, tip.commit, self._timeout):
            if self._reference.kind is Kind.COMMIT:
                raise SourceUnavailable(f"{self.url} has no commit {tip.commit}; what runs goes on")
            raise Damaged("objects that it should hold are missing")
        try:
            return await asyncio.to_thread(describe, self.repository, tip.commit, tip.name, self.url)
        except NotFound as error:
            raise Damaged(f"the commit {tip.commit[:7]} is missing from it") from error

    async def _git(self, *arguments: str, objects: Mapping[str, str] | None = None) -> Finished:
        command = ["git", "--git-dir", str(self.repository), *arguments]
        # A token may have to be asked for, which takes its time.
        known = await asyncio.to_thread(self._transport.environment, self._timeout)
        environment = known | dict(objects or {})
        patience = max(self._timeout, FETCH_TIMEOUT) if arguments[0] == "fetch" else self._timeout
        try:
            finished = await run_async(command, environment=environment, timeout=patience)
        except (CommandTimedOut, OSError) as error:
            self._made = False  # what was killed may have left locks
            raise SourceUnavailable(f"Cannot read {self.url}: {error}") from error
        if finished.code != 0:
            if arguments[0] == "fetch" and tells_of_damage(finished.text):
                raise Damaged(f"git could not work with it: {finished.text.splitlines()[0]}")
            said = await asyncio.to_thread(self._transport.explain, finished.text)
            raise SourceUnavailable(f"Cannot read {self.url}: {said}")
        return finished
