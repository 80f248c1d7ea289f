"""Writing a backup: each file as it was at one moment, the manifest last, the archive whole or not at all."""

import hashlib
import io
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

import msgspec

from cli.archive.contents import DATABASE, TURNS, contents, is_a_bots, is_sqlite, logs_of
from cli.archive.manifest import FOLDER, FORMAT, NAME, FileEntry, Manifest
from gitops.upkeep import packs_kept
from schemas.errors import HerdsmanError, UsageError

_IN_MEMORY = 8 << 20
_PIECE = 1 << 20
_BUSY = 30.0
"""Seconds to wait for a database that is being written."""


def write_backup(data: Path, target: Path, *, telemetry: bool, version: str) -> Manifest:
    """Write a backup of a data folder, also of a running service, and return what is in it.

    The archive (0600) appears under its name once it is whole. Raises UsageError where the folder is none of
    herdsman's, or the target is there already.
    """
    if not (data / DATABASE).is_file():
        raise UsageError(f"{data} is no data folder of herdsman: name it with --data")
    if target.exists():
        raise UsageError(f"{target} is there already: choose another name, or move it away")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            # While git's packs are replaced by one, a listing of them is soon wrong.
            with (
                packs_kept(data / "git"),
                tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as archive,
            ):
                manifest = _fill(archive, data, target.parent, telemetry, version)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _fill(archive: tarfile.TarFile, data: Path, scratch: Path, telemetry: bool, version: str) -> Manifest:
    taken_at = time.time()
    files: dict[str, FileEntry] = {}
    left_out: list[str] = []
    for turn in range(TURNS):
        names, strange = contents(data, turn, telemetry)
        left_out += strange
        for path in names:
            files |= _added(archive, data, path, scratch)
    fleet = (data / "fleet-id").read_text().strip() if "fleet-id" in files else ""
    whole = files[DATABASE].size > 0
    manifest = Manifest(FORMAT, version, fleet, taken_at, telemetry, whole, files, left_out)
    content = msgspec.json.encode(manifest)
    archive.addfile(_header(NAME, len(content), 0o600), io.BytesIO(content))
    return manifest


def _added(archive: tarfile.TarFile, data: Path, path: str, scratch: Path) -> dict[str, FileEntry]:
    """Add one file, and what else there is of a bot's database that lets nobody copy it."""
    try:
        entry = _add(archive, data / path, path, scratch, copied=is_sqlite)
    except _NotCopied:
        if not is_a_bots(path):
            raise
        found = [data / path, *(one for one in logs_of(data / path) if one.is_file())]
        whole = {str(one.relative_to(data)): one for one in found}
        entries = {
            name: _add(archive, one, name, scratch, copied=lambda _: False) for name, one in whole.items()
        }
        return {name: one for name, one in entries.items() if one is not None}
    return {} if entry is None else {path: entry}


def _add(
    archive: tarfile.TarFile, source: Path, path: str, scratch: Path, copied: Callable[[Path], bool]
) -> FileEntry | None:
    """Add one file as it is now; None for one that is gone meanwhile. `copied`: by SQLite itself."""
    try:
        mode = stat.S_IMODE(source.stat().st_mode)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(scratch)) as copy:
            if copied(source):
                _copy_database(source, copy, scratch)
            else:
                with source.open("rb") as file:
                    shutil.copyfileobj(file, copy, _PIECE)
            size = copy.tell()
            copy.seek(0)
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
            copy.seek(0)
            archive.addfile(_header(FOLDER + path, size, mode), copy)
    except FileNotFoundError:
        return None
    return FileEntry(size, digest, mode)


class _NotCopied(HerdsmanError):
    """A database is damaged, or its owner keeps everybody else out."""


def _copy_database(source: Path, target: IO[bytes], scratch: Path) -> None:
    """Copy a database as of one moment, however busy it is. Raises HerdsmanError where it is damaged."""
    descriptor, name = tempfile.mkstemp(dir=scratch, prefix=".herdsman-backup-")
    os.close(descriptor)
    copy = Path(name)
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY)) as one,
            closing(sqlite3.connect(copy)) as other,
        ):
            one.backup(other, progress=_patience())
            # One file, with no log beside it that would have to come along.
            other.execute("PRAGMA journal_mode=DELETE")
        with copy.open("rb") as file:
            shutil.copyfileobj(file, target, _PIECE)
    except sqlite3.DatabaseError as error:
        raise _NotCopied(f"the database {source} cannot be copied: {error}") from error
    finally:
        copy.unlink(missing_ok=True)


def _patience() -> Callable[[int, int, int], None]:
    """Return what ends a copy that is kept waiting for too long: by itself it would wait for ever."""
    until = time.monotonic() + _BUSY

    def look(_status: int, remaining: int, total: int) -> None:
        if time.monotonic() > until and (remaining or not total):
            raise sqlite3.OperationalError("it stays locked")

    return look


def _header(name: str, size: int, mode: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = size, mode, int(time.time())
    return header
