"""Several sources of one fleet, each followed by a task of its own: none waits for another.

A look at a source and the building of its state happen in its own task. What is new is taken one source at
a time, so that each revision has a pass, a record and errors of its own; the fleet's desired state is always
that of all sources together, each at the last revision that could be read.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from gitops.desired import DesiredState
from gitops.merging import Owner, merge, stamp
from gitops.repository import KEEP_OBJECTS, make_bare
from gitops.revision import Revision
from gitops.sources import HOSTED_BRANCH, News, OneSource
from gitops.states import FleetStates
from schemas.errors import HerdsmanError, NotFound, SourceUnavailable

_LOG = logging.getLogger(__name__)
PATIENCE = 3.0
"""Seconds that a pass which somebody asked for waits for the sources to be looked at."""

JITTER = 0.2
"""Share by which each wait between two looks varies."""


class Followable(Protocol):
    """What is needed of each single source."""

    @property
    def repository(self) -> Path:
        """Return the bare repository with its objects."""
        ...

    @property
    def interval(self) -> float:
        """Return the seconds between two looks."""
        ...

    async def fetch(self) -> Revision:
        """Return the newest revision. Raises SourceUnavailable."""
        ...

    async def watch(self, news: News) -> None:
        """Give word of what may be new, where that is watched."""
        ...

    def problems(self) -> Sequence[str]:
        """Return what is wrong though `fetch` succeeds."""
        ...


@dataclass(slots=True)
class Member:
    """One of the sources: what it last held, and how it does."""

    name: str
    source: Followable
    states: FleetStates
    state: DesiredState | None = None
    """The last good one, with the source's name in its bots."""
    problem: str = "it is being read for the first time"
    seen_at: float | None = None
    """Unix time of the last good look."""
    trigger: str = "poll"
    built: DesiredState | None = None
    began_at: float | None = None
    """Since when a look is under way, monotonic."""
    finished_from: float = -1.0
    """When the last look that has ended began, monotonic."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> tuple[str, bool]:
        """What tells its state from the one before."""
        return (self.state.revision.key, self.state.complete) if self.state else ("", False)


class SourceSet(OneSource):
    """All sources of a fleet, as one to the controller.

    `repository` is a bare repository of our own that holds nothing and reads from all of theirs. `current`
    returns the desired state that holds now, `owners` who has each bot, both called on the loop.
    """

    def __init__(
        self,
        members: Sequence[Member],
        repository: Path,
        current: Callable[[], DesiredState | None],
        owners: Callable[[], Mapping[str, Owner]],
        clock: Callable[[], float],
        patience: float = PATIENCE,
    ) -> None:
        self.members = tuple(members)
        self.repository = repository
        self._current = current
        self._owners = owners
        self._clock = clock
        self._patience = patience
        self._news: News = _nobody

    def prepare(self) -> None:
        """Make the repository through which the objects of all sources are read; blocks."""
        make_bare(self.repository, HOSTED_BRANCH, KEEP_OBJECTS)
        places = [str((member.source.repository / "objects").absolute()) for member in self.members]
        info = self.repository / "objects" / "info"
        info.mkdir(exist_ok=True)
        (info / "alternates").write_text("".join(f"{place}\n" for place in places))

    async def watch(self, news: News) -> None:
        """Follow every source for ever."""
        self._news = news
        async with asyncio.TaskGroup() as group:
            for member in self.members:
                group.create_task(self._follow(member), name=f"source {member.name}")
                group.create_task(self._listen(member), name=f"watching {member.name}")

    async def look(self) -> None:
        """Look at every source now, for a bounded time; one that hangs already is not waited for."""
        now = asyncio.get_running_loop().time()
        asked = [member for member in self.members if not self._hangs(member, now)]
        for member in self.members:
            member.wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                for member in asked:
                    while member.finished_from < now:
                        await member.ended.wait()

    def announce(self, name: str) -> bool:
        """Look at one source soon, since it was said to have moved. Raises NotFound."""
        member = next((one for one in self.members if one.name == name), None)
        if member is None:
            raise NotFound(f"there is no source {name}")
        member.trigger = "webhook"
        member.wake.set()
        return True

    async def fetch(self) -> Revision:
        """Return the newest revision that was not taken yet, else the one that was taken last.

        Waits for nothing. Raises SourceUnavailable where no source has been read, or none can be now.
        """
        current = self._current()
        fresh = [member for member in self.members if member.state and member.key != _taken(current, member)]
        if len(fresh) > 1:
            self._news("poll")  # each has a pass of its own
        if fresh and fresh[0].state is not None:
            return fresh[0].state.revision
        if current is None or all(member.problem for member in self.members):
            raise SourceUnavailable("; ".join(self.problems()) or "no source has been read yet")
        return current.revision

    async def build(self, revision: Revision, previous: DesiredState | None) -> DesiredState:
        """Return the state of all sources, that of the revision's own source taken anew."""
        parts = dict(previous.parts) if previous is not None else {}
        for member in self.members:
            if member.name == revision.origin and member.state is not None:
                parts[member.name] = member.state
        kept = {one.name: parts[one.name] for one in self.members if one.name in parts}
        unread = {one.name: one.problem or "its turn comes" for one in self.members if one.name not in kept}
        return merge([one.name for one in self.members], kept, unread, revision, self._owners())

    def with_candidate(self, name: str, built: DesiredState, current: DesiredState | None) -> DesiredState:
        """Return what the whole fleet would be with another state of one source."""
        member = next(one for one in self.members if one.name == name)
        stamped = stamp(built, name, member.built, member.state)
        parts = {**(current.parts if current is not None else {}), name: stamped}
        unread = {one.name: one.problem or "its turn comes" for one in self.members if one.name not in parts}
        return merge([one.name for one in self.members], parts, unread, built.revision, self._owners())

    async def rebuild(self, revision: Revision, current: DesiredState | None) -> DesiredState:
        """Return what an earlier revision of one of the sources asked for. Raises SourceUnavailable."""
        del current
        member = next((one for one in self.members if one.name == revision.origin), None)
        if member is None:
            raise SourceUnavailable(f"{revision.short} came from a source that is no longer configured")
        built = await member.states.rebuild(revision, member.built)
        return stamp(built, member.name, None, None)

    def problems(self) -> Sequence[str]:
        """Return what is wrong with single sources."""
        own = [f"source {one.name}: {one.problem}" for one in self.members if one.problem]
        return own + [f"source {one.name}: {said}" for one in self.members for said in one.source.problems()]

    def _hangs(self, member: Member, now: float) -> bool:
        return member.began_at is not None and now - member.began_at > self._patience

    async def _follow(self, member: Member) -> None:
        while True:
            member.wake.clear()
            trigger, member.trigger = member.trigger, "poll"
            before = member.key
            await self._look_at(member)
            if member.key != before:
                self._news(trigger)
            wait = member.source.interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await member.wake.wait()

    async def _look_at(self, member: Member) -> None:
        """Look at a source, and build what is new; whatever goes wrong is this source's own problem."""
        member.began_at = began = asyncio.get_running_loop().time()
        try:
            await self._read(member)
            member.problem, member.seen_at = "", self._clock()
        except HerdsmanError as error:
            if member.problem != str(error):
                _LOG.warning("source %s: %s", member.name, error)
            member.problem = str(error)
        except Exception as error:  # noqa: BLE001 - one source's trouble is nobody else's
            _LOG.exception("source %s failed", member.name)
            member.problem = f"unexpected {type(error).__name__}: {error}"
        finally:
            member.began_at, member.finished_from = None, began
            member.ended.set()
            member.ended = asyncio.Event()

    async def _read(self, member: Member) -> None:
        revision = replace(await member.source.fetch(), origin=member.name)
        before = member.state
        if before is not None and before.revision.key == revision.key and before.complete:
            return
        built = await member.states.build(revision, member.built)
        if not built.complete and not built.bots:
            said = built.errors[0].message if built.errors else "no reason was given"
            raise SourceUnavailable(f"revision {revision.short} could not be read: {said}")
        member.state = stamp(built, member.name, member.built, before)
        member.built = built

    async def _listen(self, member: Member) -> None:
        """Take a source's own word that something moved."""

        def moved(trigger: str) -> None:
            member.trigger = trigger
            member.wake.set()

        await member.source.watch(moved)


def _taken(current: DesiredState | None, member: Member) -> tuple[str, bool]:
    """Return the key of what was taken of a source last."""
    part = current.parts.get(member.name) if current is not None else None
    return (part.revision.key, part.complete) if part is not None else ("", False)


def _nobody(_trigger: str) -> None:
    """Tell nobody: no controller runs yet."""
