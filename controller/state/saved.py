"""The one writer in front of a store of saved states: versions in order, never one of a fenced copy.

A bot's objects are `<fleet>/<bot>/objects/<sha256>` (contents) and `<fleet>/<bot>/versions/<number>.json`. A
version is written after all its contents and can only be created, so that a save that was cut off anywhere
leaves the newest version what it was, and of two writers of one number the slower one looks again.
"""

import asyncio
import hashlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec

from controller.state.store import StateStore
from schemas.errors import Conflict, NotFound, StateDamaged, UsageError
from schemas.state import (
    KEPT_VERSIONS,
    MOST_FILE,
    MOST_FILES,
    MOST_TOTAL,
    SaveAnswer,
    StateFile,
    StateSave,
    StateVersion,
    digest_of,
    path_problem,
)

_LOG = logging.getLogger(__name__)
_REMEMBERED = 512
_SWEEP_EVERY = 20
_UNUSED_FOR = 3600.0
"""Seconds after which a content that no version names is no upload under way any more."""
_TRIES = 5
_BOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_decode = msgspec.json.Decoder(StateVersion).decode


class SavedStates:
    """One fleet's saved states. Methods raise StoreUnavailable, StateDamaged where a checksum is wrong."""

    def __init__(self, store: StateStore, fleet: str, clock: Callable[[], float] = time.time) -> None:
        self._store, self._fleet, self._clock = store, fleet, clock
        self._locks: dict[str, asyncio.Lock] = {}
        self._known: OrderedDict[tuple[str, int], StateVersion] = OrderedDict()

    async def offer(self, bot: str, save: StateSave) -> SaveAnswer:
        """Keep what an agent saved: a new version, unless it equals the newest or contents are missing.

        Raises Conflict where a later holder has saved already: what a fenced copy leaves behind is refused.
        """
        check_files(save.files)
        async with self._lock(bot):
            answer, first = await self._offer(bot, save)
        if answer.version and first and save.former and save.former != bot:
            await self._bury(save.former, save.former_token, bot)
        return answer

    async def _offer(self, bot: str, save: StateSave) -> tuple[SaveAnswer, bool]:
        """Do so under the bot's lock; also tell whether this is its first version."""
        for _ in range(_TRIES):
            newest = await self.newest(bot)
            if newest is not None and save.token < newest.token:
                raise Conflict(
                    f"the state of {bot} was saved by a later holder of its lease (version {newest.number}, "
                    f"node {newest.node}): this copy of node {save.node} is fenced, and not taken"
                )
            if newest is not None and _adds_nothing(save, newest):
                return SaveAnswer(newest.number), False
            if missing := await self._missing(bot, save.files, newest):
                return SaveAnswer(0, missing), False
            version = self._version(save, newest)
            if await self._create(bot, version):
                await self._tidy(bot, version, newest)
                return SaveAnswer(version.number), newest is None
        raise Conflict(f"the state of {bot} is being saved by somebody else at the same time")

    async def upload(self, bot: str, sha256: str, data: bytes) -> None:
        """Keep one content of a save to come. Raises UsageError where it is not what its checksum says."""
        if len(data) > MOST_FILE:
            raise UsageError(f"a file of a state has at most {MOST_FILE} bytes")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise UsageError(f"the content does not have the checksum {sha256[:12]}: it was cut or changed")
        await self._store.create(self._object(bot, sha256), data)

    async def download(self, bot: str, sha256: str) -> bytes:
        """Return one content, its checksum proven. Raises NotFound, StateDamaged."""
        data = await self._store.read(self._object(bot, sha256))
        if data is None:
            raise NotFound(f"the state store has no content {sha256[:12]} of {bot}")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StateDamaged(f"a content of the state of {bot} is damaged in the store: {sha256[:12]}")
        return data

    async def newest(self, bot: str) -> StateVersion | None:
        """Return a bot's newest version, None where nothing was ever saved."""
        numbers = await self._numbers(bot)
        return await self._read(bot, numbers[-1]) if numbers else None

    async def history(self, bot: str) -> list[StateVersion]:
        """Return a bot's versions, the newest first; a damaged one is left out and logged."""
        found = []
        for number in reversed(await self._numbers(bot)):
            try:
                found.append(await self._read(bot, number))
            except StateDamaged as error:
                _LOG.error("%s", error)
        return found

    async def version(self, bot: str, number: int) -> StateVersion:
        """Return one version, 0 for the newest. Raises NotFound with those there are."""
        numbers = await self._numbers(bot)
        if not numbers:
            raise NotFound(f"nothing was saved of {bot} yet")
        if number and number not in numbers:
            there = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else str(numbers[0])
            raise NotFound(f"{bot} has no version {number} of its state; there is {there}")
        return await self._read(bot, number or numbers[-1])

    async def change(
        self, bot: str, files: Sequence[StateFile], token: int, by: str, reason: str
    ) -> StateVersion:
        """Make a version on an operator's behalf, under a token of its own, of contents that are there."""
        check_files(files)
        async with self._lock(bot):
            newest = await self.newest(bot)
            if missing := await self._missing(bot, files, newest):
                raise StateDamaged(f"contents of that state are not in the store any more: {missing[0][:12]}")
            save = StateSave(token, "", final=True, files=tuple(files))
            version = replace(self._version(save, newest), by=by, reason=reason)
            if not await self._create(bot, version):
                raise Conflict(f"the state of {bot} was saved at the same moment; look at it and try again")
            await self._tidy(bot, version, None)
            return version

    async def bots(self) -> list[str]:
        """Return the bots of which anything is saved."""
        prefix = f"{self._fleet}/"
        keys = await self._store.find(prefix)
        return sorted({one.key.removeprefix(prefix).split("/")[0] for one in keys})

    async def forget(self, bot: str, older_than: float) -> bool:
        """Delete all of a bot's versions where the newest was saved before a Unix time; tell whether."""
        async with self._lock(bot):
            stored = await self._store.find(self._folder(bot))
            if any(one.modified >= older_than for one in stored):
                return False
            # Versions first: what is cut off here leaves contents that nobody names.
            for one in sorted(stored, key=lambda one: "/objects/" in one.key):
                await self._store.delete(one.key)
            return bool(stored)

    def _version(self, save: StateSave, newest: StateVersion | None) -> StateVersion:
        files = tuple(sorted(save.files, key=lambda file: file.path))
        return StateVersion(
            number=(newest.number if newest else 0) + 1,
            token=save.token,
            node=save.node,
            final=save.final,
            saved_at=self._clock(),
            digest=digest_of(files),
            files=files,
            skipped=save.skipped,
            allocation=save.allocation,
        )

    async def _bury(self, former: str, token: int, bot: str) -> None:
        """Leave an empty state under a former name: what a renamed bot took along is nobody else's."""
        async with self._lock(former):
            newest = await self.newest(former)
            if newest is None or newest.token > token or not newest.files:
                return
            save = StateSave(newest.token, newest.node, final=True, files=())
            version = replace(self._version(save, newest), by="herdsman", reason=f"renamed to {bot}")
            await self._create(former, version)

    async def _create(self, bot: str, version: StateVersion) -> bool:
        made = await self._store.create(self._key(bot, version.number), msgspec.json.encode(version))
        if made:
            self._remember(bot, version)
        return made

    async def _tidy(self, bot: str, version: StateVersion, before: StateVersion | None) -> None:
        """Keep ten versions, no two in a row with the same content; sweep contents now and then."""
        numbers = await self._numbers(bot)
        old = numbers[:-KEPT_VERSIONS]
        if before is not None and before.digest == version.digest and not before.by:
            old = [*old, before.number]
        for number in old:
            await self._store.delete(self._key(bot, number))
            self._known.pop((bot, number), None)
        if old and version.number % _SWEEP_EVERY == 0:
            await self._sweep(bot)

    async def _sweep(self, bot: str) -> None:
        """Delete contents that no version names, but for those that may belong to a save under way."""
        used = {file.sha256 for version in await self.history(bot) for file in version.files}
        for one in await self._store.find(f"{self._folder(bot)}objects/"):
            if one.key.rpartition("/")[2] not in used and one.modified < self._clock() - _UNUSED_FOR:
                await self._store.delete(one.key)

    async def _missing(
        self, bot: str, files: Iterable[StateFile], newest: StateVersion | None
    ) -> tuple[str, ...]:
        """Return the checksums of contents that are not in the store."""
        wanted = {file.sha256 for file in files} - {file.sha256 for file in (newest.files if newest else ())}
        if not wanted:
            return ()
        stored = await self._store.find(f"{self._folder(bot)}objects/")
        return tuple(sorted(wanted - {one.key.rpartition("/")[2] for one in stored}))

    async def _numbers(self, bot: str) -> list[int]:
        stored = await self._store.find(f"{self._folder(bot)}versions/")
        names = (one.key.rpartition("/")[2].removesuffix(".json") for one in stored)
        return sorted(int(name) for name in names if name.isdigit())

    async def _read(self, bot: str, number: int) -> StateVersion:
        known = self._known.get((bot, number))
        if known is not None:
            return known
        data = await self._store.read(self._key(bot, number))
        if data is None:
            raise NotFound(f"version {number} of the state of {bot} was deleted a moment ago")
        try:
            version = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise StateDamaged(_damaged(bot, number)) from None
        if version.number != number or version.digest != digest_of(version.files):
            raise StateDamaged(_damaged(bot, number))
        self._remember(bot, version)
        return version

    def _remember(self, bot: str, version: StateVersion) -> None:
        self._known[bot, version.number] = version
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _lock(self, bot: str) -> asyncio.Lock:
        return self._locks.setdefault(bot, asyncio.Lock())

    def _folder(self, bot: str) -> str:
        if not _BOT.fullmatch(bot):
            raise UsageError(f"{bot!r} is no name of a bot")
        return f"{self._fleet}/{bot}/"

    def _key(self, bot: str, number: int) -> str:
        return f"{self._folder(bot)}versions/{number:010d}.json"

    def _object(self, bot: str, sha256: str) -> str:
        if not _SHA256.fullmatch(sha256):
            raise UsageError(f"{sha256[:80]!r} is no SHA-256")
        return f"{self._folder(bot)}objects/{sha256}"


def check_files(files: Sequence[StateFile]) -> None:
    """Raise UsageError where files cannot be a version."""
    if len(files) > MOST_FILES:
        raise UsageError(f"a state has at most {MOST_FILES} files, not {len(files)}")
    if sum(file.size for file in files) > MOST_TOTAL or any(file.size > MOST_FILE for file in files):
        raise UsageError(f"a state has at most {MOST_TOTAL} bytes, one of its files at most {MOST_FILE}")
    if len({file.path for file in files}) != len(files):
        raise UsageError("a path stands twice in a state")
    for file in files:
        if problem := path_problem(file.path):
            raise UsageError(f"{file.path!r} cannot be a file of a state: {problem}")
        if not _SHA256.fullmatch(file.sha256):
            raise UsageError(f"{file.path!r} has no SHA-256 as its checksum")


def _adds_nothing(save: StateSave, newest: StateVersion) -> bool:
    """Whether the newest version says it all: what came late, or again."""
    if save.token > newest.token:
        return False
    return (newest.final and not save.final) or (
        save.final == newest.final and digest_of(save.files) == newest.digest
    )


def _damaged(bot: str, number: int) -> str:
    return (
        f"version {number} of the state of {bot} is damaged in the store: its checksum is wrong; "
        f"`herdsman state {bot} history` shows the others"
    )
