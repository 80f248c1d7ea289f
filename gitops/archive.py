"""Archives whose bytes depend on their content alone: no times, owners, or order of a file system."""

import io
import os
import stat
import tarfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_TIME = 315532800
"""1980-01-01: the earliest that a zip file, which a bot may make of its own files, can hold."""
_PIECE = 1024 * 1024
"""Bytes that a thread compresses at once: larger pieces would make no smaller archives."""
_THREADS = min(os.cpu_count() or 1, 8)
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Member:
    """A file or symbolic link of an archive: its path inside, how to open it, and its size in bytes.

    `link` is where a link leads, relative to its folder; such a member has no content.
    """

    path: str
    size: int = 0
    open: Callable[[], IO[bytes]] = io.BytesIO
    executable: bool = False
    link: str = ""


def write_archive(file: IO[bytes], members: Iterable[Member], level: int) -> None:
    """Write a gzipped tar archive of these members, sorted by path, with gzip's `level`; 0 only stores them.

    Large ones are compressed in parallel. Memory is bounded by a few MiB for each core.
    """
    with (
        ThreadPoolExecutor(_THREADS, "archive") as threads,
        closing(_Pieces(file, level, threads)) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for member in sorted(members, key=lambda member: member.path):
            _add(tar, member)


class _Pieces(io.RawIOBase):
    """A file of one gzip member for each `_PIECE` bytes, the same however many threads make them."""

    def __init__(self, file: IO[bytes], level: int, threads: Executor) -> None:
        self._file, self._level, self._threads = file, level, threads
        self._gathered = bytearray()
        self._made: deque[Future[bytes]] = deque()
        self._written = 0

    def write(self, content: Any, /) -> int:
        """Take more of the tar archive."""
        self._gathered += content
        self._written += len(content)
        while len(self._gathered) >= _PIECE:
            self._make(bytes(self._gathered[:_PIECE]))
            del self._gathered[:_PIECE]
        return len(content)

    def tell(self) -> int:
        """Return how much was taken."""
        return self._written

    def close(self) -> None:
        """Write what is left, also where it is nothing: no gzip file is empty."""
        if self.closed:
            return
        if self._gathered or not self._written:
            self._make(bytes(self._gathered))
        while self._made:
            self._file.write(self._made.popleft().result())
        super().close()

    def _make(self, piece: bytes) -> None:
        self._made.append(self._threads.submit(_gzip_member, piece, self._level))
        while len(self._made) > 2 * _THREADS:
            self._file.write(self._made.popleft().result())


def _gzip_member(content: bytes, level: int) -> bytes:
    packing = zlib.compressobj(level, wbits=_GZIP)
    return packing.compress(content) + packing.flush()


def _add(tar: tarfile.TarFile, member: Member) -> None:
    header = tarfile.TarInfo(member.path)
    header.mtime = _TIME
    header.mode = 0o755 if member.executable or member.link else 0o644
    if member.link:
        header.type = tarfile.SYMTYPE
        header.linkname = member.link
        tar.addfile(header)
        return
    header.size = member.size
    with member.open() as content:
        tar.addfile(header, content)


def members_of_folder(folder: Path) -> Iterator[Member]:
    """Yield everything in a folder on disk; links are kept as links, and only where they stay inside."""
    for base, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(base) / name).is_symlink()]
        for name in (*files, *links):
            place = Path(base) / name
            path = place.relative_to(folder).as_posix()
            status = place.lstat()
            if stat.S_ISLNK(status.st_mode):
                if place.resolve().is_relative_to(folder.resolve()):
                    yield Member(path, link=os.readlink(place))  # noqa: PTH115 - the text as it is
            elif stat.S_ISREG(status.st_mode):
                executable = bool(status.st_mode & stat.S_IXUSR)
                yield Member(path, status.st_size, _opener(place), executable)


def _opener(place: Path) -> Callable[[], IO[bytes]]:
    return lambda: place.open("rb")
