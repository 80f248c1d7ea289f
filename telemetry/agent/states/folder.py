"""Reading a state folder while its bot may write it, and making one: through no link, plain files alone.

The agent may read and write what a bot may not, so that every step goes by an open folder.
"""

import hashlib
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from schemas.state import MOST_FILE, MOST_FILES, MOST_TOTAL, Skipped, StateFile, path_problem
from telemetry.agent.opening import open_plain, opened

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20
_ROUNDS = 3
_DEPTH = 16

Mark = tuple[int, int, int, int]
"""A file as the system shows it: inode, size, times of change in ns. Equal marks: the same content."""


@dataclass(slots=True)
class Snapshot:
    """One look at a folder: its files by path with their marks, and what cannot be saved."""

    marks: dict[str, Mark] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class Taken:
    """A copy of a folder: its files, and where the contents lie that were read now (by checksum)."""

    files: list[StateFile]
    skipped: tuple[Skipped, ...]
    copies: dict[str, Path]
    marks: dict[str, Mark]


def look(root: Path, *below: str) -> Snapshot:
    """Look at the state folder `root/below...`; one that is not there is empty."""
    found = Snapshot()
    try:
        with opened(root, *below) as folder:
            _look_into(folder, "", found, 0)
    except FileNotFoundError:
        return found
    return found


def _look_into(folder: int, prefix: str, found: Snapshot, depth: int) -> None:
    for name in sorted(os.listdir(folder)):
        path = prefix + name
        try:
            path.encode()
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except (OSError, UnicodeEncodeError):  # gone meanwhile; or a name that is no text
            continue
        if stat.S_ISDIR(status.st_mode) and depth < _DEPTH:
            with suppress(OSError):
                inner = os.open(name, _FOLDER, dir_fd=folder)
                try:
                    _look_into(inner, f"{path}/", found, depth + 1)
                finally:
                    os.close(inner)
        elif reason := _refusal(path, status, found):
            found.skipped.append(Skipped(path, reason))
        else:
            found.marks[path] = _mark(status)
            found.size += status.st_size


def _refusal(path: str, status: os.stat_result, found: Snapshot) -> str:
    """Return why something is not saved, "" where it is."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no plain file"
    if problem := path_problem(path):
        return problem
    if status.st_size > MOST_FILE:
        return f"it is too large: {status.st_size} bytes, {MOST_FILE} are the most"
    if len(found.marks) >= MOST_FILES:
        return f"there are more than {MOST_FILES} files"
    if found.size + status.st_size > MOST_TOTAL:
        return f"the state would be larger than {MOST_TOTAL} bytes"
    return ""


def _mark(status: os.stat_result) -> Mark:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def take(
    root: Path,
    below: tuple[str, ...],
    known: dict[str, tuple[Mark, str]],
    spool: Path,
    step: Callable[[], None] = lambda: None,
) -> Taken:
    """Copy what changed of a folder into `spool`; `known` has the checksums of files that did not, by path.

    `step` is called for each file and each MiB of it, as they are read.
    A file that changes while it is read is read again, and after three rounds taken as it is, and so marked.
    """
    files: dict[str, StateFile] = {}
    copies: dict[str, Path] = {}
    before = Snapshot()
    for last in (*[False] * _ROUNDS, True):
        now = look(root, *below)
        changed = [path for path, mark in now.marks.items() if before.marks.get(path) != mark]
        files = {path: file for path, file in files.items() if path in now.marks}
        before = now
        if not changed:
            break
        for path in changed:
            mark, sha256 = known.get(path, (None, ""))
            if mark == now.marks[path]:
                files[path] = StateFile(path, sha256, mark[1], mark[2] / 1e9)
                continue
            step()
            copied = _copy(root, below, path, spool, step)
            if copied is None:
                files.pop(path, None)
                continue
            files[path], copies[copied[0].sha256] = copied[0], copied[1]
            before.marks[path] = copied[2]
            if last:
                files[path] = StateFile(
                    path, copied[0].sha256, copied[0].size, copied[0].mtime, changing=True
                )
    unread = [Skipped(path, "it could not be read") for path in before.marks if path not in files]
    whole = [files[path] for path in sorted(files)]
    return Taken(whole, (*before.skipped, *unread), copies, before.marks)


def _copy(
    root: Path, below: tuple[str, ...], path: str, spool: Path, step: Callable[[], None]
) -> tuple[StateFile, Path, Mark] | None:
    """Copy one file, with its mark before that; None where it is gone, unreadable or became too large."""
    *folders, name = path.split("/")
    digest, size = hashlib.sha256(), 0
    part = spool / f"part-{time.monotonic_ns()}"
    try:
        with (
            opened(root, *below, *folders) as folder,
            os.fdopen(open_plain(name, folder), "rb") as source,
            part.open("xb") as target,
        ):
            status = os.fstat(source.fileno())
            while chunk := source.read(_CHUNK):
                step()
                size += len(chunk)
                digest.update(chunk)
                target.write(chunk)
                if size > MOST_FILE:
                    break
    except OSError:
        size = MOST_FILE + 1
    if size > MOST_FILE:
        part.unlink(missing_ok=True)
        return None
    sha256 = digest.hexdigest()
    part.replace(spool / sha256)
    return StateFile(path, sha256, size, status.st_mtime_ns / 1e9), spool / sha256, _mark(status)


class NewFolder:
    """A folder that is being made beside a bot's state folder, by nobody but us until `hand_over`."""

    def __init__(self, root: Path, fleet: str, name: str) -> None:
        """Make it. Raises OSError."""
        (root / fleet).mkdir(mode=0o755, parents=True, exist_ok=True)
        with opened(root, fleet) as parent:
            os.mkdir(name, 0o700, dir_fd=parent)
            self._folder = os.open(name, _FOLDER, dir_fd=parent)
        self._lock, self._used, self._let_go = threading.Lock(), False, threading.Event()
        if os.fstat(self._folder).st_uid != os.geteuid():
            os.close(self._folder)
            raise OSError(f"{name} was replaced by somebody else")

    def write(self, file: StateFile, data: bytes) -> None:
        """Write one file into it."""
        with self._held():
            self._write(file, data)

    def _write(self, file: StateFile, data: bytes) -> None:
        *folders, name = file.path.split("/")
        folder = os.dup(self._folder)
        try:
            for part in folders:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=folder)
                outer, folder = folder, os.open(part, _FOLDER, dir_fd=folder)
                os.close(outer)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as target:
                target.write(data)
                target.flush()
                os.fsync(target.fileno())
                os.utime(target.fileno(), (file.mtime, file.mtime))
        finally:
            os.close(folder)

    def hand_over(self, owner: int, group: int) -> None:
        """Give it to the bot's user, with all that is in it."""
        with self._held():
            self._hand_over(owner, group)

    def _hand_over(self, owner: int, group: int) -> None:
        if (owner, group) != (os.geteuid(), os.getegid()):
            for _, folders, files, inside in os.fwalk(".", dir_fd=self._folder, follow_symlinks=False):
                for name in (*folders, *files):
                    os.chown(name, owner, group, dir_fd=inside, follow_symlinks=False)
            os.fchown(self._folder, owner, group)
        os.fsync(self._folder)

    def close(self) -> None:
        """Let go of it: once the thread is done that a disk holds up with it, where there is one."""
        with self._lock:
            self._let_go.set()
            if not self._used:
                os.close(self._folder)

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._lock:
            if self._let_go.is_set():
                raise OSError("it is not wanted any more")
            self._used = True
        try:
            yield
        finally:
            with self._lock:
                self._used = False
                if self._let_go.is_set():
                    os.close(self._folder)


def clear(root: Path, fleet: str, bot: str, *, restored: bool) -> None:
    """Delete folders made for a bot's state and never used, or those that restored ones replaced."""
    prefix = f".{bot}.restored-" if restored else f".{bot}.replaced-"
    for path in _named(root / fleet, prefix):
        shutil.rmtree(path, ignore_errors=True)


def _named(folder: Path, prefix: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from [path for path in folder.iterdir() if path.name.startswith(prefix)]
