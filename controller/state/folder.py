"""Saved states in a folder of this machine."""

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from controller.state.store import Stored
from schemas.errors import StoreUnavailable

T = TypeVar("T")

_PART = ".part-"
"""Begins the name of a file that is being written; it is no object."""


class FolderStore:
    """See `StateStore`; an object is a file, linked into place once it is whole and on the disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def create(self, key: str, data: bytes) -> bool:
        """Write a file beside its place, then link it: readers see all of it or nothing."""
        return await self._done(self._create, key, data)

    async def read(self, key: str) -> bytes | None:
        """Read a file."""
        return await self._done(self._read, key)

    async def find(self, prefix: str) -> list[Stored]:
        """List the files below a folder."""
        return await self._done(self._find, prefix)

    async def delete(self, key: str) -> None:
        """Delete a file."""
        await self._done(self._delete, key)

    async def _done(self, call: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.to_thread(call, *arguments)
        except OSError as error:
            raise StoreUnavailable(
                f"the state store {self._root} cannot be used: {error.strerror or error}"
            ) from error

    def _create(self, key: str, data: bytes) -> bool:
        target = self._root / key
        if target.exists():
            return False
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_name(f"{_PART}{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(part, target)
            except FileExistsError:
                return False
            _sync(target.parent)
        finally:
            part.unlink(missing_ok=True)
        return True

    def _read(self, key: str) -> bytes | None:
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None

    def _find(self, prefix: str) -> list[Stored]:
        found = []
        for folder, _, names in os.walk(self._root / prefix):
            for name in names:
                path = Path(folder, name)
                if not name.startswith(_PART) and (status := _status(path)) is not None:
                    key = path.relative_to(self._root).as_posix()
                    found.append(Stored(key, status.st_size, status.st_mtime))
        return sorted(found, key=lambda one: one.key)

    def _delete(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:  # deleted meanwhile
        return None


def _sync(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
