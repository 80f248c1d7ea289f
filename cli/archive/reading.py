"""Taking a backup apart: nothing is believed before its checksum is, nothing appears before all of it is."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from cli.archive.manifest import FOLDER, NAME, FileEntry, InvalidBackup, Manifest, parse_manifest
from schemas.errors import UsageError

_LARGEST_MANIFEST = 256 << 20
_PIECE = 1 << 20


def restore_backup(file: Path, data: Path, finish: Callable[[Path, Manifest], None]) -> Manifest:
    """Make a data folder from a backup and return the backup's manifest.

    `finish` gets the folder under its temporary name, and may still refuse it. Raises UsageError where the
    data folder is in use or holds anything, InvalidBackup where the file is not as it was written; then
    nothing is there that was not there before.
    """
    refuse_used(data)
    if data.is_mount():
        raise UsageError(
            f"{data} is a mounted disk, and a restored folder comes in place of the old one whole: "
            f"restore into a folder on it, such as {data / 'herdsman'}, and give herdsman that as --data"
        )
    data.absolute().parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=data.absolute().parent, prefix=f".{data.name}.restoring-"))
    try:
        manifest = _unpack(file, part)
        for head in part.glob("git/**/HEAD"):
            for folder in (
                "objects",
                "refs",
            ):  # without these two, also empty, git takes it for no repository
                (head.parent / folder).mkdir(exist_ok=True)
        finish(part, manifest)
        os.sync()
        refuse_used(data)
        part.replace(data)  # an empty folder gives way
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return manifest


def refuse_used(data: Path) -> None:
    """Refuse a data folder that a herdsman runs on, or that holds anything. Raises UsageError."""
    if data.is_symlink() or (data.exists() and not data.is_dir()):
        raise UsageError(f"{data} is no folder: choose another --data")
    lock = data / "lock"
    if lock.exists():
        with lock.open() as opened, contextlib.ExitStack() as held:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.callback(fcntl.flock, opened, fcntl.LOCK_UN)
            except OSError as error:
                holder = opened.read().strip() or "unknown"
                raise UsageError(f"herdsman runs on {data} (process {holder}): stop it first") from error
    if data.exists() and any(data.iterdir()):
        raise UsageError(f"{data} is not empty: move it away, or restore into another --data")


def _unpack(file: Path, folder: Path) -> Manifest:
    found: dict[str, FileEntry] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(file, "r|gz") as archive:
            for member in archive:
                if member.name == NAME:
                    manifest = parse_manifest(_content(archive, member))
                else:
                    path = _path_of(member)
                    found[path] = _extract(archive, member, folder / path)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InvalidBackup(f"{file} is no backup, or was cut off or damaged: {error}") from error
    except InvalidBackup as error:
        raise InvalidBackup(f"{file}: {error}") from error
    if manifest is None:
        raise InvalidBackup(f"{file} is no whole backup: it has no manifest")
    if found != manifest.files:
        wrong = sorted(
            path for path in found.keys() | manifest.files.keys() if _differs(path, found, manifest)
        )
        raise InvalidBackup(f"{file} is not as it was written: {len(wrong)} files differ, first {wrong[0]}")
    return manifest


def _differs(path: str, found: dict[str, FileEntry], manifest: Manifest) -> bool:
    return found.get(path) != manifest.files.get(path)


def _path_of(member: tarfile.TarInfo) -> str:
    """Return where a member goes: only a plain file, and only below the folder."""
    path = PurePosixPath(member.name)
    if not member.isreg() or not member.name.startswith(FOLDER) or ".." in path.parts:
        raise InvalidBackup(f"it holds {member.name}, which no backup does")
    return str(path.relative_to(FOLDER))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    reader = archive.extractfile(member)
    if reader is None or member.size > _LARGEST_MANIFEST:
        raise InvalidBackup("its manifest is no plain file of a sound size")
    return reader.read()


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> FileEntry:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    reader = archive.extractfile(member)
    assert reader is not None, "a plain file has content"
    digest, size, mode = hashlib.sha256(), 0, member.mode & 0o777
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := reader.read(_PIECE):
            digest.update(piece)
            size += file.write(piece)
        file.flush()
        os.fchmod(file.fileno(), mode)
    return FileEntry(size, digest.hexdigest(), mode)
