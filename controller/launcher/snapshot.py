"""A query's own copy of a bot's state: whatever the query does with it, the bot's own files stay as they are.

Files are taken over one by one, each whole or not at all; those that have not changed since are left. Links
are not followed, and what is no plain file is passed over.
"""

import os
import shutil
import stat
from pathlib import Path

MOST_BYTES = 1 << 30
"""A state folder larger than this, in bytes, is not copied."""


class TooLarge(Exception):
    """The state folder holds more than a query may copy."""


def refresh(source: Path, target: Path) -> None:
    """Make the folder `target` the same as `source` is now (an empty folder where that is missing).

    Raises TooLarge, and OSError where the copy cannot be written.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refresh(source, target, [MOST_BYTES])


def _refresh(source: Path, target: Path, room: list[int]) -> None:
    wanted = {name: status for name in _names(source) if (status := _status(source / name)) is not None}
    for name in _names(target):
        if name not in wanted or stat.S_ISDIR(wanted[name].st_mode) != (target / name).is_dir():
            _remove(target / name)
    for name, status in wanted.items():
        if stat.S_ISDIR(status.st_mode):
            (target / name).mkdir(mode=0o700, exist_ok=True)
            _refresh(source / name, target / name, room)
        elif stat.S_ISREG(status.st_mode):
            room[0] -= status.st_size
            if room[0] < 0:
                raise TooLarge(f"the bot's state is larger than {MOST_BYTES >> 20} MiB")
            if not _same(status, _status(target / name)):
                _copy(source / name, target / name)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _same(ours: os.stat_result, theirs: os.stat_result | None) -> bool:
    """Return whether a copy is as we left it, of a file as it still is."""
    return theirs is not None and (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # it went while we looked
        return
    with os.fdopen(descriptor, "rb") as reading, part.open("wb") as writing:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            shutil.copyfileobj(reading, writing)
    os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
    part.replace(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
