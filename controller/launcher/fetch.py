"""Fetches a bundle into the node's cache: `python -I -S fetch.py DIGEST CACHE`, once for all bots.

The address, a capability, comes in `HERDSMAN_BUNDLE_URL`: arguments are everybody's to read. It is a program
of its own so that the launcher never carries an HTTP client in memory. It ends with 0 when `CACHE/DIGEST/` is
complete, else with 1 and one line on stderr that says what happened.
"""

import fcntl
import gzip
import hashlib
import io
import os
import posixpath
import shutil
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ATTEMPTS = 5
_CALL_TIMEOUT = 30.0
_CHUNK = 1024 * 1024
_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError)


class Unfetched(Exception):
    """The bundle could not be had, or is not what its digest says."""


def fetch(url: str, digest: str, cache: Path) -> Path:
    """Return the unpacked bundle, downloading it where the cache has it not. Raises Unfetched."""
    folder = cache / digest
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"{digest}.lock"):
        if not folder.is_dir():
            archive = cache / f"{digest}.{os.getpid()}.part"
            try:
                _download(url, digest, archive)
                unpack(archive, folder)
            finally:
                archive.unlink(missing_ok=True)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a `.tar.gz` so that `folder` appears whole or not at all; nothing may point out of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Several threads of one process may unpack the same bundle: each into a folder of its own.
    temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".tmp", dir=folder.parent))
    temporary.chmod(0o755)
    try:
        with (
            gzip.open(archive) as packed,
            io.BufferedReader(packed, _CHUNK) as content,
            tarfile.open(fileobj=content, mode="r:") as members,
        ):
            _extract(members, temporary)
        temporary.replace(folder)
    except _DAMAGE as error:
        raise Unfetched(f"the bundle is damaged: {error}") from error
    except OSError as error:
        if not folder.is_dir():  # else another one was quicker
            raise Unfetched(f"the bundle cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(members: tarfile.TarFile, folder: Path) -> None:
    """Write what an archive holds; links come last, so that nothing is written through one.

    tarfile's own filters look at every part of every path, once for each member of a large layer.
    """
    links: list[tuple[Path, str]] = []
    made: set[str] = set()
    for member in members:
        name = posixpath.normpath(member.name)
        if name.startswith(("/", "../")) or name == "..":
            raise Unfetched(f"the bundle points out of its folder: {member.name}")
        parent = name if member.isdir() else posixpath.dirname(name)
        if parent not in made:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        if member.issym():
            links.append((folder / name, member.linkname))
        elif member.isfile():
            _write(members, member, folder / name)
        elif not member.isdir():
            raise Unfetched(f"the bundle holds what is neither file, folder nor link: {member.name}")
    _link(folder, links)


def _link(folder: Path, links: list[tuple[Path, str]]) -> None:
    for place, target in links:
        place.symlink_to(target)
    # Only once all are there is it known where each leads.
    root = os.path.realpath(folder)
    for place, _ in links:
        if os.path.commonpath((root, os.path.realpath(place))) != root:
            raise Unfetched(f"the bundle points out of its folder: {place.name}")


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    content = members.extractfile(member)
    assert content is not None
    with content, place.open("wb", buffering=0) as file:
        while piece := content.read(_CHUNK):
            file.write(piece)
        os.fchmod(file.fileno(), 0o755 if member.mode & 0o100 else 0o644)
        os.utime(file.fileno(), (member.mtime, member.mtime))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(url: str, digest: str, archive: Path) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            found = _copy(url, archive)
        except (OSError, ValueError) as error:
            trouble = str(error)
            time.sleep(min(0.2 * 2**attempt, 2.0))
            continue
        if found == digest:
            return
        trouble = f"its content has the checksum {found[:12]}, not {digest[:12]}"
    raise Unfetched(f"the bundle {digest[:12]} cannot be fetched: {trouble}")


def _copy(url: str, archive: Path) -> str:
    digest = hashlib.sha256()
    request = urllib.request.Request(url)  # noqa: S310 - the address comes from our own order
    with urllib.request.urlopen(request, timeout=_CALL_TIMEOUT) as answer, archive.open("wb") as file:  # noqa: S310
        while chunk := answer.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        fetch(os.environ["HERDSMAN_BUNDLE_URL"], sys.argv[1], Path(sys.argv[2]))
    except Unfetched as trouble:
        sys.stderr.write(f"{trouble}\n")
        sys.exit(1)
