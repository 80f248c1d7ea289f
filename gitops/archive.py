"""Archives whose bytes depend on their content alone: no times, owners, or order of a file system."""

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_TIME = 315532800
"""1980-01-01: the earliest that a zip file, which a bot may make of its own files, can hold."""


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
    """Write a gzipped tar archive of these members, sorted by path, with gzip's `level` of 1 to 9."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=level, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for member in sorted(members, key=lambda member: member.path):
            _add(tar, member)


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
