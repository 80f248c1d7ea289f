"""Fetches a bundle into the node's cache: `python -I -S fetch.py DIGEST CACHE`, once for all bots.

The address, a capability, comes in `HERDSMAN_BUNDLE_URL`: arguments are everybody's to read. It is a program
of its own so that the launcher never carries an HTTP client in memory. It ends with 0 when `CACHE/DIGEST/` is
complete, else with 1 and one line on stderr that says what happened.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ATTEMPTS = 5
_CALL_TIMEOUT = 30.0
_CHUNK = 1024 * 1024


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
        with tarfile.open(archive, "r:gz") as content:
            _extract(content, temporary)
        temporary.replace(folder)
    except OSError as error:
        if not folder.is_dir():  # else another one was quicker
            raise Unfetched(f"the bundle cannot be unpacked: {error}") from error
    except tarfile.TarError as error:
        raise Unfetched(f"the bundle is damaged: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(content: tarfile.TarFile, folder: Path) -> None:
    if hasattr(tarfile, "data_filter"):
        content.extractall(folder, filter="data")
        return
    for member in content:  # a Python from before the filters
        inside = (folder / member.name).resolve()
        target = (inside.parent / member.linkname).resolve() if member.issym() else inside
        if not inside.is_relative_to(folder.resolve()) or not target.is_relative_to(folder.resolve()):
            raise Unfetched(f"the bundle points out of its folder: {member.name}")
        if member.isfile() or member.isdir() or member.issym():
            member.uid = member.gid = 0
            member.mode &= 0o755
            content.extract(member, folder, set_attrs=not member.isdir())


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
