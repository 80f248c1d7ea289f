"""A query's own copy of a bot's state: whatever the query does with it, the bot's own files stay as they are.

Files are taken over one by one, each whole or not at all; those that have not changed since are left. Links
are not followed, and what is no plain file is passed over.
"""

import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

MOST_BYTES = 1 << 30
"""A state folder larger than this, in bytes, is not copied."""


_TRIES, _PAUSE = 10, 0.01
"""How often a file that is being written is read again, and the seconds between."""


class TooLarge(Exception):
    """The state folder holds more than a query may copy."""


def refresh(source: Path, target: Path, pause: Callable[[float], None] = time.sleep) -> None:
    """Make the folder `target` the same as `source` is now (an empty folder where that is missing).

    `pause` waits so many seconds for a file that is being written. Raises TooLarge, and OSError where the
    copy cannot be written.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refresh(source, target, [MOST_BYTES], pause)


def _refresh(source: Path, target: Path, room: list[int], pause: Callable[[float], None]) -> None:
    wanted = {name: status for name in _names(source) if (status := _status(source / name)) is not None}
    for name in _names(target):
        if name not in wanted or stat.S_ISDIR(wanted[name].st_mode) != (target / name).is_dir():
            _remove(target / name)
    for name, status in wanted.items():
        if stat.S_ISDIR(status.st_mode):
            (target / name).mkdir(mode=0o700, exist_ok=True)
            _refresh(source / name, target / name, room, pause)
        elif stat.S_ISREG(status.st_mode):
            room[0] -= status.st_size
            if room[0] < 0:
                raise TooLarge(f"the bot's state is larger than {MOST_BYTES >> 20} MiB")
            if not _same(status, _status(target / name)):
                _copy(source / name, target / name, pause)


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


def _copy(source: Path, target: Path, pause: Callable[[float], None]) -> None:
    """Copy a file as it stands between two writes of the bot's; the last try counts whatever it finds."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    for _ in range(_TRIES):
        try:
            settled = _copied(source, part)
        except OSError:  # it went while we looked
            part.unlink(missing_ok=True)
            return
        if settled:
            break
        pause(_PAUSE)
    part.replace(target)


def _copied(source: Path, part: Path) -> bool:
    """Copy a file's content and times; False where the bot may be in the middle of writing it.

    Most programs, the public SDK among them, empty a file and then fill it: one that has just been emptied
    is as good as half written.
    """
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as reading, part.open("wb") as writing:
        before = os.fstat(descriptor)
        if stat.S_ISREG(before.st_mode):
            shutil.copyfileobj(reading, writing)
        after = os.fstat(descriptor)
    os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
    emptied = after.st_size == 0 and time.time() - after.st_mtime < _PAUSE * _TRIES
    return _same(before, after) and not emptied


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
