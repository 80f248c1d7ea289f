"""A source of which only trusted revisions are deployed: around any other source."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from gitops.desired import DesiredState
from gitops.revision import Revision
from gitops.sources import News, describe
from gitops.trust.memory import signed_of
from gitops.trust.question import Answer, Question
from gitops.trust.signatures import Signed
from gitops.trust.trust import Trust, changed_environments
from schemas.errors import ManifestError, NotFound, SourceUnavailable

_LOG = logging.getLogger(__name__)

Refused = Callable[[Revision, tuple[ManifestError, ...]], Awaitable[None]]
"""Hears of each revision that is not trusted, once."""
Build = Callable[[Revision, DesiredState | None], Awaitable[DesiredState]]


class Guarded(Protocol):
    """What is needed of the source inside."""

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

    @property
    def follows_tags(self) -> bool:
        """Say whether a tag is followed."""
        ...

    async def fetch(self) -> Revision:
        """Return the newest revision. Raises SourceUnavailable."""
        ...

    async def bring(self, ref: str, environment: Mapping[str, str]) -> str:
        """Bring a branch, tag or commit and return the commit's id."""
        ...

    async def look(self) -> None:
        """Look now though it is not due."""
        ...

    async def watch(self, news: News) -> None:
        """Give word of what may be new."""
        ...

    def announce(self, name: str) -> bool:
        """Look soon at the source of a name."""
        ...

    def problems(self) -> Sequence[str]:
        """Return what is wrong though `fetch` succeeds."""
        ...

    def distrust(self) -> None:
        """Take word that objects could not be read."""
        ...


class TrustedSource:
    """Yields the newest trusted revision: one that is not leaves the last trusted one in force, and is told.

    `name` is the source's, "" where the fleet has one.
    """

    def __init__(self, inside: Guarded, trust: Trust, build: Build, refused: Refused, name: str = "") -> None:
        self._inside = inside
        self._trust = trust
        self._build = build
        self._refused = refused
        self._name = name
        self._taken: Revision | None = None
        self._problem = ""
        self._turned_down: tuple[str, tuple[float, ...]] = ("", ())
        self._state: DesiredState | None = None

    @property
    def repository(self) -> Path:
        """Return the bare repository with its objects."""
        return self._inside.repository

    @property
    def subfolder(self) -> str:
        """Return the fleet's folder in the repository."""
        return self._inside.subfolder

    @property
    def branch(self) -> str:
        """Return the deployed branch or tag."""
        return self._inside.branch

    @property
    def interval(self) -> float:
        """Return the seconds between two polls."""
        return self._inside.interval

    async def fetch(self) -> Revision:
        """Return the newest trusted revision. Raises SourceUnavailable where there is none."""
        revision = await self._inside.fetch()
        taken = self._taken
        if taken is not None and (taken.id, taken.branch) == (revision.id, revision.branch):
            self._problem = ""
            return taken
        stamp = await asyncio.to_thread(lambda: self._trust.stamp)
        if self._turned_down == (revision.id, stamp):
            return await self._last(revision)
        question = await self._question(revision)
        answer = await asyncio.to_thread(self._trust.judge, question)
        if not answer.trusted:
            return await self._turn_down(revision, answer, stamp)
        await asyncio.to_thread(self._trust.remember, question, answer)
        self._problem, self._state = "", None
        self._taken = with_signature(revision, answer.signed, answer.rewritten)
        return self._taken

    async def _question(self, revision: Revision) -> Question:
        loop = asyncio.get_running_loop()

        def environments() -> frozenset[str]:
            return asyncio.run_coroutine_threadsafe(self._environments(revision), loop).result()

        return Question(
            self._inside.repository,
            revision.id,
            revision.branch,
            self._name,
            self._inside.subfolder,
            self._inside.follows_tags,
            environments=environments,
        )

    async def _environments(self, revision: Revision) -> frozenset[str]:
        """Return the environments of which a revision changes a bot, against the last trusted one."""
        before: DesiredState | None = None
        last = await asyncio.to_thread(self._trust.last, self._name, revision.branch)
        if last is not None:
            known = self._state
            if known is None or known.revision.id != last.commit:
                known = self._state = await self._build(replace(revision, id=last.commit), None)
            before = known
        after = await self._build(revision, before)
        return changed_environments(facts(before), facts(after))

    async def _turn_down(self, revision: Revision, answer: Answer, stamp: tuple[float, ...]) -> Revision:
        first = answer.refusals[0]
        more = len(answer.refusals) - 1
        told = f"revision {revision.short} by {revision.author or 'somebody'} is not trusted: {first}"
        self._problem = told + (f", and {more} more" if more else "")
        _LOG.warning("%s%s", f"source {self._name}: " if self._name else "", self._problem)
        self._turned_down = (revision.id, stamp)
        await self._refused(with_signature(revision, answer.signed), answer.refusals)
        return await self._last(revision)

    async def _last(self, revision: Revision) -> Revision:
        """Return the last trusted revision. Raises SourceUnavailable where nothing was trusted yet."""
        if self._taken is not None and self._taken.branch == revision.branch:
            return self._taken
        last = await asyncio.to_thread(self._trust.last, self._name, revision.branch)
        if last is None:
            raise SourceUnavailable(
                f"{self._problem}. Nothing was trusted yet, so nothing is applied: sign it, or name it with "
                "`first` in the trust policy"
            )
        try:
            found = await asyncio.to_thread(
                describe, self.repository, last.commit, revision.branch, revision.source
            )
        except NotFound as error:
            raise SourceUnavailable(
                f"{self._problem}; the last trusted revision {last.commit[:7]} is gone: {error}"
            ) from error
        self._taken = with_signature(found, signed_of(last))
        return self._taken

    def problems(self) -> Sequence[str]:
        """Return why the newest revision is not deployed, and what else is wrong."""
        if not self._problem:
            return self._inside.problems()
        runs = f"; {self._taken.short} runs on" if self._taken is not None else ""
        return [f"{self._problem}{runs}", *self._inside.problems()]

    async def bring(self, ref: str, environment: Mapping[str, str]) -> str:
        """Bring a branch, tag or commit, to look at it; it need not be trusted."""
        return await self._inside.bring(ref, environment)

    async def look(self) -> None:
        """Look now though it is not due."""
        await self._inside.look()

    async def watch(self, news: News) -> None:
        """Give word of what may be new."""
        await self._inside.watch(news)

    def announce(self, name: str) -> bool:
        """Look soon at the source of a name."""
        return self._inside.announce(name)

    def distrust(self) -> None:
        """Take word that objects could not be read."""
        self._inside.distrust()


def with_signature(revision: Revision, signed: Signed, rewritten: str = "") -> Revision:
    """Return a revision with what is known of its signature."""
    signer = f"{signed.signer} ({signed.key})" if signed.key else signed.signer
    return replace(
        revision,
        signature=signed.standing.value,
        signer=signer,
        rewritten=revision.rewritten or rewritten,
    )


def facts(state: DesiredState | None) -> dict[str, tuple[str, str]]:
    """Return each bot's environment and digest."""
    bots = state.bots.values() if state is not None else ()
    return {spec.name: (spec.environment, spec.digest) for spec in bots}
